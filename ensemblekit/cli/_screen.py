"""What every command prints with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import InvalidOptionError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["make_console", "make_table", "pair_of"]


def make_console() -> Console:
    from rich.console import Console

    console = Console()
    # A pipe has no width: nothing is folded that a program may read by line.
    return console if console.is_terminal else Console(width=200)


def make_table(title: str, **style: Any) -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, title=title, title_justify="left", **style)


def pair_of(option: str, text: str) -> tuple[str, str]:
    """Read an option of the form OLD=NEW."""
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise InvalidOptionError(f"{option} must be OLD=NEW; received {text!r}.")
    return old, new
