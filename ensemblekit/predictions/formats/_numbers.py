"""Numbers in text tables, with points or commas, and ids that are whole numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from ...errors import InvalidPredictionsError
from ..names import shown
from ..tables import ReadOptions
from ._arrow import text_column
from ._text import NULLS, TextTable, read_cells

__all__ = ["parse_integers", "parse_numbers", "read_columns"]

_NUMBER = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


def parse_integers(column: Any) -> np.ndarray:
    """Convert a column of text to integers of 64 bits if each is written like one; else to an array of text."""
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute

    if len(column):
        first = column[0].as_py()
        if first.lstrip("-").isdecimal():
            try:
                numbers = pc.cast(column, pa.int64())
            except pa.ArrowInvalid:
                return text_column(column)
            if pc.all(pc.equal(pc.cast(numbers, pa.string()), column)).as_py():
                return numbers.to_numpy()
    return text_column(column)


def read_columns(
    text: TextTable,
    numbers: Collection[str],
    wanted: Sequence[str],
    row_name: str,
    options: ReadOptions,
    refuse: Callable[[str, str, Any], InvalidPredictionsError],
) -> Any:
    """Parse columns of a text file; recognise decimal commas, and refuse the first cell that is no number.

    Parameters
    ----------
    text : TextTable
        The file.
    numbers : collection of str
        Columns of numbers.
    wanted : sequence of str
        Columns to read, these among them.
    row_name : str
        Column of the ids.
    options : ReadOptions
        Decimal mark, if it is known.
    refuse : callable
        Cell, column and id -> error.

    Returns
    -------
    pyarrow.Table
        As of `read_cells`.
    """
    import pyarrow as pa

    try:
        return read_cells(text, numbers, wanted, options.decimal or ".")
    except pa.ArrowInvalid:  # the rare case: cell by cell
        table = read_cells(text, (), wanted)
    names = [name for name in wanted if name in numbers]
    cells = {name: table.column(name).to_pylist() for name in names}
    decimal = options.decimal or _decimal_mark([cell for column in cells.values() for cell in column], options)
    ids = table.column(row_name)
    for name in names:
        parsed: list[float | None] = []
        for row, cell in enumerate(cells[name]):
            try:
                parsed.append(_parse_number(cell, decimal))
            except ValueError:
                raise refuse(cell, name, ids[row].as_py()) from None
        table = table.set_column(table.column_names.index(name), name, pa.array(parsed, pa.float64()))
    return table


def parse_numbers(cells: Sequence[str], options: ReadOptions) -> list[float | None]:
    """Parse the cells of one column; recognise decimal commas.

    Parameters
    ----------
    cells : sequence of str
        As they stand in the file.
    options : ReadOptions
        Decimal mark, if it is known.

    Returns
    -------
    list of float or None
        None for a missing value.

    Raises
    ------
    ValueError
        With the first cell that is no number.
    InvalidPredictionsError
        If nobody can know the decimal mark.
    """
    decimal = options.decimal or _decimal_mark(cells, options)
    return [_parse_number(cell, decimal) for cell in cells]


def _parse_number(cell: str, decimal: str) -> float | None:
    """Parse a decimal number. Unlike Python's float, refuse underscores and digits of other scripts."""
    if cell.strip() in NULLS:
        return None
    if "_" in cell or not cell.isascii() or (decimal == "," and "." in cell):
        raise ValueError(cell)
    try:
        return float(cell.replace(",", ".") if decimal == "," else cell)
    except ValueError:
        raise ValueError(cell) from None


def _decimal_mark(cells: Sequence[str], options: ReadOptions) -> str:
    """Recognise decimal commas, where no number can mean another one."""
    cells = [cell.strip() for cell in cells]
    with_comma = [cell for cell in cells if "," in cell]
    if not with_comma or not all(_NUMBER.fullmatch(cell) or _THOUSANDS.fullmatch(cell) for cell in with_comma):
        return "."
    if any("." in cell for cell in cells) or all(map(_THOUSANDS.fullmatch, with_comma)):
        with_dot = next((cell for cell in cells if "." in cell), None)
        raise InvalidPredictionsError(
            f"the decimal mark must be told where numbers can be read in two ways; received {shown(with_comma[0])}"
            f"{f' and {shown(with_dot)}' if with_dot else ''}. Give {options.say(decimal=',')} if the comma is the "
            "decimal mark; write thousands without a separator."
        )
    return ","
