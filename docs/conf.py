"""How Sphinx makes HTML of these pages. Nothing here needs a network."""

import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # continued and gallery_settings, which are named below


def costs_of_rules(page):
    """Read the times of the rules out of the benchmark's first table, so that they are written once."""
    costs = {}
    for names, times in re.findall(r"^\| (`.+?) \| ([\d., ]+) \|", page.partition("The next table")[0], re.MULTILINE):
        rules, factors = re.findall(r"`(\w+)`", names), times.split(", ")
        for rule, factor in zip(rules, factors * len(rules) if len(factors) == 1 else factors, strict=True):
            costs[rule] = (
                f"Combining takes {factor.strip()} times as long as reading the predictions and writing the result: "
                "see :doc:`/combiner-benchmark`."
            )
    return costs


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
    "ensemblekit.sphinx",
]
exclude_patterns = ["_build", "gallery", "auto_gallery/**/*.ipynb"]
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

ensemblekit_distributions = ["ensemblekit"]
benchmark = Path(__file__).with_name("combiner-benchmark.md")
ensemblekit_costs = costs_of_rules(benchmark.read_text("utf-8")) if benchmark.exists() else {}
ensemblekit_notation = {
    "combiner": "Rows are ``i``, members ``m`` of ``M``, classes, labels or outputs ``c`` and ``k`` of ``C``; "
    "``p_mic`` is what member ``m`` predicts, ``p_ic`` the result and ``y`` the truth. "
    "``[...]`` is 1 if it is true, else 0.",
    "metric": "Rows are ``i`` with the weight ``w_i``, classes ``c``; ``p`` is what is predicted, ``d`` what is "
    "decided and ``y`` the truth. ``[...]`` is 1 if it is true, else 0.",
    "head": "``x`` are the features of a row, and ``p`` the probabilities of its classes ``c``.",
}
ensemblekit_guides = {
    "backbone": "/models",
    "chainer": "/models",
    "combiner": "/combiners",
    "head": "/models",
    "metric": "/metrics",
    "task": "/tasks",
}

html_math_renderer = "mathml"  # no script and no font from elsewhere

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
html_extra_path = ["../ensemblekit/llms.txt", "playground"]
html_css_files = ["pages.css", "gallery.css"]
html_show_sphinx = False
html_copy_source = False


def leave_out_of_the_search(app, doctree):
    """Leave decisions out of the search, where they would stand before the pages that answer a reader."""
    if app.env.docname.startswith("decisions/0"):
        app.env.metadata[app.env.docname]["no-search"] = True


def setup(app):
    """Register what is done to each page."""
    app.connect("doctree-read", leave_out_of_the_search)
