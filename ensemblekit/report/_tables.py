"""Write tables as Markdown and CSV, and print them on a terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..files import write_text
from ..printed import as_text, printable

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

__all__ = ["cells_of", "footnotes_of", "numeric_columns", "print_table", "to_csv", "to_markdown"]

DIGITS = 4
NARROWEST = 12
"""Least width of the column of names on a terminal."""
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


_FORMULA = re.compile(r"(^|[;\t\r\n])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r])")
"""Start of a formula in a cell, or in what the separator of another locale makes a cell."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MARKDOWN = re.compile(r"[\\`*\[\]|~$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|:(?=//)|(?<=www)\.", re.IGNORECASE)
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@typed()
def to_csv(table: pd.DataFrame, path: str | os.PathLike[str], *, spreadsheet: bool = False) -> None:
    """Write a table as CSV with all digits, atomically.

    Parameters
    ----------
    table : pandas.DataFrame
        Written without its index.
    path : path-like
        An existing file is replaced.
    spreadsheet : bool, default=False
        Put an apostrophe before text that begins with ``=``, ``+``, ``-`` or ``@``, which spreadsheets run as a
        formula. Numbers are not changed.
    """
    if spreadsheet:
        table = table.rename(columns=_no_formula)
        for place, dtype in enumerate(table.dtypes):  # by position, as columns may have the same name
            if dtype.kind not in "biufc":
                table.isetitem(place, table.iloc[:, place].astype(object).map(_no_formula))
    write_text(path, table.to_csv(index=False))


@typed()
def to_markdown(
    table: pd.DataFrame,
    *,
    marks: Mapping[str, Sequence[str]] | None = None,
    notes: Mapping[str, str] | None = None,
) -> str:
    """Format a table as Markdown, with footnotes below.

    Parameters
    ----------
    table : pandas.DataFrame
        Its first column holds the names of the rows.
    marks : mapping of str to sequence of str, optional
        Name in the first column -> keys of its footnotes.
    notes : mapping of str to str, optional
        Key -> footnote.

    Returns
    -------
    str
        Ends with a line feed.

    Examples
    --------
    >>> import pandas as pd
    >>> from ensemblekit.report import to_markdown
    >>> print(to_markdown(pd.DataFrame({"Model": ["cnn"], "Accuracy": [0.5]})), end="")
    | Model | Accuracy |
    | :---- | -------: |
    | cnn   |   0.5000 |
    """
    header = [_markdown(column) for column in table.columns]
    numeric = numeric_columns(table)
    rows = [[_markdown(cell) for cell in row] for row in cells_of(table, marks or {}, notes or {})]
    widths = [max(3, *(len(row[column]) for row in (header, *rows))) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        ]
        return f"| {' | '.join(padded)} |\n"

    rule = [
        "-" * (width - 1) + ":" if right else ":" + "-" * (width - 1)
        for width, right in zip(widths, numeric, strict=True)
    ]
    text = line(header) + line(rule) + "".join(map(line, rows))
    footnotes = footnotes_of(notes or {})
    return text + ("\n" + "".join(f"{_markdown(footnote)}  \n" for footnote in footnotes) if footnotes else "")


@typed()
def print_table(
    table: pd.DataFrame,
    *,
    title: str,
    console: Console,
    marks: Mapping[str, Sequence[str]] | None = None,
    notes: Mapping[str, str] | None = None,
    right: Sequence[str] = (),
) -> None:
    """Print a table on a terminal, with footnotes below.

    Parameters
    ----------
    table : pandas.DataFrame
        Its first column holds the names of the rows.
    title : str
        Text above the table.
    console : rich.console.Console
        Where it is printed.
    marks, notes
        As in `to_markdown`.
    right : sequence of str, optional
        Text columns to align right, like numbers.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table

    heads = [printable(column) for column in table.columns]
    cells = [[printable(cell) for cell in row] for row in cells_of(table, marks or {}, notes or {})]
    # Headings are folded at spaces, so that the table fits a terminal of 80 columns; numbers are never folded.
    widths = [
        max(map(cell_len, (*(head.split() or [""]), *(row[place] for row in cells))))
        for place, head in enumerate(heads)
    ]
    roomy = sum(widths) + 2 * (len(widths) - 1) <= console.width
    numbers = [
        numeric or column in right for numeric, column in zip(numeric_columns(table), table.columns, strict=True)
    ]
    _fold_text(widths, numbers, console.width - (len(widths) - 1))
    printed = Table(
        box=box.SIMPLE_HEAD,
        title=as_text(title, style="bold"),
        title_justify="left",
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
        padding=(0, 1 if roomy else 0),
    )
    for column, head, numeric, width in zip(table.columns, heads, numeric_columns(table), widths, strict=True):
        side: Any = "right" if numeric or column in right else "left"
        printed.add_column(as_text(head), justify=side, width=width, overflow="fold")
    for row in cells:
        printed.add_row(*map(as_text, row))
    console.print(printed)
    for footnote in footnotes_of(notes or {}):
        console.print(as_text(footnote))
    console.print()


def _fold_text(widths: list[int], numbers: Sequence[bool], room: int) -> None:
    """Make the widest columns of text narrower, until the table has the room that it needs."""
    while sum(widths) > room:
        text = [place for place, is_number in enumerate(numbers) if not is_number and widths[place] > NARROWEST]
        if not text:
            return
        widest = max(text, key=lambda place: widths[place])
        widths[widest] -= 1


def cells_of(table: pd.DataFrame, marks: Mapping[str, Sequence[str]], notes: Mapping[str, str]) -> list[list[str]]:
    """Format each cell, with footnote marks after the names in the first column."""
    number = {key: str(place).translate(SUPERSCRIPTS) for place, key in enumerate(notes, start=1)}
    return [
        [
            _cell(name) + "".join(f" {number[key]}" for key in marks.get(str(name), ())),
            *(_cell(value) for value in values),
        ]
        for name, *values in table.itertuples(index=False)
    ]


def footnotes_of(notes: Mapping[str, str]) -> list[str]:
    """Format each footnote with its mark."""
    return [f"{str(place).translate(SUPERSCRIPTS)} {note}" for place, note in enumerate(notes.values(), start=1)]


def numeric_columns(table: pd.DataFrame) -> list[bool]:
    """Tell, for each column, whether it holds numbers."""
    return [dtype.kind in "fiu" for dtype in table.dtypes]


def _markdown(text: object) -> str:
    """Escape text for Markdown."""
    return _MARKDOWN.sub(r"\\\g<0>", printable(text)).translate(_HTML)


def _no_formula(value: Any) -> Any:
    text = value if isinstance(value, str) else str(value)
    if not _FORMULA.search(text):
        return value
    return value if _NUMBER.fullmatch(text) else _FORMULA.sub(r"\1'", text)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.{DIGITS}f}"
    return str(value)
