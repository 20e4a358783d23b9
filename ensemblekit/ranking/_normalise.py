"""Normalisations: scores of any scale made comparable, within each member and query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

__all__ = ["NORMALISATIONS", "normalise"]

NORMALISATIONS: Mapping[str, str] = MappingProxyType(
    {
        "min-max": "(s - min) / (max - min)",
        "sum": "(s - min) / sum(s - min)",
        "z-score": "(s - mean) / standard deviation",
        "rank": "1 - (rank - 1) / n",
        "none": "s",
    }
)
"""Name of a normalisation -> its formula, of the scores of one member for one query."""


def normalise(name: str, score: np.ndarray, lengths: np.ndarray, rank: Callable[[], np.ndarray]) -> np.ndarray:
    """Normalise scores by segment.

    Parameters
    ----------
    name : str
        A name in `NORMALISATIONS`.
    score : ndarray of float64, shape (n_rows,)
        Scores that fall within a segment.
    lengths : ndarray of int, shape (n_segments,)
        Rows of each segment; 0 for some.
    rank : callable
        Computes the rank of each row.

    Returns
    -------
    ndarray of float64, shape (n_rows,)

    Notes
    -----
    If all scores of a segment are equal, ``min-max`` is 1, ``sum`` is ``1 / n`` and ``z-score`` is 0.
    """
    if name == "none":
        return score
    lengths = lengths[lengths > 0]
    if name == "rank":
        return 1 - (rank() - 1) / lengths.repeat(lengths)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    most, least = score[starts], score[ends - 1]
    flat = most == least
    # Scaled by a power of two, the difference of the largest floats is finite too; nothing else changes.
    size = np.ldexp(1.0, np.maximum(np.frexp(np.maximum(np.abs(most), np.abs(least)))[1] - 1000, 0))
    if (size > 1).any():
        score = score / size.repeat(lengths)
        most, least = most / size, least / size
    if name == "z-score":
        middle = np.add.reduceat(score / lengths.repeat(lengths), starts)
        moved = score - middle.repeat(lengths)
        reach = np.where(flat, 1.0, np.maximum(most - middle, middle - least))
        moved = moved / reach.repeat(lengths)
        spread = np.sqrt(np.add.reduceat(moved * moved, starts) / lengths)
        return np.where(flat.repeat(lengths), 0.0, moved / np.where(flat, 1.0, spread).repeat(lengths))
    moved = score - least.repeat(lengths)
    if name == "min-max":
        moved = moved / np.where(flat, 1.0, most - least).repeat(lengths)
        return np.where(flat.repeat(lengths), 1.0, moved) if flat.any() else moved
    moved = moved / np.where(flat, 1.0, most - least).repeat(lengths)
    moved = np.where(flat.repeat(lengths), 1.0, moved) if flat.any() else moved
    return moved / np.add.reduceat(moved, starts).repeat(lengths)
