"""``ensemblekit compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InvalidOptionError
from ..printed import as_text
from ._app import app
from ._files import about_files, groups_of, read_members, with_labels
from ._screen import frame_to_json, make_console


@app.command()
def compare(
    files: Annotated[list[str], typer.Argument(help="Two files of predictions or more, FILE or NAME=FILE.")],
    against: Annotated[
        str | None, typer.Option(help="Name of the one that the others are compared with. Default: the first.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="A table with id and label, where the files have none.")] = None,
    groups: Annotated[
        Path | None, typer.Option(help="A table with id and group: rows that are not independent, such as near copies.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="A metric; as often as needed. Default: accuracy, log_loss, brier_score.")
    ] = None,
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Of the resamples.")] = 0,
    unit: Annotated[str, typer.Option(help="What a row is called, in the plural.")] = "rows",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare predictions of the same rows: exact McNemar, paired bootstrap, Holm; and what can be concluded."""
    from ..evaluation import compare_with_reference
    from ..report import print_table

    models = with_labels(read_members(files), labels)
    if len(models) < 2:
        raise InvalidOptionError(f"compare needs two files or more; received {len(models)}.")
    keyed = groups_of(groups, models)
    reference = against or next(iter(models))
    chosen: dict[str, Any] = {"metrics": metric} if metric else {}
    with about_files(files):
        table = compare_with_reference(
            models, reference, groups=keyed, confidence=confidence, seed=seed, unit=unit, **chosen
        )
    if as_json:
        record = {"reference": reference, "confidence": confidence, "rows": frame_to_json(table)}
        typer.echo(json.dumps(record, indent=2))
        return
    console = make_console()
    ends = ("group_low", "group_high") if keyed is not None else ("low", "high")
    names = {
        "model": "Model", "metric": "Metric", "value": "Value", "member_value": "Reference", "difference": "Difference",
        ends[0]: "Low", ends[1]: "High", "p_holm": "Holm p",
    }  # fmt: skip
    title = (
        f"Against {reference}, with {100 * confidence:g} % intervals {'by group' if keyed is not None else 'by row'}"
    )
    shown: Any = table[list(names)]
    print_table(shown.rename(columns=names), title=title, console=console)
    for sentence in table["sentence"]:
        console.print(as_text(f"- {sentence}"))
