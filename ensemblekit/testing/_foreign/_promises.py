"""The promises that functions of every shape can make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from hypothesis import assume, reject
from hypothesis import strategies as st

from .._failure import Violation
from .._running import Check
from ._shape import Case, Draw, Problem
from ._subject import ForeignSubject, Trial, try_out

__all__ = ["pick", "promise", "unweighted"]

MakeTrial = Callable[[ForeignSubject, Draw], Trial]
NOTHING_TO_JUDGE = "no answers that could be compared"


def _silent(subject: ForeignSubject) -> str | None:
    return "it does not end" if subject.late else None


def promise(
    name: str,
    sentence: str,
    trial: MakeTrial,
    *,
    skipped: Callable[[ForeignSubject], str | None] = lambda subject: None,
    share: float = 1.0,
) -> Check:
    """Make a check of a promise about one or two answers."""
    return Check(
        name,
        sentence,
        lambda subject, draw: try_out(subject, trial(subject, draw)),
        lambda subject: (
            _silent(subject) or ("it does not answer twice alike" if subject.fickle else None) or skipped(subject)
        ),
        share,
        unsatisfied=NOTHING_TO_JUDGE,
    )


def unweighted(subject: ForeignSubject) -> str | None:
    """Skip what is about weights."""
    return None if subject.weighted else "it takes no weights"


def _formal(name: str) -> Callable[[ForeignSubject, Draw], None]:
    """Look for input whose answer is missing, or of a wrong form, under the name of that promise."""

    def run(subject: ForeignSubject, draw: Draw) -> None:
        case = subject.case(draw, clear=False)
        if subject.weighted and len(case.weights) > 1 and draw(st.booleans()):
            case = case.take(range(len(case.weights)), [*case.weights[:-1], 0.0])
        outcome = subject.call(subject.arguments(case))
        found: Problem | None
        note = ""
        if outcome.kind == "late":
            subject.late = True
            found = ("answers", f"no answer within {subject.seconds:g} s", None)
            note = "The call does not end: stop it with Ctrl-C."
        elif outcome.kind == "error":
            text = str(outcome.value).partition("\n")[0]
            found = ("answers", f"it raised {type(outcome.value).__name__}: {text}".rstrip(". "), None)
        else:
            found = subject.shape.problem(outcome.value, case)
        if found is None or found[0] != name:
            if found is not None and name != "answers":
                reject()
            return
        violation = Violation(found[1], subject.arguments(case))
        violation.script = subject.script([case], found[2], note)
        raise violation

    return run


def _changes_nothing(subject: ForeignSubject, draw: Draw) -> None:
    case = subject.case(draw, clear=False)
    given, untouched = subject.arguments(case), subject.arguments(case)
    if subject.call(given).kind != "answer":
        reject()
    for name, value in untouched.items():
        if repr(given[name]) != repr(value):
            violation = Violation(f"it changed its argument {name}", untouched)
            violation.script = subject.script([case], f"repr({name}) == {repr(value)!r}")
            raise violation


def _same_answer_twice(subject: ForeignSubject, draw: Draw) -> None:
    case, between = subject.case(draw, clear=False), subject.case(draw, clear=False)
    same = subject.shape.same
    try:
        try_out(
            subject, Trial((case, case), f"{same}(first, second)", "the same call a second time has another answer")
        )
        try_out(
            subject, Trial((case, between, case), f"{same}(first, third)", "the answer depends on the call before it")
        )
    except Violation:
        subject.fickle = True
        raise


def _order_of_members(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw, least=2)
    order = draw(st.permutations(range(len(case.values))))
    return Trial(
        (case, case.take(order)),
        f"{subject.shape.same}(first, second)",
        "the same members in another order have another answer",
    )


def _order_of_rows(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw)
    assume(subject.shape.rows(case) > 1)
    order = draw(st.permutations(range(subject.shape.rows(case))))
    first = f"np.asarray(first)[{list(order)}]" if subject.shape.aligned else "first"
    return Trial(
        (case, subject.shape.take_rows(case, order)),
        f"{subject.shape.same}({first}, second)",
        "the same rows in another order have other answers",
    )


def _rows_alone(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw)
    assume(subject.shape.rows(case) > 1)
    row = draw(st.integers(0, subject.shape.rows(case) - 1))
    return Trial(
        (case, subject.shape.take_rows(case, [row])),
        f"{subject.shape.same}(np.asarray(first)[[{row}]], second)",
        f"row {row} has another answer alone than among the others",
    )


def _weights_matter(subject: ForeignSubject, draw: Draw) -> Trial:
    one, other, extra = subject.shape.opposed(subject)
    n = max(2, subject.least_members)
    heavy = float(draw(st.integers(9, 20)) * n)
    case = Case([one, *[other] * (n - 1)], (heavy, *[1.0] * (n - 1)), extra)
    return Trial(
        (case, case.take(range(n), [1.0, *[heavy] * (n - 1)])),
        f"not {subject.shape.same}(first, second)",
        "whichever of two members that disagree has nearly all weight, the answer is the same",
    )


def _scale_of_weights(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw)
    factor = draw(st.sampled_from([2.0, 100.0, 0.25, 1 / 3]))
    return Trial(
        (case, case.take(range(len(case.values)), [factor * weight for weight in case.weights])),
        f"{subject.shape.same}(first, second)",
        f"{factor:.3g} times each weight gives another answer",
    )


def _zero_weight(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw, least=max(2, subject.least_members + 1))
    gone = draw(st.integers(0, len(case.values) - 1))
    rest = [m for m in range(len(case.values)) if m != gone]
    zero = case.take(range(len(case.values)), [0.0 if m == gone else w for m, w in enumerate(case.weights)])
    assume(subject.shape.clear(case.take(rest)))
    return Trial(
        (zero, case.take(rest)),
        f"{subject.shape.same}(first, second)",
        "with a member of weight 0 the answer is another than without that member",
    )


def _duplicated_members(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw)
    n = len(case.values)
    if not subject.weighted:
        twice = case.take([*range(n), *range(n)])
        what = "each member given twice changes the answer"
    else:
        one = draw(st.integers(0, n - 1))
        weights = [w / 2 if m == one else w for m, w in enumerate(case.weights)]
        twice = case.take([*range(n), one], [*weights, weights[one]])
        what = "a member given twice, with half of its weight each, changes the answer"
    return Trial((case, twice), f"{subject.shape.same}(first, second)", what)


def _unanimity(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw)
    assume(subject.shape.clear(case.take([0])))
    case = case.take([0] * len(case.values), case.weights)
    given = next(iter(subject.shape.arguments(case)))
    return Trial(
        (case,), f"{subject.shape.same}(first, {given}[0])", "members that all say the same are answered otherwise"
    )


def _within(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw, clear=False)
    given = next(iter(subject.shape.arguments(case)))
    return Trial((case,), f"within(first, {given})", "a value lies outside the range of the members' values")


def _absent(subject: ForeignSubject, draw: Draw) -> Trial:
    case = subject.case(draw, least=max(2, subject.least_members + 1))
    n, rows = len(case.values), subject.shape.rows(case)
    member, row = draw(st.integers(0, n - 1)), draw(st.integers(0, rows - 1))
    without = subject.shape.take_rows(case.take([m for m in range(n) if m != member]), [row])
    assume(subject.shape.clear(without))
    values = [np.array(value, dtype=object if subject.shape.name == "votes" else float) for value in case.values]
    values[member][row] = subject.absent
    lacking = replace(case, values=values)
    return Trial(
        (lacking, without),
        f"{subject.shape.same}(np.asarray(first)[[{row}]], second)",
        f"where member {member} is absent, in row {row}, the answer is another than without that member",
    )


def _never_absent(subject: ForeignSubject) -> str | None:
    return "it takes no absent rows (no absent= was given)" if subject.absent is None else None


FIRST = (
    Check("answers", "valid input has an answer, in time", _formal("answers"), unsatisfied=NOTHING_TO_JUDGE),
    Check("form", "the answer has the form of the convention", _formal("form"), _silent, unsatisfied=NOTHING_TO_JUDGE),
    Check(
        "finite", "the answer has no NaN and no infinity", _formal("finite"), _silent, 3, unsatisfied=NOTHING_TO_JUDGE
    ),
    Check("changes_nothing", "no argument is changed", _changes_nothing, _silent, unsatisfied=NOTHING_TO_JUDGE),
    Check(
        "same_answer_twice",
        "the same call has the same answer, whatever was called before",
        _same_answer_twice,
        _silent,
        unsatisfied=NOTHING_TO_JUDGE,
    ),
)
COMMON = {
    check.name: check
    for check in (
        promise("order_of_members", "the order of the members changes nothing", _order_of_members),
        promise("order_of_rows", "the order of the rows changes nothing", _order_of_rows),
        promise("rows_alone", "the answer of a row does not depend on other rows", _rows_alone),
        promise("weights_matter", "the weights change the answer", _weights_matter, skipped=unweighted, share=0.2),
        promise("scale_of_weights", "only ratios of weights matter", _scale_of_weights, skipped=unweighted),
        promise("zero_weight_is_absent", "a weight of 0 equals absence", _zero_weight, skipped=unweighted),
        promise("duplicated_members", "a member twice, at half weight, is that member", _duplicated_members),
        promise("unanimity", "members that agree are answered with what they say", _unanimity),
        promise("bounds", "values lie between those of the members", _within),
        promise("absent_is_left_out", "where a member is absent it has no part", _absent, skipped=_never_absent),
    )
}


def pick(names: Iterable[str], own: Iterable[Check] = ()) -> tuple[Check, ...]:
    """Return the first promises, then those named, then those of a shape alone."""
    return (*FIRST, *(COMMON[name] for name in names), *own)
