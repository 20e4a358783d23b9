"""Probabilities, scores and quantiles: shapes whose members stack into one array of numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from .._running import Check
from ._promises import pick, promise
from ._shape import Case, Draw, Problem, Shape, array_problem
from ._subject import ForeignSubject, Trial

__all__ = ["PROBABILITIES", "PROBABILITY_CHECKS", "QUANTILES", "QUANTILE_CHECKS", "SCORES", "SCORE_CHECKS"]

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def _integers(draw: Draw, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    size = int(np.prod(shape))
    return np.array(draw(st.lists(st.integers(low, high), min_size=size, max_size=size)), dtype=float).reshape(shape)


class _Arrays(Shape):
    same = "same_numbers"
    argument: str

    def arguments(self, case: Case) -> dict[str, Any]:
        return {self.argument: np.array(case.values)}

    def problem(self, answer: Any, case: Case) -> Problem | None:
        return array_problem(answer, np.shape(case.values[0]))


class _Probabilities(_Arrays):
    name, argument = "probabilities", "member_probas"

    def draw(
        self, subject: Any, draw: Draw, n_members: int, clear: bool, n_rows: int | None
    ) -> tuple[list[Any], dict[str, Any]]:
        rows = n_rows or draw(st.integers(1, 2))
        counts = _integers(draw, (n_members, rows, draw(st.integers(2, 3))), 0, 8)
        counts[..., 0] += counts.sum(axis=-1) == 0
        return list(counts / counts.sum(axis=-1, keepdims=True)), {}

    def clear(self, case: Case) -> bool:
        cube, weights = np.array(case.values), np.array(case.weights)
        hard = np.eye(cube.shape[-1])[cube.argmax(axis=-1)]
        ordered = [
            np.sort(cube, axis=-1),
            np.sort(np.tensordot(weights, cube, 1), axis=-1),
            np.sort(np.tensordot(weights, hard, 1), axis=-1),
        ]
        return all((one[..., -1] - one[..., -2] > 1e-9).all() for one in ordered)

    def opposed(self, subject: Any) -> tuple[Any, Any, dict[str, Any]]:
        return np.array([[0.75, 0.25]]), np.array([[0.25, 0.75]]), {}


class _Scores(_Arrays):
    name, argument = "scores", "member_scores"

    def draw(
        self, subject: Any, draw: Draw, n_members: int, clear: bool, n_rows: int | None
    ) -> tuple[list[Any], dict[str, Any]]:
        return list(_integers(draw, (n_members, n_rows or draw(st.integers(1, 3))), -9, 9)), {}

    def opposed(self, subject: Any) -> tuple[Any, Any, dict[str, Any]]:
        return np.array([1.0, 4.0]), np.array([3.0, 8.0]), {}


class _Quantiles(_Arrays):
    name, argument = "quantiles", "member_quantiles"

    def arguments(self, case: Case) -> dict[str, Any]:
        return {self.argument: np.array(case.values), "levels": np.array(case.extra["levels"])}

    def draw(
        self, subject: Any, draw: Draw, n_members: int, clear: bool, n_rows: int | None
    ) -> tuple[list[Any], dict[str, Any]]:
        levels = LEVELS[1:4] if draw(st.booleans()) else LEVELS
        steps = _integers(draw, (n_members, n_rows or draw(st.integers(1, 2)), len(levels)), 0, 6)
        steps[..., 0] -= 3
        # Quantiles that are equal make a jump, whose inverse is not unique.
        steps[..., 1:] += 1
        return list(steps.cumsum(axis=-1)), {"levels": levels}

    def opposed(self, subject: Any) -> tuple[Any, Any, dict[str, Any]]:
        return np.array([[0.0, 1.0, 2.0]]), np.array([[10.0, 12.0, 15.0]]), {"levels": LEVELS[1:4]}


PROBABILITIES, SCORES, QUANTILES = _Probabilities(), _Scores(), _Quantiles()


def _distributions(subject: ForeignSubject, draw: Draw) -> Trial:
    return Trial((subject.case(draw, clear=False),), "distributions(first)", "a row is no distribution")


def _order_of_classes(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw)
    order = list(draw(st.permutations(range(case.values[0].shape[-1]))))
    turned = replace(case, values=[value[:, order] for value in case.values])
    return Trial(
        (case, turned),
        f"same_numbers(np.asarray(first)[:, {order}], second)",
        "the same classes in another order have another answer",
    )


def _ties(subject: ForeignSubject, draw: Draw) -> Trial:
    one = subject.case(draw, clear=False, least=2, n_rows=1)
    n = len(one.values)
    # Each member, and each with its first two classes exchanged: these two classes tie in any symmetric rule.
    swapped = [value[:, [1, 0, *range(2, value.shape[-1])]] for value in one.values]
    tied = Case([*one.values, *swapped], (1.0,) * (2 * n))
    order = draw(st.permutations(range(2 * n)))
    return Trial(
        (tied, tied.take(order)),
        "same_numbers(first, second)",
        "members that tie, in another order, have another answer",
    )


def _units(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw)
    factor, shift = draw(st.sampled_from([(1.0, 1.0), (2.0, 0.0), (0.5, -20.0)]))
    changed = replace(case, values=[factor * value + shift for value in case.values])
    return Trial(
        (case, changed),
        f"same_numbers({factor} * np.asarray(first) + {shift}, second)",
        "the same numbers in another unit have another answer",
    )


def _increasing(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw)
    assume(len(case.values) >= 1)
    return Trial((case,), "increasing(first)", "quantiles of members that increase do not")


_ROWS = ("order_of_members", "order_of_rows", "rows_alone")
_WEIGHTS = ("weights_matter", "scale_of_weights", "zero_weight_is_absent")
_REST = ("duplicated_members", "unanimity", "bounds", "absent_is_left_out")

PROBABILITY_CHECKS: tuple[Check, ...] = pick(
    (*_ROWS, *_WEIGHTS, *_REST),
    (
        promise("valid_values", "each row is a distribution", _distributions),
        promise("order_of_classes", "the order of the classes changes nothing", _order_of_classes),
        promise("ties_stable", "a tie has one answer, whatever the order", _ties),
    ),
)
SCORE_CHECKS: tuple[Check, ...] = pick(
    (*_ROWS, *_WEIGHTS, *_REST),
    (promise("units", "other units of the members are other units of the answer", _units),),
)
QUANTILE_CHECKS: tuple[Check, ...] = pick(
    (*_ROWS, *_WEIGHTS, *_REST),
    (
        promise("units", "other units of the members are other units of the answer", _units),
        promise("monotone", "quantiles that increase give quantiles that increase", _increasing),
    ),
)
