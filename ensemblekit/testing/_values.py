"""The checks that apply to every combiner."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ..errors import InvalidPredictionsError
from ..interfaces import TRAITS
from ..predictions import Predictions
from ._attributes import difference, snapshot
from ._failure import Violation
from ._running import Check
from ._strategies import TASKS, member_probas
from ._subject import CombinerSubject, draw_case

__all__ = ["VALUES"]

SUMS = {"float64": 1e-9, "float32": 1e-5, "float16": 5e-3}
"""Largest deviation from 1 of the sum of a row of probabilities."""


def _contract(subject: CombinerSubject, draw: Any) -> None:
    probe = subject.probe
    if isinstance(probe, type) or not callable(getattr(probe, "combine", None)):
        raise Violation("a combiner is an object with a method combine", received=probe)
    unknown = sorted(set(getattr(probe, "traits", ())) - TRAITS)
    if unknown:
        raise Violation("there are no such traits", expected=sorted(TRAITS), received=unknown)
    tasks = getattr(probe, "tasks", None)
    if tasks is not None and (not tasks or set(tasks) - set(TASKS)):
        raise Violation("tasks must be some of the three", expected=list(TASKS), received=sorted(tasks))
    for task in subject.tasks:
        # If the fit refused a task that the class declares, every other check would fail too.
        subject.ready(task, len(subject.members or "abc"), subject.n_classes or 2)


def _shape_and_dtype(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    case = draw_case(subject, draw)
    none = case.cube[:, :0]
    for cube in (case.cube, none):
        result = subject.combine(case.combiner, cube, case.task)
        given = case.given(member_probas=cube)
        if not isinstance(result, np.ndarray):
            raise Violation("combine must return an array", given, received=type(result))
        if result.shape != cube.shape[1:]:
            raise Violation("the shape differs", given, expected=cube.shape[1:], received=result.shape)
        if result.dtype != cube.dtype:
            raise Violation("the dtype differs", given, expected=cube.dtype.name, received=result.dtype.name)


def _valid_values(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    case = draw_case(subject, draw, hard=True)
    result = case.combine()
    rows, n_classes = len(result), result.shape[-1]
    try:
        Predictions(result, ids=range(rows), classes=range(n_classes), task=case.task)  # type: ignore[arg-type]
    except InvalidPredictionsError as error:
        raise Violation(str(error).rstrip("."), case.given(), received=result) from None
    if case.task == "multiclass":
        sums = result.sum(axis=-1, dtype=np.float64)
        if (np.abs(sums - 1) > SUMS[result.dtype.name]).any():
            raise Violation(
                f"rows must sum to 1 within {SUMS[result.dtype.name]:g} in {result.dtype.name}",
                case.given(),
                received=result,
            )


def _changes_nothing(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    case = draw_case(subject, draw)
    before, given = snapshot(case.combiner), case.given()
    for writeable in (True, False):
        cube = np.array(case.cube, order="K")
        cube.flags.writeable = writeable
        try:
            result = subject.call(case.combiner, cube, case.task)
        except Exception as error:
            raise Violation(
                f"combine raised {type(error).__name__} for an array that is read-only: {error}".rstrip("."), given
            ) from error
        if cube.tobytes() != case.cube.tobytes():
            raise Violation("combine changed member_probas", given, expected=case.cube, received=cube)
        if isinstance(result, np.ndarray) and np.shares_memory(result, cube):
            raise Violation("the result is a view of member_probas: changing one changes the other", given)
    changed = difference(before, snapshot(case.combiner)) or difference(snapshot(case.combiner), before)
    if changed:
        after = getattr(case.combiner, changed, None)
        raise Violation(
            f"combine changed the attribute {changed!r}", given, expected=before.get(changed), received=after
        )


def _deterministic(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    case = draw_case(subject, draw)
    shape = case.cube.shape
    other = draw(
        member_probas(
            task=case.task,
            n_members=shape[0],
            n_samples=shape[1],
            n_classes=shape[-1],
            extra_axes=shape[2:-1],
            dtype=case.cube.dtype,
        )
    )
    if subject.learns:
        twin = subject.ready(case.task, shape[0], shape[-1], shape[2:-1], twin=True)
    else:  # new combiners, without state from earlier examples
        case = replace(case, combiner=subject.settle(subject.make(), shape[0]))
        twin = subject.settle(subject.make(), shape[0])
    states = np.random.get_state(), random.getstate()  # noqa: NPY002 - the check watches the global generator
    try:
        np.random.seed(1)  # noqa: NPY002
        random.seed(1)
        at_first = np.random.get_state()[1].tobytes(), random.getstate()  # type: ignore[union-attr]  # noqa: NPY002
        first = case.combine()
        if at_first != (np.random.get_state()[1].tobytes(), random.getstate()):  # type: ignore[union-attr]  # noqa: NPY002
            raise Violation("combine draws from the global random generator", case.given())
    finally:
        np.random.set_state(states[0])  # noqa: NPY002
        random.setstate(states[1])
    between = case.combine(other)
    for what, again, by, cube in (
        ("the answer depends on the previous call", case.combine(other, twin), between, other),
        ("the second call gives another answer", case.combine(), first, case.cube),
        (
            "a second, equal combiner gives another answer",
            case.combine(combiner=twin),
            first,
            case.cube,
        ),
    ):
        if again.tobytes() != by.tobytes():
            given = case.given(member_probas=cube)
            if cube is other:
                given["combined_before"] = case.cube
            raise Violation(what, given, expected=again, received=by)


def _samples_alone(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    case = draw_case(subject, draw, n_samples=st.integers(2, 4))
    whole = case.combine()
    if whole.shape != case.cube.shape[1:]:
        raise Violation("the shape differs", case.given(), expected=case.cube.shape[1:], received=whole.shape)
    for row in range(case.cube.shape[1]):
        alone = case.combine(case.cube[:, row : row + 1])
        if not case.same(alone, whole[row : row + 1]):
            raise Violation(
                f"sample {row} gets another answer alone than among the others",
                case.given(),
                expected=alone[0],
                received=whole[row],
            )
    turned = case.combine(case.cube[:, ::-1])[::-1]
    if not case.same(whole, turned):
        raise Violation("samples in reverse order get other answers", case.given(), expected=whole, received=turned)


def _memory_layout(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    case = draw_case(subject, draw)
    plain = case.combine(np.ascontiguousarray(case.cube))
    strided = np.repeat(case.cube, 2, axis=-1)[..., ::2]
    for name, cube in (("in Fortran order", np.asfortranarray(case.cube)), ("with gaps in memory", strided)):
        result = case.combine(cube)
        if not case.same(plain, result):
            given = np.asfortranarray(case.cube) if name == "in Fortran order" else case.cube
            raise Violation(
                f"the same numbers {name} give another answer",
                case.given(member_probas=given),
                expected=plain,
                received=result,
            )


class _Reference:
    """A namespace with everything in NumPy, but not NumPy itself, so that code for other ``xp`` runs."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def __repr__(self) -> str:
        return "REFERENCE"


