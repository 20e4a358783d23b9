"""``ensemblekit evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..printed import as_text
from ._app import app
from ._files import about_files, groups_of, read_members, with_labels
from ._screen import frame_to_json, make_console


@app.command()
def evaluate(
    files: Annotated[
        list[str], typer.Argument(help="Files of predictions, FILE or NAME=FILE: .csv, .npz or .parquet.")
    ],
    labels: Annotated[Path | None, typer.Option(help="A table with id and label, where the files have none.")] = None,
    groups: Annotated[
        Path | None, typer.Option(help="A table with id and group: rows that are not independent, such as near copies.")
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="A metric; as often as needed. Default: all.")] = None,
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Of the resamples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Score predictions, each figure with its interval."""
    from ..evaluation import score_table
    from ..report import print_table

    models = with_labels(read_members(files), labels)
    keyed = groups_of(groups, models)
    chosen: dict[str, Any] = {"metrics": metric} if metric else {}
    with about_files(files):
        table = score_table(models, groups=keyed, confidence=confidence, seed=seed, **chosen)
    if as_json:
        typer.echo(json.dumps({"confidence": confidence, "rows": frame_to_json(table)}, indent=2))
        return
    console = make_console()
    ends = ("group_low", "group_high") if keyed is not None else ("low", "high")
    names = {"model": "Model", "metric": "Metric", "value": "Value", ends[0]: "Low", ends[1]: "High", "n": "Rows"}
    shown: Any = table[list(names)]
    unit = "by group" if keyed is not None else "by row"
    print_table(
        shown.rename(columns=names), title=f"Figures, with {100 * confidence:g} % intervals {unit}", console=console
    )
    seen = {line["model"]: line["in_sample"] for line in frame_to_json(table)}
    for name, n in seen.items():
        if n:
            console.print(as_text(f"{name} was fitted on {n} of these rows: its figures are in-sample."))
