"""`Pool`: what all members returned for a block of queries, and sums over the rows of each item."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ._joined import Joined
from ._normalise import normalise
from ._ranks import doubled_ranks
from ._sorting import rising_order
from .runs import Run, bits_of

__all__ = ["CandidateValues", "Pool", "as_scores"]

BITS = 63
"""Bits of a key: a signed integer that is not negative."""


class CandidateValues:
    """Values of rows, grouped by candidate: an item that a member or more returned for a query.

    Parameters
    ----------
    values : ndarray of float64, shape (n_rows,)
        By candidate, and in an order that depends on the values alone.
    starts : ndarray of int, shape (n_candidates,)
        Where those of each candidate start.
    """

    def __init__(self, values: np.ndarray, starts: np.ndarray) -> None:
        self.values, self.starts = values, starts

    @functools.cached_property
    def counts(self) -> np.ndarray:
        """Number of members that returned the candidate, shape ``(n_candidates,)``."""
        return np.diff(self.starts, append=len(self.values))

    def sum(self) -> np.ndarray:
        """Sum the values of each candidate; equal values in any order have one sum, to the last bit.

        Returns
        -------
        ndarray of float64, shape (n_candidates,)
            Sum of each candidate.
        """
        return np.add.reduceat(self.values, self.starts)

    def max(self) -> np.ndarray:
        """Find the largest value of each candidate.

        Returns
        -------
        ndarray of float64, shape (n_candidates,)
            Largest value of each candidate.
        """
        return np.maximum.reduceat(self.values, self.starts)

    def min(self) -> np.ndarray:
        """Find the smallest value of each candidate.

        Returns
        -------
        ndarray of float64, shape (n_candidates,)
            Smallest value of each candidate.
        """
        return np.minimum.reduceat(self.values, self.starts)

    def median(self) -> np.ndarray:
        """Compute the median of each candidate; of an even number the mean of the two in the middle.

        Only for values that `Pool.grouped` has sorted.

        Returns
        -------
        ndarray of float64, shape (n_candidates,)
            Median of each candidate.
        """
        below = self.values[self.starts + (self.counts - 1) // 2]
        above = self.values[self.starts + self.counts // 2]
        return below + (above - below) / 2


class Pool:
    """What all members returned for a block of queries: a row a member, query and item.

    A rule gets one and returns a score for each candidate. Rows are by member, query and falling score.

    Parameters
    ----------
    runs : list of Run
        The members.
    joined : Joined
        The same side by side.
    weights : ndarray of float64, shape (n_members,)
        Their weights.
    first, last : int
        The block: the first query, and the one after the last.

    Attributes
    ----------
    n_members, n_queries : int
        Numbers.
    weights : ndarray of float64, shape (n_members,)
        Weights of the members, > 0, with the mean 1.
    lengths : ndarray of int64, shape (n_members, n_queries)
        How many items each member returned for each query.
    score : ndarray of float64, shape (n_rows,)
        Scores as they were given.
    """

    def __init__(self, runs: list[Run], joined: Joined, weights: np.ndarray, first: int, last: int) -> None:
        starts, stops = joined.starts[:, first:last], joined.stops[:, first:last]
        self.n_members, self.n_queries = starts.shape
        self.weights = weights
        self.lengths = stops - starts
        self._tied = any(run.tied for run in runs)
        items: list[np.ndarray] = []
        scores: list[np.ndarray] = []
        for member, run in enumerate(runs):
            own = np.flatnonzero(self.lengths[member])
            if not len(own):
                continue
            rows = slice(int(starts[member, own[0]]), int(stops[member, own[-1]]))
            codes = joined.codes[member]
            items.append(run.item_code[rows] if codes is None else codes.take(run.item_code[rows]))
            scores.append(run.score[rows])
        self.score = np.concatenate(scores)
        self._set_base(np.concatenate(items), joined.low, joined.high)

    def _set_base(self, item: np.ndarray, low: int, high: int) -> None:
        most_ranks = bits_of((2 * int(self.lengths.max(initial=1)) + 2) * self.n_members)
        spare = max(bits_of(len(item)), most_ranks)
        self._low, self._recoded, self._item_bits = low, None, bits_of(high - low)
        if self._item_bits + bits_of(self.n_queries) + spare > BITS:
            self._low = 0
            self._recoded, item = np.unique(item, return_inverse=True)
            self._item_bits = bits_of(len(self._recoded))
        else:
            item -= low
        self._base = item if self.n_queries == 1 else (self.query << np.int64(self._item_bits)) | item

    @functools.cached_property
    def query(self) -> np.ndarray:
        """Position in the block of the query of each row, int64, shape ``(n_rows,)``."""
        return np.tile(np.arange(self.n_queries), self.n_members).repeat(self.lengths.ravel())

    @functools.cached_property
    def member(self) -> np.ndarray:
        """Position of the member of each row, int64, shape ``(n_rows,)``."""
        return np.arange(self.n_members).repeat(self.lengths.sum(axis=1))

    @functools.cached_property
    def weight(self) -> np.ndarray:
        """Weight of the member of each row, shape ``(n_rows,)``."""
        return self.weights[self.member]

    @functools.cached_property
    def doubled_rank(self) -> np.ndarray:
        """Twice the rank of each row, int64, shape ``(n_rows,)``."""
        return doubled_ranks(self.lengths.ravel(), self.score if self._tied else None)

    @property
    def rank(self) -> np.ndarray:
        """Rank of each row in its member and query, from 1, shape ``(n_rows,)``; equal scores share a mean rank."""
        return self.doubled_rank / 2

    def normalised(self, name: str) -> np.ndarray:
        """Normalise the scores within each member and query.

        Parameters
        ----------
        name : str
            A name in `NORMALISATIONS`.

        Returns
        -------
        ndarray of float64, shape (n_rows,)
            Normalised scores.
        """
        return normalise(name, self.score, self.lengths.ravel(), lambda: self.rank)

    def grouped(self, values: np.ndarray) -> CandidateValues:
        """Group a value of each row by candidate.

        Parameters
        ----------
        values : ndarray of float64, shape (n_rows,)
            Any finite values.

        Returns
        -------
        CandidateValues
            The values of a candidate are sorted.
        """
        order = rising_order(values)
        starts, places = self._grouped(self._base.take(order), np.arange(len(order)), bits_of(len(order)))
        return CandidateValues(values.take(order).take(places), starts)

    def grouped_by_rank(self, of_rank: Callable[[np.ndarray], np.ndarray]) -> CandidateValues:
        """Group values that depend on the rank alone, times the weight of the member; faster than `grouped`.

        Parameters
        ----------
        of_rank : callable
            Ranks, >= 1 -> values, of the same shape.

        Returns
        -------
        CandidateValues
            The values of a candidate are by rank, and of one rank by weight.
        """
        ranks = self.doubled_rank
        most = int(ranks.max())
        table = np.asarray(of_rank(np.maximum(np.arange(most + 1), 2) / 2), dtype=np.float64)
        different = np.unique(self.weights)
        if len(different) > 1:
            of_member = np.searchsorted(different, self.weights)
            ranks = ranks * len(different) + of_member[self.member]
            table = np.multiply.outer(table, different).ravel()
        starts, codes = self._grouped(self._base, ranks, bits_of(len(table) - 1))
        return CandidateValues(table.take(codes), starts)

    def _grouped(self, base: np.ndarray, code: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
        """Sort rows by candidate and code; return where candidates start, and the codes."""
        key = base << np.int64(bits)
        key |= code
        key.sort()
        candidate = key >> np.int64(bits)
        key &= (1 << bits) - 1
        new = np.empty(len(key), dtype=bool)
        new[:1] = True
        np.not_equal(candidate[1:], candidate[:-1], out=new[1:])
        starts = np.flatnonzero(new)
        self._candidates = candidate.take(starts)
        return starts, key

    @functools.cached_property
    def _candidates(self) -> np.ndarray:
        return np.unique(self._base)

    @property
    def candidate_query(self) -> np.ndarray:
        """Position in the block of the query of each candidate, sorted, int64, shape ``(n_candidates,)``."""
        if self.n_queries == 1:
            return np.zeros(len(self._candidates), dtype=np.int64)
        return self._candidates >> np.int64(self._item_bits)

    @property
    def candidate_item(self) -> np.ndarray:
        """Code of the item of each candidate, sorted within a query, int64, shape ``(n_candidates,)``."""
        codes = self._candidates & ((1 << self._item_bits) - 1) if self.n_queries > 1 else self._candidates
        return (codes if self._recoded is None else self._recoded.take(codes)) + self._low

    @functools.cached_property
    def candidate(self) -> np.ndarray:
        """Position of the candidate of each row, int64, shape ``(n_rows,)``."""
        return np.searchsorted(self._candidates, self._base)

    def __repr__(self) -> str:
        return f"Pool(n_members={self.n_members}, n_queries={self.n_queries}, n_rows={len(self.score)})"


def as_scores(found: Any, n: int) -> np.ndarray | None:
    """Read what a rule returned; None if it is not a finite number for each of ``n`` candidates."""
    if np.ma.is_masked(found):
        return None
    try:
        scores = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return scores if scores.shape == (n,) and np.isfinite(scores).all() else None
