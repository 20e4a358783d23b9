"""The page in a real browser: on a phone and a desk, in light and dark, clicked and ticked."""

import base64
import csv
import io
import json

import numpy as np
import pandas as pd
import pytest

from ensemblekit import Predictions, align, combine
from ensemblekit.evaluation import statistic
from ensemblekit.report import Fold, MemberChoice, Section, Sentences, Table, write_page
from ensemblekit.report._members import MOST_ROWS
from tests import browser
from tests.pages import NASTY, lead, sections

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(path, NASTY, sections(), lead=lead(), subtitle=NASTY)
    return path


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    if browser.PROGRAM is None:
        pytest.skip("no Chromium is installed (Debian: apt install chromium)")
    window = browser.Browser(tmp_path_factory.mktemp("profile"))
    yield window
    window.close()


CONTRAST = """
(() => {
  const rgba = c => c.match(/[0-9.]+/g).map(Number);
  const lin = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const lum = c => { const [r, g, b] = rgba(c).map(lin); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = e => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if ((rgba(colour)[3] ?? 1) > 0) return lum(colour);
    }
  };
  const contrast = (e, colour) => {
    const [one, two] = [lum(colour), paper(e)];
    return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
  };
  document.querySelectorAll('details').forEach(e => { e.open = true; });
  const all = 'p, li, th, td, a, figcaption, span, em, small, summary, button, label, input, code, h1, h2';
  const html = [...document.querySelectorAll(all)].map(e => [contrast(e, getComputedStyle(e).color), e]);
  const svg = [...document.querySelectorAll('svg text')].map(e => [contrast(e, getComputedStyle(e).fill), e]);
  return Math.min(...[...html, ...svg].map(([figure]) => figure));
})()
"""
"""The least contrast of any text with what is behind it."""


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
        "[...document.querySelectorAll('figure svg[role=img]')].every(s => s.getBoundingClientRect().width > 200)"
    )
    dark = chromium.ask("getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(21, 24, 28)") == (scheme == "dark")
    assert chromium.ask(CONTRAST) >= 4.5


def test_the_browser_test_notices_what_is_too_wide_too_faint_and_fetched(chromium, tmp_path):
    bad = '<p style="width:900px;color:#ccc">x</p><script>console.error("no")</script><img src="http://127.0.0.1:9/x">'
    (tmp_path / "bad.html").write_text(f'<body style="background:#fff">{bad}')
    chromium.open((tmp_path / "bad.html").as_uri(), width=390, scheme="light")
    assert chromium.ask("document.documentElement.scrollWidth") > 390
    assert chromium.ask(CONTRAST) < 4.5
    assert any(e["method"] in COMPLAINTS for e in chromium.events)
    assert any(url.startswith("http") for url in requests(chromium))


def click(window, selector, place=0):
    """Click on the middle of an element, as a finger does."""
    box = window.ask(
        f"(() => {{ const e = document.querySelectorAll({json.dumps(selector)})[{place}]; e.scrollIntoView("
        "{block: 'center', inline: 'center'}); const r = e.getBoundingClientRect(); "
        "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
    )
    for kind in ("mousePressed", "mouseReleased"):
        window.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)


def names(window):
    return window.ask("[...document.querySelectorAll('tbody th')].map(e => e.textContent)")


TABLE = pd.DataFrame(
    {
        "Model": ["b", "=HYPERLINK(1)", 'say "a", b', "c"],
        "Loss": [0.12345678901234, float("nan"), -2.0, 0.1234567890123],
        "Interval": ["0.5 to 0.7", "0.10 to 0.2", "–", "0.09 to 1"],
    }
)


@pytest.fixture
def table(chromium, tmp_path):
    parts = [Table(TABLE, "x", {"b": ["why"]}, {"why": "because"}), Fold("All", [Sentences(["folded"])])]
    write_page(tmp_path / "page.html", "x", [Section("x", parts)])
    chromium.open((tmp_path / "page.html").as_uri(), width=390, scheme="light")
    return chromium


def test_a_click_on_a_heading_sorts_by_every_digit_and_a_third_one_restores(table):
    given = names(table)
    click(table, "thead th button", 1)
    assert names(table) == ['say "a", b', "c", "b ¹", "=HYPERLINK(1)"]  # what is unknown stands last
    assert table.ask("document.querySelectorAll('thead th')[1].getAttribute('aria-sort')") == "ascending"
    click(table, "thead th button", 1)
    assert names(table) == ["b ¹", "c", 'say "a", b', "=HYPERLINK(1)"]
    click(table, "thead th button", 2)
    assert names(table) == ["c", "=HYPERLINK(1)", "b ¹", 'say "a", b']
    assert table.ask("document.querySelectorAll('[aria-sort]').length") == 1
    click(table, "thead th button", 2)
    click(table, "thead th button", 2)
    assert names(table) == given
    click(table, "thead th button", 0)
    assert names(table) == ["=HYPERLINK(1)", "b ¹", "c", 'say "a", b']


