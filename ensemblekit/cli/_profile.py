"""``ensemblekit profile``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..assembly import quiet_tensorflow
from ..errors import InvalidOptionError
from ._app import app
from ._cache import size_of
from ._completion import complete_combiner
from ._files import read_members, with_labels
from ._screen import frame_to_json, make_console

if TYPE_CHECKING:
    from ..profiling import Profile


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
        str, typer.Option("--combiner", "-c", help="Name of the rule.", autocompletion=complete_combiner)
    ] = "mean",
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
    with quiet_tensorflow():
        import contextlib

        with contextlib.suppress(ImportError):
            import keras  # noqa: F401 # pyright: ignore[reportUnusedImport] - its start-up lines are lost here
    from ..profiling import profile_model

    if plot is not None and not predictions:
        raise InvalidOptionError("--plot draws accuracy against latency, which needs --predictions of each member.")
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
    largest: Any = found.latency["batch"].max()
    facts = [
        f"{found.n_parameters:,} parameters" if found.n_parameters is not None else "",
        f"{size_of(found.n_bytes)} on disk" if found.n_bytes is not None else "",
        f"{size_of(found.peak_memory)} of memory at batch {largest}" if found.peak_memory is not None else "",
    ]
    names = {"batch": "Batch", "ms": "ms", "low": "10 %", "high": "90 %", "images_per_second": "Images a second"}
    shown: Any = found.latency[list(names)]
    print_table(shown.rename(columns=names).round(2), title=f"Latency of {found.name}", console=console)
    console.print(", ".join(filter(None, facts)) + ".", markup=False, highlight=False)
    if found.members is not None:
        costs = {"member": "Member", "alone_ms": "Alone, ms", "saves_ms": "Saves, ms", "alone_parameters": "Parameters",
                 "saves_parameters": "Saves"}  # fmt: skip
        shown = found.members[list(costs)]
        console.print()
        print_table(
            shown.rename(columns=costs), title=f"What each member costs, and dropping it saves, batch {found.batch}",
            console=console,
        )  # fmt: skip
    if found.members is not None and "accuracy" in found.members:
        worth = {"member": "Without", "accuracy": "Accuracy", "accuracy_change": "Change", "accuracy_change_low": "Low",
                 "accuracy_change_high": "High", "log_loss": "Log loss", "log_loss_change": "Change ",
                 "log_loss_change_low": "Low ", "log_loss_change_high": "High "}  # fmt: skip
        shown = found.members[list(worth)]
        console.print()
        print_table(
            shown.rename(columns=worth), title="What dropping it loses, with 95 % paired intervals", console=console
        )
    if found.frontier is not None:
        kept: Any = found.frontier[found.frontier["on_frontier"].astype(bool)]
        kept = kept.assign(members=[", ".join(some) for some in kept["members"]])
        names = {"members": "Members", "ms": "ms", "accuracy": "Accuracy", "log_loss": "Log loss"}
        console.print()
        print_table(
            kept[list(names)].rename(columns=names), title="Subsets that pay, the fastest first", console=console
        )
        console.print(
            "The best of many subsets on these rows is in part luck: compare on others before you choose it.",
            markup=False,
        )
    if plot is not None:
        console.print(f"Frontier: {plot}", markup=False, highlight=False, soft_wrap=True)
