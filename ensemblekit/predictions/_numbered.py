"""Rows that are numbered 0..n-1, by which a default index may or may not be meant."""

from __future__ import annotations

import numpy as np

__all__ = ["is_shuffled_range", "nobody_knows", "remedy"]


def is_shuffled_range(ids: np.ndarray) -> bool:
    """Tell whether ids are the whole numbers 0..n-1 in another order."""
    if ids.dtype.kind not in "iu" or not len(ids) or ids.min() != 0 or ids.max() != len(ids) - 1:
        return False
    return not bool((ids == np.arange(len(ids))).all()) and len(np.unique(ids)) == len(ids)


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
