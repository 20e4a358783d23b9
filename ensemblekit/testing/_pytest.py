"""One pytest test for each plugin and each of its promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from ..errors import CheckFailedError
from ._backbones import BACKBONE_CHECKS, BackboneSubject
from ._chainers import CHAINER_CHECKS, ChainerSubject
from ._combiners import COMBINER_CHECKS, MAX_EXAMPLES
from ._failure import Broken
from ._heads import HEAD_CHECKS, HeadSubject
from ._running import Check, known, run
from ._subject import CombinerSubject

__all__ = [
    "parametrize_with_backbone_checks",
    "parametrize_with_chainer_checks",
    "parametrize_with_combiner_checks",
    "parametrize_with_head_checks",
]

Factories = Sequence[Callable[[], Any]] | Mapping[str, Callable[[], Any]]
Expected = Mapping[str, str] | Callable[[Any], Mapping[str, str]] | None


def parametrize_with_combiner_checks(
    factories: Factories,
    *,
    expected_failed_checks: Expected = None,
    max_examples: int = MAX_EXAMPLES,
) -> pytest.MarkDecorator:
    """Make one test of each combiner and each promise that it makes.

    Parameters
    ----------
    factories : sequence or mapping of callable
        As in `check_combiner`; a mapping gives them their names in the ids of the tests.
    expected_failed_checks : mapping of str to str, or callable, optional
        As in `check_combiner`, for all of them; or a function from a factory to such a mapping. These tests are
        ``xfail``, and fail where they pass.
    max_examples : int, default=25
        As in `check_combiner`.

    Returns
    -------
    pytest.MarkDecorator
        Decorates a test function of one argument ``check``, which calls it.

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
    return parametrized(CombinerSubject, COMBINER_CHECKS, factories, expected_failed_checks, max_examples)


def parametrize_with_backbone_checks(
    factories: Factories, *, expected_failed_checks: Expected = None
) -> pytest.MarkDecorator:
    """Make one test of each backbone and each promise; see `parametrize_with_combiner_checks`."""
    return parametrized(BackboneSubject, BACKBONE_CHECKS, factories, expected_failed_checks, 1)


def parametrize_with_head_checks(
    factories: Factories, *, expected_failed_checks: Expected = None
) -> pytest.MarkDecorator:
    """Make one test of each head and each promise; see `parametrize_with_combiner_checks`."""
    return parametrized(HeadSubject, HEAD_CHECKS, factories, expected_failed_checks, 1)


def parametrize_with_chainer_checks(
    factories: Factories, *, expected_failed_checks: Expected = None
) -> pytest.MarkDecorator:
    """Make one test of each chainer and each promise; see `parametrize_with_combiner_checks`."""
    return parametrized(ChainerSubject, CHAINER_CHECKS, factories, expected_failed_checks, 1)


def parametrized(
    make_subject: Callable[[Any], Any], checks: Sequence[Check], factories: Any, expected: Expected, max_examples: int
) -> pytest.MarkDecorator:
    """Make the decorator for one kind of plugin; see `parametrize_with_combiner_checks`."""
    named = dict(factories) if isinstance(factories, Mapping) else {}
    tests: list[Any] = []
    for factory in factories.values() if isinstance(factories, Mapping) else factories:
        subject = make_subject(factory)
        label = next((name for name, value in named.items() if value is factory), None) or _label(subject)
        reasons = known(checks, expected(factory) if callable(expected) else expected)
        for check in checks:
            if _applies(check, subject):
                marks: list[Any] = []
                if check.name in reasons:
                    marks = [pytest.mark.xfail(reason=reasons[check.name], raises=CheckFailedError, strict=True)]
                tests.append(
                    pytest.param(BoundCheck(check, subject, max_examples), id=f"{label}-{check.name}", marks=marks)
                )
    return pytest.mark.parametrize("check", tests)


def _label(subject: Any) -> str:
    try:
        return subject.label
    except Broken:  # it cannot be made: the test itself says so
        return type(subject).__name__


def _applies(check: Check, subject: Any) -> bool:
    try:
        return check.skipped(subject) is None
    except Broken:
        return True


class BoundCheck:
    """A check of one plugin, to be called without arguments."""

    def __init__(self, check: Check, subject: Any, max_examples: int) -> None:
        self.check = check
        self.subject = subject
        self.max_examples = max_examples

    def __call__(self) -> None:
        """Look for a counter-example, and raise it."""
        run(self.check, self.subject, self.max_examples)

    def __repr__(self) -> str:
        return f"<check {self.check.name!r} of {_label(self.subject)}>"
