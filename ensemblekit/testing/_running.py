"""Run checks: draw examples within a time limit, and compare failures with the expected ones."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, Unsatisfiable

from ..errors import CheckFailedError, InvalidOptionError
from ._failure import Violation, failure

__all__ = ["Check", "CheckResult", "NotApplicableError", "check_all", "names_of", "results"]

DRAWING_SECONDS = 1.0
"""Time after which a check draws no more examples, so that slow plugins are tested with fewer."""
LEAST_EXAMPLES = 5
"""Number of examples that are drawn regardless of time."""
SHRINKING_SECONDS = 5.0
"""Time after which shrinking stops at the smallest counter-example found."""


class NotApplicableError(Exception):
    """A promise could not be checked, as no example came to a judgement; the reason is its text."""


class _SearchEnded(BaseException):
    """Ends the search of Hypothesis, which would treat an Exception as another failure."""


@dataclass(frozen=True)
class Check:
    """One promise, and the function that looks for a counter-example.

    ``run(subject, draw)`` raises `Violation`. ``skipped(subject)`` returns the reason why the promise is not made or
    cannot be checked, or None. ``share`` is multiplied by the number of examples; it is 0 for a check that draws none.
    ``prepare()`` imports heavy packages before the time limit starts. If every example is rejected, the promise is
    broken, or not applicable for the reason ``unsatisfied`` if that is given.
    """

    name: str
    promise: str
    run: Callable[[Any, Any], None]
    skipped: Callable[[Any], str | None] = lambda subject: None
    share: float = 1.0
    prepare: Callable[[], None] = lambda: None
    unsatisfied: str = ""


@dataclass(frozen=True)
class CheckResult:
    """Result of one check.

    Attributes
    ----------
    check, promise : str
        Name of the check, and the sentence that must hold.
    status : {"passed", "failed", "skipped", "expected failure"}
        Whether the promise holds.
    reason : str
        Reason why the check was skipped, or was expected to fail.
    error : CheckFailedError or None
        The error with the counter-example.
    """

    check: str
    promise: str
    status: Literal["passed", "failed", "skipped", "expected failure"]
    reason: str = ""
    error: CheckFailedError | None = None


def run(check: Check, subject: Any, max_examples: int) -> None:
    """Look for a counter-example; raise a `CheckFailedError` with the smallest one found."""
    smallest: Violation | None = None
    check.prepare()
    try:
        if check.share:
            _search(check, subject, max(1, round(max_examples * check.share)))
        else:
            check.run(subject, None)
    except Violation as violation:
        smallest = violation
    if smallest is not None:
        error = failure(smallest, check=check.name, promise=check.promise, subject=subject.label)
        raise error from smallest.__cause__


def _search(check: Check, subject: Any, max_examples: int) -> None:
    started, drawn, late = time.monotonic(), 0, False
    found: list[tuple[float, Violation]] = []
    # A subject may have a seed and a time limit of its own.
    chosen: int | None = getattr(subject, "seed", None)
    drawing: float = getattr(subject, "drawing_seconds", DRAWING_SECONDS)
    shrinking: float = getattr(subject, "shrinking_seconds", SHRINKING_SECONDS)

    @settings(
        max_examples=max_examples,
        derandomize=chosen is None,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
    )
    @given(st.data())
    def examine(data: st.DataObject) -> None:
        nonlocal drawn, late
        drawn += 1
        elapsed = time.monotonic() - (found[0][0] if found else started)
        if elapsed > (shrinking if found else drawing) and drawn > LEAST_EXAMPLES:
            late = True
            raise _SearchEnded
        try:
            check.run(subject, data.draw)
        except Violation as violation:
            found.append((time.monotonic(), violation))
            raise

    try:
        (examine if chosen is None else seed(chosen)(examine))()
    except (_SearchEnded, Flaky, Unsatisfiable) as error:
        if not found and isinstance(error, Unsatisfiable):
            if check.unsatisfied:
                raise NotApplicableError(check.unsatisfied) from None
            raise Violation("it refuses all predictions that were drawn, of members called 'm0', 'm1', ...") from None
        if not found and not late:
            raise
        # Hypothesis cannot reproduce a counter-example that depends on chance; a counter-example that was found once
        # counts.
        if found:
            smallest = min((violation for _, violation in found), key=lambda violation: violation.size)
            raise smallest from smallest.__cause__


def check_all(
    subject: Any, checks: Sequence[Check], expected_failed_checks: Mapping[str, str] | None, max_examples: int
) -> None:
    """Run every check that applies; raise the first unexpected failure."""
    expected = check_expected(checks, expected_failed_checks)
    for result in results(subject, checks, expected, max_examples):
        if result.error is not None and result.status == "failed":
            raise result.error from result.error.__cause__


def results(
    subject: Any, checks: Sequence[Check], expected: Mapping[str, str], max_examples: int
) -> Iterator[CheckResult]:
    """Run every check that applies and yield its result."""
    for check in checks:
        try:
            reason = check.skipped(subject)
        except Violation as violation:
            error = failure(violation, check=check.name, promise=check.promise, subject=subject.label)
            yield CheckResult(check.name, check.promise, "failed", error=error)
            continue
        if reason is not None:
            yield CheckResult(check.name, check.promise, "skipped", reason)
            continue
        error = None
        try:
            run(check, subject, max_examples)
        except CheckFailedError as failed:
            error = failed
        except NotApplicableError as none:
            yield CheckResult(check.name, check.promise, "skipped", str(none))
            continue
        if check.name not in expected:
            yield CheckResult(check.name, check.promise, "failed" if error else "passed", error=error)
        elif error:
            yield CheckResult(check.name, check.promise, "expected failure", expected[check.name], error)
        else:
            error = unexpected_pass(check, subject, expected[check.name])
            yield CheckResult(check.name, check.promise, "failed", expected[check.name], error)


def unexpected_pass(check: Check, subject: Any, reason: str) -> CheckFailedError:
    """Create the error for an expected failure that did not happen."""
    error = CheckFailedError(
        f"{subject.label} was expected to fail the check {check.name!r} ({reason}), and it passes. Take it out of "
        "expected_failed_checks."
    )
    error.check = check.name
    return error


def check_expected(checks: Sequence[Check], expected: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the expected failures; refuse unknown names of checks, and names without a reason."""
    names = names_of(checks)
    for name, reason in (expected or {}).items():
        if name not in names:
            near = difflib.get_close_matches(str(name), names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise InvalidOptionError(
                f"expected_failed_checks must name checks; received {name!r}.{hint} There are: {', '.join(names)}."
            )
        if not isinstance(reason, str) or not reason:
            raise InvalidOptionError(
                f"expected_failed_checks must give a reason for each check; received {reason!r} for {name!r}."
            )
    return expected or {}


def names_of(checks: Sequence[Check]) -> list[str]:
    """List the names of checks."""
    return [check.name for check in checks]
