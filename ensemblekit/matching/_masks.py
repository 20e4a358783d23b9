"""Regions as masks: the voxels of each as sorted numbers, so that what two share is a product of sparse rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arguments import check_unmasked
from ..errors import InvalidPredictionsError
from ..predictions.names import shown

__all__ = ["Masks", "masks_of_image"]

BLOCK = 1 << 22
"""Most voxels of pairs that are compared at a time."""


class Masks:
    """Masks of regions on the grids of their cases.

    Parameters
    ----------
    starts : ndarray of int64 of shape (n + 1,)
        Where the voxels of each region start in ``voxels``.
    voxels : ndarray of int64
        Flat positions on the grid of the case, sorted within each region.
    low, high : ndarray of float64 of shape (n, n_dimensions)
        Bounds, in units of length: the outer faces of the outermost voxels.
    middle : ndarray of float64 of shape (n, n_dimensions)
        Centroids, in units of length.
    unit : ndarray of float64 of shape (n,)
        Size of a voxel.
    """

    kind = "masks"

    def __init__(
        self, starts: np.ndarray, voxels: np.ndarray, low: np.ndarray, high: np.ndarray, middle: np.ndarray,
        unit: np.ndarray,
    ) -> None:  # fmt: skip
        self._starts, self._voxels, self._low, self._high = starts, voxels, low, high
        self._middle, self._unit = middle, unit
        self.names: tuple[str, ...] = (*(f"centre_{axis}" for axis in range(middle.shape[1])), "size")

    def __len__(self) -> int:
        return len(self._starts) - 1

    def take(self, rows: np.ndarray) -> Masks:
        lengths = np.diff(self._starts)[rows]
        starts = np.append(0, np.cumsum(lengths))
        places = np.repeat(self._starts[:-1][rows] - starts[:-1], lengths) + np.arange(starts[-1])
        return Masks(
            starts, self._voxels[places], self._low[rows], self._high[rows], self._middle[rows], self._unit[rows]
        )

    @property
    def coordinates(self) -> np.ndarray:
        return np.concatenate([self._middle, self.sizes[:, np.newaxis]], axis=1)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return self._low, self._high

    @property
    def centres(self) -> np.ndarray:
        return self._middle

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(self._starts) * self._unit

    def sort_keys(self) -> list[np.ndarray]:
        # Masks that agree in all of this and differ all the same are told apart by a sum of their voxels' hashes.
        mixed = (self._voxels.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        sums = np.add.reduceat(mixed, self._starts[:-1]) if len(self) else np.empty(0, dtype=np.uint64)
        return [*self._middle.T, self.sizes, *self._low.T, *self._high.T, sums]

    def shared(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        from scipy.sparse import csr_array

        if not len(first):
            return np.empty(0)
        shape = (len(self), int(self._voxels.max(initial=0)) + 1)
        rows = csr_array((np.ones(len(self._voxels), dtype=np.int32), self._voxels, self._starts), shape=shape)
        found = np.empty(len(first))
        ends = np.cumsum(np.diff(self._starts)[first] + np.diff(self._starts)[second])
        start = 0
        while start < len(first):
            stop = max(start + 1, int(np.searchsorted(ends, (ends[start - 1] if start else 0) + BLOCK, side="right")))
            part = slice(start, stop)
            found[part] = rows[first[part]].multiply(rows[second[part]]).sum(axis=1)
            start = stop
        return found * self._unit[first]


def masks_of_image(
    image: Any, spacing: Sequence[float] | None, who: str, parts: str | None = None
) -> list[tuple[Any, ...]]:
    """Find the regions of one image: the connected parts of a boolean one, the numbers of one of whole numbers.

    Parameters
    ----------
    image : array-like of bool or int
        The mask; 0 is no region.
    spacing : sequence of float or None
        Distance between voxels on each axis; 1 by default.
    who : str
        Whose image it is, for errors.
    parts : {"connected", "numbers"}, optional
        What a region is, as in `Regions.from_masks`.

    Returns
    -------
    list of tuple
        Voxels, lower and upper bound, centroid and size of a voxel of each region.
    """
    from scipy.ndimage import find_objects

    check_unmasked(f"the mask from {who}", image)
    array = np.asarray(image)
    if array.dtype.kind not in "biu" or array.ndim not in (1, 2, 3):
        raise InvalidPredictionsError(
            f"a mask must be an array of bool, or of whole numbers that tell regions apart, with one to three axes; "
            f"received {array.dtype} of shape {array.shape} from {who}. Say where a probability becomes a region: "
            "mask > 0.5."
        )
    step = np.ones(array.ndim) if spacing is None else np.asarray(spacing, dtype=np.float64)
    if step.shape != (array.ndim,) or not (np.isfinite(step) & (step > 0)).all():
        raise InvalidPredictionsError(
            f"spacing must be one number > 0 for each of the {array.ndim} axes; received {shown(spacing)} for {who}."
        )
    if array.size and array.dtype.kind == "i" and int(array.min()) < 0:
        raise InvalidPredictionsError(f"numbers of regions must be >= 0; received {int(array.min())} from {who}.")
    connected = parts == "connected" or (parts is None and array.dtype.kind == "b")
    if parts is None and not connected and array.size and int(array.max()) == 1 and (n := _connected(array)[1]) > 1:
        raise InvalidPredictionsError(
            f"a mask of the numbers 0 and 1 has one region, or one for each connected part; received one with {n} "
            f"parts from {who}. Say which: parts='connected' for {n} regions, as of a boolean mask, or "
            "parts='numbers' for one."
        )
    numbers, inverse = np.unique(array, return_inverse=True)
    dense = inverse.reshape(array.shape) + int(numbers[:1].tolist() != [0])
    found: list[tuple[Any, ...]] = []
    for number, box in enumerate(find_objects(dense), 1):
        if box is None:
            continue
        own = dense[box] == number
        named, n_parts = _connected(own) if connected else (own, 1)
        for part in range(1, n_parts + 1):
            places = np.nonzero(named == part)
            places = tuple(axis + edge.start for axis, edge in zip(places, box, strict=True))
            index = np.stack(places, axis=1)
            low, high = index.min(axis=0) * step, (index.max(axis=0) + 1) * step
            flat = np.ravel_multi_index(places, array.shape)
            found.append((flat, low, high, (index.mean(axis=0) + 0.5) * step, math.prod(step)))
    return found


def _connected(array: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the connected parts of what is not 0; corners touch too."""
    from scipy.ndimage import label

    found: Any = label(array, structure=np.ones((3,) * array.ndim))
    return found
