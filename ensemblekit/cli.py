"""The command ``ensemblekit``."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import json
import sys
import warnings
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .assembly import quiet_tensorflow
from .errors import EnsembleKitError, InvalidOptionError, PluginWarning
from .hookspecs import HOOKS
from .registry import Failure, Registration, Registry, load_plugins

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from .testing import CheckResult

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
    console = _console()
    console.print(_plugins_table(registry.registrations))
    if registry.failures:
        console.print(_failures_table(registry.failures))


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of an installed plugin, as `ensemblekit plugins` lists it.")],
    kind: Annotated[
        str | None, typer.Option(help="backbone, head, combiner or chainer; needed where several have the name.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="An option to make it with, KEY=VALUE; as often as needed.")
    ] = None,
) -> None:
    """Check that a plugin keeps its promises; exit status 1 where it breaks one."""
    from .testing import run_checks

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        registry = load_plugins()
    kind = _kind_of(registry, name, kind)
    options = dict(_key_and_value(text) for text in option or ())
    create = getattr(registry, f"create_{kind}")
    made = create(name, **options)  # an option that it does not have is an error of the user's, not of the plugin
    if kind != "combiner" or "graphable" in getattr(made, "traits", ()):
        with quiet_tensorflow(), contextlib.suppress(ImportError):
            import keras  # noqa: F401 # pyright: ignore[reportUnusedImport] - its start-up lines are lost here
    label = name + (f"({', '.join(f'{key}={value!r}' for key, value in options.items())})" if options else "")
    console = _console()
    results: list[CheckResult] = []
    with console.status(f"Checking the {kind} {name} ...") as status:
        for result in run_checks(kind, functools.partial(create, name, **options), label=label):
            results.append(result)
            status.update(f"Checking the {kind} {name}: {len(results)} done, last {result.check} ...")
    console.print(_checks_table(f"{kind} {label}", results))
    failed = [result for result in results if result.status == "failed"]
    for text in _explanations(failed):
        console.print(f"{text}\n", markup=False, highlight=False, soft_wrap=True)
    counts = {status: sum(result.status == status for result in results) for status in ("passed", "failed", "skipped")}
    console.print(
        f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} not promised or not checked.",
        highlight=False,
    )
    if failed:
        raise typer.Exit(1)


def _explanations(failed: list[CheckResult]) -> list[str]:
    # One mistake is often the end of several checks: it is told once, with the names of the others.
    told: dict[str, tuple[str, list[str]]] = {}
    for result in failed:
        first, _, found = str(result.error).partition("\n")
        told.setdefault(found or first, (first, []))[1].append(result.check)
    texts: list[str] = []
    for found, (first, checks) in told.items():
        others = f"\nThe same ends the checks {', '.join(checks[1:])}." if len(checks) > 1 else ""
        texts.append((f"{first}\n{found}" if found != first else first) + others)
    return texts


def _kind_of(registry: Registry, name: str, kind: str | None) -> str:
    kinds = list(HOOKS)
    if kind is not None:
        if kind not in kinds:
            raise InvalidOptionError(f"--kind must be one of {', '.join(kinds)}; received {kind!r}.")
        return kind
    having = [one for one in kinds if name in getattr(registry, f"{one}s")]
    if len(having) > 1:
        raise InvalidOptionError(
            f"{name!r} is the name of a {' and of a '.join(having)}. Say which: --kind {having[0]}."
        )
    return having[0] if having else "combiner"  # which then says what there is


def _key_and_value(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise InvalidOptionError(f"--option must be KEY=VALUE; received {text!r}.")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value


def _console() -> Console:
    from rich.console import Console

    console = Console()
    # A pipe has no width: nothing is folded that a program may read by line.
    return console if console.is_terminal else Console(width=200)


def _checks_table(title: str, results: list[CheckResult]) -> Table:
    from rich.markup import escape

    table = _table(title)
    table.add_column("Check", no_wrap=True)
    table.add_column("Promise", overflow="fold", ratio=1)
    table.add_column("Result", no_wrap=True)
    styles = {"passed": "green", "failed": "bold red"}
    for result in results:
        style = styles.get(result.status, "dim")
        said = result.reason if result.status == "skipped" else result.status
        table.add_row(result.check, escape(result.promise), f"[{style}]{escape(said)}[/{style}]")
    return table


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
