"""The page: everything in it, everything escaped, the same bytes for the same contents."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from ensemblekit import InvalidOptionError, Predictions
from ensemblekit.plots import plot_confusion, plot_copies, plot_learning_curves, plot_reliability, plot_scores
from ensemblekit.report import Code, Picture, Section, Sentences, Table, write_page
from tests import browser

NASTY = "<script>alert(\"x\")</script> & 'quotes'"


def predictions():
    rng = np.random.default_rng(0)
    probas = rng.dirichlet(np.ones(3), 60)
    labels = np.array([NASTY, "b", "c"])[rng.integers(0, 3, 60)]
    return Predictions(probas, ids=range(60), classes=[NASTY, "b", "c"], labels=labels, member=NASTY)


def sections():
    rows = predictions()
    scores = pd.DataFrame({"row": [NASTY, "b"], "value": [0.5, 0.7], "low": [0.4, 0.6], "high": [0.6, 0.9]})
    wide = pd.DataFrame({"Model": [NASTY, "b"]} | {f"Figure number {k}": [0.25, float("nan")] for k in range(12)})
    history = pd.DataFrame({"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 2.5, 2.0]})
    pixels = {0: np.zeros((20, 30, 3), np.uint8), 1: np.full((20, 30), 200, np.uint8)}
    return [
        Section("Tables & more", [NASTY, Table(wide, NASTY, {"b": ["why"]}, {"why": NASTY}), Sentences([NASTY])]),
        Section("Tables & more", [
            Picture(plot_confusion(rows), NASTY), Picture(plot_reliability(rows), "reliability"),
            Picture(plot_scores(scores, value="value", low="low", high="high"), "scores"),
            Picture(plot_learning_curves({NASTY: history}), "curves"),
            Picture(plot_copies([[0, 1]], pixels.get), "two"),
        ]),
        Section("Configuration", [Code('{"a": "<b>"}')]),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(path, NASTY, sections(), subtitle=NASTY)
    return path


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_nothing_is_fetched_and_nothing_runs(page):
    text = page.read_text()
    elements = Elements(text).found
    assert "script" not in {tag for tag, _ in elements}
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
    write_page(tmp_path / "again.html", NASTY, sections(), subtitle=NASTY)
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
    assert "script" not in {tag for tag, _ in Elements((tmp_path / "page.html").read_text()).found}


def test_the_browser_is_told_to_fetch_and_run_nothing(page):
    policies = [a["content"] for tag, a in Elements(page.read_text()).found if tag == "meta" and "http-equiv" in a]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


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
    svgs = re.findall(r"<svg.*?</svg>", page.read_text(), flags=re.DOTALL)
    assert len(svgs) == 5
    for svg in svgs:
        assert "var(--ink)" in svg
        assert "#1b1e23" not in svg
        assert 'role="img" aria-label="' in svg


def test_what_is_not_known_is_a_dash_and_marks_stand_at_their_row(page):
    text = page.read_text()
    assert '<th scope="row">b ¹</th><td class="number">–</td>' in text
    assert "¹ &lt;script&gt;" in text


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    if browser.PROGRAM is None:
        pytest.skip("no Chromium is installed (Debian: apt install chromium)")
    window = browser.Browser(tmp_path_factory.mktemp("profile"))
    yield window
    window.close()


LUMINANCE = """
(function () {
  const rgb = c => c.match(/[0-9.]+/g).slice(0, 3).map(Number);
  const lin = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const lum = c => { const [r, g, b] = rgb(c).map(lin); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = lum(getComputedStyle(document.body).backgroundColor);
  const contrast = l => (Math.max(l, paper) + 0.05) / (Math.min(l, paper) + 0.05);
  const html = [...document.querySelectorAll('p, li, th, td, a, figcaption')].map(e => getComputedStyle(e).color);
  const svg = [...document.querySelectorAll('svg text')].map(e => getComputedStyle(e).fill);
  return Math.min(...[...html, ...svg].map(c => contrast(lum(c))));
})()
"""


COMPLAINTS = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")


def requests(window):
    return [e["params"]["request"]["url"] for e in window.events if e["method"] == "Network.requestWillBeSent"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it_on_a_phone_and_a_desk_in_light_and_dark(chromium, page, width, scheme):
    chromium.open(page.as_uri(), width=width, scheme=scheme)
    assert [e for e in chromium.events if e["method"] in COMPLAINTS] == []
    assert {url[:5] for url in requests(chromium)} <= {"file:", "data:"}
    assert chromium.ask("document.title") == NASTY
    assert chromium.ask("document.documentElement.scrollWidth <= innerWidth")
    assert chromium.ask(
        "[...document.querySelectorAll('figure svg')].every(s => s.getBoundingClientRect().width > 200)"
    )
    dark = chromium.ask("getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(21, 24, 28)") == (scheme == "dark")
    assert chromium.ask(LUMINANCE) >= 4.5


def test_the_browser_test_notices_what_is_too_wide_too_faint_and_fetched(chromium, tmp_path):
    bad = '<p style="width:900px;color:#ccc">x</p><script>console.error("no")</script><img src="http://127.0.0.1:9/x">'
    (tmp_path / "bad.html").write_text(f'<body style="background:#fff">{bad}')
    chromium.open((tmp_path / "bad.html").as_uri(), width=390, scheme="light")
    assert chromium.ask("document.documentElement.scrollWidth") > 390
    assert chromium.ask(LUMINANCE) < 4.5
    assert any(e["method"] in COMPLAINTS for e in chromium.events)
    assert any(url.startswith("http") for url in requests(chromium))
