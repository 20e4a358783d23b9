"""Greedy joining: the most similar pairs first, no two regions of one reader in a row."""

from __future__ import annotations

import numpy as np

from ._overlaps import Links

__all__ = ["contested", "join", "numbered"]

ROUNDS = 64
"""Rounds of joining all at once, after which the few pairs that are left are taken one by one."""


def numbered(labels: np.ndarray) -> np.ndarray:
    """Number rows by their first region."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def contested(links: Links, reader: np.ndarray, complete: bool) -> tuple[np.ndarray, np.ndarray]:
    """Find what hangs together, and of which of it not all can be one row.

    Parameters
    ----------
    links : Links
        Similar pairs.
    reader : ndarray of int of shape (n,)
        Reader of each region.
    complete : bool
        Whether all pairs of a row must be similar.

    Returns
    -------
    tuple of ndarray
        The component of each region, and a bool for each component.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(reader)
    graph = coo_array((np.ones(len(links.first), dtype=np.int8), (links.first, links.second)), shape=(n, n))
    n_parts, part = connected_components(graph, directed=False)
    part = part.astype(np.int64)
    size = np.bincount(part, minlength=n_parts)
    base = int(reader.max(initial=0)) + 1
    n_readers = np.bincount(np.unique(part * base + reader) // base, minlength=n_parts)
    out = n_readers < size
    if complete:
        n_links = np.bincount(part[links.first], minlength=n_parts)
        out |= n_links < size * (size - 1) // 2
    return part, out


def join(links: Links, case: np.ndarray, reader: np.ndarray, complete: bool) -> np.ndarray:
    """Join regions to rows.

    Parameters
    ----------
    links : Links
        Similar pairs of different readers, in the order in which they are taken.
    case, reader : ndarray of int of shape (n,)
        Of each region.
    complete : bool
        Whether all pairs of a row must be similar, and not only those that join it.

    Returns
    -------
    ndarray of int64 of shape (n,)
        The row of each region.
    """
    part, out = contested(links, reader, complete)
    label = part.copy()
    hard = out[part]
    if not hard.any():
        return numbered(label)
    places = np.flatnonzero(hard)
    new = np.full(len(part), -1)
    new[places] = np.arange(len(places))
    kept = hard[links.first]
    first, second = new[links.first[kept]], new[links.second[kept]]
    found = _joined(first, second, _marks(part[places], reader[places]), complete)
    label[places] = len(out) + found
    return numbered(label)


def _marks(part: np.ndarray, reader: np.ndarray) -> np.ndarray:
    """Give each region one bit for its reader, numbered within the component: shape (n, n_words)."""
    base = int(reader.max()) + 1
    pairs, inverse = np.unique(part * base + reader, return_inverse=True)
    of_part = pairs // base
    first = np.append(True, of_part[1:] != of_part[:-1])
    number = np.arange(len(pairs)) - np.maximum.accumulate(np.where(first, np.arange(len(pairs)), 0))
    own = number[inverse]
    bits = np.zeros((len(part), int(own.max()) // 64 + 1), dtype=np.uint64)
    bits[np.arange(len(part)), own // 64] = np.uint64(1) << (own % 64).astype(np.uint64)
    return bits


def _joined(first: np.ndarray, second: np.ndarray, bits: np.ndarray, complete: bool) -> np.ndarray:
    """Take pairs in their order; all that are the first for both of their rows can be taken at once."""
    n = len(bits)
    row, size, bits = np.arange(n), np.ones(n, dtype=np.int64), bits.copy()
    rank, count = np.arange(len(first)), np.ones(len(first), dtype=np.int64)
    low, high = np.minimum(first, second), np.maximum(first, second)
    for _ in range(ROUNDS):
        low, high, rank, count = _gathered(low, high, rank, count, n)
        fits = ~(bits[low] & bits[high]).any(axis=1)
        if complete:
            fits &= count == size[low] * size[high]
        low, high, rank, count = low[fits], high[fits], rank[fits], count[fits]
        if not len(rank):
            return row
        best = np.full(n, len(first))
        best[low[::-1]] = rank[::-1]
        other = np.full(n, len(first))
        other[high[::-1]] = rank[::-1]
        best = np.minimum(best, other)
        taken = (best[low] == rank) & (best[high] == rank)
        into, gone = low[taken], high[taken]
        bits[into] |= bits[gone]
        size[into] += size[gone]
        target = np.arange(n)
        target[gone] = into
        row = target[row]
        a, b = target[low[~taken]], target[high[~taken]]
        low, high, rank, count = np.minimum(a, b), np.maximum(a, b), rank[~taken], count[~taken]
    return _one_by_one(low, high, rank, count, row, size, bits, complete)


def _gathered(
    low: np.ndarray, high: np.ndarray, rank: np.ndarray, count: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Make one pair of all that are of the same two rows: the first of them, in the order of the pairs."""
    keys, place, inverse = np.unique(low * n + high, return_index=True, return_inverse=True)
    n_links = np.bincount(inverse, count, minlength=len(keys)).astype(np.int64)
    order = np.argsort(rank[place])
    keys, place = keys[order], place[order]
    return keys // n, keys % n, rank[place], n_links[order]


def _one_by_one(
    low: np.ndarray, high: np.ndarray, rank: np.ndarray, count: np.ndarray, row: np.ndarray, size: np.ndarray,
    bits: np.ndarray, complete: bool,
) -> np.ndarray:  # fmt: skip
    low, high, rank, count = _gathered(low, high, rank, count, len(row))
    links: dict[int, dict[int, int]] = {}
    for a, b, n in zip(low.tolist(), high.tolist(), count.tolist(), strict=True):
        links.setdefault(a, {})[b] = n
        links.setdefault(b, {})[a] = n
    now = np.arange(len(row))
    for a, b in zip(low.tolist(), high.tolist(), strict=True):
        a, b = _root(now, a), _root(now, b)
        if a == b or (bits[a] & bits[b]).any() or (complete and links[a].get(b, 0) != size[a] * size[b]):
            continue
        a, b = min(a, b), max(a, b)
        bits[a] |= bits[b]
        size[a] += size[b]
        now[b] = a
        for other, n in links.pop(b).items():
            links[other].pop(b)
            if other != a:
                links[a][other] = links[other][a] = links[a].get(other, 0) + n
    return np.array([_root(now, one) for one in row.tolist()])


def _root(now: np.ndarray, place: int) -> int:
    while now[place] != place:
        now[place] = now[now[place]]
        place = int(now[place])
    return place
