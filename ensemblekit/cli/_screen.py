"""What every command prints with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["make_console", "make_table"]


def make_console() -> Console:
    from rich.console import Console

    console = Console()
    # A pipe has no width: nothing is folded that a program may read by line.
    return console if console.is_terminal else Console(width=200)


def make_table(title: str, **style: Any) -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, title=title, title_justify="left", **style)
