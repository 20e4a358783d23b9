"""How far two regions are the same: intersection over union, Dice, or the distance of their centres."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arguments import check_number
from ..errors import InvalidOptionError
from ..predictions.choices import check_choice
from ._pairs import touching_pairs
from ._shapes import Shapes

__all__ = ["MEASURES", "Links", "check_threshold", "find_links", "measured"]

MEASURES = ("iou", "dice", "distance")


class Links(NamedTuple):
    """Pairs of regions that are similar enough to be one object.

    Attributes
    ----------
    first, second : ndarray of int64
        Regions of each pair, the first one before the second.
    gain : ndarray of float64
        How similar they are, larger for those that are more so: the measure, or ``1 - distance / (2 threshold)``.
    apart : ndarray of float64
        Distance of their centres.
    """

    first: np.ndarray
    second: np.ndarray
    gain: np.ndarray
    apart: np.ndarray

    def take(self, rows: np.ndarray) -> Links:
        """Take pairs by place, or by a mask."""
        return Links(*(column[rows] for column in self))


def check_threshold(measure: str, threshold: float | None) -> float:
    """Check a threshold: an overlap in [0, 1), or a distance > 0, which has no default."""
    check_choice("measure", measure, MEASURES)
    if measure == "distance":
        if threshold is None:
            raise InvalidOptionError(
                "threshold must be given with measure='distance', in the units of the coordinates; received None. Give "
                "the largest distance of two centres that mark one object, such as threshold=5.0."
            )
        check_number("threshold", threshold, 0, open_low=True)
        return float(threshold)
    found = 0.5 if threshold is None else threshold
    check_number("threshold", found, 0, 1)
    if found == 1:
        raise InvalidOptionError(f"threshold must be below 1, as an overlap is to exceed it; received {found!r}.")
    return float(found)


def measured(shapes: Shapes, first: np.ndarray, second: np.ndarray, measure: str) -> np.ndarray:
    """Compute a measure of pairs of regions; it does not matter which of a pair is the first.

    Parameters
    ----------
    shapes : Shapes
        All regions.
    first, second : ndarray of int
        Pairs of them.
    measure : {"iou", "dice", "distance"}
        Its name.

    Returns
    -------
    ndarray of float64
    """
    if measure == "distance":
        centres = shapes.centres
        return np.sqrt(((centres[first] - centres[second]) ** 2).sum(axis=1))
    sizes, shared = shapes.sizes, shapes.shared(first, second)
    total = sizes[first] + sizes[second]
    shared = np.minimum(shared, np.minimum(sizes[first], sizes[second]))  # rounding must not pass 1
    return shared / (total - shared) if measure == "iou" else 2 * shared / total


def find_links(shapes: Shapes, case: np.ndarray, reader: np.ndarray | None, measure: str, threshold: float) -> Links:
    """Find the pairs of one case that are similar enough: an overlap above, or a distance up to the threshold.

    Parameters
    ----------
    shapes : Shapes
        All regions.
    case : ndarray of int of shape (n,)
        Case of each.
    reader : ndarray of int of shape (n,), optional
        Reader of each, if pairs of one reader do not count.
    measure : {"iou", "dice", "distance"}
        Its name.
    threshold : float
        As `check_threshold` returns it.

    Returns
    -------
    Links
        Sorted by gain, the largest first; of equal ones those with nearer centres, then by the order of the regions.
    """
    if measure == "distance":
        low, high = shapes.centres - threshold / 2, shapes.centres + threshold / 2
        low, high = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)  # rounding must not lose a pair
    else:
        low, high = shapes.bounds
    centres = shapes.centres
    parts: list[Links] = []
    for first, second in touching_pairs(case, low, high, reader):
        value = measured(shapes, first, second, measure)
        kept = value <= threshold if measure == "distance" else value > threshold
        first, second, value = first[kept], second[kept], value[kept]
        if measure == "distance":
            parts.append(Links(first, second, 1 - value / (2 * threshold), value))
        else:
            apart = np.sqrt(((centres[first] - centres[second]) ** 2).sum(axis=1))
            parts.append(Links(first, second, value, apart))
    if not parts:
        none, number = np.empty(0, dtype=np.int64), np.empty(0)
        return Links(none, none, number, number)
    found = Links(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return found.take(np.lexsort((found.second, found.first, found.apart, -found.gain)))
