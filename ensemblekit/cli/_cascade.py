"""``ensemblekit cascade``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidOptionError
from ..printed import printable
from ._arguments import Overwrite, check_output, pairs_of
from ._combine import FILES, SUFFIXES
from ._commands import command
from ._reading import takes_read_options
from ._screen import print_json

if TYPE_CHECKING:
    from ..predictions.tables import ReadOptions


@command(
    (
        "Which rows the cheap model does not answer; the threshold is set on held-out rows",
        "ensemblekit cascade bayes.test.csv forest.test.csv --pending pending.csv \\\n"
        "    --fit-on bayes.valid.csv --fit-on forest.valid.csv --save chain",
    ),
    (
        "The answers of both, by the threshold that was saved",
        "ensemblekit cascade bayes.test.csv forest.test.csv --load chain -o joined.csv",
    ),
)
@takes_read_options
def cascade(
    files: Annotated[list[str], typer.Argument(help=f"{FILES} One a stage, named as the stages.", metavar="FILE")],
    fit_on: Annotated[
        list[str] | None,
        typer.Option(
            help="Predictions of held-out rows that the threshold is set on, one of each stage, from the cheapest; as "
            "FILE or NAME=FILE.",
            metavar="FILE",
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Labels of the --fit-on rows: a table with id and label.", metavar="FILE")
    ] = None,
    agreement: Annotated[
        float | None,
        typer.Option(help="Least share of rows decided as by the last stage; by default 0.98.", metavar="NUMBER"),
    ] = None,
    max_loss: Annotated[
        float | None,
        typer.Option(help="Instead: how much the share of errors may exceed that of the last stage.", metavar="NUMBER"),
    ] = None,
    confidence: Annotated[float, typer.Option(help="Probability that the promise is kept.", metavar="NUMBER")] = 0.95,
    cost: Annotated[
        list[str] | None, typer.Option(help="Cost of a stage for a row; for each stage.", metavar="STAGE=NUMBER")
    ] = None,
    load: Annotated[Path | None, typer.Option(help="A cascade saved with --save.", metavar="FOLDER")] = None,
    save: Annotated[Path | None, typer.Option(help="Folder to save the cascade in.", metavar="FOLDER")] = None,
    pending: Annotated[
        Path | None,
        typer.Option(help="Output: a .csv table of the ids that a later stage must still predict.", metavar="FILE"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Output: predictions of the cascade, if none is pending.", metavar="FILE"),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
    *,
    read: ReadOptions,
) -> None:
    """Answer rows by the cheap model where it is sure: which rows need the other, and predictions joined."""
    from ..store import load as load_saved
    from ..store import save as save_cascade
    from ._inputs import naming_files, read_members

    if (load is None) == (not fit_on):
        raise InvalidOptionError(
            "a cascade needs a threshold, one way or the other. Give held-out predictions, --fit-on FILE for each "
            "stage, or a cascade that was saved, --load FOLDER."
        )
    if load is not None and (labels or cost or agreement is not None or max_loss is not None or confidence != 0.95):
        raise InvalidOptionError(
            "--load brings its promise; --labels, --agreement, --max-loss, --confidence and --cost are for a new one."
        )
    for path, suffixes in ((save, ()), (pending, (".csv",)), (output, SUFFIXES)):
        if path is not None:
            check_output(path, overwrite=overwrite, suffixes=suffixes)
    options = (labels, agreement, max_loss, confidence, cost, read)
    chain: Any = load_saved(load) if load is not None else _fitted(fit_on or [], *options)
    if not hasattr(chain, "pending"):
        raise InvalidOptionError(f"--load must be a cascade saved with --save; {str(load)!r} holds {chain!r}.")
    stages = read_members(files, read)
    with naming_files(files):
        left = chain.pending(stages)
        joined = None if output is None or left.stage is not None else chain.join(stages)[0]
    if save is not None:
        save_cascade(chain, save, overwrite=overwrite)
    if pending is not None:
        _write_ids(pending, left.ids)
    if output is not None and joined is not None:
        joined.save(output, overwrite=overwrite)
    written = None if joined is None else str(output)
    record = {
        "stages": list(chain.stages), "threshold": chain.threshold, "promise": chain.promise,
        "n_rows": len(stages[chain.stages[0]]), "pending_stage": left.stage, "n_pending": len(left.ids),
        "pending": None if pending is None else str(pending), "output": written,
        "saved": None if save is None else str(save),
    }  # fmt: skip
    if as_json:
        print_json(record)
        return
    typer.echo(printable(chain.promise))
    if left.stage is None:
        typer.echo(f"{record['n_rows']} rows are answered{'' if written is None else f': {printable(written)}'}")
    else:
        listed = "--pending FILE lists them" if pending is None else printable(str(pending))
        typer.echo(f"{len(left.ids)} of {record['n_rows']} rows need stage {left.stage!r}: {listed}")
        if output is not None:
            typer.echo(f"{printable(str(output))} was not written, as these rows have no answer yet")


def _fitted(
    files: list[str], labels: Path | None, agreement: float | None, max_loss: float | None, confidence: float,
    cost: list[str] | None, read: ReadOptions,
) -> Any:  # fmt: skip
    from ..cascading import cascade as set_threshold
    from ._inputs import naming_files, read_members, with_labels

    rows = read_members(files, read, labels=labels)
    rows = with_labels(rows, labels, read) if labels else rows
    costs: dict[str, float] | None = None
    try:
        costs = {name: float(number) for name, number in pairs_of("--cost", cost).items()} or None
    except ValueError:
        raise InvalidOptionError(f"--cost must be STAGE=NUMBER; received {cost}.") from None
    with naming_files(files):
        return set_threshold(rows, agreement=agreement, max_loss=max_loss, confidence=confidence, costs=costs)


def _write_ids(path: Path, ids: Any) -> None:
    import pandas as pd

    from ..files import atomic_path

    with atomic_path(path, overwrite=True) as temporary:
        pd.DataFrame({"id": ids}).to_csv(temporary, index=False)
