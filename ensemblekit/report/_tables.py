"""Tables as Markdown, CSV and on a terminal."""

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
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


_FORMULA = re.compile(r"(^|[;\t\r\n])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r])")
"""Where a spreadsheet begins a formula: in a cell, or in what a separator of its language makes a cell."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MARKDOWN = re.compile(r"[\\`*\[\]|~$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|:(?=//)|(?<=www)\.", re.IGNORECASE)
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@typed()
def to_csv(table: pd.DataFrame, path: str | os.PathLike[str], *, spreadsheet: bool = False) -> None:
    """Write a table as CSV, every figure in full, whole or not at all.

    Parameters
    ----------
    table : pandas.DataFrame
        Its index is left out.
    path : path-like
        Replaced where it is there.
    spreadsheet : bool, default=False
        For a spreadsheet, which runs a text that begins with ``=``, ``+``, ``-`` or ``@`` as a formula: an apostrophe
        is set before it. Numbers stay as they are. Without it every text is written as it is.
    """
    if spreadsheet:
        table = table.rename(columns=_no_formula)
        for place, dtype in enumerate(table.dtypes):  # by place: columns may share a name
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
    """Write a table as Markdown, its footnotes below.

    Parameters
    ----------
    table : pandas.DataFrame
        The first column names the rows.
    marks : mapping of str to sequence of str, optional
        Name of a row -> keys of its footnotes.
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
    """Print a table on a terminal, its footnotes below.

    Parameters
    ----------
    table : pandas.DataFrame
        The first column names the rows.
    title : str
        Stands above it.
    console : rich.console.Console
        Where to.
    marks, notes
        As in `to_markdown`.
    right : sequence of str, optional
        Columns of text that stand at the right, as numbers do.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table

    heads = [printable(column) for column in table.columns]
    cells = [[printable(cell) for cell in row] for row in cells_of(table, marks or {}, notes or {})]
    # Headings stand in two lines, so that the table fits a terminal of 80 columns; names and figures stay whole.
    widths = [
        max(map(cell_len, (*(head.split() or [""]), *(row[place] for row in cells))))
        for place, head in enumerate(heads)
    ]
    roomy = sum(widths) + 2 * (len(widths) - 1) <= console.width
    shown = Table(
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
        shown.add_column(as_text(head), justify=side, width=width, overflow="fold")
    for row in cells:
        shown.add_row(*map(as_text, row))
    console.print(shown)
    for footnote in footnotes_of(notes or {}):
        console.print(as_text(footnote))
    console.print()


def cells_of(table: pd.DataFrame, marks: Mapping[str, Sequence[str]], notes: Mapping[str, str]) -> list[list[str]]:
    """Write each cell of a table, the marks of its footnotes beside the names of the rows."""
    number = {key: str(place).translate(SUPERSCRIPTS) for place, key in enumerate(notes, start=1)}
    return [
        [
            _cell(name) + "".join(f" {number[key]}" for key in marks.get(str(name), ())),
            *(_cell(value) for value in values),
        ]
        for name, *values in table.itertuples(index=False)
    ]


def footnotes_of(notes: Mapping[str, str]) -> list[str]:
    """Write each footnote after its mark."""
    return [f"{str(place).translate(SUPERSCRIPTS)} {note}" for place, note in enumerate(notes.values(), start=1)]


def numeric_columns(table: pd.DataFrame) -> list[bool]:
    """Say of each column whether it holds numbers."""
    return [dtype.kind in "fiu" for dtype in table.dtypes]


def _markdown(text: object) -> str:
    """Write a text so that a Markdown page shows it as it is."""
    return _MARKDOWN.sub(r"\\\g<0>", printable(text)).translate(_HTML)


def _no_formula(value: Any) -> Any:
    text = value if isinstance(value, str) else str(value)
    if not _FORMULA.search(text):
        return value
    return value if _NUMBER.fullmatch(text) else _FORMULA.sub(r"\1'", text)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.{DIGITS}f}"  # NaN: nothing is known
    return str(value)
