"""Rows that are numbered 0..n-1, by which a default index may or may not be meant."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidPredictionsError

__all__ = ["check_known_order", "is_shuffled_range", "nobody_knows", "remedy"]


def is_shuffled_range(ids: np.ndarray) -> bool:
    """Tell whether ids are the whole numbers 0..n-1 in another order."""
    if ids.dtype.kind not in "iu" or not len(ids) or ids.min() != 0 or ids.max() != len(ids) - 1:
        return False
    return not bool((ids == np.arange(len(ids))).all()) and len(np.unique(ids)) == len(ids)


def check_known_order(what: str, ids: np.ndarray, index: Any, *, called: str = "the ids") -> None:
    """Refuse a default index beside ids, or an index of theirs, that are the same numbers in another order."""
    for numbers, whose in ((ids, "the ids"), (index, f"the names in the index of {called}")):
        if numbers is not None and is_shuffled_range(np.asarray(numbers)):
            raise InvalidPredictionsError(nobody_knows(what, whose, "the ids"))


def nobody_knows(what: str, others: str, order: str) -> str:
    """Format the error for a default index beside the same numbers in another order."""
    return (
        f"{what} must name its rows, or have no index at all: {others} are the numbers 0..n-1 in another order, and "
        f"nobody can know whether its index 0..n-1 means these; received a default index. {remedy(what, order)}"
    )


def remedy(what: str, order: str) -> str:
    """Say what to do with a table that names no rows, or others."""
    return (
        f"Give {what}.to_numpy() if its rows are in the order of {order}; if they are not, give it an index with the "
        "names of its rows."
    )
