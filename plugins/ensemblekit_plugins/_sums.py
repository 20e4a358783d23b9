"""Sums over members on NumPy: no temporary the size of the cube, and bits that do not depend on a row's position.

``numpy.sum`` and BLAS choose their order of addition by shape and position; adding one member after the other does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["epsilon", "shaped_like_members", "sum_members", "weighted_sum"]


def weighted_sum(member_probas: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Add up the members, each times its weight.

    Parameters
    ----------
    member_probas : ndarray of shape (n_members, n_samples, ..., n_classes)
        Aligned predictions.
    weights : ndarray of shape (n_members,), optional
        By default 1 each.

    Returns
    -------
    ndarray of shape (n_samples, ..., n_classes)
        In the dtype of ``member_probas``, but float32 for float16, whose sums lose too much.
    """
    dtype = np.result_type(member_probas.dtype, np.float32)
    total = np.zeros(member_probas.shape[1:], dtype=dtype)
    term = np.empty_like(total)
    for place, member in enumerate(member_probas):
        if weights is None:
            total += member
        elif weights[place]:
            total += np.multiply(member, dtype.type(weights[place]), out=term)
    return total


def sum_members(values: Any, xp: Any = np) -> Any:
    """Add up the first axis; on NumPy by `weighted_sum`."""
    return weighted_sum(values) if xp is np else xp.sum(values, axis=0)


def epsilon(dtype: Any) -> float:
    """Spacing of the numbers at 1, of a dtype of NumPy or of a Keras backend."""
    return float(np.finfo(getattr(dtype, "name", str(dtype)).rpartition(".")[2]).eps)


def shaped_like_members(values: Any, member_probas: Any, xp: Any = np) -> Any:
    """Give ``(n_members,)`` or ``(n_members, n_samples)`` the axes to be combined with ``member_probas``."""
    for _ in range(len(member_probas.shape) - len(values.shape)):
        values = xp.expand_dims(values, -1)
    return values
