"""What every command prints with."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from ..assembly import quiet_tensorflow
from ..errors import InvalidOptionError
from ..printed import as_text

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn
    from rich.table import Table

__all__ = [
    "frame_to_json",
    "import_keras_quietly",
    "key_and_value",
    "make_console",
    "make_table",
    "pair_of",
    "show_progress",
]


def make_console() -> Console:
    from rich.console import Console

    console = Console()
    # A pipe has no width: nothing is folded that a program may read by line.
    return console if console.is_terminal else Console(width=200)


@contextlib.contextmanager
def show_progress(*columns: str | ProgressColumn) -> Generator[Progress]:
    """Show bars on stderr, where that is a terminal; at the end they are gone."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    progress.start()
    try:
        yield progress
    finally:
        if not progress.disable:  # before 15 rich ends with an empty line also where it showed nothing
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


def pair_of(option: str, text: str) -> tuple[str, str]:
    """Read an option of the form OLD=NEW."""
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise InvalidOptionError(f"{option} must be OLD=NEW; received {text!r}.")
    return old, new


def key_and_value(text: str) -> tuple[str, Any]:
    """Read an option of a plugin, KEY=VALUE; a value that is no Python literal is text."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise InvalidOptionError(f"--option must be KEY=VALUE; received {text!r}.")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # all that literal_eval is known to raise
        return key, value


def frame_to_json(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Give each row as a dict of JSON's own values; what is not known is None."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(key): value.item() if hasattr(value, "item") else value for key, value in row.items()} for row in rows]


def import_keras_quietly() -> None:
    """Import Keras, where it is installed, so that its start-up lines are lost."""
    with quiet_tensorflow(), contextlib.suppress(ImportError):
        import keras  # noqa: F401 # pyright: ignore[reportUnusedImport]
