"""Boxes in the order of their scores, the k-th box of all groups at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["Groups", "decayed", "gathered", "overlap"]


def overlap(low: np.ndarray, high: np.ndarray, other_low: np.ndarray, other_high: np.ndarray) -> np.ndarray:
    """Compute the intersection over union of boxes, row by row."""
    shared = np.maximum(np.minimum(high, other_high) - np.maximum(low, other_low), 0).prod(axis=1)
    total = (high - low).prod(axis=1) + (other_high - other_low).prod(axis=1)
    return shared / (total - shared)


class Groups:
    """Boxes of one case and label, in the order in which they are taken.

    Parameters
    ----------
    group : ndarray of int of shape (n,)
        Group of each box.
    score : ndarray of shape (n,)
        The largest is taken first; of equal ones the one that stands first.

    Attributes
    ----------
    order : ndarray of int of shape (n,)
        Boxes by group and score.
    start, size : ndarray of int of shape (n_groups,)
        Where each group starts in the order, and how many boxes it has.
    """

    def __init__(self, group: np.ndarray, score: np.ndarray) -> None:
        self.order = np.lexsort((np.arange(len(group)), -score, group))
        _, self.start, self.size = np.unique(group[self.order], return_index=True, return_counts=True)

    def rounds(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the groups that have a k-th box, and these boxes' places in the order, for k from 0."""
        by_size = np.argsort(-self.size, kind="stable")
        sizes = self.size[by_size]
        for k in range(int(self.size.max(initial=0))):
            active = by_size[: int(np.searchsorted(-sizes, -k, side="left"))]
            yield active, self.start[active] + k


def gathered(
    groups: Groups, low: np.ndarray, high: np.ndarray, weight: np.ndarray, threshold: float, *, moves: bool,
    reader: np.ndarray | None,
) -> np.ndarray:  # fmt: skip
    """Gather boxes: each joins the row that it overlaps most, or begins a new one.

    Parameters
    ----------
    groups : Groups
        The order.
    low, high : ndarray of shape (n, n_dimensions)
        Corners, in the order of the groups.
    weight : ndarray of shape (n,)
        Weight of each box in the mean of its row, in this order.
    threshold : float
        The overlap must be above it; of equal overlaps the row that began first is taken.
    moves : bool
        Whether a row stands where the weighted mean of its boxes is, or where its first box is.
    reader : ndarray of int of shape (n,), optional
        Reader of each, in this order, if a reader may have one box in a row.

    Returns
    -------
    ndarray of int of shape (n,)
        The row of each box: the place of its first box in the order.
    """
    n = len(low)
    row = np.arange(n)
    n_rows = np.zeros(len(groups.size), dtype=np.int64)
    first = np.zeros(n, dtype=np.int64)  # rows of a group, in the order of their beginning
    row_low, row_high, total = low.copy(), high.copy(), weight.copy()
    words = 0 if reader is None else int(reader.max(initial=0)) // 64 + 1
    seen = np.zeros((n, words), dtype=np.uint64)
    bits = np.zeros((n, words), dtype=np.uint64)
    if reader is not None:
        bits[np.arange(n), reader // 64] = np.uint64(1) << (reader % 64).astype(np.uint64)
    for active, box in groups.rounds():
        counts = n_rows[active]
        some = counts > 0
        best = np.full(len(active), -1)
        if some.any():
            n_pairs = counts[some]
            ends = np.cumsum(n_pairs)
            begin = ends - n_pairs
            which = np.repeat(np.flatnonzero(some), n_pairs)
            slot = first[np.repeat(groups.start[active[some]] - begin, n_pairs) + np.arange(ends[-1])]
            value = overlap(low[box[which]], high[box[which]], row_low[slot], row_high[slot])
            if reader is not None:
                value[(seen[slot] & bits[box[which]]).any(axis=1)] = -1
            top = np.maximum.reduceat(value, begin)
            hits = np.flatnonzero((value == np.repeat(top, n_pairs)) & (value > threshold))
            # Written from the last to the first: the first one stays.
            best[which[hits[::-1]]] = slot[hits[::-1]]
        joins = best >= 0
        into, own = best[joins], box[joins]
        row[own] = into
        seen[into] |= bits[own]
        if moves and len(own):
            share = weight[own] / (total[into] + weight[own])
            row_low[into] += share[:, np.newaxis] * (low[own] - row_low[into])
            row_high[into] += share[:, np.newaxis] * (high[own] - row_high[into])
            total[into] += weight[own]
        begins = box[~joins]
        first[groups.start[active[~joins]] + n_rows[active[~joins]]] = begins
        n_rows[active[~joins]] += 1
        seen[begins] |= bits[begins]
    return row


def decayed(
    groups: Groups, low: np.ndarray, high: np.ndarray, score: np.ndarray, threshold: float, sigma: float | None
) -> np.ndarray:
    """Lower the scores of boxes by how far they overlap boxes with a larger score.

    Parameters
    ----------
    groups : Groups
        The boxes by group.
    low, high, score : ndarray
        Corners and scores, in the order of the groups.
    threshold : float
        Overlap from which on scores are lowered in proportion to the overlap, if ``sigma`` is None.
    sigma : float or None
        Scores are multiplied by ``exp(-overlap^2 / sigma)``.

    Returns
    -------
    ndarray of shape (n,)
    """
    score, left = score.copy(), np.ones(len(score), dtype=bool)
    member = np.repeat(np.arange(len(groups.size)), groups.size)
    for active, _ in groups.rounds():
        on = np.zeros(len(groups.size), dtype=bool)
        on[active] = True
        places = np.flatnonzero(left & on[member])
        begin = np.flatnonzero(np.append(True, member[places][1:] != member[places][:-1]))
        top = np.maximum.reduceat(score[places], begin)
        n_left = np.diff(np.append(begin, len(places)))
        hits = np.flatnonzero(score[places] == np.repeat(top, n_left))
        winner = np.full(len(groups.size), -1)
        winner[member[places[hits[::-1]]]] = places[hits[::-1]]
        left[winner[active]] = False
        rest = places[left[places]]
        over = winner[member[rest]]
        value = overlap(low[rest], high[rest], low[over], high[over])
        if sigma is None:
            score[rest] *= np.where(value > threshold, 1 - value, 1)
        else:
            score[rest] *= np.exp(-(value**2) / sigma)
    return score
