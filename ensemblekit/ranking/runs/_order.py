"""The order of the rows of a run: by query, score and item; and the check that no item is there twice."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from ...errors import InvalidPredictionsError
from ...predictions.names import shown

__all__ = ["Rows", "bits_of", "blocks_of", "check_different_items", "in_order"]

BLOCK = 2**16
"""So many rows are sorted at a time, whole queries at least, so that they stay in the processor's cache."""

SMALL_BLOCK, PLACES, MIXED = 2**14, 16, np.uint64(0x9E3779B97F4A7C15)
"""Rows that are compared at a time, bits of a table of four times as many places, and what spreads keys over it."""


class Rows(NamedTuple):
    """Rows in order.

    Attributes
    ----------
    starts : ndarray of int64, shape (n_queries + 1,)
        Where the rows of each query start.
    item : ndarray of int64, shape (n_rows,)
        Codes of the items.
    score : ndarray of float64, shape (n_rows,)
        Falling within a query; of equal ones the item of the larger code is first.
    tied : bool
        Whether two items of a query have one score.
    """

    starts: np.ndarray
    item: np.ndarray
    score: np.ndarray
    tied: bool


def bits_of(largest: int) -> int:
    """Count the bits that the numbers from 0 to the largest need."""
    return int(largest).bit_length()


def in_order(query: np.ndarray, n_queries: int, item: np.ndarray, score: np.ndarray) -> Rows:
    """Sort rows by query, by falling score, and of equal scores by falling item.

    Parameters
    ----------
    query : ndarray of int64, shape (n_rows,)
        Position of the query of each row.
    n_queries : int
        Number of queries.
    item : ndarray of int64, shape (n_rows,)
        Codes of items, in the order of their names.
    score : ndarray of float64, shape (n_rows,)
        Finite scores.

    Returns
    -------
    Rows
        The arrays themselves if they are in order.
    """
    same = query[1:] == query[:-1]
    level = same & (score[1:] == score[:-1])
    tied = bool(level.any())
    if not ((query[1:] > query[:-1]) | (same & (score[1:] <= score[:-1]))).all():
        order = np.argsort(-score)
        key = (query.take(order) << np.int64(bits_of(len(order)))) | np.arange(len(order))
        key.sort()
        order = order.take(key & ((1 << bits_of(len(order))) - 1))
        query, item, score = query.take(order), item.take(order), score.take(order)
        level = (query[1:] == query[:-1]) & (score[1:] == score[:-1])
        tied = bool(level.any())
    if tied and (level & (item[1:] > item[:-1])).any():
        item = item.copy()
        _settle_ties(item, level)
    starts = np.zeros(n_queries + 1, dtype=np.int64)
    np.cumsum(np.bincount(query, minlength=n_queries), out=starts[1:])
    return Rows(starts, item, score, tied)


def _settle_ties(item: np.ndarray, level: np.ndarray) -> None:
    """Sort the items of equal scores, in place."""
    group = np.cumsum(np.append(True, ~level))
    tied = np.flatnonzero(np.append(level, False) | np.append(False, level))
    order = np.lexsort((-item[tied], group[tied]))
    item[tied] = item[tied][order]


def blocks_of(starts: np.ndarray, size: int = BLOCK) -> list[tuple[int, int]]:
    """Cut queries into blocks of about so many rows; a list of first queries and those after the last."""
    if len(starts) < 2:
        return []
    number = starts[:-1] // size
    cuts = [0, *(np.flatnonzero(number[1:] > number[:-1]) + 1).tolist(), len(number)]
    return list(itertools.pairwise(cuts))


def check_different_items(rows: Rows, queries: np.ndarray, names: np.ndarray | None, what: str) -> None:
    """Refuse rows of which two have the same query and item.

    Parameters
    ----------
    rows : Rows
        Rows by query.
    queries : ndarray of shape (n_queries,)
        Names of the queries.
    names : ndarray or None
        Names of the items; None if the codes are the names.
    what : str
        What the rows are, for the error.
    """
    item, starts = rows.item, rows.starts
    if len(item) < 2:
        return
    low, width = int(item.min()), bits_of(int(item.max()) - int(item.min()))
    lengths = np.diff(starts)
    if _all_differ(rows, low, width):
        return
    twice: list[tuple[Any, Any]] = []
    n_twice = 0
    for first, last in blocks_of(starts):
        begin, end = int(starts[first]), int(starts[last])
        own = np.arange(last - first).repeat(lengths[first:last])
        if width + bits_of(last - first) <= 62:
            key = (own << np.int64(width)) | (item[begin:end] - low)
            key.sort()
            again = np.flatnonzero(key[1:] == key[:-1])
            n_twice += len(again)
            twice += [(queries[first + (k >> width)], (k & ((1 << width) - 1)) + low) for k in key[again][:3].tolist()]
            continue
        order = np.lexsort((item[begin:end], own))
        codes, own = item[begin:end][order], own[order]
        again = np.flatnonzero((codes[1:] == codes[:-1]) & (own[1:] == own[:-1]))
        n_twice += len(again)
        twice += [(queries[first + own[k]], codes[k].item()) for k in again[:3].tolist()]
    if n_twice:
        pairs = [(query.item(), code if names is None else names[code].item()) for query, code in twice[:3]]
        raise InvalidPredictionsError(
            f"{what} must have each item of a query once; received {n_twice} rows more, first (query, item) "
            f"{shown(pairs)}. Drop them, or keep the best: "
            "frame.groupby(['query', 'item'], as_index=False).max()."
        )


def _all_differ(rows: Rows, low: int, width: int) -> bool:
    """Tell whether no item is there twice in a query, in half the time of a sort.

    Each row leaves its number in a place of a small table that its query and item choose. A row that finds another
    number there has lost the place: to the same item, or by chance. Two rows that are the same have one place, so that
    one of them at least has lost.
    """
    starts, lengths = rows.starts, np.diff(rows.starts)
    table = np.zeros(2**PLACES, dtype=np.int64)
    for first, last in blocks_of(starts, SMALL_BLOCK):
        begin, end = int(starts[first]), int(starts[last])
        if width + bits_of(last - first) > 62:
            return False
        key = rows.item[begin:end] - low
        key |= np.arange(last - first).repeat(lengths[first:last]) << np.int64(width)
        place = (key.view(np.uint64) * MIXED) >> np.uint64(64 - PLACES)
        place, row = place.view(np.int64), np.arange(len(key))
        table[place] = row
        found = table.take(place)
        lost = np.flatnonzero(found != row)
        losers = key.take(lost)
        if (losers == key.take(found.take(lost))).any():
            return False
        losers.sort()
        if (losers[1:] == losers[:-1]).any():
            return False
    return True
