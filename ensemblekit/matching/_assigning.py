"""Optimal assignment: the regions of one reader after the other are laid anew on the rows of all others."""

from __future__ import annotations

import numpy as np

from ._joining import contested, numbered
from ._overlaps import Links

__all__ = ["assign"]

LEAST = 1e-9
"""A gain by less is none: it is rounding."""


def assign(links: Links, reader: np.ndarray, row: np.ndarray, complete: bool) -> np.ndarray:
    """Raise the sum of the gains of all linked pairs within rows, until no reader's regions can be laid better.

    Parameters
    ----------
    links : Links
        Similar pairs of different readers.
    reader : ndarray of int of shape (n,)
        Reader of each region.
    row : ndarray of int of shape (n,)
        Rows to start from.
    complete : bool
        Whether all pairs of a row must be similar.

    Returns
    -------
    ndarray of int64 of shape (n,)
        The row of each region. For two readers the sum is the largest that there is.
    """
    part, out = contested(links, reader, complete)
    hard = np.flatnonzero(out[part])
    if not len(hard):
        return row
    row = row.copy()
    order = hard[np.argsort(part[hard], kind="stable")]
    starts = np.flatnonzero(np.append(True, part[order][1:] != part[order][:-1]))
    inside = out[part[links.first]]
    first, second, gain = links.first[inside], links.second[inside], links.gain[inside]
    by_part = np.argsort(part[first], kind="stable")
    first, second, gain = first[by_part], second[by_part], gain[by_part]
    n_rows = int(row.max()) + 1
    for places in np.split(order, starts[1:]):
        begin, end = np.searchsorted(part[first], [part[places[0]], part[places[0]] + 1])
        table = np.zeros((len(places), len(places)))
        a, b = (np.searchsorted(places, one[begin:end]) for one in (first, second))
        table[a, b] = table[b, a] = gain[begin:end]
        found = _of_component(table, reader[places], numbered(row[places]), complete)
        row[places] = n_rows + found
        n_rows += len(places)
    return numbered(_connected(links, row))


def _connected(links: Links, row: np.ndarray) -> np.ndarray:
    """Divide rows that nothing holds together any more, after the region that did has left."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    same = row[links.first] == row[links.second]
    first, second = links.first[same], links.second[same]
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(len(row), len(row)))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _of_component(gain: np.ndarray, reader: np.ndarray, row: np.ndarray, complete: bool) -> np.ndarray:
    from scipy.optimize import linear_sum_assignment

    linked, improved = gain > 0, True
    while improved:
        improved = False
        for who in np.unique(reader):
            own = np.flatnonzero(reader == who)
            others = np.flatnonzero(reader != who)
            rows = np.unique(row[others])
            there = row[others] == rows[:, np.newaxis]
            value = gain[np.ix_(own, others)] @ there.T.astype(float)
            fits = (linked[np.ix_(own, others)][:, np.newaxis] & there).sum(axis=2)
            allowed = fits == there.sum(axis=1) if complete else fits > 0
            value = np.where(allowed, value, 0)
            before = sum(value[k, rows == row[one]].sum() for k, one in enumerate(own))
            # A column more for each of the regions: it may stay alone.
            taken, to = linear_sum_assignment(np.concatenate([value, np.zeros((len(own), len(own)))], axis=1), True)
            after = value[taken[to < len(rows)], to[to < len(rows)]].sum()
            if after > before + LEAST:
                alone = row.max() + 1 + np.arange(len(own))
                new = np.where(to < len(rows), rows[np.minimum(to, len(rows) - 1)], alone)
                new = np.where((to < len(rows)) & (value[taken, np.minimum(to, len(rows) - 1)] == 0), alone, new)
                row = row.copy()
                row[own[taken]] = new
                improved = True
    return numbered(row)
