"""How Sphinx makes HTML of these pages. Nothing here needs a network."""

from importlib.metadata import version as installed_version

project = "ensemblekit"
copyright = "the ensemblekit authors"  # noqa: A001 - the name that Sphinx reads
version = release = installed_version("ensemblekit")

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
exclude_patterns = ["_build", "make_predictions.py"]
# `align` in a docstring is a link to what is called so.
default_role = "py:obj"

myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc says the types, in words
autosummary_generate = False  # the pages of docs/api are written, the tables of docs/api.md link to them
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"ensemblekit {release}"
html_static_path = ["_static"]
html_extra_path = ["../ensemblekit/llms.txt", "playground"]
html_css_files = ["pages.css"]
html_show_sphinx = False
html_copy_source = False
