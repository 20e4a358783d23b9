"""``ensemblekit plugins``."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import PluginWarning
from ..printed import as_text, printable
from ._commands import command
from ._completion import complete_plugin, completes
from ._screen import make_console, make_table, print_json, takes_plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ..registry import Failure, Registration

NARROW = 60
"""Width of a terminal from which a table of four columns is readable."""


@command(
    ("All rules, metrics and other plugins", "ensemblekit plugins"),
    ("Those of a kind", "ensemblekit plugins --kind metric"),
    ("What a rule is, and its options", "ensemblekit plugins stacking"),
)
@takes_plain
def plugins(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Show this plugin: what it is, and its options. Default: list all.",
            autocompletion=complete_plugin,
            metavar="NAME",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="Only these: backbone, head, combiner, chainer, task or metric.",
            metavar="KIND",
            autocompletion=completes("backbone", "head", "combiner", "chainer", "task", "metric"),
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List what is installed, whose it is, and what failed to load; or show one plugin with its options."""
    from ..hookspecs import API_VERSION
    from ..registry import load_plugins

    with warnings.catch_warnings():
        # The list of failures has the same information.
        warnings.simplefilter("ignore", PluginWarning)
        registry = load_plugins()
    found = _chosen(registry, name, kind)
    if as_json:
        records = [_record(r) | ({} if name is None else {"options": _options_record(r)}) for r in found]
        failures = [dataclasses.asdict(f) for f in registry.failures]
        print_json({"api": API_VERSION, "plugins": records, "failures": failures})
        return
    console = make_console()
    if name is not None:
        for number, one in enumerate(found):
            _show(one, console, number)
        return
    title = f"{len(found)} plugins, plugin API {API_VERSION}"
    if console.width < NARROW:
        _print_narrow(title, found, console)
    else:
        console.print(_plugins_table(title, found, console.width))
    if registry.failures:
        console.print(_failures_table(registry.failures))


def _chosen(registry: Any, name: str | None, kind: str | None) -> list[Registration]:
    from ..errors import InvalidOptionError, UnknownPluginError
    from ..hookspecs import HOOKS

    if kind is not None and kind not in HOOKS:
        raise InvalidOptionError(f"--kind must be one of {', '.join(HOOKS)}; received {kind!r}.")
    of_kind = [r for r in registry.registrations if kind in (None, r.kind)]
    found = [r for r in of_kind if name in (None, r.name)]
    if name is not None and not found:
        if kind is not None:
            getattr(registry, f"{kind}s")[name]  # its error lists the names
        import difflib

        near = difflib.get_close_matches(name, [r.name for r in of_kind], n=3)
        advice = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
        failed = "".join(f" The {failure}" for failure in registry.failures)
        raise UnknownPluginError(
            f"No plugin is registered as {name!r}. {advice}`ensemblekit plugins` lists all.{failed}"
        )
    return found


def _record(registration: Registration) -> dict[str, Any]:
    fields = ("kind", "name", "plugin", "distribution", "version", "summary")
    return {name: getattr(registration, name) for name in fields}


def _options_record(registration: Registration) -> list[dict[str, Any]]:
    fields = ("name", "type", "default", "required", "meaning", "choices")
    return [{name: getattr(option, name) for name in fields} for option in registration.options]


def _owner(r: Registration) -> str:
    return f"{r.distribution} {r.version}" + ("" if r.plugin == r.name else f", {r.plugin}")


def _show(one: Registration, console: Console, number: int) -> None:
    """Show what a plugin is, and its options."""
    if number:
        console.print()
    console.print(as_text(f"{one.kind} {one.name}", style="bold"), as_text(f"({_owner(one)})"))
    console.print(as_text(one.summary))
    options = one.options
    if not options:
        console.print(as_text("It has no options."))
    elif console.width < NARROW:
        from rich.padding import Padding

        for option in options:
            console.print(as_text(f"\n{option.name}={option.default or '...'}", lines=True))
            for text in (option.type, option.meaning):
                if text:
                    console.print(Padding(as_text(_plain_words(text)), (0, 0, 0, 2)))
    else:
        table = make_table("")
        table.add_column("Option", no_wrap=True)
        table.add_column("Default", overflow="fold")
        table.add_column("Values", overflow="fold", max_width=max(16, console.width // 4))
        table.add_column("Meaning", overflow="fold", ratio=1)
        for option in options:
            cells = (option.default or "(required)", option.type, option.meaning)
            table.add_row(as_text(option.name, style="bold"), *(as_text(_plain_words(text)) for text in cells))
        console.print(table)
    for line in _usage(one):
        console.print(as_text(line), soft_wrap=True)


def _plain_words(text: str) -> str:
    """Take the marks of reStructuredText out of a sentence."""
    import re

    return re.sub(r"``?([^`]*)``?", r"\1", re.sub(r":\w+:`([^`]*)`", r"\1", text))


def _usage(one: Registration) -> list[str]:
    """Say how a command takes this plugin."""
    first = next(iter(one.options), None)
    if one.kind == "combiner":
        setting = f" --option {first.name}={_as_given(first.default)}" if first else ""
        return [f"\nensemblekit combine FILE... -c {one.name}{setting} -o OUT".strip("\n")]
    if one.kind == "metric":
        setting = f":{first.name}={_as_given(first.default)}" if first else ""
        return [f"ensemblekit evaluate FILE... --metric {one.name}{setting}"]
    return []


def _as_given(default: str) -> str:
    quoted = len(default) > 2 and default[0] == default[-1] and default[0] in "'\""
    return printable(default[1:-1] if quoted else default if default not in ("", "None") else "VALUE")


def _print_narrow(title: str, registrations: list[Registration], console: Console) -> None:
    """Print a plugin as a paragraph, where a table has no room."""
    from rich.padding import Padding

    console.print(as_text(title, style="italic"))
    previous = None
    for r in registrations:
        if previous != r.kind:
            console.print(as_text(f"\n{r.kind}", lines=True))
        console.print(Padding(as_text(r.name, style="bold"), (0, 0, 0, 2)))
        for text in (r.summary, _owner(r)):
            console.print(Padding(as_text(text), (0, 0, 0, 4)))
        previous = r.kind


def _plugins_table(title: str, registrations: list[Registration], width: int) -> Table:
    table = make_table(title)
    for column in ("Kind", "Name"):
        table.add_column(column, no_wrap=True)
    # Names are long: on a narrow terminal the rest is for what a plugin is.
    table.add_column("From", overflow="fold", max_width=None if width >= 100 else 12)
    table.add_column("What it is", overflow="fold", ratio=1)
    previous = None
    for r in registrations:
        if previous not in (None, r.kind):
            table.add_section()
        table.add_row(r.kind, as_text(r.name, style="bold"), as_text(_owner(r)), as_text(r.summary))
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
