"""The checks of combiners."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ._fitting import FITTING
from ._graphs import GRAPHS
from ._refusals import REFUSALS
from ._running import check_all
from ._subject import CombinerSubject
from ._traits import TRAIT_CHECKS
from ._values import VALUES

__all__ = ["COMBINER_CHECKS", "MAX_EXAMPLES", "check_combiner"]

COMBINER_CHECKS = (*VALUES, *TRAIT_CHECKS, *REFUSALS, *FITTING, *GRAPHS)
"""In the order in which they run: the most basic checks come first."""
MAX_EXAMPLES = 25
"""Default number of examples a check; some checks draw more, slow ones fewer."""


def check_combiner(
    factory: Callable[[], Any],
    *,
    expected_failed_checks: Mapping[str, str] | None = None,
    n_members: int | None = None,
    n_classes: int | None = None,
    max_examples: int = MAX_EXAMPLES,
) -> None:
    """Check that a combiner keeps the promises of its traits, and the promises that every combiner makes.

    Parameters
    ----------
    factory : callable
        Makes an unfitted combiner without arguments: the class, a `functools.partial`, a lambda.
    expected_failed_checks : mapping of str to str, optional
        Name of a check -> reason why it is expected to fail. If the check passes, that is an error.
    n_members, n_classes : int, optional
        Numbers of members and classes that its options require; the number of ``weights`` need not be given. Members
        are called ``m0``, ``m1``, ..., classes ``c0``, ``c1``, ...
    max_examples : int, default=25
        Largest number of examples that a check draws. They are the same in every run.

    Raises
    ------
    CheckFailedError
        At the first broken promise, with a small counter-example.
    InvalidOptionError
        If ``expected_failed_checks`` has a name that is not a check, or an empty reason.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.testing import check_combiner
    >>> class Mean:
    ...     def combine(self, member_probas):
    ...         return member_probas.mean(axis=0)
    >>> check_combiner(Mean)
    >>> class Sum:
    ...     def combine(self, member_probas):
    ...         return member_probas.sum(axis=0)
    >>> check_combiner(Sum)
    Traceback (most recent call last):
        ...
    ensemblekit.errors.CheckFailedError: Sum breaks the promise 'valid_values': the result is valid for the task.
    ...
    """
    subject = CombinerSubject(factory, n_members=n_members, n_classes=n_classes)
    check_all(subject, COMBINER_CHECKS, expected_failed_checks, max_examples)
