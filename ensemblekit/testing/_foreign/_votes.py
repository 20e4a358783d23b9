"""Votes: one label a member and item."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .._running import Check
from ._promises import pick, promise
from ._shape import Case, Draw, Problem, Shape, array_problem
from ._subject import ForeignSubject, Trial

__all__ = ["VOTES", "VOTE_CHECKS", "VOTE_TIES"]

LABELS = (0, 1, 2, 3)
RENAMED = (1, 3, 4, 8)
VOTE_TIES = ("first", "largest", "smallest")


class _Votes(Shape):
    name, same = "votes", "same_labels"

    def arguments(self, case: Case) -> dict[str, Any]:
        return {"labels": np.array(case.values)}

    def draw(
        self, subject: Any, draw: Draw, n_members: int, clear: bool, n_rows: int | None
    ) -> tuple[list[Any], dict[str, Any]]:
        items = n_rows or draw(st.integers(1, 2))
        labels = list(subject.labels or LABELS)
        one = st.lists(st.sampled_from(labels), min_size=items, max_size=items)
        return [np.array(draw(one)) for _ in range(n_members)], {}

    def clear(self, case: Case) -> bool:
        return all(_lead(column, case.weights) > 1e-9 for column in zip(*map(list, case.values), strict=True))

    def opposed(self, subject: Any) -> tuple[Any, Any, dict[str, Any]]:
        labels = list(subject.labels or LABELS)
        return np.array(labels[:1]), np.array(labels[1:2]), {}

    def problem(self, answer: Any, case: Case) -> Problem | None:
        if isinstance(answer, str):
            return "form", "the answer is text, not one label an item", "not isinstance(first, str)"
        found = array_problem(answer, np.shape(case.values[0]), numbers=False)
        if found is None and any(label is None or label != label for label in np.asarray(answer).tolist()):
            return (
                "finite",
                "the answer has None or NaN among the labels",
                "not any(x is None or x != x for x in first)",
            )
        return found


VOTES = _Votes()


def _lead(column: tuple[Any, ...], weights: tuple[float, ...]) -> float:
    totals: dict[Any, float] = {}
    for label, weight in zip(column, weights, strict=True):
        totals[label] = totals.get(label, 0.0) + weight
    highest = sorted(totals.values())
    return highest[-1] - (highest[-2] if len(highest) > 1 else 0.0)


def _among(subject: ForeignSubject, draw: Draw) -> Trial:
    return Trial(
        (subject.case(draw, clear=False),), "among(first, labels)", "an item is answered with a label nobody gave it"
    )


def _renamed(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw)
    renamed = replace(case, values=[np.array([RENAMED[label] for label in value]) for value in case.values])
    return Trial(
        (case, renamed),
        f"same_labels(np.array({list(RENAMED)})[np.asarray(first, dtype=int)], second)",
        "the same votes with other numbers as labels, in the same order, have another answer",
    )


def _tied(subject: ForeignSubject, draw: Draw, n_items: int = 1) -> Case:
    labels = list(subject.labels or LABELS)
    two = draw(st.lists(st.sampled_from(labels), min_size=2, max_size=2, unique=True))
    half = max(draw(st.integers(1, 2)), -(-subject.least_members // 2))
    column = draw(st.permutations(two * half))
    return Case([np.array([label] * n_items) for label in column], (1.0,) * len(column))


def _ties_stable(subject: ForeignSubject, draw: Draw) -> Trial:
    n_items = draw(st.integers(1, 3))
    tied = _tied(subject, draw, n_items)
    if n_items > 1 or subject.ties == "first":
        return Trial(
            (tied,),
            "len(set(np.asarray(first).tolist())) == 1",
            "the same tie, in two items of one call, is broken in two ways",
        )
    return Trial(
        (tied, tied.take(draw(st.permutations(range(len(tied.values)))))),
        "same_labels(first, second)",
        "a tie is broken another way if the members stand in another order",
    )


def _ties_stated(subject: ForeignSubject, draw: Draw) -> Trial:
    tied = _tied(subject, draw)
    expected = {"smallest": "min(labels[:, 0])", "largest": "max(labels[:, 0])", "first": "labels[0, 0]"}
    return Trial(
        (tied,), f"np.asarray(first)[0] == {expected[subject.ties or '']}", f"a tie is not for the {subject.ties} label"
    )


VOTE_CHECKS: tuple[Check, ...] = pick(
    (
        "order_of_members", "order_of_rows", "rows_alone", "weights_matter", "scale_of_weights",
        "zero_weight_is_absent", "duplicated_members", "unanimity", "absent_is_left_out",
    ),
    (
        promise("labels_among_inputs", "the answer is a label that a member gave to the item", _among),
        promise(
            "names_of_labels", "labels are names: other numbers in the same order change nothing else", _renamed,
            skipped=lambda subject: "it takes labels of its own (labels= was given)" if subject.labels else None,
        ),
        promise("ties_stable", "a tie has one answer, whatever the order", _ties_stable),
        promise(
            "ties_stated", "ties are broken as stated", _ties_stated,
            skipped=lambda subject: None if subject.ties else "no rule for ties was stated (ties=)",
        ),
    ),
)  # fmt: skip
