"""``ensemblekit plugins``."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import PluginWarning
from ..hookspecs import API_VERSION
from ..printed import as_text
from ..registry import Failure, Registration, load_plugins
from ._app import app
from ._screen import make_console, make_table, print_json

if TYPE_CHECKING:
    from rich.table import Table


@app.command()
def plugins(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List what is installed, whose it is, and what failed to load."""
    with warnings.catch_warnings():
        # The list of failures has the same information.
        warnings.simplefilter("ignore", PluginWarning)
        registry = load_plugins()
    if as_json:
        print_json(
            {
                "api": API_VERSION,
                "plugins": [_record(r) for r in registry.registrations],
                "failures": [dataclasses.asdict(f) for f in registry.failures],
            }
        )
        return
    console = make_console()
    console.print(_plugins_table(registry.registrations, console.width))
    if registry.failures:
        console.print(_failures_table(registry.failures))


def _record(registration: Registration) -> dict[str, Any]:
    fields = ("kind", "name", "plugin", "distribution", "version", "summary")
    return {name: getattr(registration, name) for name in fields}


def _plugins_table(registrations: tuple[Registration, ...], width: int) -> Table:
    table = make_table(f"{len(registrations)} plugins, plugin API {API_VERSION}")
    for column in ("Kind", "Name"):
        table.add_column(column, no_wrap=True)
    # Names are long: on a narrow terminal the rest is for what a plugin is.
    table.add_column("From", overflow="fold", max_width=None if width >= 100 else 12)
    table.add_column("What it is", overflow="fold", ratio=1)
    previous = None
    for r in registrations:
        if previous not in (None, r.kind):
            table.add_section()
        owner = f"{r.distribution} {r.version}" + ("" if r.plugin == r.name else f", {r.plugin}")
        table.add_row(r.kind, as_text(r.name, style="bold"), as_text(owner), as_text(r.summary))
        previous = r.kind
    return table


def _failures_table(failures: tuple[Failure, ...]) -> Table:
    table = make_table(f"{len(failures)} not loaded", style="bold red")
    table.add_column("What", overflow="fold")
    table.add_column("From", overflow="fold")
    table.add_column("Why", overflow="fold", ratio=1)
    for failure in failures:
        what = failure.refused or f"plugin {failure.plugin!r}"
        table.add_row(*map(as_text, (what, f"{failure.distribution} {failure.version}", failure.reason)))
    return table
