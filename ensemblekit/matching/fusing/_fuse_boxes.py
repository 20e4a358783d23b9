"""`fuse_boxes`: weighted box fusion and its relatives."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ...arguments import check_number, typed
from ...errors import InvalidOptionError
from ...predictions.choices import check_choice
from .._matched import Matched
from .._regions import Regions
from .._shapes import Boxes
from .._weights import weights_of
from ._fused import Fused
from ._rounds import Groups, decayed, gathered, overlap

__all__ = ["fuse_boxes"]

METHODS = ("weighted", "non_maximum_weighted", "nms", "soft_nms")
SCORES = ("mean", "boxes", "max", "sum")
TINY = 1e-200


@typed(but=("weights",))
def fuse_boxes(
    regions: Regions | Matched,
    method: Literal["weighted", "non_maximum_weighted", "nms", "soft_nms"] = "weighted",
    *,
    weights: Any = None,
    threshold: float = 0.55,
    least: float = 0.0,
    score: Literal["mean", "boxes", "max", "sum"] = "mean",
    unmarked: Literal["zero", "ignored"] = "zero",
    once: bool = False,
    sigma: float | None = None,
) -> Fused:
    """Make one set of boxes of those of several readers.

    Parameters
    ----------
    regions : Regions or Matched
        Boxes, of which those of one case and label are fused; or rows that are matched already, each of which becomes
        one box (with ``method="weighted"``).
    method : {"weighted", "non_maximum_weighted", "nms", "soft_nms"}, default="weighted"
        Weighted box fusion [1]_; the same around the box with the largest score [2]_; non-maximum suppression; or
        suppression that lowers scores instead of removing boxes [3]_.
    weights : mapping of reader to weight, or Series, optional
        Weights >= 0, of all readers; their scale does not matter. A reader with the weight 0 is as one that is not
        there.
    threshold : float, default=0.55
        Boxes belong together if their intersection over union is above it; in [0, 1).
    least : float, default=0
        Boxes with a smaller score are left out; for ``soft_nms`` also those that are lowered below it.
    score : {"mean", "boxes", "max", "sum"}, default="mean"
        The score of a fused box: the weighted mean of the readers who marked it, times their share of the weight;
        the same with each box as a reader of its own; the largest; or the weighted sum over all boxes, the only one
        that can be above the largest score.
    unmarked : {"zero", "ignored"}, default="zero"
        Whether a reader who has read the case and did not mark the box lowers its score. Who has not read the case
        never does.
    once : bool, default=False
        Whether a reader may have one box alone in each fused box; its next one then begins another.
    sigma : float, optional
        For ``soft_nms``: scores are multiplied by ``exp(-iou^2 / sigma)``; by default by ``1 - iou`` above the
        threshold.

    Returns
    -------
    Fused
        Fused boxes by case, the one with the largest score first.

    Raises
    ------
    InvalidOptionError
        If an option is out of range, weights do not name all readers, regions are no boxes, or it is not known who
        has read what and ``unmarked`` is ``zero``.

    Notes
    -----
    Boxes are taken from the largest ``weight score`` on; of equal ones the one of the first reader by name, then by
    coordinates. ``weighted``: a box joins the fused box that it overlaps most, which moves to the mean with weights
    ``weight score``; of equally overlapped ones the one that began first. Of boxes ``b`` with scores ``s`` and weights
    ``w``, ``R`` being the readers who have read the case (``zero``) or marked the box (``ignored``):

    - ``mean``: ``sum_b w s / sum_b w``, times the weight of the readers with a box, divided by that of ``R``
    - ``boxes``: ``sum_b w s / n``, times ``min(n, number of R)``, divided by the weight of ``R``; at most the largest
      ``s``. It is the formula of the paper and of the package ensemble-boxes, in which a second box of one reader
      counts as that of another.
    - ``max``: the largest ``w s``, divided by the largest weight
    - ``sum``: ``sum_b w s`` divided by the weight of ``R``

    If each reader has one box at most, the first two are equal. ``non_maximum_weighted`` and suppression give the
    largest ``w s`` divided by the largest weight, ``soft_nms`` what is left of it. Boxes of the score 0 alone are
    averaged by weight. The label of a matched row is that of its mark with the largest
    ``weight score``.

    References
    ----------
    .. [1] R. Solovyev, W. Wang, T. Gabruseva, "Weighted boxes fusion: Ensembling boxes from different object detection
       models", Image and Vision Computing 107, 2021.
    .. [2] H. Zhou et al., "CAD: Scale invariant framework for real-time object detection", ICCV Workshops, 2017.
    .. [3] N. Bodla et al., "Soft-NMS: Improving object detection with one line of code", ICCV, 2017.

    Examples
    --------
    >>> from ensemblekit.matching import Regions, fuse_boxes
    >>> regions = Regions(
    ...     {
    ...         "image": ["a", "a", "a"],
    ...         "model": ["cnn", "yolo", "yolo"],
    ...         "x1": [0.0, 0.1, 0.7],
    ...         "y1": [0.0, 0.0, 0.7],
    ...         "x2": [0.4, 0.5, 0.9],
    ...         "y2": [0.4, 0.4, 0.9],
    ...         "score": [0.75, 0.25, 0.5],
    ...     },
    ...     read="all",
    ... )
    >>> fuse_boxes(regions).to_frame().round(3)
      case     x1   y1     x2   y2  score  n_marked
    0    a  0.025  0.0  0.425  0.4   0.50         2
    1    a  0.700  0.7  0.900  0.9   0.25         1
    """
    check_choice("method", method, METHODS)
    check_choice("score", score, SCORES)
    check_choice("unmarked", unmarked, ("zero", "ignored"))
    check_number("threshold", threshold, 0, 1)
    check_number("least", least, 0, 1)
    if sigma is not None:
        check_number("sigma", sigma, 0, open_low=True)
    matched = regions if isinstance(regions, Matched) else None
    marks = regions.regions if isinstance(regions, Matched) else regions
    if matched is not None and method != "weighted":
        raise InvalidOptionError(
            f"rows that are matched become one box each, by method='weighted'; received {method!r}. Give the regions "
            "themselves: fuse_boxes(matched.regions, ...)."
        )
    if matched is None and not isinstance(marks.shapes, Boxes):
        raise InvalidOptionError(
            f"fuse_boxes gathers boxes; received regions of the kind {marks.shapes.kind!r}. Match them first: "
            "fuse_boxes(match_regions(regions, ...))."
        )
    averaged = method == "weighted" and score != "max"
    read = marks.known_read("unmarked='zero'") if averaged and unmarked == "zero" else None
    weight = weights_of(weights, marks.readers)
    own = np.ones(len(marks)) if marks.score is None else marks.score
    kept = (weight[marks.reader] > 0) & (own >= least)
    if matched is not None:
        kept &= matched.row >= 0
    places = np.flatnonzero(kept)
    group = marks.case[places] if marks.label is None else marks.case[places] * len(marks.labels) + marks.label[places]
    own, by_reader = own[places], weight[marks.reader[places]]
    values = marks.coordinates[places]
    mass, lowered = by_reader * own, np.empty(0)
    if matched is not None:
        order = np.lexsort((-mass, matched.row[places]))
        row = matched.row[places][order]
        row = np.unique(row, return_inverse=True)[1]
    else:
        groups = Groups(group, mass)
        order = groups.order
        half = values.shape[1] // 2
        low, high = values[order, :half], values[order, half:]
        if method == "soft_nms":
            lowered = decayed(groups, low, high, mass[order] / weight.max(), threshold, sigma)
            row = np.where(lowered >= least, np.arange(len(order)), -1)
        else:
            who = marks.reader[places][order] if once else None
            # Boxes of the score 0 come last: they move none that has another, and each other by their readers' weights.
            pull = np.where(mass > 0, mass, TINY * by_reader)[order]
            started = gathered(groups, low, high, pull, threshold, moves=method == "weighted", reader=who)
            row = np.unique(started, return_inverse=True)[1]
    own, by_reader, values, mass = own[order], by_reader[order], values[order], mass[order]
    reader, case = marks.reader[places][order], marks.case[places][order]
    n_rows = int(row.max(initial=-1)) + 1
    if method == "soft_nms":
        stays = row >= 0
        found, coordinates = lowered[stays], values[stays]
        row = np.cumsum(stays) - 1
        row[~stays] = -1
        first = np.flatnonzero(stays)
    else:
        first = np.unique(row, return_index=True)[1]
        pull = mass
        if method == "non_maximum_weighted":
            half = values.shape[1] // 2
            main = values[first][row]
            pull = mass * overlap(values[:, :half], values[:, half:], main[:, :half], main[:, half:])
        coordinates = values[first] if method == "nms" else _means(values, pull, by_reader, row, n_rows)
        share = None if read is None else read[case[first]] @ weight
        n_read = None if read is None else (read[case[first]] & (weight > 0)).sum(axis=1)
        rule = score if method == "weighted" else "max"
        found = _scores(rule, own, by_reader, reader, row, n_rows, share, n_read, weight)
        if method == "nms":
            row = np.where(np.isin(np.arange(len(row)), first), row, -1)
    label = None if marks.label is None else marks.label[places][order][first]
    n_marked = np.ones(len(first), dtype=np.int64)
    if method in ("weighted", "non_maximum_weighted"):
        n_marked = np.bincount(
            np.unique(row * len(marks.readers) + reader) // max(1, len(marks.readers)), minlength=n_rows
        )
    sorted_ = np.lexsort((np.arange(len(first)), -found, case[first]))
    rank = np.empty(len(first) + 1, dtype=np.int64)
    rank[sorted_], rank[-1] = np.arange(len(first)), -1
    of_mark = np.full(len(marks), -1)
    of_mark[places[order]] = rank[row]
    return Fused(
        marks, of_mark, case[first][sorted_], None if label is None else label[sorted_], coordinates[sorted_],
        found[sorted_], n_marked[sorted_], method,
    )  # fmt: skip


def _means(values: np.ndarray, pull: np.ndarray, weight: np.ndarray, row: np.ndarray, n: int) -> np.ndarray:
    """Average coordinates; rows in which nothing pulls by weight alone."""
    total = np.bincount(row, pull, n)
    pull = np.where(total[row] > 0, pull, weight)
    total = np.bincount(row, pull, n)
    found = np.stack([np.bincount(row, pull * column, n) for column in values.T], axis=1) / total[:, np.newaxis]
    first = np.unique(row, return_index=True)[1]
    alone = np.bincount(row, minlength=n) == 1
    found[alone] = values[first[alone]]  # not even rounding moves a box that is alone
    return found


def _scores(
    rule: str, own: np.ndarray, weight: np.ndarray, reader: np.ndarray, row: np.ndarray, n: int,
    share: np.ndarray | None, n_read: np.ndarray | None, every: np.ndarray,
) -> np.ndarray:  # fmt: skip
    largest = np.zeros(n)
    if rule == "max":
        np.maximum.at(largest, row, weight * own)
        return largest
    np.maximum.at(largest, row, own)
    pairs = np.unique(row * len(every) + reader)
    of_readers = np.bincount(pairs // len(every), every[pairs % len(every)], n)
    n_readers = np.bincount(pairs // len(every), minlength=n)
    share = of_readers if share is None else share
    n_read = n_readers if n_read is None else n_read
    total, mass = np.bincount(row, weight * own, n), np.bincount(row, weight, n)
    if rule == "sum":
        return total / share
    if rule == "boxes":
        size = np.bincount(row, minlength=n)
        found = total / size * np.minimum(size, n_read) / share
    else:
        found = total / mass * np.minimum(of_readers / share, 1)
    return np.minimum(found, largest)