def test_a_table_is_copied_as_csv_with_every_digit_and_no_formula(table):
    table.ask("navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }; 0")
    click(table, "thead th button", 1)  # as it is sorted
    click(table, ".tools button")
    read = list(csv.reader(io.StringIO(table.ask("copied"))))
    assert read == [
        ["Model", "Loss", "Interval"],
        ['say "a", b', "-2.0", ""],
        ["c", "0.1234567890123", "0.09 to 1"],
        ["b", "0.12345678901234", "0.5 to 0.7"],
        ["'=HYPERLINK(1)", "", "0.10 to 0.2"],
    ]
    assert table.ask("document.querySelector('.tools button').textContent") == "Copied"


def test_where_the_clipboard_is_closed_it_is_copied_the_old_way(table):
    table.ask("navigator.clipboard.writeText = () => Promise.reject(new Error('no')); 0")
    table.ask("document.execCommand = what => { window.copied = [what, getSelection().toString()]; }; 0")
    click(table, ".tools button")
    what, text = table.ask("copied")
    assert what == "copy"
    assert text.startswith("Model,Loss,Interval")
    assert table.ask("document.querySelectorAll('textarea').length") == 0


def test_what_is_folded_is_shown_by_a_click_and_for_print(table):
    height = "document.querySelector('details li').getBoundingClientRect().height"
    shown = f"document.querySelector('details').open && {height} > 0"
    assert not table.ask(shown)
    click(table, "summary")
    assert table.ask(shown)
    click(table, "summary")
    assert not table.ask(shown)
    table.ask("dispatchEvent(new Event('beforeprint')); 0")
    assert table.ask(shown)


def test_a_wide_table_says_that_there_is_more_until_its_end(chromium, tmp_path):
    frame = pd.DataFrame({"Model": ["a", "b"]} | {f"Figure number {k}": [0.25, 0.5] for k in range(12)})
    write_page(tmp_path / "page.html", "x", [Section("x", [Table(frame, "x"), Table(frame.iloc[:, :2], "y")])])
    chromium.open((tmp_path / "page.html").as_uri(), width=390, scheme="light")
    said = "[...document.querySelectorAll('.more')].map(e => e.getBoundingClientRect().width > 0)"
    assert chromium.ask(said) == [True, False]
    chromium.ask("document.querySelector('.scroll').scrollLeft = 1e6; 0")
    assert chromium.ask(f"new Promise(done => setTimeout(() => done({said}), 200))") == [False, False]


N, MEMBERS = 80, ["first", "second", "third", NASTY]


def set_of(kind, dtype, seed=0):
    """Make members of a kind; their probabilities are tenths, so that many sums are equal."""
    rng = np.random.default_rng(seed)
    ids = [f"{k}.png" for k in range(N)]
    if kind == "multiclass":
        codes = rng.integers(3, size=N)
        given = {"classes": ["c", NASTY, "b"], "labels": np.array(["c", NASTY, "b"])[codes]}
        draw = lambda: np.array([rng.multinomial(10, np.full(3, 0.2) + 0.4 * np.eye(3)[c]) for c in codes]) / 10  # noqa: E731
    elif kind == "multilabel":
        labels = rng.integers(2, size=(N, 4))
        given = {"classes": list("abcd"), "labels": labels, "task": "multilabel"}
        draw = lambda: (0.3 * labels + 0.7 * rng.uniform(size=labels.shape)).round(1)  # noqa: E731
    else:
        labels = rng.normal(size=(N, 2))
        given = {"classes": ["x", "y"], "labels": labels, "task": "regression"}
        draw = lambda: labels + rng.normal(size=labels.shape)  # noqa: E731
    return align([Predictions(draw().astype(dtype), ids=ids, member=name, **given) for name in MEMBERS])


def log_loss(truth, p):
    return -np.log(np.clip(np.where(truth, p, 1 - p), 1e-7, 1 - 1e-7))


