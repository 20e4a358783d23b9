"""How the tables of what the results are worth look on a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from rich.console import Console

from ensemblekit.report import print_table, to_markdown

from .honesty import Worth

__all__ = ["print_worth", "worth_sections", "worth_to_text"]

TITLES = {
    "accuracy": "Accuracy",
    "log_loss": "Log loss",
    "brier_score": "Brier score",
    "balanced_accuracy": "Balanced accuracy",
    "macro_auroc": "Macro AUROC",
    "calibration_error": "Calibration error",
}
FRONT = ("accuracy", "log_loss")
"""What a terminal has room for with its intervals; the others stand without."""
Marks = Mapping[str, Sequence[str]]


def print_worth(worth: Worth, console: Console, marks: Marks, notes: Mapping[str, str]) -> None:
    """Print what fits a terminal of 80 columns."""
    title = f"On the {_n(worth)} test images, with 95 % intervals"
    print_table(_intervals(worth.scores, FRONT, 2), title=title, marks=marks, notes=notes, console=console)
    print_table(_figures(worth.scores), title="Other figures of the test images", console=console)
    if not worth.comparisons.empty:
        print_table(_compared(worth.comparisons), title="Against the best member", console=console)
        for sentence in _sentences(worth.comparisons, "accuracy"):
            console.print(sentence, markup=False, highlight=False)
        console.print()
    if worth.leak_free is not None:
        print_table(worth.leak_free, title=_leak_title(worth), console=console)
    if worth.repeats is not None:
        print_table(_test_repeats(worth.repeats), title=_repeats_title(worth.repeats), console=console)


def worth_sections(worth: Worth) -> list[tuple[str, dict[str, pd.DataFrame], list[str]]]:
    """Give what a page has room for: of each section the title, its tables by caption, and its sentences."""
    pairs = (("accuracy", "log_loss"), ("brier_score", "balanced_accuracy"), ("macro_auroc", "calibration_error"))
    sections = [
        (
            f"On the {_n(worth)} test images, with 95 % intervals",
            {" and ".join(TITLES[metric] for metric in pair): _intervals(worth.scores, pair, 3) for pair in pairs},
            [],
        )
    ]
    if not worth.comparisons.empty:
        metrics = dict.fromkeys(worth.comparisons["metric"])
        sections.append(
            (
                "Each combination against its best member",
                {"Differences, and p values after Holm": _compared(worth.comparisons)},
                [sentence for metric in metrics for sentence in _sentences(worth.comparisons, metric)],
            )
        )
    if worth.leak_free is not None:
        sections.append(("Without the images that leak", {_leak_title(worth): worth.leak_free}, []))
    if worth.repeats is not None:
        sections.append(("Repeats", {_repeats_title(worth.repeats): worth.repeats.drop(columns="n")}, []))
    return sections


def worth_to_text(worth: Worth, marks: Marks, notes: Mapping[str, str]) -> list[str]:
    """Write all of it as Markdown, part by part."""
    parts: list[str] = []
    for title, tables, sentences in worth_sections(worth):
        parts.append(f"## {title}")
        for caption, table in tables.items():
            parts += [f"{caption}:", to_markdown(table, marks=marks, notes=notes)]
        if sentences:
            parts.append("\n".join(f"- {sentence}" for sentence in sentences))
    parts.append("## Confusion matrices of the test images\n\nA row a true class, a column a predicted one.")
    for row, counts in worth.confusion.groupby("model", sort=False):
        classes = list(dict.fromkeys(counts["true"]))
        square = counts.pivot(index="true", columns="predicted", values="n").reindex(index=classes, columns=classes)
        parts += [f"### {row}", to_markdown(square.rename_axis(columns=None).reset_index())]
    return parts


def _n(worth: Worth) -> int:
    return int(worth.scores["n"].max())


def _by_metric(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    return table[table["metric"] == metric].set_index("model")


def _intervals(scores: pd.DataFrame, metrics: Sequence[str], digits: int) -> pd.DataFrame:
    units = {"image": ""} | ({"group": "group_"} if "group_low" in scores else {})
    columns: list[pd.Series] = []
    for metric in metrics:
        found = _by_metric(scores, metric)
        columns.append(found["value"].map(lambda v: f"{v:.3f}").rename(TITLES[metric]))
        for unit, start in units.items():
            bounds = zip(found[f"{start}low"], found[f"{start}high"], strict=True)
            texts = [f"{low:.{digits}f}–{high:.{digits}f}" for low, high in bounds]
            columns.append(pd.Series(texts, index=found.index, name=f"by {unit}"))
    return pd.concat(columns, axis=1).rename_axis("Model").reset_index()


def _figures(scores: pd.DataFrame) -> pd.DataFrame:
    others = [metric for metric in TITLES if metric not in FRONT]
    columns = [_by_metric(scores, metric)["value"].rename(TITLES[metric]) for metric in others]
    return pd.concat(columns, axis=1).rename_axis("Model").reset_index()


def _compared(comparisons: pd.DataFrame) -> pd.DataFrame:
    right, loss = (_by_metric(comparisons, metric) for metric in FRONT)
    columns = [
        right["best_member"].rename("Best member"),
        right["difference"].map(lambda v: f"{v:+.3f}").rename("Accuracy difference"),
        right["p_holm"].map(lambda v: f"{v:.3f}").rename("McNemar p, Holm"),
        loss["difference"].map(lambda v: f"{v:+.3f}").rename("Log loss difference"),
        loss["p_holm"].map(lambda v: f"{v:.3f}").rename("Bootstrap p, Holm"),
    ]
    return pd.concat(columns, axis=1).rename_axis("Model").reset_index()


def _sentences(comparisons: pd.DataFrame, metric: str) -> list[str]:
    return _by_metric(comparisons, metric)["sentence"].tolist()


def _leak_title(worth: Worth) -> str:
    return f"With and without the {worth.n_leaked} test images that stand in train or valid, too"


def _repeats_title(repeats: pd.DataFrame) -> str:
    return f"Over {repeats['n'].max()} seeds: mean, sample standard deviation, smallest and largest"


def _test_repeats(repeats: pd.DataFrame) -> pd.DataFrame:
    kept = repeats[repeats["figure"].isin(["Test Loss", "Test Accuracy"])]
    return kept.drop(columns="n").rename(columns=str.capitalize)
