"""`Hits`: where a run has the relevant items of each judged query."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...predictions.joining import Lookup, is_text
from .._joined import check_one_spelling, joined
from .._ranks import places
from ..runs import Qrels, Run, bits_of, check_same_kinds

__all__ = ["Hits", "Judged", "hits_of", "judged_items"]


class Judged(NamedTuple):
    """The relevant items of the judged queries.

    Attributes
    ----------
    queries : ndarray of shape (n_queries,)
        Sorted names of the queries with a relevant item.
    query : ndarray of int64, shape (n_relevant,)
        Position of the query of each item, sorted.
    item : ndarray of int64, shape (n_relevant,)
        Codes of the items.
    grade : ndarray of float64, shape (n_relevant,)
        Their grades, >= the smallest that is relevant.
    """

    queries: np.ndarray
    query: np.ndarray
    item: np.ndarray
    grade: np.ndarray


class Hits(NamedTuple):
    """Where a run has the items of a grade above 0 of each judged query; a metric gets one.

    Attributes
    ----------
    n_queries : int
        Number of queries.
    query : ndarray of int64, shape (n_hits,)
        Position of the query of each hit, sorted.
    position : ndarray of int64, shape (n_hits,)
        Position of its item in the run, from 1; rising within a query.
    grade : ndarray of float64, shape (n_hits,)
        Its grade.
    judged_query : ndarray of int64, shape (n_judged,)
        Position of the query of each item of a grade above 0, whether the run has it or not; sorted.
    judged_grade : ndarray of float64, shape (n_judged,)
        Its grade; falling within a query.
    """

    n_queries: int
    query: np.ndarray
    position: np.ndarray
    grade: np.ndarray
    judged_query: np.ndarray
    judged_grade: np.ndarray

    def relevant(self, min_grade: float = 1.0) -> np.ndarray:
        """Count the relevant items of each query.

        Parameters
        ----------
        min_grade : float, default=1
            Smallest grade that is relevant.

        Returns
        -------
        ndarray of float64, shape (n_queries,)
            Numbers.
        """
        return self.sum(self.judged_query, self.judged_grade >= min_grade)

    def sum(self, query: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Sum values by query.

        Parameters
        ----------
        query : ndarray of int64, shape (n_values,)
            Position of the query of each value.
        values : ndarray of shape (n_values,)
            What is summed.

        Returns
        -------
        ndarray of float64, shape (n_queries,)
            Sums.
        """
        return np.bincount(query, values, self.n_queries).astype(np.float64, copy=False)


def judged_items(qrels: Qrels) -> Judged:
    """Take the relevant items of judgements, and the queries that have one.

    Parameters
    ----------
    qrels : Qrels
        Judgements.

    Returns
    -------
    Judged
    """
    relevant = qrels.grade > 0
    query = np.arange(len(qrels.queries)).repeat(np.diff(qrels.starts))[relevant]
    kept = np.unique(query)
    place = np.zeros(len(qrels.queries), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    return Judged(qrels.queries[kept], place[query], qrels.item_code[relevant], qrels.grade[relevant])


def hits_of(run: Run, qrels: Qrels) -> Hits:
    """Find the relevant items in a run.

    Parameters
    ----------
    run : Run
        What is judged.
    qrels : Qrels
        Judgements.

    Returns
    -------
    Hits
        Of the queries with an item of a grade above 0, in the order of their names, also of those that the run lacks.

    Raises
    ------
    InvalidPredictionsError
        If the two name queries or items by different kinds.
    """
    check_same_kinds({run.member or "the run": run, "the judgements": qrels})
    judged = judged_items(qrels)
    n = len(judged.queries)
    order = np.lexsort((-judged.grade, judged.query))
    judged_query, judged_grade = judged.query[order], judged.grade[order]
    if not n or not len(run):
        none = np.empty(0, dtype=np.int64)
        return Hits(n, none, none, np.empty(0), judged_query, judged_grade)
    whose = [run.member or "the run", "the judgements"]
    of_queries = [run.queries, qrels.queries]
    if is_text(run.queries):
        check_one_spelling("queries", joined(of_queries)[0], of_queries, whose)
    wanted, code = judged.item, run.item_code
    if run.item_names is not None and qrels.item_names is not None:
        of_items = [run.item_names, qrels.item_names]
        every, (of_run, of_judged) = joined(of_items)
        check_one_spelling("items", every, of_items, whose)
        wanted = wanted if of_judged is None else of_judged[wanted]
        code = code if of_run is None else of_run.take(code)
    found = Lookup(judged.queries).positions(run.queries)
    lengths = np.diff(run.starts)
    known = found >= 0
    rows = slice(None) if known.all() else known.repeat(lengths)
    lengths, query = lengths[known], found[known].repeat(lengths[known])
    place = places(lengths) + 1
    at, which = _rows_of(query, code[rows], judged.query, wanted)
    # Queries of both are sorted, and so are the hits.
    return Hits(n, query[at], place[at], judged.grade[which], judged_query, judged_grade)


def _rows_of(
    query: np.ndarray, item: np.ndarray, judged_query: np.ndarray, judged_item: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find the rows that are judged, and which judgement is theirs."""
    low = int(judged_item.min())
    bits = bits_of(int(judged_item.max()) - low)
    inside = (item >= low) & (item <= int(judged_item.max()))
    if bits + bits_of(int(judged_query[-1])) > 62:
        distinct = np.unique(judged_item)
        position = np.minimum(np.searchsorted(distinct, item), len(distinct) - 1)
        inside &= distinct[position] == item
        item, judged_item, low = position, np.searchsorted(distinct, judged_item), 0
        bits = bits_of(len(distinct))
    keys = (judged_query << np.int64(bits)) | (judged_item - low)  # sorted, as judgements are
    rows = np.flatnonzero(inside)
    wanted = (query[rows] << np.int64(bits)) | (item[rows] - low)
    which = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    hit = keys[which] == wanted
    return rows[hit], which[hit]
