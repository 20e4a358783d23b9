"""What strangers have named is printed as it is, and is never code: on a terminal, a page, in a figure or a table."""

import csv
import html
import html.parser
import io
import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from ensemblekit import Predictions, align, errors
from ensemblekit.errors import DataError, PluginWarning
from ensemblekit.evaluation import compare_with_reference, score_table
from ensemblekit.plots import (
    plot_confusion,
    plot_copies,
    plot_cost,
    plot_disagreement,
    plot_diversity,
    plot_frontier,
    plot_learning_curves,
    plot_reliability,
    plot_scores,
)  # fmt: skip
from ensemblekit.printed import as_text, one_line, printable
from ensemblekit.report import Code, Picture, Section, Sentences, Table, print_table, to_csv, to_markdown, write_page

COMMAND = Path(sys.executable).parent / "ensemblekit"
NAMES = (
    "\x1b[2Jscreen", "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x07", "\x9b31mred", "bell\x07", "\x7fdel",
    "a\u202eb\u2066c", "zero\u200bwidth\ufeff", "line\nfeed\r\ttab", "\u2028lines\x85",
    "[link=http://evil.example]x[/link]",
    "[/x]", "[bold red]b[/]", ":smile:", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt;",
    "![i](http://evil.example/i.png)", "[t](javascript:alert(1))", "a|b", "`code`", "*a* **b** _c_ __d__ ~~e~~",
    "$x_{$", "$a$",
    "\\$a\\$", "a_b_c", "_hidden", "https://evil.example www.evil.example", "# head", "- item",
    "=HYPERLINK(\"http://e\")",
    "+1+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "a;=1+1", "1.5", "-2.5e3", "{0} %s", "ünïcödé 猫",
    'id="x" #1b1e23 url(#a)',
)  # fmt: skip
SGR = re.compile("\x1b\\[(?:[0-9;]*m|2K|1A|\\?25[lh])|\r")
"""What rich itself writes: colours, and the line of a progress bar."""
ACTING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def test_what_acts_or_hides_is_an_escape_and_all_else_stays():
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        acts = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or (
            unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        )
        shown = printable(character)
        if acts:
            assert shown == repr(character)[1:-1]
        assert shown == character or (shown.isascii() and shown.isprintable())
        if unicodedata.category(character)[0] in "LNPS" and character not in "\u115f\u1160\u3164\uffa0":
            assert shown == character
    assert printable("a\nb", lines=True) == "a\nb"
    assert one_line("a\n  b\x1b") == "a b\\x1b"
    assert len(one_line("x" * 10**6)) < 5000


def test_every_error_and_warning_of_ours_is_printable():
    kinds = [getattr(errors, name) for name in errors.__all__]
    assert {PluginWarning, DataError} <= set(kinds)
    for kind in kinds:
        for name in NAMES:
            assert str(kind(f"a {name}")) == printable(f"a {name}", lines=True)
            assert kind(f"a {name}").args == (f"a {name}",)


def on_terminal(show):
    console = Console(file=io.StringIO(), force_terminal=True, width=400, color_system="truecolor")
    show(console)
    text = SGR.sub("", console.file.getvalue())
    assert not ACTING.search(text), ACTING.findall(text)
    return text


@pytest.mark.parametrize("name", NAMES)
def test_a_table_on_a_terminal_shows_names_as_they_are(name):
    table = pd.DataFrame({"Model": [name], name: [0.5]})
    text = on_terminal(lambda c: print_table(table, title=name, console=c, marks={name: ["n"]}, notes={"n": name}))
    shown = printable(name)
    assert text.splitlines()[0].rstrip() == shown.rstrip()
    assert text.count(shown) >= 3 + (" " not in shown)
    assert on_terminal(lambda c: c.print(as_text(name))).rstrip("\n") == shown


def predictions(names, seed, member):
    probas = np.random.default_rng(seed).dirichlet(np.ones(len(names)), 4)
    ids = [f"{name}{k}" for k, name in enumerate(names)]
    return Predictions(probas, ids=ids, classes=list(names), labels=list(names), member=member)


def plots(name):
    names = [name, "b", "c", "d"]
    one, other = predictions(names, 1, name), predictions(names, 2, "other")
    both = align(one, other)
    frontier = pd.DataFrame({"members": [(name,)], "ms": [1.0], "accuracy": [0.5], "on_frontier": [True]})
    scores = pd.DataFrame({"Model": [name], name: [0.5], "low": [0.4], "high": [0.6]})
    return {
        "confusion": plot_confusion({name: one}),
        "reliability": plot_reliability({name: one}),
        "diversity": plot_diversity(both),
        "disagreement": plot_disagreement(both, lambda _: np.zeros((4, 4))),
        "copies": plot_copies([[name, "b"]], lambda _: np.zeros((4, 4))),
        "cost": plot_cost({name: 0.5}, {name: 1.0}, unit=name),
        "frontier": plot_frontier(frontier, unit=name),
        "learning": plot_learning_curves({name: pd.DataFrame({"loss": [1.0]})}),
        "scores": plot_scores(scores, value=name, low="low", high="high"),
    }


