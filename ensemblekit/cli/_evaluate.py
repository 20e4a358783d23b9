"""``ensemblekit compare`` and ``ensemblekit evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidOptionError
from ..printed import as_text
from ._arguments import Confidence, Groups, Labels, Metrics, MissingRows, SampleWeight, Seed, Unit, check_missing
from ._commands import command
from ._reading import takes_read_options
from ._screen import frame_to_json, make_console, print_json, select, takes_plain

if TYPE_CHECKING:
    import pandas as pd

    from ..predictions import Predictions
    from ..predictions.tables import ReadOptions

FORMER_KEYS = {"row": "model", "row_only": "model_only"}
"""Key of JSON that goes in 0.3 -> key that has the same value."""


@command(
    ("Three members, the first as the reference", "ensemblekit compare *.test.csv --labels labels.csv"),
    (
        "Another reference and metric, where less than 0.01 is of no interest",
        "ensemblekit compare *.test.csv --labels labels.csv --against forest \\\n    --metric accuracy --smallest 0.01",
    ),
    lists=("metric",),
)
@takes_plain
@takes_read_options
def compare(
    files: Annotated[
        list[str], typer.Argument(help="At least two files of predictions, FILE or NAME=FILE.", metavar="FILE")
    ],
    against: Annotated[
        str | None, typer.Option(help="Name of the reference model. Default: the first.", metavar="NAME")
    ] = None,
    labels: Labels = None,
    groups: Groups = None,
    metric: Metrics = None,
    sample_weight: SampleWeight = None,
    smallest: Annotated[
        list[str] | None,
        typer.Option(
            help="Smallest difference of interest, of all metrics or METRIC=NUMBER; as often as needed.",
            metavar="NUMBER",
        ),
    ] = None,
    missing: MissingRows = "error",
    confidence: Confidence = 0.95,
    seed: Seed = 0,
    unit: Unit = "rows",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    *,
    read: ReadOptions,
) -> None:
    """Compare predictions of the same rows by paired tests with Holm's correction, and state the conclusions."""
    from ..evaluation import compare_with_reference
    from ..report import print_table
    from ._inputs import common_rows, naming_files, read_groups, read_members, read_weights, with_labels

    check_missing(missing)
    models, left_out = common_rows(read_members(files, read, labels=labels), missing)
    models = with_labels(models, labels, read)
    if len(models) < 2:
        raise InvalidOptionError(f"compare needs two files or more; received {len(models)}.")
    group_by_id = read_groups(groups, models, read)
    reference = against or next(iter(models))
    options: dict[str, Any] = {"metrics": metric} if metric else {}
    if sample_weight is not None:
        options["sample_weight"] = read_weights(sample_weight, models, read)
    if smallest:
        options["smallest"] = _limits(smallest)
    with naming_files(files):
        table = compare_with_reference(
            models, reference, groups=group_by_id, confidence=confidence, seed=seed, unit=unit, **options
        )
    if as_json:
        record: dict[str, Any] = {"reference": reference, "confidence": confidence, "left_out": left_out}
        print_json(record | {"rows": _json_rows(table)})
        return
    console = make_console()
    low, high, by = _bounds(table)
    headings = {
        "model": "Model", "metric": "Metric", "value": "Value", "difference": "Change", low: "Low", high: "High",
        "p_holm": "Holm p", "verdict": "Verdict",
    }  # fmt: skip
    shown = select(table, headings)
    decimals = _decimals(table)
    for name in ("Value", "Change", "Low", "High"):
        cells = zip(shown[name], decimals, strict=True)
        shown[name] = [_figure(value, places, sign=name != "Value") for value, places in cells]
    shown["Holm p"] = ["<0.001" if p < 0.001 else _figure(p, 3, sign=False) for p in shown["Holm p"]]
    print_table(
        shown,
        title=f"Against {reference}, with {100 * confidence:g} % intervals by {by}",
        console=console,
        right=["Value", "Change", "Low", "High", "Holm p"],
    )
    for sentence in table["sentence"]:
        console.print(as_text(f"- {sentence}"))


def _bounds(table: Any) -> tuple[str, str, str]:
    """Name the columns of the intervals, by group where the predictions or the caller have groups."""
    return ("group_low", "group_high", "group") if "group_low" in table else ("low", "high", "row")


