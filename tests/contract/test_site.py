"""The site: its index lists every page, and its glossary is in order."""

import itertools
import re

import pytest

from tests.strangers import REPO

DOCS = REPO / "docs"
LISTED_ELSEWHERE = ("api/", "reference/", "gallery/", "_build/", "auto_gallery/")
"""Folders whose pages are listed by another page, or made at the build; so are those of folders with an index."""


def pages():
    """List the pages that the index must name, as their documents are called."""
    names = [path.relative_to(DOCS).with_suffix("").as_posix() for path in sorted(DOCS.rglob("*.md"))]
    folders = tuple(f"{name.removesuffix('index')}" for name in names if name.endswith("/index"))
    own = [name for name in names if not name.startswith((*LISTED_ELSEWHERE, *folders))]
    return [
        name
        for name in [*own, *(f"{folder}index" for folder in folders)]
        if name not in ("index", "auto_gallery/index")
    ]


def unlisted(index, names):
    """List the pages that the index does not link to, or has in no table of contents."""
    text, _, _ = index.partition("```{toctree}")
    contents = {
        line.strip()
        for block in re.findall(r"```\{toctree\}\n(.*?)```", index, re.DOTALL)
        for line in block.split("\n")
    }
    linked = set(re.findall(r"\]\(([\w/-]+)\.(?:md|rst|html)[)#]", text))
    return [name for name in names if name not in contents or name not in linked]


def terms(page):
    """Read the glossary: term -> its definition."""
    body = page.partition("```{glossary}\n")[2].rpartition("\n```")[0]
    entries = (entry.partition("\n") for entry in re.split(r"\n\n(?=\S)", body))
    return [(term, definition.strip()) for term, _, definition in entries]


def test_the_index_lists_every_page():
    assert unlisted((DOCS / "index.md").read_text(), [*pages(), "reference/index"]) == []


def test_a_page_that_is_left_out_is_noticed():
    index = (DOCS / "index.md").read_text()
    assert unlisted(index.replace("\ncrowds\n", "\n"), pages()) == ["crowds"]
    assert unlisted(index.replace("](crowds.md)", "]"), pages()) == ["crowds"]


def glossary_flaws(page):
    found = terms(page)
    names = [term.lower() for term, _ in found]
    wrong = [second for first, second in itertools.pairwise(names) if first >= second]
    return wrong + [
        term for term, definition in found if not definition.endswith(".") or "\n" in term or len(definition) < 20
    ]


def test_the_glossary_is_in_order_and_each_term_has_its_own_definition():
    page = (DOCS / "glossary.md").read_text()
    assert len(terms(page)) >= 70
    assert glossary_flaws(page) == []


@pytest.mark.parametrize(
    ("old", "new", "flaw"),
    [
        ("\nleakage\n", "\nzleakage\n", "level"),
        ("    One fitted model that predicts, with a name and the names of its classes.", "    One.", "member"),
    ],
)
def test_a_wrong_glossary_is_noticed(old, new, flaw):
    page = (DOCS / "glossary.md").read_text()
    assert old in page
    assert flaw in glossary_flaws(page.replace(old, new))


SEARCHED = {
    "which rule": "which-rule", "small data": "which-rule", "own rule": "write-a-plugin", "groups": "folds",
    "save": "save-and-load",
    "annotators": "crowds", "p value": "honest-figures", "average csv files": "recipes/competition-files",
    "missing rows": "predictions-and-alignment", "different order": "predictions-and-alignment", "copies": "audit",
    "weights": "combiners", "tie": "combiners",
}  # fmt: skip
"""What is searched for -> the page that answers: a main entry of the index comes first in the site's search."""


def indexed(page):
    """List the main index entries of a page, which stand below its first paragraph."""
    found = re.match(r"# [^\n]+\n\n(?:[^\n]+\n)+\n```\{index\} ([^\n]+)\n```\n", page)
    return [entry[2:] for entry in found[1].split(", ") if entry.startswith("! ")] if found else []


def test_pages_have_index_entries_of_what_is_searched_for():
    found = {what: indexed((DOCS / f"{page}.md").read_text()) for what, page in SEARCHED.items()}
    assert [what for what, entries in found.items() if what not in entries] == []


def test_an_entry_in_another_place_is_noticed():
    assert indexed("# Title\n\nText.\n\n```{index} ! save, ! load\n```\n") == ["save", "load"]
    assert indexed("# Title\n\nText.\n\n```{index} save\n```\n") == []
    assert indexed("# Title\n\nText.\n\n## Part\n\n```{index} ! save\n```\n") == []
