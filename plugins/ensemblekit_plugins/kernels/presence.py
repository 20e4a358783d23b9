"""Rows that some members lack: rows with the same members are combined together, without the absent members."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .sums import shaped_like_members

__all__ = ["by_presence", "without_absent"]

COPIED_VALUES = 2**20
"""Maximum number of values that are copied at a time, or one row."""


def by_presence(
    rule: Callable[[np.ndarray, np.ndarray], np.ndarray], member_probas: np.ndarray, present: Any
) -> np.ndarray:
    """Combine each row from the members that have it.

    Parameters
    ----------
    rule : callable
        Takes predictions ``(n_some_members, n_some_rows, ..., n_classes)`` and the positions of these members,
        ascending; returns ``(n_some_rows, ..., n_classes)``. If there is one value per member, such as a weight, it
        uses ``weights[members]``. The result of a row must not depend on other rows.
    member_probas : ndarray of shape (n_members, n_samples, ..., n_classes)
        Aligned predictions; absent rows may contain any values.
    present : array of bool of shape (n_members, n_samples)
        Which rows the members have; each row has at least one member.

    Returns
    -------
    ndarray of shape (n_samples, ..., n_classes)
        In the dtype of ``member_probas``.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.kernels.presence import by_presence
    >>> member_probas = np.array([[[0.2, 0.8], [0.6, 0.4]], [[np.nan, np.nan], [1.0, 0.0]]])
    >>> present = np.array([[True, True], [False, True]])
    >>> by_presence(lambda some, members: some.mean(axis=0), member_probas, present)
    array([[0.2, 0.8],
           [0.8, 0.2]])
    """
    present = np.asarray(present)
    everyone = np.arange(len(member_probas))
    if present.all():
        return rule(member_probas, everyone)
    combined = np.empty(member_probas.shape[1:], member_probas.dtype)
    step = max(1, COPIED_VALUES // max(1, len(member_probas) * math.prod(member_probas.shape[2:])))
    for rows in _same_members(present):
        members = everyone[present[:, rows[0]]]
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            combined[some] = rule(member_probas[np.ix_(members, some)], members)
    return combined


def without_absent(member_probas: Any, weights: Any, present: Any, xp: Any) -> tuple[Any, Any]:
    """Set absent rows, and the weights of the members that lack them, to 0, because graphs cannot select rows.

    Parameters
    ----------
    member_probas : array of shape (n_members, n_samples, ..., n_classes)
        Aligned predictions; absent rows may contain any values.
    weights : ndarray of shape (n_members,)
        Weights of the members.
    present : array of bool of shape (n_members, n_samples), or None
        Which rows the members have; None if they have all rows.
    xp : array namespace
        ``numpy`` or ``keras.ops``.

    Returns
    -------
    member_probas, weights : array
        Arrays that broadcast with each other.
    """
    weight = shaped_like_members(xp.array(weights, dtype=member_probas.dtype), member_probas, xp)
    if present is None:
        return member_probas, weight
    is_present = shaped_like_members(present, member_probas, xp)
    known = xp.where(is_present, member_probas, xp.zeros_like(member_probas))
    return known, xp.where(is_present, weight, xp.zeros_like(weight))


def _same_members(present: np.ndarray) -> list[np.ndarray]:
    patterns = np.packbits(present, axis=0)
    order = np.lexsort(patterns)
    patterns = patterns[:, order]
    return np.split(order, np.flatnonzero((patterns[:, 1:] != patterns[:, :-1]).any(axis=0)) + 1)
