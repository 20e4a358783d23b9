"""Weights that are learned with any metric: from each member's own score, or by a search."""

from __future__ import annotations

import numpy as np

from .metrics import TOLERANCE, Metric, blends
from .rows import Rows

__all__ = ["above_chance", "best_blend"]

_LARGEST, _SMALLEST = 1 / 4, 1 / 256


def above_chance(metric: Metric, rows: Rows) -> np.ndarray:
    """Weight each member by its own score minus the score of the mean label.

    Parameters
    ----------
    metric : str or callable
        Greater is better.
    rows : Rows
        The members' predictions and the labels.

    Returns
    -------
    ndarray of shape (n_members,)
        Weights >= 0 with sum 1; they are equal if no member is better than the mean label.
    """
    scorer = blends(metric, rows)
    scorer.start(np.zeros(len(rows.probas)))
    own = scorer.scores(np.arange(len(rows.probas)), np.ones(len(rows.probas)))
    share = rows.share()[:, np.newaxis]
    prior = sum((rows.truth(block) * share[block]).sum(axis=0) for block in rows.blocks(1 << 18))
    constant = blends(metric, rows._replace(probas=np.broadcast_to(prior, (1, *rows.probas.shape[1:]))))
    constant.start(np.zeros(1))
    above = np.maximum(own - constant.scores(np.array([0]), np.ones(1)), 0)
    total = above.sum()
    return above / total if total > 0 and np.isfinite(total) else np.full(len(above), 1 / len(above))


def best_blend(metric: Metric, rows: Rows, max_iter: int) -> np.ndarray:
    """Search for the weights with the best score, from equal weights, with moves whose size is halved.

    Parameters
    ----------
    metric : str or callable
        Greater is better.
    rows : Rows
        The members' predictions and the labels.
    max_iter : int
        Maximum number of steps; a step is a move or a halving.

    Returns
    -------
    ndarray of shape (n_members,)
        Weights >= 0 with sum 1.
    """
    scorer = blends(metric, rows)
    n_members = len(rows.probas)
    weights = np.full(n_members, 1 / n_members)
    scorer.start(weights)
    best = scorer.scores(np.array([0]), np.zeros(1))[0]
    step = _LARGEST
    for _ in range(max_iter):
        losing = np.flatnonzero((weights > 0) & (weights < 1))
        members = np.concatenate([np.arange(n_members), losing])
        gains = np.concatenate([np.full(n_members, step / (1 - step)), -np.minimum(weights[losing], step)])
        scores = scorer.scores(members, gains)
        top = np.nanmax(scores, initial=-np.inf)
        if top > best + TOLERANCE * abs(best):
            pick = int(np.argmax(scores >= top - TOLERANCE * abs(top)))
            best = scores[pick]
            weights[members[pick]] += gains[pick]
            weights = np.maximum(weights, 0) / np.maximum(weights, 0).sum()
            # The sum is computed again, so that rounding errors do not accumulate from move to move.
            scorer.start(weights)
        elif step > _SMALLEST:
            step /= 2
        else:
            break
    return weights
