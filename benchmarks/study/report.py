"""The report of a run as sections of tables and sentences: printed, as Markdown and CSV, and for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from ensemblekit.evaluation import accuracy_interval, balance_table, compare_published, results_table
from ensemblekit.files import write_text
from ensemblekit.report import Fold, Section, Sentences, Table, print_table, to_csv, to_markdown, verdict_table

from .ensembles import RULES
from .evaluate import Evaluation, evaluate
from .images import Images
from .one_seed import SeedResults
from .output import EVALUATION, REPORT
from .pieces import write_json
from .published import published_runs
from .settings import BEST, Settings

DISCLAIMER = "Research software, not for diagnosis."
NOTES = {
    "train": "fitted, as in the study, on the very rows that its members were trained on: not a fair use of them",
    "valid": "fitted on the validation rows: its validation figures are in-sample",
    "random": "random backbone: no pretrained weights were asked for or to be had, its features have learned nothing",
}
CHOSEN_ON_VALIDATION = "The epoch of each trained model was chosen by its validation accuracy, as in the study."
CHOSEN_OUT_OF_FOLD = (
    "The rule was chosen on out-of-fold predictions of train and validation together. The validation figures are out "
    "of fold, the train figures those of the fit."
)
PAIRS = (
    ("accuracy", "log_loss"),
    ("brier_score", "balanced_accuracy"),
    ("macro_auroc", "calibration_error"),
)
"""Metrics that share a table: two of them with their intervals fit a terminal of 80 columns."""


@dataclass(frozen=True)
class Report:
    """The tables of a run, the footnotes of its models by key, and the sentences that belong to them."""

    title: str
    results: pd.DataFrame
    balance: pd.DataFrame
    published: pd.DataFrame | None
    evaluation: Evaluation
    marks: dict[str, list[str]]
    notes: dict[str, str]
    remarks: list[str]
    warnings: list[str]


def make_report(
    settings: Settings, images: Images, seed: SeedResults, *, repeats: Mapping[int, pd.DataFrame] | None = None
) -> Report:
    """Compute the tables and collect the sentences. ``repeats`` are the results tables of all seeds, if several."""
    results = results_table(seed.predictions)
    marks = {rule.name: [rule.fitted_on] for rule in RULES if rule.fitted_on}
    if seed.weights_used == "random":
        marks |= {name: ["random"] for name in ("first_model", "chained_model")}
    marks = {name: keys for name, keys in marks.items() if name in seed.predictions}
    run = "synthetic" if images.synthetic else "this run"
    published = compare_published(results, published_runs(), name=run)
    return Report(
        title=f"Results on {images.title}",
        results=results,
        balance=balance_table(results),
        published=published if (published["Run"] == run).any() else None,
        evaluation=evaluate(
            seed.predictions,
            compared=seed.compared,
            groups=images.audit.groups,
            leaked=images.copies if settings.drop_leaks else (),
            repeats=repeats,
        ),
        marks=marks,
        notes={key: NOTES[key] for key in NOTES if any(key in keys for keys in marks.values())},
        remarks=[_recipe(settings, seed.weights_used), *seed.remarks, *_remarks(settings, images, results, seed)],
        warnings=_warnings(images),
    )


def report_sections(report: Report, *, brief: bool = False) -> list[Section]:
    """Return all tables, and the sentences at the end; brief is what a terminal shows."""
    tables = [
        Table(report.results, report.title, report.marks, report.notes),
        Table(report.balance, "Balance over the splits"),
    ]
    if report.published is not None:
        tables.append(Table(report.published, "Beside the published figures"))
    return [
        Section("Results", tables),
        *evaluation_sections(report.evaluation, report.marks, report.notes, brief=brief),
        Section("How to read these figures", [Sentences([*report.warnings, *report.remarks, DISCLAIMER])]),
    ]


def evaluation_sections(
    evaluation: Evaluation, marks: Mapping[str, Sequence[str]], notes: Mapping[str, str], *, brief: bool = False
) -> list[Section]:
    """Return the tables about the test images: intervals, comparisons, figures without leaked images, repeats."""
    scores, comparisons = evaluation.scores, evaluation.comparisons
    n_images = int(scores["n"].max())
    captions = [f"{_title(*pair)} on the {n_images} test images, with 95 % intervals" for pair in PAIRS]
    tables = [Table(_intervals(scores, pair), caption) for pair, caption in zip(PAIRS, captions, strict=True)]
    tables[0] = replace(tables[0], marks=marks, notes=notes)
    sections = [Section("Figures of the test images", tables)]
    if not comparisons.empty:
        compared = comparisons[comparisons["metric"] == "accuracy"] if brief else comparisons
        what = "Accuracy against" if brief else "Against"
        caption = f"{what} the best member: differences with 95 % intervals, and what they say after Holm's correction"
        sentences = Sentences(comparisons.sort_values("metric", kind="stable")["sentence"].tolist())
        parts = [Table(_compared(compared, brief=brief), caption), Fold("The same in sentences", [sentences])]
        sections.append(Section("Each combination against its best member", parts))
    if evaluation.leak_free is not None:
        title = f"With and without the {evaluation.n_leaked} test images that are also in train or valid"
        parts = [Table(_leak_free(evaluation.leak_free), title)]
        if evaluation.leak_free_classes is not None:
            parts.append(Table(evaluation.leak_free_classes, "Test images a class, and those that are left"))
        compared = evaluation.leak_free_comparisons
        if compared is not None and not compared.empty:
            compared = compared[compared["metric"] == "accuracy"] if brief else compared
            caption = "Against the best member, without the images that leak"
            parts.append(Table(_compared(compared, brief=brief), caption))
        sections.append(Section("Without the images that leak", parts))
    if (repeats := evaluation.repeats) is not None:
        title = f"Over {repeats['n'].max()} seeds: mean, sample standard deviation, smallest and largest"
        shown = repeats[repeats["figure"].isin(["Test Loss", "Test Accuracy"])] if brief else repeats
        table = Table(shown.drop(columns="n").rename(columns=str.capitalize), title)
        sections.append(Section("Repeats", [table]))
    return sections


def print_sections(sections: Sequence[Section], console: Console) -> None:
    """Print tables and sentences on a terminal."""
    for section in sections:
        for part in section.parts:
            if isinstance(part, Table):
                print_table(part.frame, title=part.caption, marks=part.marks, notes=part.notes, console=console)
            elif isinstance(part, Sentences):
                for sentence in part.sentences:
                    console.print(sentence, markup=False, highlight=False)
                console.print()


def answer(evaluation: Evaluation) -> str:
    """Say in two sentences whether a combination is worth it, by the accuracy on the test images."""
    records: Any = evaluation.comparisons.to_dict("records")
    records = [record for record in records if record["metric"] == "accuracy"]
    if not records:
        return "No combination was compared with its best member. The figures of each model are below."
    better = [record for record in records if record["verdict"] == "better"]
    top = max(better or records, key=lambda record: record["value"])
    prefix, by = ("group_", "by group of copies ") if "group_low" in top else ("", "")
    figures = (
        f"The accuracy of {top['model']} on the {top['n']} test images is {top['value']:.3f}; that of "
        f"{top['best_member']}, its best member on other images, is {top['member_value']:.3f} (95 % interval of the "
        f"difference {by}{top[f'{prefix}low']:.3f} to {top[f'{prefix}high']:.3f})."
    )
    if not better:
        return f"That a combination is better in accuracy than its best member is not shown. {figures}"
    n = f"{len(better)} of {len(records)} combinations" if len(records) > 1 else "The combination"
    return f"{n} {'are' if len(better) > 1 else 'is'} better in accuracy than the best member. {figures}"


def to_text(title: str, sections: Sequence[Section]) -> str:
    """Write tables and sentences as Markdown."""
    parts = [f"# {title}"]
    for section in sections:
        parts += [f"## {section.title}", *_texts(section.parts)]
    return "\n\n".join(parts) + "\n"


def _texts(parts: Sequence[Any]) -> list[str]:
    texts: list[str] = []
    for part in parts:
        if isinstance(part, Table):
            texts += [f"{part.caption}:", to_markdown(part.frame, marks=part.marks, notes=part.notes).strip()]
        elif isinstance(part, Sentences):
            texts.append("\n".join(f"- {sentence}" for sentence in part.sentences))
        elif isinstance(part, Fold):
            texts += [f"{part.title}:", *_texts(part.parts)]
    return texts


def report_files(report: Report) -> list[str]:
    """Return the names of the files that `write_report` writes."""
    return [*REPORT, *(f"{name}.csv" for name in EVALUATION if getattr(report.evaluation, name) is not None)]


def write_report(folder: Path, report: Report) -> None:
    """Write every table in full as CSV, all sections as ``results.md``, marks and sentences as ``notes.json``."""
    to_csv(report.results, folder / "results.csv")
    for name in EVALUATION:
        table = getattr(report.evaluation, name)
        if table is None:
            (folder / f"{name}.csv").unlink(missing_ok=True)  # left by the same run with other options
        else:
            to_csv(table, folder / f"{name}.csv")
    *tables, reading = report_sections(report)
    write_text(folder / "results.md", to_text(report.title, [*tables, confusion_section(report.evaluation), reading]))
    write_json(
        folder / "notes.json",
        {"marks": report.marks, "notes": report.notes, "remarks": [*report.warnings, *report.remarks, DISCLAIMER]},
    )


def confusion_section(evaluation: Evaluation) -> Section:
    """Return a confusion matrix for each model."""
    matrices = []
    for name, counts in evaluation.confusion.groupby("model", sort=False):
        classes = counts["true"].unique()
        square = counts.pivot(index="true", columns="predicted", values="n").reindex(index=classes, columns=classes)
        caption = f"{name}, a line for each true class and a column for each predicted one"
        matrices.append(Table(square.rename_axis(columns=None).reset_index(), caption))
    return Section("Confusion matrices of the test images", matrices)


def _title(*metrics: str) -> str:
    title = " and ".join(metrics).replace("_", " ").replace("auroc", "AUROC")
    return title[0].upper() + title[1:]


def _by_metric(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    return table[table["metric"] == metric].set_index("model")


def _intervals(scores: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    units = {"image": ""} | ({"group": "group_"} if "group_low" in scores else {})
    columns: list[pd.Series] = []
    for metric in metrics:
        of_metric = _by_metric(scores, metric)
        columns.append(of_metric["value"].map("{:.3f}".format).rename(_title(metric)))
        for unit, prefix in units.items():
            bounds = zip(of_metric[f"{prefix}low"], of_metric[f"{prefix}high"], strict=True)
            texts = [f"{low:.2f}–{high:.2f}" for low, high in bounds]
            columns.append(pd.Series(texts, index=of_metric.index, name=f"by {unit}"))
    return pd.concat(columns, axis=1).rename_axis("Model").reset_index()


def _leak_free(table: pd.DataFrame) -> pd.DataFrame:
    columns = {"Model": table["Model"], "Test Accuracy": table["Test Accuracy"].map("{:.3f}".format)}
    for figure, digits in (("Accuracy", 2), ("Loss", 2)):
        name = f"Leak-free {figure}"
        columns[name] = table[name].map("{:.3f}".format)
        bounds = zip(table[f"{name} Low"], table[f"{name} High"], strict=True)
        columns[f"{figure} interval"] = [f"{low:.{digits}f}–{high:.{digits}f}" for low, high in bounds]
    return pd.DataFrame(columns)


def _compared(comparisons: pd.DataFrame, *, brief: bool) -> pd.DataFrame:
    table = verdict_table(comparisons).rename(columns={"Other": "Member"})
    if brief:  # what fits a terminal of 80 columns
        return table[["Model", "Verdict", "Difference", "Low", "High", "Member"]]
    return table


def _recipe(settings: Settings, weights_used: str) -> str:
    start = f"Preset {settings.preset}: {settings.image_size} pixels, "
    names = ", ".join(name for name, _ in settings.backbones)
    if settings.preset == BEST:
        return f"{start}seed {settings.seed}; heads on {names}, weights {weights_used}."
    return (
        f"{start}at most {settings.epochs} epochs, seed {settings.seed}; first_model and chained_model stand on "
        f"{names}, weights {weights_used}."
    )


def _warnings(images: Images) -> list[str]:
    """Say what makes the figures of the test images too good, or void."""
    warnings: list[str] = []
    if images.synthetic:
        warnings.append(
            "The images are synthetic drawings: these figures say nothing about CT scans. The classes differ in their "
            "masses and, more plainly, in how often each window of grey levels was chosen."
        )
    if images.copies:
        warnings.append(
            f"{len(images.copies)} of the {len(images.splits['test'].ids)} test images have the pixels of training or "
            f"validation images, first {images.copies[0]!r}; they are counted in the table."
        )
    return warnings


def _remarks(settings: Settings, images: Images, results: pd.DataFrame, seed: SeedResults) -> list[str]:
    n_test = len(images.splits["test"].ids)
    best = results.loc[results["Test Accuracy"].idxmax()]
    low, high = accuracy_interval(round(best["Test Accuracy"] * n_test), n_test)
    remarks = [
        f"With {n_test} test images, the best test accuracy, {best['Test Accuracy']:.3f} of {best['Model']}, has the "
        f"95 % interval {low:.3f} to {high:.3f}; what tells two models apart is the interval of their difference.",
        CHOSEN_OUT_OF_FOLD if settings.preset == BEST else CHOSEN_ON_VALIDATION,
    ]
    if images.unreadable:
        remarks.append(f"{len(images.unreadable)} unreadable images were left out: {', '.join(images.unreadable)}.")
    return [*remarks, *(f"Not as the study's precautions ask: {complaint}" for complaint in seed.complaints)]
