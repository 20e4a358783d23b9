"""``ensemblekit report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..printed import printable
from ._arguments import (
    Confidence,
    Groups,
    Labels,
    Metrics,
    MissingRows,
    Overwrite,
    SampleWeight,
    Seed,
    Unit,
    check_missing,
    check_output,
)
from ._commands import command
from ._completion import complete_combiner
from ._reading import takes_read_options
from ._screen import print_json

if TYPE_CHECKING:
    from ..predictions.tables import ReadOptions


@command(
    ("A page on three members", "ensemblekit report *.test.csv --labels labels.csv -o report.html"),
    (
        "Other metrics, the first of which decides, and a title",
        "ensemblekit report *.test.csv --labels labels.csv --metric log_loss --metric accuracy \\\n"
        '    --title "Three members" -o members.html',
    ),
    lists=("combiner", "metric"),
)
@takes_read_options
def report(
    files: Annotated[
        list[str], typer.Argument(help="Files of predictions of the same rows, FILE or NAME=FILE.", metavar="FILE")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write: .html.", metavar="FILE")],
    labels: Labels = None,
    groups: Groups = None,
    metric: Metrics = None,
    sample_weight: SampleWeight = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            help="A rule that learns nothing; as often as needed. Default: mean, and voting or median.",
            autocompletion=complete_combiner,
            metavar="RULE",
        ),
    ] = None,
    choosing: Annotated[
        bool,
        typer.Option("--choose", help="Also choose among all rules, each judged out of fold; this can take minutes."),
    ] = False,
    title: Annotated[str, typer.Option(help="Title of the page.", metavar="TEXT")] = "",
    missing: MissingRows = "error",
    confidence: Confidence = 0.95,
    seed: Seed = 0,
    unit: Unit = "rows",
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
    *,
    read: ReadOptions,
) -> None:
    """Write a page that says how to combine members, and whether it is worth it, with the evidence."""
    from ..choosing import choose
    from ..report import write_report
    from ._inputs import common_rows, naming_files, read_groups, read_members, read_weights, with_labels

    check_missing(missing)
    check_output(output, overwrite=overwrite, suffixes=(".html",))
    members, left_out = common_rows(read_members(files, read, labels=labels), missing)
    members = with_labels(members, labels, read)
    group_by_id = read_groups(groups, members, read)
    options: dict[str, Any] = {}
    if metric:
        options["metrics"] = metric
    if sample_weight is not None:
        options["sample_weight"] = read_weights(sample_weight, members, read)
    if rule:
        options["rules"] = rule
    with naming_files(files):
        if choosing:
            weights = options.get("sample_weight")
            chosen: dict[str, Any] = {"metric": metric[0] if metric else None, "sample_weight": weights}
            options["choice"] = choose(members, groups=group_by_id, confidence=confidence, seed=seed, **chosen)
        write_report(
            output, members, groups=group_by_id, confidence=confidence, seed=seed, title=title, unit=unit, **options
        )
    if as_json:
        n_rows = len(next(iter(members.values())))
        print_json({"output": str(output), "members": list(members), "n_rows": n_rows, "left_out": left_out})
    else:
        typer.echo(printable(output))
