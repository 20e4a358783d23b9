"""Consoles, tables, progress bars and formats for the output of the commands."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..printed import as_text

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn
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
    system: Any = None if os.environ.get("NO_COLOR") else "auto"
    console = Console(color_system=system)
    if console.is_terminal or os.environ.get("COLUMNS", "").isdecimal():
        return console
    return Console(width=200)  # a pipe has no width: a row stays on one line


@contextlib.contextmanager
def show_progress(*columns: str | ProgressColumn) -> Generator[Progress]:
    """Show progress bars on stderr if it is a terminal, and remove them at the end."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    progress.start()
    try:
        yield progress
    finally:
        if not progress.disable:  # rich before 15 prints an empty line even if the bar is disabled
            progress.stop()


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


def import_keras_quietly() -> None:
    """Import Keras, if it is installed, without its start-up messages."""
    from ..assembly import quiet_tensorflow

    with quiet_tensorflow(), contextlib.suppress(ImportError):
        import keras  # noqa: F401 # pyright: ignore[reportUnusedImport]