def figures(kind, labels, p):
    """Compute what the page shows, by formulas of their own."""
    p = p.astype(np.float64)
    if kind == "multiclass":
        return [np.mean(p.argmax(1) == labels), np.mean(log_loss(True, p[np.arange(len(p)), labels]))]
    if kind == "multilabel":
        right = (p >= 0.5) == (labels == 1)
        return [right.mean(), right.all(1).mean(), log_loss(labels == 1, p).mean()]
    wrong = p - labels
    r2 = 1 - (wrong**2).sum(0) / ((labels - labels.mean(0)) ** 2).sum(0)
    return [np.sqrt((wrong**2).mean(0)).mean(), np.abs(wrong).mean(), r2.mean()]


def in_python(kind, chosen, weights):
    """Combine as Python does: mean, vote or median, and weighted."""
    vote = {
        "multiclass": lambda: combine(chosen, "voting").probas,
        "multilabel": lambda: (chosen.member_probas >= 0.5).mean(axis=0),
        "regression": lambda: combine(chosen, "median").probas,
    }[kind]
    weighted = combine(chosen, "weighted", weights={m: weights[m] for m in chosen.members}).probas
    return [figures(kind, chosen.label_codes, p) for p in (combine(chosen, "mean").probas, vote(), weighted)]


def shown(window):
    rows = "[...document.querySelectorAll('.combined tr')]"
    return window.ask(f"{rows}.map(r => [...r.querySelectorAll('td.number')].map(c => Number(c.dataset.value)))")


SUBSETS = [(0, 1, 2, 3), (1, 2, 3), (0, 2), (3,), (0, 1, 3)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "regression"])
def test_ticked_members_are_combined_as_python_combines_them(chromium, tmp_path, kind, dtype):
    members = set_of(kind, dtype)
    weights = dict(zip(MEMBERS, [1, 2.5, 0.5, 3], strict=True))
    write_page(tmp_path / "page.html", "x", [Section("x", [MemberChoice(members, "x", weights=weights)])])
    chromium.open((tmp_path / "page.html").as_uri(), width=1280, scheme="light")
    rows = "[...document.querySelectorAll('.members tbody:not(.combined) tr')]"
    cells = "[...r.querySelectorAll('td.number')].slice(1).map(c => Number(c.dataset.value))"
    alone = chromium.ask(f"{rows}.map(r => {cells})")
    assert alone == [pytest.approx(figures(kind, m.label_codes, m.probas), abs=1e-6) for m in members]
    found = []
    for subset in SUBSETS:
        for place in range(len(MEMBERS)):
            if chromium.ask(f"document.querySelectorAll('[type=checkbox]')[{place}].checked") != (place in subset):
                click(chromium, "[type=checkbox]", place)
        chosen = members.select([MEMBERS[place] for place in subset])
        expected = in_python(kind, chosen, weights)
        assert shown(chromium) == [pytest.approx(one, abs=1e-6) for one in expected], subset
        found.append(shown(chromium))
    assert all(found[0] != one for one in found[1:])
    assert [e for e in chromium.events if e["method"] in COMPLAINTS] == []


def test_masks_are_combined_position_by_position(chromium, tmp_path):
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=(5, 4, 4)) // 2
    fields = {"ids": range(5), "classes": ["no", "yes", "never"], "labels": np.array(["no", "yes", "never"])[truth]}
    masks = [rng.dirichlet([1, 1, 1e-3], size=truth.shape) + 0.5 * np.eye(3)[truth] for _ in range(3)]
    members = align([Predictions(m / m.sum(-1, keepdims=True), member=f"m{k}", **fields) for k, m in enumerate(masks)])
    weight = dict(enumerate([1.0, 0.5, 2.0, 1.0, 3.0]))
    write_page(tmp_path / "page.html", "x", [Section("x", [MemberChoice(members, "x", sample_weight=weight)])])
    chromium.open((tmp_path / "page.html").as_uri(), width=390, scheme="light")
    click(chromium, "[type=checkbox]", 1)
    for found, rule in zip(shown(chromium), ("mean", "voting", "mean"), strict=True):
        combined = combine(members.select(["m0", "m2"]), rule)
        expected = [
            float(statistic(combined, metric)(np.array([[w] for w in weight.values()]))[0])
            for metric in ("dice", "accuracy", "log_loss")
        ]
        assert found == pytest.approx(expected, abs=1e-6)


