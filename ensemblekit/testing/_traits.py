"""The checks of the traits, and of ``present``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from ._failure import Violation
from ._running import Check
from ._subject import LEARNED, TOLERANCE, Case, CombinerSubject, close, draw_case
from ._training import training_predictions

__all__ = ["TRAIT_CHECKS", "promised"]


def promised(trait: str) -> Callable[[CombinerSubject], str | None]:
    """Skip a check of a trait that is not promised."""
    return lambda subject: None if trait in subject.traits else "not promised"


def _refitted(case: Case, *, members: list[int] | None = None, classes: list[int] | None = None) -> Any:
    """Fit again with members or classes in another order; return a combiner that does not learn unchanged."""
    subject, shape = case.subject, case.cube.shape
    if not subject.learns:
        return case.combiner
    predictions = training_predictions(
        case.task, n_members=shape[0], n_classes=shape[-1], extra_axes=shape[2:-1], hard=case.hard
    )
    fields = {name: getattr(predictions, name) for name in predictions.__slots__}
    if members is not None:
        fields["member_probas"] = predictions.member_probas[members]
    if classes is not None:
        fields["member_probas"] = predictions.member_probas[..., classes]
        codes = predictions.label_codes
        assert codes is not None  # noqa: S101 - they are labelled
        fields["label_codes"] = np.argsort(classes)[codes] if case.task == "multiclass" else codes[..., classes]
    return subject.settle(subject.fit(type(predictions)(**fields)), shape[0])


def _symmetric(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    case = draw_case(subject, draw)
    order = draw(st.permutations(range(case.cube.shape[0])))
    expected = case.combine()
    received = case.combine(case.cube[order], _refitted(case, members=order))
    tolerance = LEARNED if subject.learns else TOLERANCE[case.cube.dtype.name]
    if not close(case, expected, received, tolerance):
        raise Violation(
            "members in another order give another answer",
            case.given(order=order),
            expected=expected,
            received=received,
        )


def _class_equivariant(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    case = draw_case(subject, draw)
    order = draw(st.permutations(range(case.cube.shape[-1])))
    expected = case.combine()[..., order]
    received = case.combine(case.cube[..., order], _refitted(case, classes=order))
    same = close(case, expected, received, LEARNED) if subject.learns else expected.tobytes() == received.tobytes()
    if not same:
        raise Violation(
            "permuted classes do not give the permuted answer" + ("" if subject.learns else ", to the bit"),
            case.given(order=order),
            expected=expected,
            received=received,
        )


def _idempotent(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    case = draw_case(subject, draw)
    cube = np.repeat(case.cube[:1], case.cube.shape[0], axis=0)
    case = Case(subject, case.task, case.combiner, cube, case.hard)
    received = case.combine()
    if not case.same(cube[0], received):
        raise Violation("equal members do not give that member", case.given(), expected=cube[0], received=received)


def _bounded(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    case = draw_case(subject, draw)
    received = case.combine()
    bounded = np.clip(received, case.cube.min(axis=0), case.cube.max(axis=0))
    if not case.same(bounded, received):
        raise Violation(
            "a value lies outside the range of the members'",
            case.given(),
            expected=bounded,
            received=received,
        )


def _no_present(subject: CombinerSubject) -> str | None:
    return None if subject.takes("present") else "no present"


def _present(subject: CombinerSubject, draw: Callable[[Any], Any]) -> None:
    case = draw_case(subject, draw)
    n_members, n_samples = case.cube.shape[:2]
    everywhere = np.ones((n_members, n_samples), dtype=bool)
    plain, all_there = case.combine(), case.combine(present=everywhere)
    if not case.same(plain, all_there):
        raise Violation(
            "where all members are present, present= changes the answer",
            case.given(present=everywhere),
            expected=plain,
            received=all_there,
        )
    assume(n_members > 1)
    present = everywhere.copy()
    present[draw(st.integers(0, n_members - 1)), draw(st.integers(0, n_samples - 1))] = False
    weights = getattr(case.combiner, "weights", None)
    if weights is not None:
        # A row needs a member with a positive weight; `combine` of the core refuses it otherwise.
        assume((np.asarray(weights, dtype=np.float64) @ present > 0).all())
    absent = ~present
    cube = np.array(case.cube)
    cube[absent] = np.nan
    with_nan = case.combine(cube, present=present)
    given = case.given(member_probas=cube, present=present)
    if not np.isfinite(with_nan).all():
        raise Violation("NaN in absent rows reaches the answer", given, received=with_nan)
    zero = case.combine(np.where(np.isnan(cube), cube.dtype.type(0), cube), present=present)
    if zero.tobytes() != with_nan.tobytes():
        raise Violation("values in an absent row change the answer", given, expected=zero, received=with_nan)
    if "symmetric" in subject.traits and not subject.learns:
        for row in np.flatnonzero(absent.any(axis=0)):
            there = cube[present[:, row]][:, row : row + 1]
            alone = case.combine(there)
            if not case.same(alone, with_nan[row : row + 1]):
                raise Violation(
                    f"sample {row} gets another answer than from its present members alone",
                    given,
                    expected=alone[0],
                    received=with_nan[row],
                )


TRAIT_CHECKS = (
    Check("symmetric", "the order of the members changes nothing", _symmetric, promised("symmetric")),
    Check("idempotent", "equal members give that member", _idempotent, promised("idempotent")),
    Check("bounded", "each value lies between the members' smallest and largest", _bounded, promised("bounded")),
    Check(
        "class_equivariant",
        "permuted classes give the permuted answer",
        _class_equivariant,
        promised("class_equivariant"),
    ),
    Check("present", "members that lack a row have no say in it", _present, _no_present),
)
