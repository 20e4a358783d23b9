"""Scores of conformal prediction: of each class of a row, of each value, and one random number per id."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

__all__ = ["place_of", "quantile", "set_scores", "uniform_by_id"]

BLOCK = 1 << 16
"""Ids hashed at once."""
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def place_of(n_rows: int, alpha: float) -> int:
    """Compute which of the sorted scores is the threshold, from 1; more than ``n_rows`` if none is large enough."""
    # In floats (n + 1)(1 - alpha) may be slightly above the whole number that it equals.
    return math.ceil((n_rows + 1) * (1 - Fraction(repr(float(alpha)))))


def quantile(scores: np.ndarray, alpha: float) -> np.ndarray:
    """Compute the threshold of scores of shape ``(n_rows, ...)``, over the first axis; infinite with too few rows."""
    place = place_of(len(scores), alpha)
    if place > len(scores):
        return np.full(scores.shape[1:], np.inf)
    return np.sort(scores.astype(np.float64), axis=0)[place - 1]


def set_scores(
    probas: np.ndarray, method: str, *, uniform: np.ndarray | None = None, penalty: float = 0.0, n_free: int = 0
) -> np.ndarray:
    """Compute the score of each class; a set contains the classes with low scores.

    Parameters
    ----------
    probas : ndarray of shape (n_samples, n_classes)
        Probabilities.
    method : {"lac", "aps", "raps"}
        As in `fit_conformal`.
    uniform : ndarray of shape (n_samples,), optional
        The random share, in [0, 1), of a class's own probability that counts; by default all of it.
    penalty, n_free
        What each class after the first ``n_free`` adds; for ``raps``.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_classes)
    """
    probas = probas.astype(np.float64)
    if method == "lac":
        return 1 - probas
    order = np.argsort(-probas, axis=1, kind="stable")
    falling = np.take_along_axis(probas, order, axis=1)
    n_classes = probas.shape[1]
    # Sums up to and with a class, and its rank, of which equally probable classes all have the last.
    upto = np.cumsum(falling, axis=1)
    below = np.hstack([np.zeros((len(probas), 1)), upto[:, :-1]])
    ranks = np.tile(np.arange(1.0, n_classes + 1), (len(probas), 1))
    tied = falling[:, 1:] == falling[:, :-1]
    for place in range(n_classes - 2, -1, -1):
        same = tied[:, place]
        upto[same, place] = upto[same, place + 1]
        ranks[same, place] = ranks[same, place + 1]
    if uniform is not None:
        for place in range(1, n_classes):
            same = tied[:, place - 1]
            below[same, place] = below[same, place - 1]
        upto = below + uniform[:, np.newaxis] * (upto - below)
    if method == "raps":
        upto += penalty * np.maximum(0, ranks - n_free)
    scores = np.empty_like(upto)
    np.put_along_axis(scores, order, upto, axis=1)
    return scores


def uniform_by_id(ids: np.ndarray, seed: int) -> np.ndarray:
    """Draw a number in [0, 1) for each id; it depends on the id and the seed alone, not on the other rows.

    Parameters
    ----------
    ids : ndarray of shape (n_samples,)
        Validated ids.
    seed : int
        Whole number >= 0.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
    """
    start = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
    if ids.dtype.kind in "iu":
        keys = ids.astype(np.int64).view(np.uint64) * _STEP
    else:
        blocks = [_text_keys(ids[first : first + BLOCK], start) for first in range(0, len(ids), BLOCK)]
        keys = np.concatenate(blocks) if blocks else np.empty(0, dtype=np.uint64)
    return (_mix(_mix(keys + start)) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _text_keys(texts: np.ndarray, start: np.uint64) -> np.ndarray:
    texts = np.ascontiguousarray(texts, dtype=np.str_)
    width = max(1, texts.dtype.itemsize // 4)
    codes = texts.view(np.uint32).reshape(len(texts), width)
    # Characters that are not there are zeros, so the width of the array has no influence. Odd factors lose nothing.
    factors = _mix(start + np.arange(1, width + 1, dtype=np.uint64) * _STEP) | np.uint64(1)
    keys = np.zeros(len(texts), dtype=np.uint64)
    for place in range(width):
        keys += codes[:, place] * factors[place]
    return keys


def _mix(keys: np.ndarray) -> np.ndarray:
    """Spread each bit over all bits (the last steps of SplitMix64)."""
    keys = (keys ^ (keys >> np.uint64(30))) * _FIRST
    keys = (keys ^ (keys >> np.uint64(27))) * _SECOND
    return keys ^ (keys >> np.uint64(31))
