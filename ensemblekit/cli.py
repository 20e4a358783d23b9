"""The command ``ensemblekit``."""

from __future__ import annotations

import dataclasses
import json
import sys
import warnings
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .errors import EnsembleKitError, PluginWarning
from .registry import Failure, Registration, load_plugins

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["app", "main"]

app = typer.Typer(
    help="Combine the predictions of several models: aligned by name, or refused.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command; an error of ours is one line and exit status 1."""
    try:
        app()
    except EnsembleKitError as error:
        typer.echo(f"ensemblekit: {error}", err=True)
        sys.exit(1)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(metadata.version("ensemblekit"))
        raise typer.Exit


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction] - typer calls it
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def plugins(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List what is installed, whose it is, and what failed to load."""
    with warnings.catch_warnings():
        # What the warnings say is in the list of failures.
        warnings.simplefilter("ignore", PluginWarning)
        registry = load_plugins()
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "plugins": [_record(r) for r in registry.registrations],
                    "failures": [dataclasses.asdict(f) for f in registry.failures],
                },
                indent=2,
            )
        )
        return
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        # A pipe has no width: nothing is folded that a program may read by line.
        console = Console(width=200)
    console.print(_plugins_table(registry.registrations))
    if registry.failures:
        console.print(_failures_table(registry.failures))


def _record(registration: Registration) -> dict[str, Any]:
    fields = ("kind", "name", "plugin", "distribution", "version", "summary")
    return {name: getattr(registration, name) for name in fields}


def _plugins_table(registrations: tuple[Registration, ...]) -> Table:
    from rich.markup import escape

    table = _table(f"{len(registrations)} plugins")
    for column in ("Kind", "Name"):
        table.add_column(column, no_wrap=True)
    table.add_column("From", overflow="fold")
    table.add_column("What it is", overflow="fold", ratio=1)
    previous = None
    for r in registrations:
        if previous not in (None, r.kind):
            table.add_section()
        owner = f"{r.distribution} {r.version}" + ("" if r.plugin == r.name else f", {r.plugin}")
        table.add_row(r.kind, f"[bold]{r.name}[/bold]", escape(owner), escape(r.summary))
        previous = r.kind
    return table


def _failures_table(failures: tuple[Failure, ...]) -> Table:
    from rich.markup import escape

    table = _table(f"{len(failures)} not loaded", title_style="bold red")
    table.add_column("What", overflow="fold")
    table.add_column("From", overflow="fold")
    table.add_column("Why", overflow="fold", ratio=1)
    for failure in failures:
        what = failure.refused or f"plugin {failure.plugin!r}"
        table.add_row(*map(escape, (what, f"{failure.distribution} {failure.version}", failure.reason)))
    return table


def _table(title: str, **style: Any) -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, title=title, title_justify="left", **style)
