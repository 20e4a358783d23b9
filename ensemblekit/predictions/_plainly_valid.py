"""Whether values are valid as they are, in few passes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["DEFAULT_SUM_TOLERANCE", "SUM_TOLERANCE", "is_plainly_valid", "sums_of"]

SUM_TOLERANCE = {np.dtype(np.float16): 1e-2}
"""Largest deviation of the sum of a row from 1, by dtype."""
DEFAULT_SUM_TOLERANCE = 1e-3
"""Large enough for files that were rounded to four decimals."""
FEW_VALUES = 32
"""So many numbers are looked at one by one in less time than NumPy needs to begin."""


def is_plainly_valid(array: np.ndarray, kind: str) -> bool:
    """Tell, in few passes, whether all values are valid as they are; if not, `as_probas` mends them or says which."""
    if not array.size:
        return False
    if array.size <= FEW_VALUES and (kind == "regression" or array.ndim == 2):
        few = (array.ravel() if kind == "regression" else array).tolist()
        return _are_plainly_valid(few, kind, SUM_TOLERANCE.get(array.dtype, DEFAULT_SUM_TOLERANCE))
    with np.errstate(invalid="ignore", over="ignore"):
        if kind == "regression":
            flat = array.reshape(-1)
            return bool(np.isfinite(flat.dot(flat)))  # the quickest sum that NaN and infinity reach
        # A comparison with NaN is false.
        if not array.min() >= 0:
            return False
        tolerance = SUM_TOLERANCE.get(array.dtype, DEFAULT_SUM_TOLERANCE)
        if kind == "multilabel":
            return bool(array.max() <= 1 + tolerance)
        sums = sums_of(array)
        sums -= 1
        return array.shape[-1] > 1 and bool(np.abs(sums, out=sums).max() <= tolerance)


def _are_plainly_valid(rows: list[Any], kind: str, tolerance: float) -> bool:
    """Tell it of few values, for which each operation on an array takes longer than all of Python's."""
    if kind == "regression":
        return all(map(math.isfinite, rows))
    if kind == "multilabel":
        return all(0 <= value <= 1 + tolerance for row in rows for value in row)
    return all(len(row) > 1 and min(row) >= 0 and abs(sum(row) - 1) <= tolerance for row in rows)


def sums_of(array: np.ndarray) -> np.ndarray:
    """Add the values of each row."""
    dtype = np.float32 if array.dtype == np.float16 else array.dtype
    if array.shape[-1] >= 8:
        return array.sum(axis=-1, dtype=dtype)
    # NumPy adds few numbers a row one by one too, and takes five times as long.
    sums = array[..., 0].astype(dtype)
    for column in range(1, array.shape[-1]):
        sums += array[..., column]
    return sums
