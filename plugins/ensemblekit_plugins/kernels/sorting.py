"""Sums of order statistics over members, by a sorting network with only the comparators that are needed.

A sorting network is a fixed list of comparators. Each puts the smaller of two values in one place and the larger in the
other. It sorts all columns at once, with one call of NumPy for each half of a comparator and without branches. The rows
of a block stay in the cache.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .blocks import Scratch

__all__ = ["arrays_in_use", "comparators", "network", "sum_order_statistics"]

NETWORK_MEMBERS = 64
"""Up to this number of members a network is used. For more members ``numpy.sort`` of each column is faster."""


@lru_cache(maxsize=64)
def network(n: int) -> tuple[tuple[int, int], ...]:
    """List the comparators that sort ``n`` values, by merge exchange.

    Parameters
    ----------
    n : int
        Number of values.

    Returns
    -------
    tuple of (int, int)
        Pairs of places: the smaller value goes to the first place, the larger to the second.

    References
    ----------
    .. [1] D. E. Knuth, "The Art of Computer Programming", vol. 3, 2nd ed., 1998, section 5.2.2, algorithm M.
    """
    found: list[tuple[int, int]] = []
    top = 1 << max(0, (n - 1).bit_length() - 1)
    part = top
    while part and n > 1:
        width, rest, step = top, 0, part
        while step:
            found += [(low, low + step) for low in range(n - step) if low & part == rest]
            step, width, rest = width - part, width // 2, part
        part //= 2
    return tuple(found)


@lru_cache(maxsize=256)
def comparators(counts: tuple[int, ...]) -> tuple[tuple[int, int, bool, bool], ...]:
    """Return only the comparators of the network that a sum of order statistics needs.

    Parameters
    ----------
    counts : tuple of int
        How often the smallest value counts in the sum, the second smallest, and so on.

    Returns
    -------
    tuple of (int, int, bool, bool)
        Two places, whether the smaller value is needed, and whether the larger is.
    """
    kept: list[tuple[int, int, bool, bool]] = []
    # The factor of each place in the sum, until a later comparator reads the place. Places with equal factors need no
    # comparison.
    counted: list[int | None] = list(counts)
    for low, high in reversed(network(len(counts))):
        if counted[low] is not None and counted[low] == counted[high]:
            continue
        kept.append((low, high, counted[low] != 0, counted[high] != 0))
        counted[low] = counted[high] = None
    return tuple(reversed(kept))


def sum_order_statistics(members: np.ndarray, counts: tuple[int, ...], total: np.ndarray, scratch: Scratch) -> None:
    """Add the members' values in one block; the rank of a value among the members determines how often it counts.

    Parameters
    ----------
    members : ndarray of shape (n_members, rows, ..., n_classes)
        The block.
    counts : tuple of int, of length n_members
        How often the smallest value counts, the second smallest, and so on.
    total : ndarray of shape (rows, ..., n_classes)
        C-contiguous; the sum is computed in its dtype and written to it.
    scratch : Scratch
        The buffers of this thread.
    """
    if len(counts) <= NETWORK_MEMBERS:
        ranked = _by_network(members, counts, total, scratch)
    else:
        columns = scratch("columns", (total.size, len(counts)), total.dtype)
        np.copyto(columns, members.reshape(len(counts), -1).T)
        columns.sort(axis=-1)
        ranked = [columns[:, rank].reshape(total.shape) for rank in range(len(counts))]
    first = True
    for values, count in zip(ranked, counts, strict=True):
        if not count:
            continue
        if first:
            np.multiply(values, total.dtype.type(count), out=total)
        elif count == 1:
            np.add(total, values, out=total)
        else:
            term = scratch("term", total.shape, total.dtype)
            np.add(total, np.multiply(values, total.dtype.type(count), out=term), out=total)
        first = False


def _by_network(members: np.ndarray, counts: tuple[int, ...], total: np.ndarray, scratch: Scratch) -> list[np.ndarray]:
    # The first comparators read the members themselves; later ones read buffers, which they may overwrite.
    own = members.dtype != total.dtype or not members[0].flags.c_contiguous
    places = [scratch(("copy", m), total.shape, total.dtype) if own else member for m, member in enumerate(members)]
    if own:
        for copied, member in zip(places, members, strict=True):
            np.copyto(copied, member)
    owned, free = [own] * len(places), list[np.ndarray]()
    names = iter(range(2 * len(places)))
    for low, high, smaller, larger in comparators(counts):
        one, other = places[low], places[high]
        outs = [place for place, is_ours in ((one, owned[low]), (other, owned[high])) if is_ours]
        # The smaller value must not overwrite an input that is still needed to compute the larger value.
        wanted = 1 if smaller != larger else max(2, len(outs) + 1)
        while len(outs) < wanted:
            outs.append(free.pop() if free else scratch(("register", next(names)), total.shape, total.dtype))
        if smaller:
            places[low] = np.minimum(one, other, out=outs.pop())
        if larger:
            places[high] = np.maximum(one, other, out=outs.pop())
        owned[low], owned[high] = smaller, larger
        free += outs
    return places


def arrays_in_use(n_members: int) -> int:
    """Return the number of arrays that `sum_order_statistics` reads or writes repeatedly."""
    return n_members + 2 if n_members <= NETWORK_MEMBERS else 2 * n_members
