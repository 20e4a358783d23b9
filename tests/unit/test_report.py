"""Tables as Markdown, CSV and on a terminal."""

import io

import pandas as pd
import pytest
from rich.console import Console

from ensemblekit.report import print_table, to_csv, to_markdown

FIGURES = ("Train Loss", "Train Accuracy", "Validation Loss", "Validation Accuracy", "Test Loss", "Test Accuracy")
TABLE = pd.DataFrame(
    {"Model": ["cnn", "ensemble_average_dense"], **{name: [1 / 3, float("nan")] for name in FIGURES}},
)
MARKS = {"ensemble_average_dense": ["train"]}
NOTES = {"train": "fitted on train"}


def printed(width):
    console = Console(file=io.StringIO(), width=width)
    print_table(TABLE, title="Results", console=console, marks=MARKS, notes=NOTES)
    return console.file.getvalue().splitlines()


def test_csv_holds_every_figure_in_full(tmp_path):
    to_csv(TABLE, tmp_path / "t.csv")
    assert pd.read_csv(tmp_path / "t.csv").equals(TABLE)


def test_markdown_marks_rows_and_says_unknown_figures():
    text = to_markdown(TABLE, marks=MARKS, notes=NOTES)
    header, rule, first, second, blank, note = text.splitlines()
    assert header.startswith("| Model ")
    assert rule.count("|") == header.count("|") == first.count("|") == 8
    assert "0.3333" in first
    assert second.startswith("| ensemble_average_dense ¹ |")
    assert "–" in second
    assert (blank, note) == ("", "¹ fitted on train  ")


def test_a_bar_in_a_name_does_not_break_the_markdown():
    assert "a\\|b" in to_markdown(pd.DataFrame({"Model": ["a|b"], "Accuracy": [1.0]}))


@pytest.mark.parametrize("width", [80, 120])
def test_ten_columns_fit_a_terminal_whole(width):
    lines = printed(width)
    assert max(map(len, lines)) <= width
    assert any(line.startswith("ensemble_average_dense ¹") and line.count("–") == 6 for line in lines)
    assert sum("0.3333" in line for line in lines) == 1
    assert next(line for line in lines if line.startswith("cnn")).count("0.3333") == 6
    assert "…" not in "".join(lines)
    assert "¹ fitted on train" in lines


def test_a_long_name_is_folded_and_no_figure_is():
    table = TABLE.assign(Model=["cnn", "a-very-long-name-" * 12])
    console = Console(file=io.StringIO(), width=80)
    print_table(table, title="Results", console=console)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert next(line for line in lines if line.startswith("cnn")).count("0.3333") == 6
    folded = [line[:12].strip() for line in lines if line.startswith(("a-very", "-long", "ong-", "name-"))]
    assert len(folded) > 1
