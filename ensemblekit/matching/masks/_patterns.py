"""Voxels by pattern: how many voxels have the same labels by all readers. A model of voxels is one of patterns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...errors import InvalidPredictionsError
from ...limits import check_size
from ...predictions.names import shown
from ._label_images import LabelImage, LabelImages

__all__ = ["Patterns", "labels_in"]

BLOCK = 1 << 18
"""Voxels that are worked on at a time."""
DENSE = 1 << 20
"""Most codes that are counted in one array."""
LARGEST = 1 << 16
"""Labels from 0 below this are looked up in a table."""


def labels_in(images: LabelImages, given: Any = None) -> np.ndarray:
    """List the labels of all images, sorted; those that are given must hold all of them."""
    found: set[int] = set()
    for case in images:
        for image in images[case].values():
            array = image.read()
            for where in blocks_of(array):
                found.update(_different(array[where].ravel()))
    if given is None:
        labels = sorted(found)
    else:
        labels = sorted({int(one) for one in given})
        if strange := found - {*labels}:
            raise InvalidPredictionsError(
                f"labels must name all that the images hold; received {shown(labels)}, which lacks "
                f"{shown(sorted(strange)[:5])}. Add them."
            )
    if len(labels) < 2:
        labels = sorted({0, *labels, *([] if labels and labels != [0] else [1])})
    return np.array(labels, dtype=np.int64)


def _different(values: np.ndarray) -> list[int]:
    """List the different labels of a block; counting is faster than sorting."""
    if values.size and values.min() >= 0 and values.max() < LARGEST:
        return np.flatnonzero(np.bincount(values)).tolist()
    return np.unique(values).tolist()


def blocks_of(array: np.ndarray) -> Iterator[tuple[Any, ...]]:
    """Yield slabs of an array with about `BLOCK` voxels."""
    axis = array.ndim - 1 if array.flags.f_contiguous and array.ndim > 1 else 0
    size = max(1, array.size // array.shape[axis])
    step = max(1, BLOCK // size)
    for start in range(0, array.shape[axis], step):
        yield (slice(None),) * axis + (slice(start, start + step),)


class Patterns:
    """The patterns of the voxels of all cases.

    Parameters
    ----------
    images : LabelImages
        What readers have drawn.
    labels : ndarray of int64 of shape (n_labels,)
        All labels, sorted.

    Attributes
    ----------
    said : ndarray of int32 of shape (n_patterns, n_readers)
        Position of the label of each reader; -1 if the reader has not drawn the case.
    count : ndarray of int64 of shape (n_patterns,)
        Voxels with each pattern.
    by_case : dict
        Case -> number of voxels of each pattern, as far as the patterns were known by then.
    """

    def __init__(self, images: LabelImages, labels: np.ndarray) -> None:
        self.images, self.labels, self.readers = images, labels, images.readers
        self._known: dict[bytes, int] = {}
        self._rows: list[np.ndarray] = []
        self.by_case: dict[Any, np.ndarray] = {}
        for case in images:
            counts: dict[int, int] = {}
            for place, n in self._counted(images[case]):
                counts[place] = counts.get(place, 0) + n
            own = np.zeros(len(self._rows), dtype=np.int64)
            own[[*counts]] = [*counts.values()]
            self.by_case[case] = own
        self.said = np.array(self._rows, dtype=np.int32).reshape(len(self._rows), len(self.readers))
        self.count = np.zeros(len(self._rows), dtype=np.int64)
        for own in self.by_case.values():
            self.count[: len(own)] += own

    def _counted(self, of_case: Mapping[Any, LabelImage]) -> Iterator[tuple[int, int]]:
        for _, places, counts in self._walk(of_case, count=True):
            yield from zip(places.tolist(), counts.tolist(), strict=True)

    def lay_out(self, case: Any, of_pattern: np.ndarray) -> np.ndarray:
        """Give each voxel of a case the value of its pattern.

        Parameters
        ----------
        case : str or int
            Its name.
        of_pattern : ndarray of shape (n_patterns,)
            A value for each pattern.

        Returns
        -------
        ndarray
            Of the shape of the case.
        """
        of_case = self.images[case]
        shape = next(iter(of_case.values())).shape
        check_size(
            int(np.prod(shape)) * of_pattern.dtype.itemsize, f"an image of shape {shape}", InvalidPredictionsError,
            stored=int(np.prod(shape)),
        )  # fmt: skip
        found = np.empty(shape, dtype=of_pattern.dtype)
        for where, places, inverse in self._walk(of_case, count=False):
            found[where] = of_pattern[places][inverse].reshape(found[where].shape)
        return found

    def _walk(self, of_case: Mapping[Any, LabelImage], *, count: bool) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
        """Yield for each block its place, its patterns, and either their counts or the pattern of each voxel."""
        who = np.array([self.readers.index(name) for name in of_case])
        arrays = [image.read() for image in of_case.values()]
        tables = [_table_of(array, self.labels) for array in arrays]
        n = len(self.labels)
        for where in blocks_of(arrays[0]):
            columns = [
                _coded(array[where].ravel(), table, self.labels) for array, table in zip(arrays, tables, strict=True)
            ]
            rows, other = _distinct(columns, n, count)
            said = np.full((len(rows), len(self.readers)), -1, dtype=np.int32)
            said[:, who] = rows
            places = np.empty(len(rows), dtype=np.int64)
            for k, row in enumerate(said):
                key = row.tobytes()
                place = self._known.setdefault(key, len(self._rows))
                if place == len(self._rows):
                    self._rows.append(row)
                places[k] = place
            yield where, places, other


def _table_of(array: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
    """Make a table from label to position, if labels are small numbers >= 0."""
    if labels[0] < 0 or labels[-1] >= LARGEST or array.dtype.kind not in "iu":
        return None
    table = np.zeros(int(labels[-1]) + 1, dtype=np.int32)
    table[labels] = np.arange(len(labels))
    return table


def _coded(values: np.ndarray, table: np.ndarray | None, labels: np.ndarray) -> np.ndarray:
    return np.searchsorted(labels, values) if table is None else table[values]


def _distinct(columns: list[np.ndarray], n: int, count: bool) -> tuple[np.ndarray, np.ndarray]:
    """Find the different rows of columns of codes below n; and how often each is there, or the one of each voxel."""
    code, width, parts = np.zeros(len(columns[0]), dtype=np.int64), 1, []
    for k, column in enumerate(columns):
        if width > (1 << 62) // n:  # numbers of so many readers need not fit in 64 bits
            values, code = np.unique(code, return_inverse=True)
            parts.append((k, values))
            width = len(values)
        code = code * n + column
        width *= n
    if not parts and width <= DENSE:
        totals = np.bincount(code, minlength=width)
        values = np.flatnonzero(totals)
        if count:
            return _digits(values, n, len(columns)), totals[values]
        place = np.zeros(width, dtype=np.int64)
        place[values] = np.arange(len(values))
        return _digits(values, n, len(columns)), place[code]
    _, first, inverse, totals = np.unique(code, return_index=True, return_inverse=True, return_counts=True)
    rows = np.stack([column[first] for column in columns], axis=1)
    return rows, totals if count else inverse


def _digits(values: np.ndarray, n: int, length: int) -> np.ndarray:
    return values[:, np.newaxis] // n ** np.arange(length - 1, -1, -1) % n