DRAWN_FAST = ("$x_{$", "_hidden", NAMES[0])
DRAWN = [
    pytest.param(n, marks=() if n in DRAWN_FAST else pytest.mark.slow)
    for k, n in enumerate(NAMES)
    if n in DRAWN_FAST or (k % 6 == 0 and n not in ("1.5", "-2.5e3"))
]


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.slow
def test_a_figure_shows_names_as_they_are(name):
    import matplotlib as mpl

    for kind, figure in plots(name).items():
        svg = io.StringIO()
        with mpl.rc_context({"svg.fonttype": "none"}):
            figure.savefig(svg, format="svg")
        texts = [html.unescape(t) for t in re.findall(r"<text[^>]*>([^<]*)</text>", svg.getvalue())]
        shown = printable(name)
        start = re.split(r"[/ ]", shown[:7])[0] if kind in ("copies", "disagreement") else shown[:7]
        assert any(start in text for text in texts), (kind, start, texts)
        assert not any(ACTING.search(text) for text in texts)


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data):
        if self.cdata_elem is None:  # neither the style nor the script of every page
            self.text += data


def page(folder, name):
    table = Table(pd.DataFrame({"Model": [name], name: [name]}), name, marks={name: ["n"]}, notes={"n": name})
    figure = plot_cost({name: 0.5}, {name: 1.0})
    code = Code(json.dumps({name: name}))
    parts = [name, Sentences([name]), table, Picture(figure, name), code]
    write_page(folder / "page.html", name, [Section(name, parts)], subtitle=name, language=name)
    found = Tags()
    found.feed((folder / "page.html").read_text(encoding="utf-8"))
    return found


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.slow
def test_a_page_holds_no_tag_of_a_name(tmp_path):
    plain = page(tmp_path, "plain")
    for name in NAMES:
        found = page(tmp_path, name)
        assert found.tags == plain.tags, name
        assert not ACTING.search(found.text)
        assert found.text.count(printable(name)) >= plain.text.count("plain") - 3, name
    assert [tag for tag, _ in plain.tags if tag in ("script", "img", "iframe", "object")] == ["script"]


@pytest.mark.parametrize("name", NAMES)
def test_markdown_shows_names_as_they_are(name):
    from markdown_it import MarkdownIt

    text = to_markdown(pd.DataFrame({"Model": [name], name: [0.5]}), marks={name: ["n"]}, notes={"n": name})
    found = Tags()
    found.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))
    assert {tag for tag, _ in found.tags} <= {"table", "thead", "tbody", "tr", "th", "td", "p", "br"}, text
    shown = printable(name).strip()
    assert [line for line in found.text.splitlines() if line.strip()] == [
        "Model", shown, f"{shown} ¹", "0.5000", f"¹ {shown}",
    ]  # fmt: skip
    assert "$" not in text.replace("\\$", "")


def test_a_spreadsheet_runs_nothing_and_numbers_stay_numbers(tmp_path):
    table = pd.DataFrame({"=name": list(NAMES), "n": np.linspace(-1.5, 1, len(NAMES)), "any": [-1.5, *NAMES[1:]]})
    before = table.copy()
    to_csv(table, tmp_path / "t.csv", spreadsheet=True)
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = list(csv.reader(file))
    assert head == ["'=name", "n", "any"]
    assert [float(row[1]) for row in rows] == table["n"].tolist()
    assert rows[0][2] == "-1.5"
    for name, row in zip(NAMES, rows, strict=True):
        for cell in re.split(r"[;\t\r\n]", row[0]):
            assert cell.strip()[:1] not in tuple("=+-@") or cell == name == "-2.5e3"
        assert row[0].replace("'", "") == name.replace("'", "")
    assert table.equals(before)
    to_csv(table, tmp_path / "t.csv")
    assert pd.read_csv(tmp_path / "t.csv", keep_default_na=False)["=name"].tolist() == list(NAMES)


def test_sentences_of_ours_hold_no_code():
    rows = {name: predictions(["cat", "dog", "c", "d"], k, None) for k, name in enumerate(NAMES[:4])}
    table = compare_with_reference(rows, NAMES[0], n_resamples=20, unit=NAMES[1])
    assert not any(ACTING.search(sentence) for sentence in table["sentence"])
    assert set(score_table(rows, n_resamples=20)["model"]) == set(rows)  # the table itself keeps the names


@pytest.mark.slow
@pytest.mark.parametrize("colour", [{}, {"FORCE_COLOR": "1"}])
def test_every_command_prints_names_as_they_are(tmp_path, colour):
    from PIL import Image

    usable = [name for name in NAMES if "/" not in name and "\n" not in name]
    for k, name in enumerate(usable[:3]):
        predictions(usable[:4], k, name).save(tmp_path / f"{name}.csv")
        (tmp_path / "images" / "train" / name).mkdir(parents=True)
        Image.fromarray(np.full((9, 9), k, np.uint8)).save(tmp_path / "images" / "train" / name / f"{name}.png")
    files = [f"{name}.csv" for name in usable[:3]]
    bank, env = tmp_path / "\x1b[31mbank", {**os.environ, **colour, "COLUMNS": "300"}
    bank.mkdir()
    commands = (
        ["evaluate", *files], ["audit", "images"], ["evaluate", "\x1b[2Jno.csv"],
        ["compare", *files, "--unit", usable[0]], ["cache", "--folder", bank],
        ["combine", *files, "-o", "\x1b[1mout.csv"], ["check", "\x1b[2Jno"], ["\x1b[2J"], ["evaluate", "--\x1b[2J"],
        ["profile", "\x1b[2J.onnx"],
    )  # fmt: skip
    for command in commands if colour else commands[:3]:
        done = subprocess.run([COMMAND, *command], cwd=tmp_path, env=env, capture_output=True, text=True)
        said = SGR.sub("", done.stdout + done.stderr)
        assert not ACTING.search(said), (command, ACTING.findall(said))
        assert said
        assert done.returncode == (0 if done.stdout else done.returncode), said
