"""An extension of Sphinx: a page for every plugin of a distribution, made of its docstring and its traits.

In the ``conf.py`` of your documentation::

    extensions = ["ensemblekit.sphinx"]
    ensemblekit_distributions = ["your-distribution"]

Then put ``reference/index`` into a table of contents. The pages are written anew at each build, into the folder
``reference`` of your documentation, which version control should ignore.
"""

from ._extension import setup, write_pages
from ._pages import index_page, page_of

__all__ = ["index_page", "page_of", "setup", "write_pages"]
