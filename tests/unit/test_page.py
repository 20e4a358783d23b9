"""The page: everything in it, everything escaped, the same bytes for the same contents."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from ensemblekit import InvalidOptionError, report
from ensemblekit.plots import plot_confusion
from ensemblekit.report import Code, Picture, Section, Sentences, Table, write_page
from tests.pages import NASTY, lead, predictions, sections


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(path, NASTY, sections(), lead=lead(), subtitle=NASTY)
    return path


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_nothing_is_fetched_and_no_element_runs_anything(page):
    text = page.read_text()
    elements = Elements(text).found
    for _, attributes in elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href"):
                assert value.startswith(("#", "data:")), value
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_ids_are_unique_and_every_reference_has_its_target(page):
    elements = Elements(page.read_text()).found
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in elements:
        for name in ("href", "xlink:href", "aria-labelledby"):
            if attributes.get(name, "").startswith("#") or name == "aria-labelledby":
                assert attributes.get(name, ids[0]).removeprefix("#") in ids
    assert {"tables-more", "tables-more--2"} <= set(ids)


def test_the_same_contents_give_the_same_bytes(page, tmp_path):
    write_page(tmp_path / "again.html", NASTY, sections(), lead=lead(), subtitle=NASTY)
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_a_heading_has_never_the_id_of_a_table_or_figure(tmp_path):
    frame = pd.DataFrame({"Stage": ["T1"]})
    figure = plot_confusion(predictions())
    titles = ["T1", "Table 1", "Table--1", "Figure 1", "F1"]
    parts = [Table(frame, "stages"), Picture(figure, "x")]
    write_page(tmp_path / "page.html", "Stages", [Section(title, parts) for title in titles])
    ids = [
        attributes["id"] for _, attributes in Elements((tmp_path / "page.html").read_text()).found if "id" in attributes
    ]
    assert len(ids) == len(set(ids))


class Liar(str):
    def __html__(self):
        return self


def test_text_that_says_it_is_html_is_escaped_too(tmp_path):
    title = Liar(NASTY)
    frame = pd.DataFrame({title: [title]})
    parts = [title, Sentences([title]), Table(frame, title, notes={"k": title}), Code(title)]
    write_page(tmp_path / "page.html", title, [Section(title, parts)], subtitle=title, language=title)
    assert scripts((tmp_path / "page.html").read_text()) == [OURS]


OURS = (Path(report.__file__).parent / "templates" / "page.js").read_text()


def scripts(text):
    """Give the scripts that a browser would run: the text between the tags, up to the first end tag."""
    return re.findall(r"<script>(.*?)</script", text, flags=re.DOTALL)


def test_the_one_script_is_ours_and_the_browser_is_told_to_fetch_nothing_and_to_run_no_other(page):
    text = page.read_text()
    assert scripts(text) == [OURS]
    digest = base64.b64encode(hashlib.sha256(OURS.encode()).digest()).decode()
    policies = [a["content"] for tag, a in Elements(text).found if tag == "meta" and "http-equiv" in a]
    assert policies == [
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    ]


def test_names_in_a_script_that_matplotlib_cannot_draw_are_text(tmp_path):
    rows = predictions().rename("模型")
    write_page(tmp_path / "page.html", "x", [Section("x", [Picture(plot_confusion(rows), "x")])])
    assert "模型</text>" in (tmp_path / "page.html").read_text()


def test_a_part_that_cannot_be_shown_is_refused(tmp_path):
    with pytest.raises(
        InvalidOptionError, match=r"must be a str, Sentences, Table, .* received Figure. Give a figure as"
    ):
        write_page(tmp_path / "page.html", "x", [Section("x", [plot_confusion(predictions())])])
    assert list(tmp_path.iterdir()) == []


def test_figures_take_their_colours_from_the_page(page):
    svgs = re.findall(r'<svg role="img".*?</svg>', page.read_text(), flags=re.DOTALL)
    assert len(svgs) == 5
    for svg in svgs:
        assert "var(--ink)" in svg
        assert "#1b1e23" not in svg
        assert 'role="img" aria-label="' in svg


def test_what_is_not_known_is_a_dash_and_marks_stand_at_their_row(page):
    text = page.read_text()
    assert '<th scope="row" data-value="b">b ¹</th><td class="number">–</td>' in text
    assert "¹ &lt;script&gt;" in text
