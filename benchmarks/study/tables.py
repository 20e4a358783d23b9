"""What is said at the end: the results with their marks, the balance, the published figures, and their limits."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from ensemblekit import Predictions
from ensemblekit.evaluation import accuracy_interval, balance_table, compare_published, results_table
from ensemblekit.report import print_table, to_markdown

from .ensembles import RULES
from .honesty import COMPARED, Worth, weigh
from .images import Images
from .settings import BEST, Settings
from .shown import print_worth, worth_to_text

__all__ = ["DISCLAIMER", "Report", "make_report", "show", "to_text"]

DISCLAIMER = "Research software, not for diagnosis."
PUBLISHED = Path(__file__).resolve().parent.parent / "published.json"

NOTES = {
    "train": "fitted, as in the study, on the very rows that its members were trained on: not a fair use of them",
    "valid": "fitted on the validation rows: its validation figures are in-sample",
    "random": "random backbone: no pretrained weights were asked for or to be had, its features have learned nothing",
}


CHOSEN_ON_VALIDATION = "The epoch of each trained model was chosen by its validation accuracy, as in the study."
CHOSEN_OUT_OF_FOLD = (
    "Members and calibration were chosen on out-of-fold predictions of train and validation together, alike images in "
    "one fold. The validation figures are out of fold, the train figures those of the fit."
)


@dataclass(frozen=True)
class Report:
    """The tables of a run, and the sentences that belong to them."""

    title: str
    results: pd.DataFrame
    balance: pd.DataFrame
    published: pd.DataFrame | None
    worth: Worth
    marks: dict[str, list[str]]
    notes: dict[str, str]
    remarks: list[str]


def make_report(
    settings: Settings,
    images: Images,
    rows: Mapping[str, Mapping[str, Predictions]],
    complaints: Sequence[str],
    weights_used: str,
    *,
    members: Mapping[str, Sequence[str]] = COMPARED,
    remarks: Sequence[str] = (),
    groups: Mapping[str, int] | None = None,
    leaked: Collection[str] | None = None,
    repeats: Mapping[int, pd.DataFrame] | None = None,
) -> Report:
    """Compute the tables and find what must be said about them.

    ``complaints`` are sentences on what the networks are not that the study asks of them, ``remarks`` what else is to
    be said of the rows.
    ``members``, ``groups``, ``leaked`` and ``repeats`` are those of `weigh`; groups and leaked images are those of the
    audit where they are not given, the latter where the settings ask for it.
    """
    groups = images.audit.groups if groups is None else groups
    if leaked is None:
        leaked = images.copies if settings.drop_leaks else ()
    results = results_table(rows)
    marks = {row: keys for row, keys in _marks(weights_used).items() if row in rows}
    return Report(
        title=f"Results on {images.title}",
        results=results,
        balance=balance_table(results),
        published=_beside_published(results, "synthetic" if images.synthetic else "this run"),
        worth=weigh(rows, members=members, groups=groups, leaked=leaked, repeats=repeats),
        marks=marks,
        notes={key: NOTES[key] for key in NOTES if any(key in keys for keys in marks.values())},
        remarks=[_recipe(settings, weights_used), *remarks, *_remarks(settings, images, results, complaints)],
    )


def _beside_published(results: pd.DataFrame, name: str) -> pd.DataFrame | None:
    table = compare_published(results, json.loads(PUBLISHED.read_text(encoding="utf-8")), name=name)
    return table if (table["Run"] == name).any() else None


def _marks(weights_used: str) -> dict[str, list[str]]:
    marks = {rule.row: [rule.fitted_on] for rule in RULES if rule.fitted_on}
    if weights_used == "random":
        marks |= {name: ["random"] for name in ("first_model", "chained_model")}
    return marks


def _remarks(settings: Settings, images: Images, results: pd.DataFrame, complaints: Sequence[str]) -> list[str]:
    n_test = len(images.splits["test"].ids)
    best = results.loc[results["Test Accuracy"].idxmax()]
    low, high = accuracy_interval(round(best["Test Accuracy"] * n_test), n_test)
    remarks = [
        f"With {n_test} test images, the best test accuracy, {best['Test Accuracy']:.3f} of {best['Model']}, has the "
        f"95 % interval {low:.3f} to {high:.3f}: rows within it are not told apart.",
        CHOSEN_OUT_OF_FOLD if settings.preset == BEST else CHOSEN_ON_VALIDATION,
    ]
    if images.synthetic:
        remarks.insert(
            0,
            "The images are synthetic drawings: these figures say nothing about CT scans. The classes differ in their "
            "masses and, more plainly, in how often each window of grey levels was chosen.",
        )
    if images.copies:
        remarks.append(
            f"{len(images.copies)} of the {n_test} test images have the pixels of training or validation images, first "
            f"{images.copies[0]!r}; they are counted in the table."
        )
    if images.unreadable:
        remarks.append(f"{len(images.unreadable)} unreadable images were left out: {', '.join(images.unreadable)}.")
    remarks += [f"Not as the study's precautions ask: {complaint}" for complaint in complaints]
    return remarks


def _recipe(settings: Settings, weights_used: str) -> str:
    start = f"Preset {settings.preset}: {settings.image_size} pixels, "
    if settings.preset == BEST:
        names = ", ".join(name for name, _ in settings.pairs)
        return f"{start}seed {settings.seed}; heads on {names}, weights {weights_used}."
    return (
        f"{start}at most {settings.epochs} epochs, seed {settings.seed}; first_model and chained_model stand on "
        f"{settings.backbone}, weights {weights_used}."
    )


def show(report: Report, console: Console) -> None:
    """Print the tables and sentences."""
    print_table(report.results, title=report.title, marks=report.marks, notes=report.notes, console=console)
    print_table(report.balance, title="Balance over the splits", console=console)
    if report.published is not None:
        print_table(report.published, title="Beside the published figures", console=console)
    print_worth(report.worth, console, report.marks, report.notes)
    for remark in (*report.remarks, DISCLAIMER):
        console.print(remark, markup=False, highlight=False)


def to_text(report: Report) -> str:
    """Write the tables and sentences as Markdown."""
    parts = [
        f"# {report.title}",
        to_markdown(report.results, marks=report.marks, notes=report.notes),
        "## Balance over the splits",
        to_markdown(report.balance),
        *(() if report.published is None else ("## Beside the published figures", to_markdown(report.published))),
        *worth_to_text(report.worth, report.marks, report.notes),
        "\n".join(f"- {remark}" for remark in report.remarks),
        f"**{DISCLAIMER}**",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"
