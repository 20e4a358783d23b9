"""``ensemblekit check``."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Annotated

import typer

from ..combining import AskedCombiner
from ..errors import InvalidOptionError, PluginWarning
from ..hookspecs import HOOKS
from ..printed import as_text
from ..registry import Registry, load_plugins
from ._app import app
from ._completion import complete_plugin
from ._screen import import_keras_quietly, key_and_value, make_console, make_table

if TYPE_CHECKING:
    from rich.table import Table

    from ..testing import CheckResult


@app.command()
def check(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of an installed plugin, as `ensemblekit plugins` lists it.", autocompletion=complete_plugin
        ),
    ],
    kind: Annotated[
        str | None, typer.Option(help="backbone, head, combiner or chainer; needed where several have the name.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="An option to make it with, KEY=VALUE; as often as needed.")
    ] = None,
) -> None:
    """Check that a plugin keeps its promises; exit status 1 where it breaks one."""
    from ..testing import run_checks

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        registry = load_plugins()
    kind = _kind_of(registry, name, kind)
    options = dict(key_and_value(text) for text in option or ())
    create = getattr(registry, f"create_{kind}")
    made = create(name, **options)  # an option that it does not have is an error of the user's, not of the plugin
    if kind != "combiner" or "graphable" in AskedCombiner(name, made).traits:
        import_keras_quietly()
    label = name + (f"({', '.join(f'{key}={value!r}' for key, value in options.items())})" if options else "")
    console = make_console()
    results: list[CheckResult] = []
    with console.status(as_text(f"Checking the {kind} {name} ...")) as status:
        for result in run_checks(kind, functools.partial(create, name, **options), label=label):
            results.append(result)
            status.update(as_text(f"Checking the {kind} {name}: {len(results)} done, last {result.check} ..."))
    console.print(_checks_table(f"{kind} {label}", results))
    failed = [result for result in results if result.status == "failed"]
    for text in _explanations(failed):
        console.print(as_text(f"{text}\n", lines=True), soft_wrap=True)
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


def _checks_table(title: str, results: list[CheckResult]) -> Table:
    table = make_table(title)
    table.add_column("Check", no_wrap=True)
    table.add_column("Promise", overflow="fold", ratio=1)
    table.add_column("Result", no_wrap=True)
    styles = {"passed": "green", "failed": "bold red"}
    for result in results:
        style = styles.get(result.status, "dim")
        said = result.reason if result.status == "skipped" else result.status
        table.add_row(as_text(result.check), as_text(result.promise), as_text(said, style=style))
    return table
