"""Different names of a column, and the codes of its rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import InvalidPredictionsError
from ...predictions.joining import order_of
from ...predictions.names import as_ids, plain, shown
from ...predictions.spellings import check_spellings, check_types

__all__ = ["code_names", "distinct", "order_of_column", "plain_names"]


def code_names(column: Any, what: str, numbers: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Name the different items or raters of a column, sorted, and code its rows by them.

    Parameters
    ----------
    column : Series or array
        A name in each row.
    what : str
        What they are, for errors.
    numbers : bool, default=False
        As in `plain_names`.

    Returns
    -------
    tuple of ndarray
        Names, and the position of that of each row.
    """
    codes, values = distinct(column, what)
    if (codes < 0).any():
        raise InvalidPredictionsError(
            f"{what} must have a name in each row; row {int((codes < 0).argmax())} has none. Name it, or drop the row."
        )
    names = as_ids(plain_names(values, numbers=numbers), what=what)
    check_spellings(names, what)
    order = order_of(names)
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return names[order], rank[codes]


def distinct(column: Any, what: str) -> tuple[np.ndarray, list[Any]]:
    """Find the different cells of a column.

    Parameters
    ----------
    column : Series or array
        Any cells.
    what : str
        What they are, for errors.

    Returns
    -------
    tuple
        Position of each cell among the different ones, int32, -1 if it is empty; and these.
    """
    import pandas as pd

    try:
        codes, values = pd.factorize(column)
    except TypeError:
        raise InvalidPredictionsError(
            f"each cell of a table of votes must be one name; received {shown([*column][:1], 100)}."
        ) from None
    different = values.tolist()
    check_types(column, different, what)
    return codes.astype(np.int32), different


def order_of_column(column: Any) -> list[Any] | None:
    """List the categories of an ordered categorical from the lowest to the highest; None of any other column.

    Parameters
    ----------
    column : Series
        Any column.

    Returns
    -------
    list or None
    """
    kind = column.dtype
    return plain_names(kind.categories.tolist()) if getattr(kind, "ordered", False) else None


def plain_names(values: list[Any], *, numbers: bool = False) -> list[Any]:
    """Make names plain; whole numbers that a column with gaps made floats are whole numbers again.

    Parameters
    ----------
    values : list
        Different names.
    numbers : bool, default=False
        Whether names that are all written as whole numbers are numbers, as in a text file.

    Returns
    -------
    list
    """
    if all(isinstance(value, float) and value.is_integer() for value in values):
        values = [int(value) for value in values]
    values = [plain(value) for value in values]
    return _whole_numbers(values) if numbers else values


def _whole_numbers(values: list[Any]) -> list[Any]:
    if not all(isinstance(v, str) and v.removeprefix("-").isdecimal() and v.isascii() for v in values):
        return values
    numbers = [int(value) for value in values if len(value) <= 18]
    return numbers if [*map(str, numbers)] == values else values
