"""Columns of a table that are recognised by their names, in any case, and what to do where none is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np

from .names import shown

__all__ = ["columns_called", "naming_advice"]


def columns_called(columns: Iterable[Any], known: Collection[str], used: Collection[Any] = ()) -> list[Any]:
    """List the columns with one of these names, in any case.

    Parameters
    ----------
    columns : iterable
        Names of all columns.
    known : collection of str
        Names in lower case, the likeliest first.
    used : collection
        Columns that are something else.

    Returns
    -------
    list
        In the order of ``known``; several are for the caller to refuse.
    """
    by_name: dict[str, list[Any]] = {}
    for name in columns:
        if isinstance(name, str) and name not in used:
            by_name.setdefault(name.lower(), []).append(name)
    return [name for wanted in known for name in by_name.get(wanted, ())]


def naming_advice(
    what: str,
    found: Sequence[Any],
    known: Collection[str],
    left: Collection[Any],
    cells_of: Callable[[Any], Any],
    *,
    numbers: bool = False,
) -> str:
    """Say how a column is named to a reader of tables that found none, or several.

    Parameters
    ----------
    what : str
        The argument that names it.
    found : sequence
        Columns that could each be it.
    known : collection of str
        Names that are recognised.
    left : collection
        Columns that are nothing else.
    cells_of : callable
        Name of a column -> its cells.
    numbers : bool, default=False
        Whether the column holds numbers; otherwise it holds names.

    Returns
    -------
    str
        One or two sentences.
    """
    fits = [*found] or [name for name in left if _fits(cells_of(name), numbers)]
    if fits:
        return f"Name it: {what}={shown(fits[0])}."
    return (
        f"No other column can be it: add one, or name the one that is meant, {what}=...; recognised in any case: "
        f"{', '.join(map(repr, known))}."
    )


def _fits(cells: Any, numbers: bool) -> bool:
    """Tell whether cells may be numbers, or names, which are text or whole numbers."""
    kind = _kind(cells)
    return kind in "fiu" if numbers else kind != "f"


def _kind(cells: Any) -> str:
    """Tell the kind of cells as NumPy's letter; of objects by the first that is there."""
    arrow = str(getattr(cells, "type", ""))
    if arrow:
        return next((kind for kind, start in (("i", "int"), ("u", "uint"), ("f", "float"), ("f", "double"))
                     if arrow.startswith(start)), "O")  # fmt: skip
    kind = getattr(getattr(cells, "dtype", None), "kind", "O")
    if kind != "O":
        return str(kind)
    first = next((value for value in cells if value is not None), None)
    return np.asarray(first).dtype.kind if isinstance(first, int | float | np.number) else "O"
