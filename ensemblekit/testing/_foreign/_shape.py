"""What a shape is: how members' answers are drawn, passed, reordered and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

__all__ = ["Case", "Draw", "Problem", "Shape", "array_problem"]

Draw = Callable[[Any], Any]
Problem = tuple[str, str, str | None]
"""The promise that is broken, what is wrong, and the expression that does not hold."""


@dataclass(frozen=True)
class Case:
    """Input of one call: the members' answers, a weight each, and what else the shape has."""

    values: list[Any]
    weights: tuple[float, ...]
    extra: dict[str, Any] = field(default_factory=dict)

    def take(self, members: Sequence[int], weights: Sequence[float] | None = None) -> Case:
        """Take members, by position; one may be taken twice."""
        given = self.weights if weights is None else weights
        taken = tuple(given) if weights is not None else tuple(given[m] for m in members)
        return replace(self, values=[self.values[m] for m in members], weights=taken)


class Shape:
    """The shape of one member's answers.

    Attributes
    ----------
    name : str
        Its name.
    same : str
        Name of the judge that compares two answers.
    """

    name: str
    same: str
    aligned = True
    """Whether row i of the answer belongs to row i of each member."""

    def arguments(self, case: Case) -> dict[str, Any]:
        """Return new copies of the arguments in front of the weights."""
        raise NotImplementedError

    def draw(
        self, subject: Any, draw: Draw, n_members: int, clear: bool, n_rows: int | None
    ) -> tuple[list[Any], dict[str, Any]]:
        """Draw the members' answers, and what else the shape has."""
        raise NotImplementedError

    def clear(self, case: Case) -> bool:
        """Whether no two answers tie."""
        return True

    def opposed(self, subject: Any) -> tuple[Any, Any, dict[str, Any]]:
        """Return two answers that differ in each row."""
        raise NotImplementedError

    def problem(self, answer: Any, case: Case) -> Problem | None:
        """Return what is wrong with the form of an answer."""
        raise NotImplementedError

    def rows(self, case: Case) -> int:
        """Count the rows."""
        return len(case.values[0])

    def take_rows(self, case: Case, rows: Sequence[int]) -> Case:
        """Take rows of all members, by position."""
        return replace(case, values=[value[list(rows)] for value in case.values])


def array_problem(answer: Any, shape: tuple[int, ...], *, numbers: bool = True) -> Problem | None:
    """Say what is wrong with an answer that must be an array of this shape."""
    try:
        array = np.asarray(answer)
    except Exception as error:
        return "form", f"the answer cannot be made an array: {error}", f"np.shape(first) == {shape}"
    if array.shape != shape:
        return "form", f"the answer has the shape {array.shape}, not {shape}", f"np.shape(first) == {shape}"
    if numbers and array.dtype.kind not in "iufb":
        return "form", f"the answer is of {array.dtype}, not of numbers", 'np.asarray(first).dtype.kind in "iufb"'
    if numbers and not np.isfinite(array).all():
        return "finite", "the answer has NaN or infinite values", "np.isfinite(first).all()"
    return None
