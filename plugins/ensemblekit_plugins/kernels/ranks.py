"""Ranks of many values in a stored sample, by a table lookup on the bits of the values instead of a binary search.

The bits of floats >= 0, read as integers, have the same order as the floats. Their leading bits are the index in a
table that contains the number of smaller stored values. If a cell contains at most one stored value, one comparison
gives the rank. If it contains more, the values in this cell are searched. The result is identical to that of a binary
search, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .blocks import Scratch, Where, in_blocks
from .columns import add_up, column_shape, member_columns, write_columns
from .presence import by_presence

__all__ = ["MemberRanks", "average_ranks", "cells_a_table"]

SEARCHED_VALUES = 2**11
"""Up to this number of values of a class of one member, a search is faster than building tables."""
CELLS_A_VALUE = 32
"""Cells of a table for each stored value: then fewer than one value in a hundred is in a cell with two."""
LEAST_CELLS = 2**10
FEW_UNSETTLED = 2**7
"""If at most one value in this many must be searched, one slow search for all classes is faster than one per class."""
MOST_CELLS = 2**24
"""Cells of all tables together: 32 MB, at two bytes per cell, which are enough unless very many values are stored."""


def cells_a_table(shape: tuple[int, ...]) -> int:
    """Return the maximum number of cells of a class's table for a cube of this shape; 0 if a search is faster."""
    n_members, *rows, n_classes = shape
    return 0 if math.prod(rows) <= SEARCHED_VALUES else max(1, MOST_CELLS // (n_members * n_classes))


class _Tables(NamedTuple):
    """For each class, the gap in which a cell begins. The cell of ``x`` is ``(bits >> shift) - low``, clipped."""

    gaps: list[np.ndarray]
    shift: int
    low: np.ndarray


class MemberRanks:
    """The mid-ranks of one member's classes: at the stored values, and by linear interpolation between them.

    Parameters
    ----------
    references : sequence of ndarray of shape (3, n_values)
        For each class: the stored values, ascending; the share of the sample below each; and the share that is ``<=``
        each.
    dtype : dtype
        Dtype of the values to rank; it represents the stored values exactly.
    n_cells : int
        Maximum number of cells of a class's table; 0 for a search.
    """

    def __init__(self, references: Sequence[np.ndarray], dtype: np.dtype, n_cells: int) -> None:
        # Gaps and values alternate as places: 2n + 1 places for n values. The places of all classes are in one array.
        self._values = [reference[0].astype(dtype) + dtype.type(0) for reference in references]  # -0.0 becomes 0.0
        sizes = [2 * len(values) + 1 for values in self._values]
        self._first = np.cumsum([0, *sizes])
        self._unsettled = np.min_scalar_type(self._first[-1]).type(self._first[-1])
        places = [_places(reference, dtype) for reference in references]
        self._ahead, self._start, origin, slope = (np.concatenate(each) for each in zip(*places, strict=True))
        self._line = (origin, slope) if slope.any() else None
        self._tables = None
        if n_cells:
            self._tables = self._tabulate(dtype, n_cells)
            codes = np.repeat(np.arange(len(sizes)), [len(values) for values in self._values])
            self._keys = _keys(codes, np.concatenate(self._values))

    def __call__(self, columns: np.ndarray, scratch: Scratch) -> np.ndarray:
        """Rank values.

        Parameters
        ----------
        columns : ndarray of shape (n_classes, n_rows)
            C-contiguous and >= 0. They are overwritten.
        scratch : Scratch
            Stores the result.

        Returns
        -------
        ndarray of shape (n_classes, n_rows)
            From 0 to 1.
        """
        shape, dtype = columns.shape, columns.dtype
        place = scratch("place", shape, np.intp)
        some, rank = scratch("some", shape, dtype), scratch("rank", shape, dtype)
        above = scratch("above", shape, np.bool_)
        found = self._gaps(columns, scratch)
        np.copyto(place, found)
        np.take(self._ahead, place, out=some, mode="clip")
        found += np.greater_equal(columns, some, out=above)
        found += np.greater(columns, some, out=above)
        np.copyto(place, found)
        np.take(self._start, place, out=rank, mode="clip")
        if self._line is not None:
            origin, slope = self._line
            columns -= np.take(origin, place, out=some, mode="clip")
            columns *= np.take(slope, place, out=some, mode="clip")
            rank += columns
        return rank

    def _gaps(self, columns: np.ndarray, scratch: Scratch) -> np.ndarray:
        # The gap before the first stored value >= x, or the gap before that gap.
        found = scratch("gaps", columns.shape, self._unsettled.dtype)
        if self._tables is None:
            for code, column in enumerate(columns):
                found[code] = self._search(column, code)
            return found
        tables, shift, low = self._tables
        cell = scratch("cell", columns.shape, low.dtype)
        np.right_shift(columns.view(low.dtype), shift, out=cell)
        cell -= low
        for table, cells, gaps in zip(tables, cell, found, strict=True):
            np.take(table, cells, out=gaps, mode="clip")
        unsettled = np.flatnonzero(np.equal(found, self._unsettled, out=scratch("above", columns.shape, np.bool_)))
        if len(unsettled):
            self._settle(unsettled, columns, found)
        return found

    def _settle(self, unsettled: np.ndarray, columns: np.ndarray, found: np.ndarray) -> None:
        n_rows = columns.shape[1]
        columns, found = columns.reshape(-1), found.reshape(-1)
        if len(unsettled) <= len(columns) // FEW_UNSETTLED:
            codes = unsettled // n_rows
            found[unsettled] = np.searchsorted(self._keys, _keys(codes, columns[unsettled])) * 2 + codes
            return
        ends = np.searchsorted(unsettled, np.arange(len(self._values) + 1) * n_rows)
        for code in range(len(self._values)):
            some = unsettled[ends[code] : ends[code + 1]]
            found[some] = self._search(columns[some], code)

    def _search(self, column: np.ndarray, code: int) -> np.ndarray:
        return np.searchsorted(self._values[code], column) * 2 + self._first[code]

    def _tabulate(self, dtype: np.dtype, n_cells: int) -> _Tables:
        whole = np.dtype(f"i{dtype.itemsize}")
        bits = [values.view(whole) for values in self._values]
        n_cells = min(n_cells, max(LEAST_CELLS, CELLS_A_VALUE * max(map(len, bits))))
        shift = 1  # at least 1, because otherwise the bits of -0.0 minus an offset overflow
        # The bits of zero are far from all others, so it shares a cell with all values below the smallest positive one.
        ends = [(each[each > 0][0], each[-1]) if each.any() else (1, 1) for each in bits]
        while any((last >> shift) - (first >> shift) >= n_cells for first, last in ends):
            shift += 1
        low = np.array([(first >> shift) - 1 for first, _ in ends], whole)
        tables = []
        for code, each in enumerate(bits):
            cells = np.maximum((each >> shift) - low[code], 0)
            gaps = np.arange(self._first[code], self._first[code + 1], 2).astype(self._unsettled.dtype)
            table = np.repeat(gaps, np.append(np.diff(cells, prepend=-1), 1))
            table[cells[1:][cells[1:] == cells[:-1]]] = self._unsettled
            tables.append(table)
        return _Tables(tables, shift, low[:, np.newaxis])


def average_ranks(
    member_probas: np.ndarray, references: Sequence[Sequence[np.ndarray]], weights: np.ndarray, present: Any, task: str
) -> np.ndarray:
    """Average the members' ranks in their stored samples, in blocks.

    Parameters
    ----------
    member_probas : ndarray of shape (n_members, n_samples, ..., n_classes)
        Aligned predictions.
    references : sequence of sequence of ndarray of shape (3, n_values)
        One for each member and class; see `MemberRanks`.
    weights : ndarray of shape (n_members,)
        From 0 to 1, with a positive sum.
    present : array of bool of shape (n_members, n_samples), or None
        Which rows the members have.
    task : {"multiclass", "multilabel"}
        Rows of ``multiclass`` are divided by their sums.

    Returns
    -------
    ndarray of shape (n_samples, ..., n_classes)
        In the dtype of ``member_probas``.
    """
    dtype = np.result_type(member_probas.dtype, np.float32)
    if any((values != values.astype(dtype)).any() for member in references for values, _, _ in member):
        dtype = np.dtype(np.float64)  # comparisons must be exact
    n_cells = cells_a_table(member_probas.shape)
    ranks = [MemberRanks(member, dtype, n_cells) for member in references]
    weights = weights.astype(dtype)
    if present is None:
        return _average(member_probas, ranks, weights, task)
    return by_presence(
        lambda some, members: _average(some, [ranks[m] for m in members], weights[members], task),
        member_probas,
        present,
    )


def _average(member_probas: np.ndarray, ranks: list[MemberRanks], weights: np.ndarray, task: str) -> np.ndarray:
    result = np.empty(member_probas.shape[1:], member_probas.dtype)
    total_weight = np.cumsum(weights)[-1]

    def average(where: Where, scratch: Scratch) -> None:
        members = member_probas[(slice(None), *where)]
        total = scratch("total", column_shape(members), weights.dtype)
        total[:] = 0
        for place, columns in enumerate(member_columns(members, scratch, weights.dtype)):
            total += np.multiply(ranks[place](columns, scratch), weights[place], out=columns)
        total /= total_weight
        if task == "multiclass":
            summed = add_up(total)
            total[:, summed == 0] = 1 / len(total)
            summed[summed == 0] = 1
            total /= summed
        write_columns(total, result[where])

    in_blocks(average, member_probas.shape, arrays=3, values=2**20)
    return result


def _keys(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    # Complex numbers are sorted by real part, then imaginary part, so one search is enough for all classes.
    keys = np.empty(len(values), np.result_type(values.dtype, np.complex64))
    keys.real, keys.imag = codes, values
    return keys


def _places(reference: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, ...]:
    # For each place: the stored value at it or after it, and the line start + slope * (x - origin).
    values, below, through = reference
    ahead, start, origin, slope = np.zeros((4, 2 * len(values) + 1))
    ahead[-1] = np.inf
    if len(values):
        ahead[:-1:2] = ahead[1::2] = origin[1::2] = origin[2::2] = values
        start[1::2], start[2::2] = (below + through) / 2, through
        with np.errstate(over="ignore"):
            steep = (below[1:] - through[:-1]) / np.diff(values)
        slope[2:-1:2] = np.minimum(steep, np.finfo(dtype).max)
    else:
        start[:] = 0.5
    return tuple(each.astype(dtype) for each in (ahead, start, origin, slope))
