"""``ensemblekit check``."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InvalidOptionError, PluginWarning
from ..printed import as_text
from ._arguments import key_and_value
from ._commands import command
from ._completion import complete_option, complete_plugin, completes
from ._screen import import_keras_quietly, make_console, make_table, takes_plain

if TYPE_CHECKING:
    from rich.table import Table

    from ..registry import Registry
    from ..testing import CheckResult


@command(
    ("A rule", "ensemblekit check mean"),
    ("A rule with an option", "ensemblekit check trimmed_mean --option proportion=0.34"),
    ("A metric", "ensemblekit check accuracy --kind metric"),
)
@takes_plain
def check(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of an installed plugin, as `ensemblekit plugins` lists it.",
            autocompletion=complete_plugin,
            metavar="NAME",
        ),
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            help="backbone, head, combiner, chainer, task or metric; needed if several kinds have it.",
            metavar="KIND",
            autocompletion=completes("backbone", "head", "combiner", "chainer", "task", "metric"),
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            help="An option of the plugin; as often as needed.", metavar="KEY=VALUE", autocompletion=complete_option
        ),
    ] = None,
) -> None:
    """Check that a plugin keeps its promises; exit status 1 if it breaks one."""
    from ..registry import load_plugins
    from ..testing import run_checks

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        registry = load_plugins()
    kind = _kind_of(registry, name, kind)
    options = dict(key_and_value(text) for text in option or ())
    create = getattr(registry, f"create_{kind}")
    plugin = create(name, **options)  # an unknown option is an error of the user, not a failed check
    if kind in ("backbone", "head", "chainer") or "graphable" in getattr(plugin, "traits", ()):
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
    # One mistake often makes several checks fail. It is explained once.
    checks_by_error: dict[str, tuple[str, list[str]]] = {}
    for result in failed:
        first, _, rest = str(result.error).partition("\n")
        checks_by_error.setdefault(rest or first, (first, []))[1].append(result.check)
    texts: list[str] = []
    for rest, (first, checks) in checks_by_error.items():
        others = f"\nThe same fails the checks {', '.join(checks[1:])}." if len(checks) > 1 else ""
        texts.append((f"{first}\n{rest}" if rest != first else first) + others)
    return texts


def _kind_of(registry: Registry, name: str, kind: str | None) -> str:
    from ..hookspecs import HOOKS

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
    return having[0] if having else "combiner"  # its error lists the names


def _checks_table(title: str, results: list[CheckResult]) -> Table:
    table = make_table(title)
    table.add_column("Check", no_wrap=True)
    table.add_column("Promise", overflow="fold", ratio=1)
    table.add_column("Result", no_wrap=True)
    styles = {"passed": "green", "failed": "bold red"}
    for result in results:
        style = styles.get(result.status, "dim")
        outcome = result.reason if result.status == "skipped" else result.status
        table.add_row(as_text(result.check), as_text(result.promise), as_text(outcome, style=style))
    return table
