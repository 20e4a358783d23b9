"""The fused rows of a block: sorted by query, falling score and falling item."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._pool import Pool
from ._ranks import places
from ._sorting import keyed_order
from .runs import bits_of

__all__ = ["Fused", "sorted_candidates"]


class Fused(NamedTuple):
    """The fused rows of a block: their number for each query, item codes, scores, and whether two are equal."""

    lengths: np.ndarray
    item: np.ndarray
    score: np.ndarray
    tied: bool


def sorted_candidates(pool: Pool, score: np.ndarray, top: int | None) -> Fused:
    """Sort the candidates of a block.

    Parameters
    ----------
    pool : Pool
        The block.
    score : ndarray of float64, shape (n_candidates,)
        Score of each candidate.
    top : int or None
        Most rows of a query that are kept.

    Returns
    -------
    Fused
    """
    query, item, n_queries = pool.candidate_query, pool.candidate_item, pool.n_queries
    score = score + 0.0  # -0 becomes 0
    order = _order(query, score, n_queries)
    score = score.take(order)
    item = item.take(order)
    lengths = np.bincount(query, minlength=n_queries) if n_queries > 1 else np.array([len(score)])
    if top is not None and int(lengths.max(initial=0)) > top:
        kept = places(lengths) < top
        score, item, lengths = score[kept], item[kept], np.minimum(lengths, top)
    level = score[1:] == score[:-1]
    return Fused(lengths, item, score, bool(level.any()))


def _order(query: np.ndarray, score: np.ndarray, n_queries: int) -> np.ndarray:
    """Sort by query, falling score and falling position."""
    query_bits = bits_of(n_queries - 1)
    order = keyed_order(score, n_queries - 1 - query if query_bits else None, query_bits)[::-1]
    sorted_score = score.take(order)
    rises = sorted_score[1:] > sorted_score[:-1]
    if n_queries > 1:
        own = query.take(order)
        rises &= own[1:] == own[:-1]
    if rises.any():  # of scores that differ in the bits that had no room
        return np.lexsort((-np.arange(len(score)), -score, query))
    return order
