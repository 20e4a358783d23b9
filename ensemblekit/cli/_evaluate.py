"""``ensemblekit compare`` and ``ensemblekit evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidOptionError
from ..predictions.tables import ReadOptions
from ..printed import as_text
from ._app import app
from ._arguments import Confidence, Groups, Labels, Seed, complete_metric
from ._inputs import naming_files, read_groups, read_members, with_labels
from ._reading import takes_read_options
from ._screen import frame_to_json, make_console, print_json, select

if TYPE_CHECKING:
    import pandas as pd

FORMER_KEYS = {"row": "model", "row_only": "model_only"}
"""Key of JSON that goes in 0.3 -> key that has the same value."""


@app.command()
@takes_read_options
def compare(
    files: Annotated[list[str], typer.Argument(help="At least two files of predictions, FILE or NAME=FILE.")],
    against: Annotated[str | None, typer.Option(help="Name of the reference model. Default: the first.")] = None,
    labels: Labels = None,
    groups: Groups = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="A metric; as often as needed. Default: accuracy, log_loss, brier_score.",
            autocompletion=complete_metric,
        ),
    ] = None,
    confidence: Confidence = 0.95,
    seed: Seed = 0,
    unit: Annotated[str, typer.Option(help="Plural word for the samples.")] = "rows",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    *,
    read: ReadOptions,
) -> None:
    """Compare predictions of the same rows by exact McNemar, paired bootstrap and Holm, and state the conclusions."""
    from ..evaluation import compare_with_reference
    from ..report import print_table

    models = with_labels(read_members(files, read), labels, read)
    if len(models) < 2:
        raise InvalidOptionError(f"compare needs two files or more; received {len(models)}.")
    group_by_id = read_groups(groups, models, read)
    reference = against or next(iter(models))
    options: dict[str, Any] = {"metrics": metric} if metric else {}
    with naming_files(files):
        table = compare_with_reference(
            models, reference, groups=group_by_id, confidence=confidence, seed=seed, unit=unit, **options
        )
    if as_json:
        print_json({"reference": reference, "confidence": confidence, "rows": _json_rows(table)})
        return
    console = make_console()
    low, high, by = ("low", "high", "row") if groups is None else ("group_low", "group_high", "group")
    headings = {
        "model": "Model", "metric": "Metric", "value": "Value", "member_value": "Reference", "difference": "Difference",
        low: "Low", high: "High", "p_holm": "Holm p",
    }  # fmt: skip
    print_table(
        select(table, headings),
        title=f"Against {reference}, with {100 * confidence:g} % intervals by {by}",
        console=console,
    )
    for sentence in table["sentence"]:
        console.print(as_text(f"- {sentence}"))


@app.command()
@takes_read_options
def evaluate(
    files: Annotated[
        list[str], typer.Argument(help="Files of predictions, FILE or NAME=FILE: .csv, .npz or .parquet.")
    ],
    labels: Labels = None,
    groups: Groups = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A metric; as often as needed. Default: all.", autocompletion=complete_metric),
    ] = None,
    confidence: Confidence = 0.95,
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    *,
    read: ReadOptions,
) -> None:
    """Score predictions, each value with its confidence interval."""
    from ..evaluation import score_table
    from ..report import print_table

    models = with_labels(read_members(files, read), labels, read)
    group_by_id = read_groups(groups, models, read)
    options: dict[str, Any] = {"metrics": metric} if metric else {}
    with naming_files(files):
        table = score_table(models, groups=group_by_id, confidence=confidence, seed=seed, **options)
    if as_json:
        print_json({"confidence": confidence, "rows": _json_rows(table)})
        return
    console = make_console()
    low, high, by = ("low", "high", "row") if groups is None else ("group_low", "group_high", "group")
    headings = {"model": "Model", "metric": "Metric", "value": "Value", low: "Low", high: "High", "n": "Rows"}
    print_table(
        select(table, headings),
        title=f"Figures, with {100 * confidence:g} % intervals by {by}",
        console=console,
    )
    for name, n in dict(zip(table["model"], table["in_sample"].fillna(0), strict=True)).items():
        if n:
            console.print(as_text(f"{name} was fitted on {n} of these rows: its figures are in-sample."))


def _json_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame_to_json(table)
    return [row | {old: row[new] for old, new in FORMER_KEYS.items() if new in row} for row in rows]
