"""``ensemblekit profile``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidOptionError
from ..printed import as_text
from ._app import app
from ._cache import size_of
from ._completion import complete_combiner
from ._files import check_output, read_members, with_labels
from ._screen import frame_to_json, import_keras_quietly, make_console

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from ..profiling import Profile

PLOTS = (".png", ".svg", ".pdf")


@app.command()
def profile(
    model: Annotated[Path, typer.Argument(help="A .keras or .onnx file, or a folder with a saved ensemble.")],
    class_name: Annotated[
        list[str] | None,
        typer.Option("--class", help="Name of an output, in their order, where the model holds none.", metavar="NAME"),
    ] = None,
    predictions: Annotated[
        list[str] | None,
        typer.Option(help="Labelled predictions of a member, FILE or NAME=FILE: what it is worth.", metavar="FILE"),
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="A table with id and label, where the files have none.")] = None,
    combiner: Annotated[
        str | None,
        typer.Option(
            "--combiner",
            "-c",
            help="Name of the rule. Default: that of the model, if it is known or the mean.",
            autocompletion=complete_combiner,
        ),
    ] = None,
    fit_on: Annotated[
        list[str] | None,
        typer.Option(help="Held-out predictions of a member, for a rule that learns.", metavar="FILE"),
    ] = None,
    batch: Annotated[list[int] | None, typer.Option(help="Images at a time. Default: 1, 8 and 32.")] = None,
    seconds: Annotated[float, typer.Option(help="How long each comparison is measured.")] = 2.0,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the frontier of accuracy and latency there: .png, .svg, .pdf.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Measure what a model costs, and what each member saves and is worth."""
    import_keras_quietly()
    from ..profiling import profile_model

    if plot is not None:
        if not predictions:
            raise InvalidOptionError("--plot draws accuracy against latency, which needs --predictions of each member.")
        check_output(plot, overwrite=True, suffixes=PLOTS)
    if labels is not None and not predictions:
        raise InvalidOptionError("--labels are those of --predictions. Give these, too.")
    said = None if not predictions else with_labels(read_members(predictions), labels)
    held_out = None if not fit_on else read_members(fit_on)
    found = profile_model(
        model,
        classes=class_name or None,
        predictions=said,
        combiner=combiner,
        fit_on=held_out,
        batch_sizes=batch or (1, 8, 32),
        seconds=seconds,
    )
    if plot is not None and found.frontier is not None:
        from ..files import atomic_path
        from ..plots import plot_frontier

        figure = plot_frontier(found.frontier, unit=f"ms, batch {found.batch}")
        with atomic_path(plot) as temporary:
            figure.savefig(temporary, bbox_inches="tight")
    if as_json:
        typer.echo(json.dumps(_record(found), indent=2))
    else:
        _show(found, plot)


def _record(found: Profile) -> dict[str, Any]:
    tables = {name: getattr(found, name) for name in ("latency", "members", "frontier")}
    return found._asdict() | {name: None if t is None else frame_to_json(t) for name, t in tables.items()}


def _show(found: Profile, plot: Path | None) -> None:
    from ..report import print_table

    console = make_console()

    def say(line: str) -> None:
        console.print(as_text(line, lines=True))

    largest: Any = found.latency["batch"].max()
    names = {"batch": "Batch", "ms": "ms", "low": "10 %", "high": "90 %", "images_per_second": "Per second"}
    print_table(
        _columns(found.latency, names), right=[*names.values()], title=f"Latency of {found.name}", console=console
    )
    facts = [
        f"{found.n_parameters:,} parameters" if found.n_parameters is not None else "",
        f"{size_of(found.n_bytes)} on disk" if found.n_bytes is not None else "",
        f"{size_of(found.peak_memory)} of memory at batch {largest}" if found.peak_memory is not None else "",
    ]
    say(", ".join(filter(None, facts)) + ".\n")
    if found.members is not None:
        alone = {"member": "Member", "alone_ms": "Alone ms", "alone_bytes": "Alone weights"}
        saves = {"saves_ms": "Saves ms", "saves_ms_low": "Low", "saves_ms_high": "High", "saves_bytes": "Saves weights"}
        names = alone | saves
        print_table(
            _columns(found.members, names), right=[*names.values()][1:], title="What each member costs", console=console
        )
        say(f"Saves: what dropping it does, at batch {found.batch}, with the 95 % interval. Less than alone, where "
            "members share layers.\n")  # fmt: skip
    if found.members is not None and "accuracy" in found.members:
        for metric, title in (("accuracy", "Accuracy"), ("log_loss", "Log loss")):
            worth = {"member": "Without", metric: title, f"{metric}_change": "Change",
                     f"{metric}_change_low": "Low", f"{metric}_change_high": "High"}  # fmt: skip
            print_table(_columns(found.members, worth), title=f"{title} without it", console=console)
        say("Changes are against all members, with 95 % paired intervals.\n")
    if found.frontier is not None:
        _show_frontier(found, say, console)
    if plot is not None:
        console.print(as_text(f"Frontier: {plot}"), soft_wrap=True)


def _show_frontier(found: Profile, say: Callable[[str], None], console: Console) -> None:
    from ..report import print_table

    table: Any = found.frontier
    whole = table.loc[table["members"].map(len).idxmax()]
    kept = table[table["on_frontier"].astype(bool)]
    # Of each step the members stand whole, however many: a table would cut them.
    kept = kept.assign(number=range(1, len(kept) + 1), how=["" if m else "estimated" for m in kept["measured"]])
    names = {"number": "Subset", "ms": "ms", "accuracy": "Accuracy", "log_loss": "Log loss"}
    if not kept["measured"].all():
        names["how"] = "Latency"
    print_table(_columns(kept, names), right=["ms"], title="Subsets that pay", console=console)
    for number, members in zip(kept["number"], kept["members"], strict=True):
        say(f"{number}: {', '.join(map(str, members))}")
    say(
        f"All {len(whole['members'])} members: {_ms(whole['ms'])} ms, accuracy {whole['accuracy']:.4f}, log loss "
        f"{whole['log_loss']:.4f}."
    )
    if found.greedy:
        say(
            f"Of so many members not all subsets were looked at, but {len(table)}: each alone, all but one, and "
            "those of a greedy way down."
        )
    say("The best of many subsets on these rows is in part luck: compare on others before you choose it.")


def _columns(table: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Keep some columns, times and sizes written as people read them."""
    import pandas as pd

    shown = pd.DataFrame({new: table[old] for old, new in names.items()})
    for old, new in names.items():
        if old in ("ms", "low", "high") or "_ms" in old:
            shown[new] = [_ms(value) for value in table[old]]
        elif old == "images_per_second":
            shown[new] = [f"{value:,.0f}" for value in table[old]]
        elif old.endswith("_bytes"):
            shown[new] = [size_of(int(value)) for value in table[old]]
    return shown


def _ms(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"