@command(
    ("Three members by the metrics of their task", "ensemblekit evaluate *.test.csv --labels labels.csv"),
    (
        "Metrics by name, with an option of one, and as JSON",
        "ensemblekit evaluate *.test.csv --labels labels.csv --metric accuracy --metric top_k:k=2\n"
        "ensemblekit evaluate *.test.csv --labels labels.csv --json",
    ),
    lists=("metric",),
)
@takes_plain
@takes_read_options
def evaluate(
    files: Annotated[
        list[str],
        typer.Argument(help="Files of predictions, FILE or NAME=FILE: .csv, .npz or .parquet.", metavar="FILE"),
    ],
    labels: Labels = None,
    groups: Groups = None,
    metric: Metrics = None,
    sample_weight: SampleWeight = None,
    by_class: Annotated[bool, typer.Option("--by-class", help="Each metric also of each class or output.")] = False,
    baselines: Annotated[bool, typer.Option("--baselines", help="Also a constant, best member, oracle.")] = False,
    confidence: Confidence = 0.95,
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    *,
    read: ReadOptions,
) -> None:
    """Score predictions of any task, each value with its confidence interval."""
    from ..evaluation import score_table
    from ..report import print_table
    from ._inputs import naming_files, read_groups, read_members, read_weights, with_labels

    models = with_labels(read_members(files, read, labels=labels), labels, read)
    group_by_id = read_groups(groups, models, read)
    options: dict[str, Any] = {"metrics": metric} if metric else {}
    if by_class:
        options["metrics"] = _of_each_class(next(iter(models.values())), metric)
    if sample_weight is not None:
        options["sample_weight"] = read_weights(sample_weight, models, read)
    if baselines:
        options["baselines"] = True
    with naming_files(files):
        table = score_table(models, groups=group_by_id, confidence=confidence, seed=seed, **options)
    if as_json:
        print_json({"confidence": confidence, "rows": _json_rows(table)})
        return
    console = make_console()
    low, high, by = _bounds(table)
    headings = {"model": "Model", "metric": "Metric", "value": "Value", low: "Low", high: "High", "n": "Rows"}
    print_table(
        select(table, headings),
        title=f"Figures, with {100 * confidence:g} % intervals by {by}",
        console=console,
    )
    for name, n in dict(zip(table["model"], table["in_sample"].fillna(0), strict=True)).items():
        if n:
            console.print(as_text(f"{name} was fitted on {n} of these rows: its figures are in-sample."))


def _decimals(table: pd.DataFrame) -> list[int]:
    """Count the decimals of the figures of each row, as its sentence does."""
    from ..evaluation import find_metric
    from ..evaluation.words import decimals_of

    found: list[int] = []
    for name, *values in zip(table["metric"], table["value"], table["member_value"], strict=True):
        low, high = find_metric(name).range
        found.append(decimals_of(*values, width=high - low))
    return found


def _figure(value: float, decimals: int, *, sign: bool) -> str:
    """Print a figure; a large one with five digits, so that a row fits 80 columns."""
    if value != value:
        return "–"
    return f"{value:{'+' if sign else ''}{f'.{decimals}f' if abs(value) < 100 else '.5g'}}"


def _limits(texts: list[str]) -> float | dict[str, float]:
    """Read smallest differences: one number, or one for each metric."""
    limits: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            limits[name] = float(number)
        except ValueError:
            raise InvalidOptionError(
                f"--smallest must be NUMBER, or METRIC=NUMBER as often as needed; received {text!r}."
            ) from None
    if len(limits) < len(texts) or ("" in limits and len(limits) > 1):
        raise InvalidOptionError(
            f"--smallest must be one NUMBER, or METRIC=NUMBER with different metrics; received {texts}."
        )
    return limits.get("", limits)


def _of_each_class(predictions: Predictions, names: list[str] | None) -> list[Any]:
    """List metrics, each followed by the same metric of each class, where it has that."""
    import copy

    from ..evaluation import find_metric
    from ..registry import default_registry

    task = default_registry().create_task(predictions.task)
    defaults = task.dense_metrics if predictions.probas.ndim > 2 else task.metrics
    found: list[Any] = []
    for name in names or defaults:
        metric = find_metric(name, task=predictions.task)
        found.append(metric)
        if metric.by_class and getattr(metric, "of", None) is None:
            for place in predictions.classes:
                one = copy.copy(metric)
                one.of, one.name = place, f"{metric.name}:of={place}"
                found.append(one)
    return found


def _json_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame_to_json(table)
    return [row | {old: row[new] for old, new in FORMER_KEYS.items() if new in row} for row in rows]
