"""Folds in time: each is predicted by what was fitted on earlier cutoffs, whose outcomes were known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..predictions import PredictionSet

__all__ = ["FEWEST_OF_CLASS", "ForwardFolds", "forward_folds"]

FEWEST_OF_CLASS = 6
"""Rows of a class that the first fit is to have, where so many are there."""


@dataclass(frozen=True)
class ForwardFolds:
    """Rows in blocks of consecutive cutoffs. The first block is only fitted on; each other one is a fold.

    Attributes
    ----------
    place : ndarray of int of shape (n_samples,)
        Number of the fold that holds the row out, from 1; 0 for rows of the first block.
    fits : tuple of ndarray of int
        For each fold the rows to fit on: of earlier blocks, with outcomes that were known at its first cutoff.
    cutoffs : tuple of str
        For each fold its first cutoff.
    n_cutoffs, n_parts : int
        Number of cutoffs, and number of the parts in which groups leave them.
    """

    place: np.ndarray
    fits: tuple[np.ndarray, ...]
    cutoffs: tuple[str, ...]
    n_cutoffs: int
    n_parts: int

    @property
    def n_folds(self) -> int:
        """Number of folds; 0 if no block has earlier rows whose outcomes were known."""
        return len(self.fits)

    def splits(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """List rows to fit on and rows that are held out, a pair a fold."""
        return [(fit, np.flatnonzero(self.place == fold)) for fold, fit in enumerate(self.fits, 1)]


def forward_folds(
    predictions: PredictionSet,
    n_folds: int,
    *,
    fewest: int = 1,
    groups: np.ndarray | None = None,
    classes: np.ndarray | None = None,
) -> ForwardFolds:
    """Divide rows that say their ``time`` into folds that look at nothing later than themselves.

    Parameters
    ----------
    predictions : PredictionSet
        With ``time``.
    n_folds : int
        How many are asked for, >= 1; there are fewer if there are fewer cutoffs.
    fewest : int, default=1
        So many there are at least if the cutoffs allow it, however small the first block is.
    groups : ndarray of shape (n_samples,), optional
        Rows of one group are in one block. Of a group from March to June all cutoffs between are in that block too.
    classes : ndarray of int of shape (n_samples,), optional
        Class of each row. The first block is made larger, up to half of the rows, until the first fit has some of each.

    Returns
    -------
    ForwardFolds
        Blocks of nearly as many rows each. Rows with one cutoff are in one block.

    Notes
    -----
    With cutoff and date of the outcome, a row of an earlier block is fitted on if its outcome is not after the first
    cutoff of the fold; with the cutoff alone, each is.

    Examples
    --------
    >>> from ensemblekit import Predictions, align
    >>> from ensemblekit.combining.forward import forward_folds
    >>> key = {"week": [1, 1, 2, 3, 4, 4], "site": [*"ababab"]}
    >>> p = Predictions([[0.5, 0.5]] * 6, ids=key, classes=["dry", "wet"], time="week")
    >>> folds = forward_folds(align(p), 2)
    >>> folds.place, [fit.tolist() for fit in folds.fits]
    (array([0, 0, 1, 1, 2, 2]), [[0, 1], [0, 1, 2, 3]])
    """
    cutoff = predictions.key(predictions.time[0])
    outcome = predictions.key(predictions.time[1]) if len(predictions.time) > 1 else None
    values, at = np.unique(cutoff, return_inverse=True)
    starts = _uncut(at, groups, len(values))
    unit = np.searchsorted(starts, at, side="right") - 1
    n_units, before = len(starts), np.concatenate([[0], np.cumsum(np.bincount(unit, minlength=len(starts)))])

    def known(part: int) -> np.ndarray:
        earlier = unit < part
        return earlier if outcome is None else earlier & (outcome <= values[starts[part]])

    def first_part(needed: np.ndarray | None, end: int) -> int | None:
        """Find the first part that can be predicted; the later a part, the more is known."""
        low, high = min(int(np.searchsorted(before, len(at) / (n_folds + 1))), last), min(end, last + 1)
        if low >= high or not _enough(known(high - 1), classes, needed):
            return None
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if _enough(known(middle), classes, needed) else (middle + 1, high)
        return max(low, 1)

    last = max(n_units - fewest, 1)
    half = int(np.searchsorted(before, len(at) / 2, side="right"))
    needed = None if classes is None else np.minimum(np.bincount(classes) // 2, FEWEST_OF_CLASS)
    start = first_part(needed, half) or first_part(None, n_units)
    if start is None:
        return ForwardFolds(np.zeros(len(at), dtype=np.int64), (), (), len(values), n_units)
    edges = _even(before[start:] - before[start], min(n_folds, n_units - start)) + start
    fold = np.searchsorted(edges, unit, side="right")
    fits = tuple(np.flatnonzero(known(part)) for part in edges.tolist())
    return ForwardFolds(fold, fits, tuple(str(values[starts[part]]) for part in edges), len(values), n_units)


def _uncut(at: np.ndarray, groups: np.ndarray | None, n_cutoffs: int) -> np.ndarray:
    """List the cutoffs before which rows can be divided without dividing a group; the first is 0."""
    if groups is None:
        return np.arange(n_cutoffs)
    codes = np.unique(groups, return_inverse=True)[1]
    first = np.full(int(codes.max(initial=-1)) + 1, n_cutoffs)
    last = np.zeros_like(first)
    np.minimum.at(first, codes, at)
    np.maximum.at(last, codes, at)
    open_groups = np.zeros(n_cutoffs + 1, dtype=np.int64)
    np.add.at(open_groups, first + 1, 1)
    np.add.at(open_groups, last + 1, -1)
    return np.flatnonzero(np.cumsum(open_groups)[:n_cutoffs] == 0)


def _enough(rows: np.ndarray, classes: np.ndarray | None, needed: np.ndarray | None) -> bool:
    if classes is None or needed is None:
        return bool(rows.any())
    return bool(rows.any() and (np.bincount(classes[rows], minlength=len(needed)) >= needed).all())


def _even(before: np.ndarray, n_blocks: int) -> np.ndarray:
    """Find where blocks of nearly equal numbers of rows begin, each of one part at least."""
    n_parts = len(before) - 1
    edges = [0]
    for block in range(1, n_blocks):
        target = before[-1] * block / n_blocks
        nearest = int(np.abs(before[:-1] - target).argmin())
        edges.append(min(max(nearest, edges[-1] + 1), n_parts - (n_blocks - block)))
    return np.array(edges)
