"""`fuse_boxes`: weighted box fusion and its relatives."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

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
from ._values import means_of, scores_of

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
    given = regions.regions if isinstance(regions, Matched) else regions
    _check_regions(given, matched, method)
    averaged = method == "weighted" and score != "max"
    read = given.known_read("unmarked='zero'") if averaged and unmarked == "zero" else None
    weight = weights_of(weights, given.readers)
    marks = _kept_marks(given, matched, weight, least)
    if method == "soft_nms":
        marks, boxes = _suppressed(marks, weight, threshold, sigma, least)
    else:
        marks = _in_rows(marks, matched, method, threshold, once)
        rule = score if method == "weighted" else "max"
        boxes = _fused_rows(marks, method, rule, read, weight)
        if method == "nms":  # the others are suppressed
            marks = marks._replace(row=np.where(np.isin(np.arange(len(marks.row)), boxes.first), marks.row, -1))
    return _sorted(given, marks, boxes, method)


class _Marks(NamedTuple):
    """The marks that are fused, in one order: where they stand in the regions, and the row of each, -1 for none."""

    places: np.ndarray
    case: np.ndarray
    group: np.ndarray
    reader: np.ndarray
    score: np.ndarray
    weight: np.ndarray
    values: np.ndarray
    row: np.ndarray

    @property
    def mass(self) -> np.ndarray:
        return self.weight * self.score

    def take(self, order: np.ndarray) -> _Marks:
        return _Marks(*(column[order] for column in self))


class _Boxes(NamedTuple):
    """The fused boxes by row: the first mark of each, its coordinates and score, and how many readers marked it."""

    first: np.ndarray
    coordinates: np.ndarray
    score: np.ndarray
    n_marked: np.ndarray


def _check_regions(marks: Regions, matched: Matched | None, method: str) -> None:
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


def _kept_marks(regions: Regions, matched: Matched | None, weight: np.ndarray, least: float) -> _Marks:
    """Take the marks that count: of readers with a weight, with a score that is large enough, and in a row."""
    score = np.ones(len(regions)) if regions.score is None else regions.score
    kept = (weight[regions.reader] > 0) & (score >= least)
    if matched is not None:
        kept &= matched.row >= 0
    places = np.flatnonzero(kept)
    case, reader = regions.case[places], regions.reader[places]
    group = case if regions.label is None else case * len(regions.labels) + regions.label[places]
    row = np.full(len(places), -1) if matched is None else matched.row[places]
    return _Marks(places, case, group, reader, score[places], weight[reader], regions.coordinates[places], row)


def _corners(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    half = values.shape[1] // 2
    return values[:, :half], values[:, half:]


def _in_rows(marks: _Marks, matched: Matched | None, method: str, threshold: float, once: bool) -> _Marks:
    """Gather marks in rows, those of a row by falling weight and score."""
    if matched is not None:
        marks = marks.take(np.lexsort((-marks.mass, marks.row)))
        return marks._replace(row=np.unique(marks.row, return_inverse=True)[1])
    groups = Groups(marks.group, marks.mass)
    marks = marks.take(groups.order)
    # Boxes of the score 0 come last: they move none that has another, and each other by their readers' weights.
    pull = np.where(marks.mass > 0, marks.mass, TINY * marks.weight)
    moves, who = method == "weighted", marks.reader if once else None
    started = gathered(groups, *_corners(marks.values), pull, threshold, moves=moves, reader=who)
    return marks._replace(row=np.unique(started, return_inverse=True)[1])


def _suppressed(
    marks: _Marks, weight: np.ndarray, threshold: float, sigma: float | None, least: float
) -> tuple[_Marks, _Boxes]:
    """Lower the scores of boxes that others overlap: each that stays large enough is a row."""
    groups = Groups(marks.group, marks.mass)
    marks = marks.take(groups.order)
    lowered = decayed(groups, *_corners(marks.values), marks.mass / weight.max(initial=0), threshold, sigma)
    stays = lowered >= least
    first = np.flatnonzero(stays)
    boxes = _Boxes(first, marks.values[first], lowered[first], np.ones(len(first), dtype=np.int64))
    return marks._replace(row=np.where(stays, np.cumsum(stays) - 1, -1)), boxes


def _fused_rows(marks: _Marks, method: str, rule: str, read: np.ndarray | None, weight: np.ndarray) -> _Boxes:
    """Make one box of the marks of each row."""
    n = int(marks.row.max(initial=-1)) + 1
    first = np.unique(marks.row, return_index=True)[1]
    pull = marks.mass
    if method == "non_maximum_weighted":
        pull = pull * overlap(*_corners(marks.values), *_corners(marks.values[first][marks.row]))
    nms = method == "nms"
    coordinates = marks.values[first] if nms else means_of(marks.values, pull, marks.weight, marks.row, n)
    case = marks.case[first]
    share = None if read is None else read[case] @ weight
    n_read = None if read is None else (read[case] & (weight > 0)).sum(axis=1)
    score = scores_of(rule, marks.score, marks.weight, marks.reader, marks.row, n, share, n_read, weight)
    pairs = np.unique(marks.row * len(weight) + marks.reader)
    n_marked = np.ones(n, dtype=np.int64) if nms else np.bincount(pairs // max(1, len(weight)), minlength=n)
    return _Boxes(first, coordinates, score, n_marked)


def _sorted(regions: Regions, marks: _Marks, boxes: _Boxes, method: str) -> Fused:
    """Put the boxes in order, the one with the largest score of a case first, and say which one each mark is in."""
    case, n = marks.case[boxes.first], len(boxes.first)
    order = np.lexsort((np.arange(n), -boxes.score, case))
    rank = np.empty(n + 1, dtype=np.int64)
    rank[order], rank[-1] = np.arange(n), -1
    of_mark = np.full(len(regions), -1)
    of_mark[marks.places] = rank[marks.row]
    label = None if regions.label is None else regions.label[marks.places][boxes.first][order]
    return Fused(
        regions, of_mark, case[order], label, boxes.coordinates[order], boxes.score[order], boxes.n_marked[order],
        method,
    )  # fmt: skip
