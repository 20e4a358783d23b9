"""The kinds of plugin with their checks, and `run_checks`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..errors import InvalidOptionError
from ._backbones import BACKBONE_CHECKS, BackboneSubject
from ._chainers import CHAINER_CHECKS, ChainerSubject
from ._combiners import COMBINER_CHECKS, MAX_EXAMPLES
from ._heads import HEAD_CHECKS, HeadSubject
from ._metric_subject import MetricSubject
from ._metrics import METRIC_CHECKS
from ._running import CheckResult, check_expected, results
from ._subject import CombinerSubject
from ._tasks import TASK_CHECKS, TaskSubject

__all__ = ["KINDS", "run_checks"]

KINDS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "backbone": (BackboneSubject, BACKBONE_CHECKS),
    "head": (HeadSubject, HEAD_CHECKS),
    "combiner": (CombinerSubject, COMBINER_CHECKS),
    "chainer": (ChainerSubject, CHAINER_CHECKS),
    "task": (TaskSubject, TASK_CHECKS),
    "metric": (MetricSubject, METRIC_CHECKS),
}


def run_checks(
    kind: str,
    factory: Callable[[], Any],
    *,
    expected_failed_checks: Mapping[str, str] | None = None,
    max_examples: int = MAX_EXAMPLES,
    label: str | None = None,
) -> Iterator[CheckResult]:
    """Run every check of a plugin and yield the results.

    Parameters
    ----------
    kind : {"backbone", "head", "combiner", "chainer", "task", "metric"}
        Kind of plugin that the factory makes.
    factory, expected_failed_checks, max_examples
        As in `check_combiner`.
    label : str, optional
        Name of the plugin in messages; by default that of the factory.

    Yields
    ------
    CheckResult
        One result for each check, when it has run. Broken promises are results, not errors.

    Raises
    ------
    InvalidOptionError
        If there is no such kind, or ``expected_failed_checks`` has a name that is not a check.

    Examples
    --------
    >>> from ensemblekit.testing import run_checks
    >>> class Sum:
    ...     def combine(self, member_probas):
    ...         return member_probas.sum(axis=0)
    >>> [result.check for result in run_checks("combiner", Sum) if result.status == "failed"]
    ['valid_values']
    """
    if kind not in KINDS:
        raise InvalidOptionError(f"kind must be one of {', '.join(map(repr, KINDS))}; received {kind!r}.")
    make_subject, checks = KINDS[kind]
    subject = make_subject(factory)
    if label is not None:
        subject.label = label
    yield from results(subject, checks, check_expected(checks, expected_failed_checks), max_examples)
