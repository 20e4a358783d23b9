"""One pytest test for each plugin and each of its checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from ..errors import CheckFailedError
from ._combiners import MAX_EXAMPLES
from ._failure import Violation
from ._foreign import foreign_subject
from ._report import KINDS
from ._running import Check, NotApplicableError, check_expected, run

__all__ = [
    "parametrize_with_backbone_checks",
    "parametrize_with_chainer_checks",
    "parametrize_with_combiner_checks",
    "parametrize_with_foreign_checks",
    "parametrize_with_head_checks",
    "parametrize_with_metric_checks",
    "parametrize_with_task_checks",
]

Factories = Sequence[Callable[[], Any]] | Mapping[str, Callable[[], Any]]
Expected = Mapping[str, str] | Callable[[Any], Mapping[str, str]] | None


def parametrize_with_combiner_checks(
    factories: Factories,
    *,
    expected_failed_checks: Expected = None,
    max_examples: int = MAX_EXAMPLES,
) -> pytest.MarkDecorator:
    """Make one test for each combiner and each check that applies to it.

    Parameters
    ----------
    factories : sequence or mapping of callable
        As in `check_combiner`; the keys of a mapping are used in the test ids.
    expected_failed_checks : mapping of str to str, or callable, optional
        As in `check_combiner`, for all factories; or a function that returns such a mapping for a factory. These tests
        are marked as strict ``xfail``.
    max_examples : int, default=25
        As in `check_combiner`.

    Returns
    -------
    pytest.MarkDecorator
        Decorator of a test function with one argument, ``check``, which the function calls.

    Examples
    --------
    >>> from ensemblekit.testing import parametrize_with_combiner_checks
    >>> class Mean:
    ...     def combine(self, member_probas):
    ...         return member_probas.mean(axis=0)
    >>> @parametrize_with_combiner_checks([Mean])
    ... def test_mean(check):
    ...     check()
    """
    return _parametrize("combiner", factories, expected_failed_checks, max_examples)


def parametrize_with_backbone_checks(
    factories: Factories, *, expected_failed_checks: Expected = None
) -> pytest.MarkDecorator:
    """Make one test for each backbone and each check; see `parametrize_with_combiner_checks`."""
    return _parametrize("backbone", factories, expected_failed_checks, 1)


def parametrize_with_head_checks(
    factories: Factories, *, expected_failed_checks: Expected = None
) -> pytest.MarkDecorator:
    """Make one test for each head and each check; see `parametrize_with_combiner_checks`."""
    return _parametrize("head", factories, expected_failed_checks, 1)


def parametrize_with_chainer_checks(
    factories: Factories, *, expected_failed_checks: Expected = None
) -> pytest.MarkDecorator:
    """Make one test for each chainer and each check; see `parametrize_with_combiner_checks`."""
    return _parametrize("chainer", factories, expected_failed_checks, 1)


def parametrize_with_metric_checks(
    factories: Factories, *, expected_failed_checks: Expected = None, max_examples: int = MAX_EXAMPLES
) -> pytest.MarkDecorator:
    """Make one test for each metric and each check; see `parametrize_with_combiner_checks`."""
    return _parametrize("metric", factories, expected_failed_checks, max_examples)


def parametrize_with_task_checks(
    factories: Factories, *, expected_failed_checks: Expected = None, max_examples: int = MAX_EXAMPLES
) -> pytest.MarkDecorator:
    """Make one test for each task and each check; see `parametrize_with_combiner_checks`."""
    return _parametrize("task", factories, expected_failed_checks, max_examples)


def parametrize_with_foreign_checks(
    functions: Sequence[Callable[..., Any]] | Mapping[str, Callable[..., Any]],
    *,
    shape: str,
    expected_failed_checks: Expected = None,
    max_examples: int = MAX_EXAMPLES,
    **options: Any,
) -> pytest.MarkDecorator:
    """Make one test for each function that others wrote and each promise that applies to it.

    Parameters
    ----------
    functions : sequence or mapping of callable
        As in `check_foreign`; the keys of a mapping are used in the test ids.
    shape : str
        As in `check_foreign`, for all functions.
    expected_failed_checks, max_examples
        As in `parametrize_with_combiner_checks`; a callable receives the function.
    **options
        As in `check_foreign`, for all functions.

    Returns
    -------
    pytest.MarkDecorator
        Decorator of a test function with one argument, ``check``, which the function calls.

    Examples
    --------
    >>> from ensemblekit.testing import parametrize_with_foreign_checks
    >>> def mean(member_scores):
    ...     return member_scores.mean(axis=0)
    >>> @parametrize_with_foreign_checks([mean], shape="scores", weighted=False)
    ... def test_mean(check):
    ...     check()
    """
    named = functions.items() if isinstance(functions, Mapping) else [("", function) for function in functions]
    tests: list[Any] = []
    for name, function in named:
        subject, checks = foreign_subject(function, shape, max_examples=max_examples, label=name or None, **options)
        expected = expected_failed_checks
        reasons = check_expected(checks, expected(function) if callable(expected) else expected)
        tests += _tests(checks, subject, subject.label, reasons, max_examples)
    return pytest.mark.parametrize("check", tests)


def _parametrize(kind: str, factories: Factories, expected: Expected, max_examples: int) -> pytest.MarkDecorator:
    make_subject, checks = KINDS[kind]
    named = factories.items() if isinstance(factories, Mapping) else [("", factory) for factory in factories]
    tests: list[Any] = []
    for name, factory in named:
        subject = make_subject(factory)
        label = name or _label(subject)
        reasons = check_expected(checks, expected(factory) if callable(expected) else expected)
        tests += _tests(checks, subject, label, reasons, max_examples)
    return pytest.mark.parametrize("check", tests)


def _tests(
    checks: Sequence[Check], subject: Any, label: str, reasons: Mapping[str, str], max_examples: int
) -> Iterator[Any]:
    for check in checks:
        if _applies(check, subject):
            marks: list[Any] = []
            if check.name in reasons:
                marks = [pytest.mark.xfail(reason=reasons[check.name], raises=CheckFailedError, strict=True)]
            yield pytest.param(BoundCheck(check, subject, max_examples), id=f"{label}-{check.name}", marks=marks)


def _label(subject: Any) -> str:
    try:
        return subject.label
    except Violation:  # it cannot be created; the test itself reports this
        return type(subject).__name__


def _applies(check: Check, subject: Any) -> bool:
    try:
        return check.skipped(subject) is None
    except Violation:
        return True


class BoundCheck:
    """A check of one plugin; call it without arguments."""

    def __init__(self, check: Check, subject: Any, max_examples: int) -> None:
        self.check = check
        self.subject = subject
        self.max_examples = max_examples

    def __call__(self) -> None:
        """Run the check; raise a `CheckFailedError` if it fails."""
        try:
            run(self.check, self.subject, self.max_examples)
        except NotApplicableError as error:
            pytest.skip(str(error))

    def __repr__(self) -> str:
        return f"<check {self.check.name!r} of {_label(self.subject)}>"