def test_only_so_many_rows_are_in_the_page_which_says_so(chromium, tmp_path):
    n = MOST_ROWS + 5000
    rng = np.random.default_rng(0)
    fields = {"ids": rng.permutation(n), "classes": ["a", "b"], "labels": rng.integers(2, size=n)}
    members = align([Predictions(rng.dirichlet([1, 1], n), member=m, **fields) for m in ("x", "y")])
    write_page(tmp_path / "page.html", "x", [Section("x", [MemberChoice(members, "x")])])
    assert (tmp_path / "page.html").stat().st_size < 2e6
    chromium.open((tmp_path / "page.html").as_uri(), width=390, scheme="light")
    assert "Only 20,000 of the 25,000 rows are in this page" in chromium.ask(
        "document.querySelector('.limits').textContent"
    )
    data = json.loads(chromium.ask("document.querySelector('.members script').textContent"))
    kept = np.frombuffer(base64.b64decode(data["values"])).reshape(data["shape"])
    assert data["shape"] == [2, MOST_ROWS, 2]
    assert {*kept[0, :, 0].tolist()} < {*members.member_probas[0, :, 0].tolist()}
    codes = np.frombuffer(base64.b64decode(data["labels"]), np.int32)
    assert shown(chromium)[0] == pytest.approx(figures("multiclass", codes, kept.mean(axis=0)), abs=1e-6)


def test_weights_are_typed_and_what_cannot_be_combined_is_said(chromium, tmp_path):
    members = set_of("multiclass", "float64")
    write_page(tmp_path / "page.html", "x", [Section("x", [MemberChoice(members, "x")])])
    chromium.open((tmp_path / "page.html").as_uri(), width=390, scheme="light")
    first = shown(chromium)
    assert first[0] == first[2]  # equal weights
    weigh = "(() => {{ const e = document.querySelectorAll('[name=weight]')[1]; e.value = '{}'; "
    weigh += "e.dispatchEvent(new Event('input', {{bubbles: true}})); }})()"
    chromium.ask(weigh.format(4))
    weighted = in_python("multiclass", members, dict(zip(MEMBERS, [1, 4, 1, 1], strict=True)))
    assert shown(chromium)[2] == pytest.approx(weighted[2], abs=1e-6)
    chromium.ask(weigh.format(-1))
    assert "must be numbers >= 0" in chromium.ask("document.querySelector('.said').textContent")
    assert chromium.ask("[...document.querySelectorAll('.combined tr')].at(-1).textContent") == "Weighted––"
    for place in range(4):
        click(chromium, "[type=checkbox]", place)
    assert chromium.ask("document.querySelector('.said').textContent") == "Tick one member at least."
    click(chromium, ".members > button")
    assert shown(chromium) == first


def test_rows_that_members_lack_and_weights_of_rows_count_as_in_python(chromium, tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.normal(size=N)
    there = rng.uniform(size=(3, N)) > 0.3
    there[0] = True
    members = align(
        [
            Predictions(
                np.where(there[m], labels + rng.normal(size=N), np.nan),
                ids=range(N),
                classes=["x"],
                labels=labels,
                task="regression",
                member=f"m{m}",
                missing="renormalize",
            )
            for m in range(3)
        ],
        missing="renormalize",
    )
    row_weight = rng.uniform(size=N)
    part = MemberChoice(members, "x", sample_weight=dict(zip(range(N), row_weight, strict=True)))
    write_page(tmp_path / "page.html", "x", [Section("x", [part])])
    chromium.open((tmp_path / "page.html").as_uri(), width=390, scheme="light")
    found = [row[1] for row in shown(chromium)]
    for value, rule in zip(found, ("mean", "median", "mean"), strict=True):
        wrong = np.abs(combine(members, rule).probas[:, 0] - labels)
        assert value == pytest.approx(np.average(wrong, weights=row_weight), abs=1e-6)
    click(chromium, "[type=checkbox]", 0)
    assert "Some rows have predictions of none" in chromium.ask("document.querySelector('.said').textContent")


def test_no_name_runs_and_the_browser_refuses_any_other_script(chromium, page, tmp_path):
    chromium.open(page.as_uri(), width=1280, scheme="dark")
    assert chromium.ask("typeof pwned") == "undefined"
    assert chromium.ask("document.querySelector('.members label').textContent").strip() == NASTY
    injected = page.read_text().replace("<main>", "<main><script>window.pwned = 1</script><img src=x onerror=pwned=2>")
    (tmp_path / "page.html").write_text(injected)
    chromium.open((tmp_path / "page.html").as_uri(), width=1280, scheme="dark")
    assert chromium.ask("typeof pwned") == "undefined"
    assert any("Content Security Policy" in json.dumps(e) for e in chromium.events)
