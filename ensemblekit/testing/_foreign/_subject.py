"""The function under test: called with fresh copies, within a time limit, its answers checked for their form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from .._failure import Violation
from ._calls import Outcome, call_within
from ._judges import JUDGES
from ._script import definition, script
from ._shape import Case, Draw, Shape

__all__ = ["ForeignSubject", "Trial", "try_out"]


@dataclass(frozen=True)
class Trial:
    """Inputs for one to three calls, and the expression that must hold for their answers.

    The expression may name ``first``, ``second``, ``third``, the arguments of the first call, ``np`` and the judges.
    """

    cases: tuple[Case, ...]
    holds: str
    what: str


class ForeignSubject:
    """A function under test.

    Parameters
    ----------
    function : callable
        The function, or a thin adapter of it.
    shape : Shape
        The shape of its members' answers, with its calling convention.
    label : str
        Its name in messages.
    code : str, optional
        Code that defines ``function`` in counter-examples.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        shape: Shape,
        *,
        label: str,
        weighted: bool,
        least_members: int,
        absent: Any,
        ties: str | None,
        labels: Sequence[Any] | None,
        seed: int,
        seconds: float,
        code: str | None,
    ) -> None:
        self.function, self.shape, self.label = function, shape, label
        self.weighted, self.least_members, self.absent, self.ties = weighted, least_members, absent, ties
        self.labels, self.seed, self.seconds = labels, seed, seconds
        self.drawing_seconds, self.shrinking_seconds = 2 * seconds, seconds
        self.defined, self.name = (code.rstrip(), "function") if code else definition(function)
        self.late = False
        self.fickle = False

    def arguments(self, case: Case) -> dict[str, Any]:
        """Return new copies of the arguments, by name."""
        arguments = self.shape.arguments(case)
        if self.weighted:
            arguments["weights"] = np.array(case.weights, dtype=np.float64)
        return arguments

    def call(self, arguments: Mapping[str, Any]) -> Outcome:
        """Call the function once; an adapter that raises NotImplementedError has no answer to judge."""
        if self.late:
            reject()
        outcome = call_within(self.seconds, self.function, list(arguments.values()))
        if outcome.kind == "error" and isinstance(outcome.value, NotImplementedError):
            reject()
        return outcome

    def answer(self, case: Case) -> Any:
        """Return an answer that can be judged; any other is the matter of the first three promises."""
        outcome = self.call(self.arguments(case))
        if outcome.kind != "answer" or self.shape.problem(outcome.value, case) is not None:
            reject()
        return outcome.value

    def script(self, cases: Sequence[Case], holds: str | None, note: str = "") -> str:
        """Write a counter-example as code."""
        return script(self.defined, self.name, [self.arguments(case) for case in cases], holds, note=note)

    def members(self, draw: Draw, *, least: int = 1, most: int = 3) -> int:
        """Draw how many members there are."""
        least = max(least, self.least_members)
        return draw(st.integers(least, max(least, most)))

    def case(self, draw: Draw, *, least: int = 1, clear: bool = True, n_rows: int | None = None) -> Case:
        """Draw valid input; if ``clear`` without ties in it or in a vote about it."""
        n_members = self.members(draw, least=least)
        values, extra = self.shape.draw(self, draw, n_members, clear, n_rows)
        weights = draw(st.lists(st.integers(1, 4), min_size=n_members, max_size=n_members))
        case = Case(values, tuple(map(float, weights if self.weighted else [1] * n_members)), extra)
        if clear and not self.shape.clear(case):
            reject()
        return case


def try_out(subject: ForeignSubject, trial: Trial) -> None:
    """Call the function as the trial says; a broken promise is a `Violation` with its script."""
    answers = dict(zip(("first", "second", "third"), map(subject.answer, trial.cases), strict=False))
    arguments = subject.arguments(trial.cases[0])
    space = {"np": np, **JUDGES, **arguments, **answers}
    if not eval(trial.holds, space):  # noqa: S307 - the expressions are those of this package
        violation = Violation(trial.what, arguments)
        violation.script = subject.script(trial.cases, trial.holds)
        raise violation