REFERENCE = _Reference()


def _no_xp(subject: CombinerSubject) -> str | None:
    if not subject.takes("xp"):
        return "no xp"
    if "graphable" not in subject.traits:
        case = (subject.tasks[0], len(subject.members or "abc"), subject.n_classes or 2)
        cube = np.full((case[1], 1, case[2]), 1 / case[2])
        try:
            subject.call(subject.ready(*case), cube, case[0], xp=REFERENCE)
        except Violation:
            raise
        except Exception:
            return "for NumPy alone"
    return None


def _reference(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    case = draw_case(subject, draw)
    fast, reference = case.combine(), case.combine(xp=REFERENCE)
    # The reference may sum float16 in float16.
    rounding = 4.0 if case.cube.dtype == np.float16 else 1.0
    if not case.same(reference, fast, rounding=rounding):
        raise Violation(
            "combine(member_probas) differs from combine(member_probas, xp=REFERENCE), which has all of NumPy but is "
            "not NumPy",
            case.given(),
            expected=reference,
            received=fast,
        )


VALUES = (
    Check("contract", "it has combine, known traits, and tasks that it is for", _contract, share=0),
    Check("shape_and_dtype", "the result has the shape of a member and the dtype of the input", _shape_and_dtype),
    Check("deterministic", "equal calls give equal bits, whatever was called before", _deterministic),
    Check("changes_nothing", "combine changes neither its input nor the combiner", _changes_nothing),
    Check("valid_values", "the result is valid for the task", _valid_values, share=2),
    Check("samples_alone", "a sample's answer does not depend on the other samples", _samples_alone),
    Check("memory_layout", "the order of the numbers in memory changes nothing", _memory_layout, share=0.5),
    Check("reference", "the NumPy path and the reference lines agree", _reference, _no_xp, share=3),
)
