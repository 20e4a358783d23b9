"""Tables as plain text: a row is a line, columns are two spaces apart, and nothing is drawn or coloured."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["PlainConsole"]

UNLIMITED = 1_000_000
"""Width of lines that are never folded."""


class PlainConsole(Console):
    """A console that prints tables as plain lines, and all else without colour, as long as it is."""

    def __init__(self) -> None:
        super().__init__(width=UNLIMITED, color_system=None, force_terminal=False, highlight=False)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print tables as lines; see `rich.console.Console.print`."""
        for table in (one for one in objects if isinstance(one, Table)):
            for line in _lines(table):
                sys.stdout.write(f"{line}\n")
        rest = [one for one in objects if not isinstance(one, Table)]
        if rest or not objects:
            super().print(*rest, **options)


def _lines(table: Table) -> Iterable[str]:
    if table.title:
        yield _text(table.title)
    columns = [[_text(column.header), *map(_text, column.cells)] for column in table.columns]
    if not table.show_header:
        columns = [column[1:] for column in columns]
    widths = [max(map(cell_len, column), default=0) for column in columns]
    for row in zip(*columns, strict=True):
        cells = [
            _padded(cell, width, right=column.justify == "right")
            for cell, width, column in zip(row, widths, table.columns, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def _padded(cell: str, width: int, *, right: bool) -> str:
    room = " " * (width - cell_len(cell))
    return room + cell if right else cell + room


def _text(cell: Any) -> str:
    """Write a cell in one line."""
    text = cell.plain if isinstance(cell, Text) else str(cell)
    return ", ".join(filter(None, text.split("\n")))
