"""The playground in a real browser: dragged with a mouse, a finger and keys, its figures are those of Python."""

import json
import re

import numpy as np
import pytest

from ensemblekit import Predictions, combine
from tests import browser
from tests.strangers import REPO
from tests.unit.test_page_browser import COMPLAINTS, CONTRAST, chromium, click, requests  # noqa: F401

FOLDER = REPO / "docs" / "playground"
PAGE = (FOLDER / "playground.html").as_uri()
DATA = json.loads(re.search(r"= (\{.*\});", (FOLDER / "predictions.js").read_text(), re.DOTALL)[1])
LABELS = np.array(DATA["labels"])
PROBAS = {name: np.array(rows) / 1000 for name, rows in DATA["members"].items()}

needs_browser = pytest.mark.skipif(browser.PROGRAM is None, reason="no Chromium is installed")


def orders(window):
    """Return which row stands in each place, by member."""
    lists = "[...document.querySelectorAll('ol')].filter(e => e.querySelector('button'))"
    found = window.ask(f"{lists}.map(e => [...e.querySelectorAll('button')].map(c => Number(c.dataset.row)))")
    return dict(zip(PROBAS, found, strict=True))


def figures(window):
    """Return what the page says: the share that is right by position and by id."""
    said = window.ask("[...document.querySelectorAll('.count')].map(e => e.textContent)")
    return [int(text.split()[0]) / len(LABELS) for text in said]


def in_python(of):
    """Compute the same: by position, and by ensemblekit."""
    summed = sum((1000 * PROBAS[name][rows]).round() for name, rows in of.items())
    members = [
        Predictions(p[of[name]] / p[of[name]].sum(axis=1, keepdims=True), ids=np.array(DATA["ids"])[of[name]],
                    classes=range(10), labels=LABELS[of[name]], member=name)
        for name, p in PROBAS.items()
    ]  # fmt: skip
    combined = combine(members, "mean")
    return [np.mean(summed.argmax(axis=1) == LABELS), np.mean(combined.predicted == combined.labels)]


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_works_from_the_file_system_on_a_desk_and_a_phone(chromium, width, scheme):  # noqa: F811
    chromium.open(PAGE, width=width, scheme=scheme)
    assert [e for e in chromium.events if e["method"] in COMPLAINTS] == []
    assert {url[:5] for url in requests(chromium)} <= {"file:", "data:"}
    assert chromium.ask("document.documentElement.scrollWidth <= innerWidth")
    assert chromium.ask(CONTRAST) >= 4.5
    by_position, by_id = figures(chromium)
    assert by_position == by_id == in_python({name: range(20) for name in PROBAS})[1] > 0.8
    worse = []
    for _ in range(5):
        click(chromium, "#shuffle")
        found = figures(chromium)
        assert found == pytest.approx(in_python(orders(chromium)))
        assert found[1] == by_id
        worse.append(found[0])
    assert np.mean(worse) < 0.3
    click(chromium, "#reset")
    assert figures(chromium) == [by_id, by_id]


@needs_browser
@pytest.mark.slow
def test_a_row_is_moved_by_keys_a_mouse_and_a_finger(chromium):  # noqa: F811
    chromium.open(PAGE, width=390, scheme="light")
    first = "document.querySelector('button.card')"
    chromium.ask(f"{first}.focus(); 0")
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowDown"):
        chromium.call("Input.dispatchKeyEvent", type="keyDown", key=key)
    name = next(iter(PROBAS))
    assert orders(chromium)[name][:3] == [1, 0, 2]
    assert chromium.ask("document.activeElement.dataset.row") == "0"
    assert "place 2 of 20" in chromium.ask("document.activeElement.getAttribute('aria-label')")
    assert "now stands in place 2 of 20" in chromium.ask("document.querySelector('.said').textContent")
    assert figures(chromium) == pytest.approx(in_python(orders(chromium)))
    x, y = chromium.ask(f"{first}.scrollIntoView(), (r => [r.x + 9, r.y + 9])({first}.getBoundingClientRect())")
    step = chromium.ask("document.querySelector('li').getBoundingClientRect().height")
    moves = [
        ("mousePressed", y),
        ("mouseMoved", y + step),
        ("mouseMoved", y + 4 * step),
        ("mouseReleased", y + 4 * step),
    ]
    for kind, at in moves:
        chromium.call("Input.dispatchMouseEvent", type=kind, x=x, y=at, button="left", buttons=1, clickCount=1)
    assert orders(chromium)[name][:5] == [0, 2, 3, 4, 1]
    touches = [("touchStart", y), ("touchMove", y + step), ("touchMove", y + 2 * step)]
    for kind, at in touches:
        chromium.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": at}])
    chromium.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert orders(chromium)[name][:5] == [2, 3, 0, 4, 1]
    assert figures(chromium) == pytest.approx(in_python(orders(chromium)))


def test_its_predictions_are_those_that_the_script_makes():
    code = (FOLDER / "make_predictions.py").read_text()
    made = {"__name__": "make_predictions", "__file__": str(FOLDER / "make_predictions.py")}
    exec(compile(code, "make_predictions.py", "exec"), made)  # noqa: S102
    data = json.loads(re.search(r"= (\{.*\});", made["make"](), re.DOTALL)[1])
    assert {key: data[key] for key in ("ids", "labels", "pixels")} == {
        key: DATA[key] for key in ("ids", "labels", "pixels")
    }
    for name, rows in data["members"].items():
        # Solvers differ a little from version to version.
        assert np.abs(np.array(rows) - np.array(DATA["members"][name])).max() <= 20
