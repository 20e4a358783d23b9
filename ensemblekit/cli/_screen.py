"""Consoles, tables, progress bars and formats for the output of the commands."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..printed import as_text

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

__all__ = [
    "age_of", "frame_to_json", "import_keras_quietly", "make_console", "make_table", "print_json", "select",
    "show_progress", "size_of", "takes_plain",
]  # fmt: skip


_plain = False
"""Whether the command that runs was given --plain."""


def takes_plain(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that prints tables the option --plain."""

    @functools.wraps(command)
    def printing(*args: Any, plain: bool = False, **kwargs: Any) -> Any:
        global _plain
        _plain = plain
        try:
            return command(*args, **kwargs)
        finally:
            _plain = False

    own = inspect.signature(command, eval_str=True)
    annotation = Annotated[bool, typer.Option("--plain", help="Print tables as plain text, a row on a line.")]
    option = inspect.Parameter("plain", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
    del printing.__wrapped__
    printing.__signature__ = own.replace(parameters=[*own.parameters.values(), option])  # pyright: ignore[reportAttributeAccessIssue]
    printing.__annotations__ = {p.name: p.annotation for p in (*own.parameters.values(), option)}
    return printing


def make_console() -> Console:
    from rich.console import Console

    if _plain:
        from ._plain import PlainConsole

        return PlainConsole()
    console = Console(color_system=_colours())
    if console.is_terminal or os.environ.get("COLUMNS", "").isdecimal():
        return console
    return Console(width=200)  # a pipe has no width: a row stays on one line


class Shown:
    """A progress bar on stderr: what is not known yet is left out, instead of a question mark."""

    def __init__(self, progress: Progress, what: str) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=None, told="")

    def update(self, done: int, total: int | None) -> None:
        """Show how many of how many are done, how fast, and how long it will take."""
        task = self._progress.tasks[0]
        speed, left = task.finished_speed or task.speed, task.time_remaining
        parts = [
            f"{done:,} of {total:,}" if total else "",
            f"{speed:,.0f} a second" if speed else "",
            f"{int(left) // 60}:{int(left) % 60:02} left" if left and done != total else "",
        ]
        self._progress.update(self._task, completed=done, total=total, told=", ".join(filter(None, parts)))

    def say(self, line: str) -> None:
        """Print a line on stderr."""
        self._progress.console.print(line, highlight=False)


@contextlib.contextmanager
def show_progress(what: str) -> Generator[Shown]:
    """Show a progress bar on stderr if it is a terminal, and remove it at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True, color_system=_colours())
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    progress.start()
    try:
        yield Shown(progress, what)
    finally:
        if not progress.disable:  # rich before 15 prints an empty line even if the bar is disabled
            progress.stop()


def _colours() -> Any:
    return None if os.environ.get("NO_COLOR") else "auto"


def make_table(title: str, *, style: str = "table.title") -> Table:
    from rich import box
    from rich.table import Table

    return Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        title=as_text(title, style=style) if title else None,
        title_justify="left",
    )


def size_of(n_bytes: int) -> str:
    """Format a number of bytes."""
    size, unit = float(n_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def age_of(seconds: float) -> str:
    """Format the time that has passed since a moment."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            n = int(seconds // length)
            return f"{n} {unit}{'s' if n > 1 else ''} ago"
    return "just now"


def select(table: pd.DataFrame, headings: Mapping[str, str]) -> pd.DataFrame:
    """Select columns, and rename them to their headings."""
    import pandas as pd

    return pd.DataFrame({heading: table[column] for column, heading in headings.items()})


def frame_to_json(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Convert each row to a dict of JSON values; NaN, NA and infinities, which JSON does not have, become None."""
    table = table.replace([float("inf"), float("-inf")], float("nan"))
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(key): value.item() if hasattr(value, "item") else value for key, value in row.items()} for row in rows]


def print_json(record: Any, **options: Any) -> None:
    """Print JSON on stdout."""
    typer.echo(json.dumps(record, indent=2, **options))


def import_keras_quietly(*models: Path) -> None:
    """Import Keras, if it is installed and these models are there, without its start-up messages."""
    if not all(path.exists() for path in models):
        return  # the error about it comes at once
    from ..assembly import quiet_tensorflow

    with quiet_tensorflow(), contextlib.suppress(ImportError):
        import keras  # noqa: F401 # pyright: ignore[reportUnusedImport]
