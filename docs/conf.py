"""How Sphinx makes HTML of these pages. Nothing here needs a network."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))
sys.path.insert(0, str(Path(__file__).parent))  # gallery_settings, which is named below

project = "ensemblekit"
copyright = "the ensemblekit authors"  # noqa: A001 - the name that Sphinx reads
version = release = installed_version("ensemblekit")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "continued",
]
exclude_patterns = ["_build", "_extensions", "gallery", "auto_gallery/**/*.ipynb"]
# `align` in a docstring is a link to what is called so.
default_role = "py:obj"

myst_heading_anchors = 3

# What is copied is the code: no prompts, and no output where there are prompts.
copybutton_prompt_text = r">>> |\.\.\. |\.\.\.$|\$ "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc says the types, in words
autosummary_generate = False  # the pages of docs/api are written, the tables of docs/api.md link to them
numpydoc_show_class_members = False

# Scripts of `gallery` become pages of `auto_gallery`. Functions are given by name, as Sphinx keeps the settings.
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "subsection_order": [f"gallery/{group}" for group in ("my_data", "which_combination", "pitfalls", "studies")],
    "within_subsection_order": "gallery_settings.WrittenOrder",
    "image_scrapers": ("gallery_settings.take_pictures",),
    "reset_modules": ("matplotlib", "gallery_settings.sharp_pictures"),
    "backreferences_dir": "auto_gallery/backreferences",
    "doc_module": ("ensemblekit",),
    "capture_repr": (),  # what a page shows is what the script prints
    "first_notebook_cell": "%matplotlib inline",
    "last_notebook_cell": "figure",
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "furo"
html_title = f"ensemblekit {release}"
html_static_path = ["_static"]
html_extra_path = ["../ensemblekit/llms.txt"]
html_css_files = ["pages.css", "gallery.css"]
html_show_sphinx = False
html_copy_source = False
