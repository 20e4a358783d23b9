"""Sums over members on NumPy, in blocks; their bits do not depend on the position of a row.

``numpy.sum`` and BLAS choose the order of addition by shape and position. Here one member is added after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Scratch, Where, in_blocks

__all__ = [
    "add_members",
    "dtype_name",
    "epsilon",
    "largest",
    "shaped_like_members",
    "sum_dtype",
    "sum_members",
    "weighted_sum",
]


def weighted_sum(member_probas: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Add the members, each multiplied with its weight.

    Parameters
    ----------
    member_probas : ndarray of shape (n_members, n_samples, ..., n_classes)
        Aligned predictions.
    weights : ndarray of shape (n_members,), optional
        By default all weights are 1.

    Returns
    -------
    ndarray of shape (n_samples, ..., n_classes)
        In the dtype of ``member_probas``; float32 for float16, in which sums lose too many digits.
    """
    total = np.empty(member_probas.shape[1:], sum_dtype(member_probas.dtype))

    def add_up(where: Where, scratch: Scratch) -> None:
        add_members(member_probas[(slice(None), *where)], weights, total[where], scratch)

    in_blocks(add_up, member_probas.shape, arrays=2)
    return total


def add_members(
    members: np.ndarray, weights: np.ndarray | None, total: np.ndarray, scratch: Scratch, present: Any = None
) -> None:
    """Add the members of one block into ``total``; values for which ``present`` is false count as 0.

    Each member is multiplied with its weight, of shape ``(n_members,)``, or ``(n_members, n_classes)`` for one weight
    per class.
    """
    shape, dtype = total.shape, total.dtype
    term = scratch("term", shape, dtype) if weights is not None and len(members) > 1 else total
    known = scratch("known", shape, dtype) if present is not None else total
    factors = None if weights is None else np.asarray(weights, dtype)
    for place, member in enumerate(members):
        if present is not None:
            known.fill(0)
            np.copyto(known, member, where=present[place])
            member = known
        if factors is None:
            np.add(total, member, out=total) if place else np.copyto(total, member)
        elif place:
            np.multiply(member, factors[place], out=term)
            np.add(total, term, out=total)
        else:
            np.multiply(member, factors[place], out=total)


def sum_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype in which values of a dtype are added: float32 for float16, else the same dtype."""
    return np.result_type(dtype, np.float32)


def sum_members(values: Any, xp: Any = np) -> Any:
    """Add along the first axis; NumPy arrays are added by `weighted_sum`."""
    return weighted_sum(values) if xp is np else xp.sum(values, axis=0)


def epsilon(dtype: Any) -> float:
    """Return the spacing of the numbers at 1, for a dtype of NumPy or of a Keras backend."""
    return float(np.finfo(dtype_name(dtype)).eps)


def largest(dtype: Any) -> float:
    """Return the largest finite number of a dtype of NumPy or of a Keras backend."""
    return float(np.finfo(dtype_name(dtype)).max)


def dtype_name(dtype: Any) -> str:
    """Return the NumPy name of a dtype of NumPy or of a Keras backend, such as ``float32``."""
    return getattr(dtype, "name", str(dtype)).rpartition(".")[2]


def shaped_like_members(values: Any, member_probas: Any, xp: Any = np) -> Any:
    """Add axes to ``(n_members,)`` or ``(n_members, n_samples)``, so that it broadcasts with ``member_probas``."""
    for _ in range(len(member_probas.shape) - len(values.shape)):
        values = xp.expand_dims(values, -1)
    return values
