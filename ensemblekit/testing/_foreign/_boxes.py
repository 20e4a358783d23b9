"""Boxes: of each member boxes with a score and a label each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from .._running import Check
from ._promises import pick, promise
from ._shape import Case, Draw, Problem, Shape
from ._subject import ForeignSubject, Trial

__all__ = ["BOXES", "BOX_CHECKS"]

GRID = 64
CELLS = ((0, 0), (32, 32))
"""Corners of places far from each other: boxes of one place overlap, those of two never."""


class _Boxes(Shape):
    name, same, aligned = "boxes", "same_boxes", False

    def arguments(self, case: Case) -> dict[str, Any]:
        return {"members": [tuple(np.array(part) for part in member) for member in case.values]}

    def draw(
        self, subject: Any, draw: Draw, n_members: int, clear: bool, n_rows: int | None
    ) -> tuple[list[Any], dict[str, Any]]:
        members = [_member(draw, draw(st.integers(1, 2)), apart=clear) for _ in range(n_members)]
        if not clear and n_members > 1 and draw(st.booleans()):
            members[0] = (np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=int))
        return members, {}

    def clear(self, case: Case) -> bool:
        weighted = [
            round(score * weight, 9)
            for (_, scores, _), weight in zip(case.values, case.weights, strict=True)
            for score in scores
        ]
        plain = [score for _, scores, _ in case.values for score in scores]
        return len(set(weighted)) == len(weighted) and len(set(plain)) == len(plain)

    def opposed(self, subject: Any) -> tuple[Any, Any, dict[str, Any]]:
        label = np.array([1])
        one, other = np.array([[0.0, 0.0, 0.5, 0.5]]), np.array([[0.03125, 0.0, 0.5, 0.5]])
        return (one, np.array([0.5]), label), (other, np.array([0.75]), label), {}

    def rows(self, case: Case) -> int:
        return max(len(scores) for _, scores, _ in case.values)

    def problem(self, answer: Any, case: Case) -> Problem | None:
        text = "the answer is not (boxes (n, 4), scores (n,), labels (n,))"
        holds = "[np.size(p) for p in first] == [4 * len(first[0]), len(first[0]), len(first[0])]"
        try:
            boxes, scores, labels = (np.asarray(part, dtype=float) for part in answer)
        except (TypeError, ValueError):
            return "form", text, holds
        if boxes.size != 4 * scores.size or scores.ndim != 1 or labels.shape != scores.shape:
            return "form", text, holds
        if not all(np.isfinite(part).all() for part in (boxes, scores, labels)):
            return "finite", "the answer has NaN or infinite values", "all(np.isfinite(part).all() for part in first)"
        return None


BOXES = _Boxes()


def _member(draw: Draw, n_boxes: int, *, apart: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cells = draw(st.permutations(range(len(CELLS))))[:n_boxes]
    if not apart and draw(st.integers(0, 2)):
        # A member may find one thing twice.
        cells = cells[:1] * n_boxes
    boxes, scores, labels = [], [], []
    for cell in cells:
        x, y = CELLS[cell]
        left, top, right, bottom = (draw(st.integers(0, 3)) for _ in range(4))
        boxes.append([x + left, y + top, x + 16 + right, y + 16 + bottom])
        scores.append(draw(st.integers(8, 60)))
        labels.append(draw(st.integers(1, 2)))
    return np.array(boxes) / GRID, np.array(scores) / GRID, np.array(labels)


def _order_of_rows(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw)
    assume(BOXES.rows(case) > 1)
    turned = replace(case, values=[tuple(part[::-1] for part in member) for member in case.values])
    return Trial(
        (case, turned),
        "same_boxes(first, second)",
        "the same boxes in another order have another answer",
    )


def _labels_alone(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw)
    label = draw(st.integers(1, 2))
    alone = [tuple(part[member[2] == label] for part in member) for member in case.values]
    assume(any(len(member[2]) for member in alone))
    return Trial(
        (case, replace(case, values=alone)),
        f"same_boxes(boxes_of(first, {label}), second)",
        f"boxes of label {label} have another answer alone than beside those of the other label",
    )


def _judged(judge: str, what: str) -> Any:
    def trial(subject: ForeignSubject, draw: Draw) -> Trial:
        return Trial((subject.case(draw, clear=False),), f"{judge}(first, members)", what)

    return trial


def _ties_stable(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw, clear=False, least=2)
    tied = replace(
        case,
        values=[(boxes, np.full(len(scores), 0.5), labels) for boxes, scores, labels in case.values],
        weights=(1.0,) * len(case.values),
    )
    order = draw(st.permutations(range(len(tied.values))))
    return Trial(
        (tied, tied.take(order)),
        "same_boxes(first, second)",
        "members whose boxes have equal scores, in another order, have another answer",
    )


BOX_CHECKS: tuple[Check, ...] = pick(
    (
        "order_of_members", "weights_matter", "scale_of_weights", "zero_weight_is_absent", "duplicated_members",
        "unanimity",
    ),
    (
        promise("order_of_rows", "the order of a member's boxes changes nothing", _order_of_rows),
        promise("labels_alone", "boxes of a label do not depend on those of other labels", _labels_alone),
        promise(
            "labels_among_inputs", "each label is one that a member gave",
            _judged("labels_within", "a box has a label that no member gave"),
        ),
        promise(
            "bounds", "a box lies between the members' boxes of its label",
            _judged("boxes_within", "a box lies outside the members' boxes of its label"),
        ),
        promise(
            "score_bounds", "no score is 0 or less, or above the largest of the members'",
            _judged("scores_within", "a score is 0 or less, or above the largest of the members'"), share=4,
        ),
        promise("ties_stable", "a tie has one answer, whatever the order", _ties_stable),
    ),
)  # fmt: skip
