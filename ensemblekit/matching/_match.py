"""`match_regions`: regions that mark the same object become one row."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..arguments import typed
from ..predictions.choices import check_choice
from ._assigning import assign
from ._joining import join, numbered
from ._matched import Matched
from ._overlaps import check_threshold, find_links
from ._regions import Regions

__all__ = ["match_regions"]


@typed()
def match_regions(
    regions: Regions,
    *,
    measure: Literal["iou", "dice", "distance"] = "iou",
    threshold: float | None = None,
    method: Literal["greedy", "optimal"] = "greedy",
    linkage: Literal["single", "complete"] = "single",
    by_label: bool = False,
    repeated: Literal["apart", "dropped"] = "apart",
) -> Matched:
    """Find which regions of different readers mark one object. Each reader has at most one region in a row.

    Parameters
    ----------
    regions : Regions
        What readers marked.
    measure : {"iou", "dice", "distance"}, default="iou"
        What makes two regions similar: intersection over union, Dice's coefficient, or the distance of their centres.
    threshold : float, optional
        An overlap must be above it, in [0, 1), 0.5 by default; a distance at most so large, in the units of the
        coordinates.
    method : {"greedy", "optimal"}, default="greedy"
        ``greedy`` joins the most similar regions first. ``optimal`` then raises the sum of the similarities of all
        pairs within rows: the regions of one reader after the other are laid anew on the rows of the others, until
        nothing gains. For two readers no sum is larger; for more, to find the largest is too costly for any method.
    linkage : {"single", "complete"}, default="single"
        Whether a region must be similar to one region of its row, or to all of them.
    by_label : bool, default=False
        Whether regions with different labels are different objects. By default the label is a vote like others.
    repeated : {"apart", "dropped"}, default="apart"
        What becomes of a region that is similar to another of the same reader, or to one in whose row that reader has
        another: it is an object of its own, or left out.

    Returns
    -------
    Matched
        Rows with ids, and who marked them.

    Raises
    ------
    InvalidOptionError
        If an option is out of range or unknown.

    Notes
    -----
    The similarity of pairs decides their order; of equal pairs the one with nearer centres is first, then the one of
    the first region by reader and coordinates. Readers and regions are sorted by name and value, so that their order
    in the data changes nothing. Of a similarity ``1 - distance / (2 threshold)`` is taken for distances, so that two
    rows of two regions are better than one. In the worst case ``optimal`` compares all regions that hang together.

    A region without any similar one is a row too: an object that one reader has found.

    References
    ----------
    .. [1] H. W. Kuhn, "The Hungarian method for the assignment problem", Naval Research Logistics Quarterly 2, 1955.

    Examples
    --------
    >>> from ensemblekit.matching import Regions, match_regions
    >>> regions = Regions(
    ...     {
    ...         "case": ["a", "a", "a", "a"],
    ...         "reader": ["ann", "bo", "bo", "cy"],
    ...         "x1": [0, 1, 7, 0],
    ...         "y1": [0, 0, 7, 0],
    ...         "x2": [4, 4, 9, 4],
    ...         "y2": [4, 4, 9, 4],
    ...     },
    ...     read="all",
    ... )
    >>> match_regions(regions).table()[["n_marked", "n_read", "x1", "x2"]].round(2).reset_index()
        id  n_marked  n_read    x1   x2
    0  a/1         3       3  0.33  4.0
    1  a/2         1       3  7.00  9.0
    """
    for name, value, choices in (
        ("method", method, ("greedy", "optimal")),
        ("linkage", linkage, ("single", "complete")),
        ("repeated", repeated, ("apart", "dropped")),
    ):
        check_choice(name, value, choices)
    threshold = check_threshold(measure, threshold)
    case = regions.case
    if by_label and regions.label is not None:
        case = case * len(regions.labels) + regions.label
    reader = None if repeated == "dropped" else regions.reader
    every = find_links(regions.shapes, case, reader, measure, threshold)
    links = every.take(regions.reader[every.first] != regions.reader[every.second]) if reader is None else every
    complete = linkage == "complete"
    row = join(links, case, regions.reader, complete)
    if method == "optimal":
        row = assign(links, regions.reader, row, complete)
    if reader is None:
        row = _dropped(row, regions.reader, every.first, every.second)
    return Matched(regions, row, measure, threshold, method)


def _dropped(row: np.ndarray, reader: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Leave out regions that are alone in their row, and similar to one in whose row their reader has another."""
    n_rows = int(row.max(initial=-1)) + 1
    size = np.bincount(row, minlength=n_rows)
    base = int(reader.max(initial=0)) + 1
    has = np.unique(row * base + reader)
    out = np.zeros(len(row), dtype=bool)
    for one, other in ((second, first), (first, second)):
        alone = (size[row[one]] == 1) & (row[one] != row[other])
        alone &= np.isin(row[other] * base + reader[one], has)
        # Of two that are alone, the one that comes first stays.
        alone &= (size[row[other]] > 1) | (one > other)
        out[one[alone]] = True
    kept = numbered(row[~out])
    found = np.full(len(row), -1)
    found[~out] = kept
    return found
