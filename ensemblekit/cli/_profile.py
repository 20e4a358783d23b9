"""``ensemblekit profile``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidOptionError
from ..printed import as_text
from ._arguments import ClassNames, Labels, ModelPath, check_output
from ._commands import command
from ._completion import complete_combiner
from ._reading import takes_read_options
from ._screen import frame_to_json, import_keras_quietly, make_console, print_json, select, size_of, takes_plain

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from ..predictions.tables import ReadOptions
    from ..profiling import Profile

PLOTS = (".png", ".svg", ".pdf")


@command(
    ("Latency, size and memory", "ensemblekit profile ensemble.keras"),
    (
        "What each member is worth, with a plot of accuracy and latency",
        "ensemblekit profile ensemble --labels labels.csv --plot frontier.svg \\\n"
        "    --predictions cnn=cnn.csv --predictions resnet=resnet.csv",
    ),
    lists=("combiner",),
)
@takes_plain
@takes_read_options
def profile(
    model: ModelPath,
    class_name: ClassNames = None,
    predictions: Annotated[
        list[str] | None,
        typer.Option(help="Labelled predictions of a member, FILE or NAME=FILE: what it is worth.", metavar="FILE"),
    ] = None,
    labels: Labels = None,
    combiner: Annotated[
        str | None,
        typer.Option(
            "--combiner",
            "-c",
            help="Name of the rule. Default: that of the model if it is known, else the mean.",
            autocompletion=complete_combiner,
            metavar="RULE",
        ),
    ] = None,
    fit_on: Annotated[
        list[str] | None,
        typer.Option(help="Held-out predictions of a member, for a rule that learns.", metavar="FILE"),
    ] = None,
    batch: Annotated[
        list[int] | None, typer.Option(help="Batch size; as often as needed. Default: 1, 8 and 32.", metavar="NUMBER")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Duration of each measurement.", metavar="NUMBER")] = 2.0,
    plot: Annotated[
        Path | None,
        typer.Option(help="Save a plot of the frontier of accuracy and latency: .png, .svg, .pdf.", metavar="FILE"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    *,
    read: ReadOptions,
) -> None:
    """Measure what a model costs, and what dropping each member saves and loses."""
    import_keras_quietly(model)
    from ..profiling import profile_model
    from ._inputs import read_members, with_labels

    if plot is not None:
        if not predictions:
            raise InvalidOptionError("--plot draws accuracy against latency, which needs --predictions of each member.")
        check_output(plot, overwrite=True, suffixes=PLOTS)
    if labels is not None and not predictions:
        raise InvalidOptionError("--labels are those of --predictions. Give these, too.")
    labelled = None if not predictions else with_labels(read_members(predictions, read, labels=labels), labels, read)
    held_out = None if not fit_on else read_members(fit_on, read)
    measured = profile_model(
        model,
        classes=class_name or None,
        predictions=labelled,
        combiner=combiner,
        fit_on=held_out,
        batch_sizes=batch or (1, 8, 32),
        seconds=seconds,
    )
    if plot is not None and measured.frontier is not None:
        from ..files import atomic_path
        from ..plots import plot_frontier

        figure = plot_frontier(measured.frontier, unit=f"ms, batch {measured.batch}")
        with atomic_path(plot) as temporary:
            figure.savefig(temporary, bbox_inches="tight")
    if as_json:
        print_json(_record(measured))
    else:
        _print_profile(measured, plot)


def _record(measured: Profile) -> dict[str, Any]:
    tables = {name: getattr(measured, name) for name in ("latency", "members", "frontier")}
    return measured._asdict() | {name: None if t is None else frame_to_json(t) for name, t in tables.items()}


def _print_profile(measured: Profile, plot: Path | None) -> None:
    from ..report import print_table

    console = make_console()

    def write(line: str) -> None:
        console.print(as_text(line, lines=True))

    largest: Any = measured.latency["batch"].max()
    names = {"batch": "Batch", "ms": "ms", "low": "10 %", "high": "90 %", "images_per_second": "Per second"}
    print_table(
        _columns(measured.latency, names), right=[*names.values()], title=f"Latency of {measured.name}", console=console
    )
    facts = [
        f"{measured.n_parameters:,} parameters" if measured.n_parameters is not None else "",
        f"{size_of(measured.n_bytes)} on disk" if measured.n_bytes is not None else "",
        f"{size_of(measured.peak_memory)} of memory at batch {largest}" if measured.peak_memory is not None else "",
    ]
    write(", ".join(filter(None, facts)) + ".\n")
    if measured.members is not None:
        alone = {"member": "Member", "alone_ms": "Alone ms", "alone_bytes": "Alone weights"}
        saves = {"saves_ms": "Saves ms", "saves_ms_low": "Low", "saves_ms_high": "High", "saves_bytes": "Saves weights"}
        names = alone | saves
        print_table(
            _columns(measured.members, names),
            right=[*names.values()][1:],
            title="What each member costs",
            console=console,
        )
        write(
            f"Saves: effect of dropping the member, at batch {measured.batch}, with the 95 % interval. It is smaller "
            "than the cost alone where members share layers.\n"
        )
    if measured.members is not None and "accuracy" in measured.members:
        for metric, title in (("accuracy", "Accuracy"), ("log_loss", "Log loss")):
            worth = {"member": "Without", metric: title, f"{metric}_change": "Change",
                     f"{metric}_change_low": "Low", f"{metric}_change_high": "High"}  # fmt: skip
            print_table(_columns(measured.members, worth), title=f"{title} without it", console=console)
        write("Changes are against all members, with 95 % paired intervals.\n")
    if measured.frontier is not None:
        _print_frontier(measured, write, console)
    if plot is not None:
        console.print(as_text(f"Frontier: {plot}"), soft_wrap=True)


def _print_frontier(measured: Profile, write: Callable[[str], None], console: Console) -> None:
    from ..report import print_table

    table: Any = measured.frontier
    whole = table.loc[table["members"].map(len).idxmax()]
    kept = table[table["on_frontier"].astype(bool)]
    # The members are printed below the table, which would truncate them.
    kept = kept.assign(number=range(1, len(kept) + 1), how=["" if m else "estimated" for m in kept["measured"]])
    names = {"number": "Subset", "ms": "ms", "accuracy": "Accuracy", "log_loss": "Log loss"}
    if not kept["measured"].all():
        names["how"] = "Latency"
    print_table(_columns(kept, names), right=["ms"], title="Subsets that pay", console=console)
    for number, members in zip(kept["number"], kept["members"], strict=True):
        write(f"{number}: {', '.join(map(str, members))}")
    write(
        f"All {len(whole['members'])} members: {_ms(whole['ms'])} ms, accuracy {whole['accuracy']:.4f}, log loss "
        f"{whole['log_loss']:.4f}."
    )
    if measured.greedy:
        write(
            f"With so many members only {len(table)} subsets were tried: each member alone, all but one, and those "
            "of a greedy elimination."
        )
    write("The best of many subsets on these rows is in part luck: compare on others before you choose it.")


def _columns(table: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Select and rename columns, and format times and sizes."""
    formatted = select(table, names)
    for old, new in names.items():
        if old in ("ms", "low", "high") or "_ms" in old:
            formatted[new] = [_ms(value) for value in table[old]]
        elif old == "images_per_second":
            formatted[new] = [f"{value:,.0f}" for value in table[old]]
        elif old.endswith("_bytes"):
            formatted[new] = [size_of(int(value)) for value in table[old]]
    return formatted


def _ms(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"
