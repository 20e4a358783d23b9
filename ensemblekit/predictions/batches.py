"""Rows of files that are combined batch by batch: values as columns, checked as `Predictions` checks them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ._checks import as_probas
from ._plainly_valid import DEFAULT_SUM_TOLERANCE

__all__ = ["fill_rows"]

ROWS = 2**16
"""Rows that are checked and copied at once, so that columns and rows stay in the cache of the CPU."""
MARGIN = 1e-5
"""How much less a sum may deviate than `as_probas` allows, so that rounding cannot decide."""


def fill_rows(
    out: np.ndarray,
    columns: Sequence[np.ndarray] | np.ndarray,
    *,
    ids: Sequence[int] | np.ndarray,
    classes: tuple[Hashable, ...],
    task: str,
    who: str,
) -> None:
    """Copy columns side by side, and check the values.

    Parameters
    ----------
    out : ndarray of shape (n_rows, n_classes)
        Where they go.
    columns : sequence of ndarray of shape (n_rows,)
        One per class, in the dtype of ``out``; in one array they are checked faster.
    ids : ndarray or sequence of int, of shape (n_rows,)
        Ids of the rows, for errors.
    classes : tuple of str or int
        Names of the columns.
    task : {"multiclass", "multilabel", "regression"}
        Determines which values are valid.
    who : str
        Name of the values, for errors.

    Raises
    ------
    InvalidPredictionsError
        If the values are not those of valid predictions.
    """
    valid = True
    sums = np.empty(min(ROWS, len(out)), out.dtype)
    for start in range(0, len(out), ROWS):
        rows = slice(start, start + ROWS)
        block = columns[:, rows] if isinstance(columns, np.ndarray) else [column[rows] for column in columns]
        for place, column in enumerate(block):
            out[rows, place] = column
        valid = valid and _are_valid(block, sums[: len(block[0])], task)
    if not valid:  # or so near to a limit that it is asked exactly; rounding below 0 is mended
        values, _ = as_probas(out, np.asarray(ids), classes, task, nan_rows=False, who=who)
        out[...] = values


def _are_valid(columns: Sequence[np.ndarray] | np.ndarray, sums: np.ndarray, task: str) -> bool:
    """Tell whether all values are valid beyond doubt. NaN makes every comparison false."""
    parts = [columns] if isinstance(columns, np.ndarray) else columns
    low: Any = np.min([part.min() for part in parts])
    if task != "multiclass":
        high: Any = np.max([part.max() for part in parts])
        if task == "regression":
            return bool(np.isfinite(low) and np.isfinite(high))
        return bool(low >= 0 and high <= 1)
    with np.errstate(invalid="ignore", over="ignore"):
        np.add(columns[0], columns[1], out=sums)
        for column in columns[2:]:
            np.add(sums, column, out=sums)
    allowed = DEFAULT_SUM_TOLERANCE - MARGIN
    return bool(low >= 0 and sums.min() >= 1 - allowed and sums.max() <= 1 + allowed)
