"""`check_combiner`: every promise of a combiner, one after the other."""

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
"""In the order in which they run: what explains most comes first."""
MAX_EXAMPLES = 25
"""Examples a check draws by default; some take twice as many, the slow ones fewer."""


def check_combiner(
    factory: Callable[[], Any],
    *,
    expected_failed_checks: Mapping[str, str] | None = None,
    n_members: int | None = None,
    n_classes: int | None = None,
    max_examples: int = MAX_EXAMPLES,
) -> None:
    """Check that a combiner keeps every promise that it makes, and those that every combiner makes.

    Parameters
    ----------
    factory : callable
        Makes an unfitted combiner without arguments: the class, a `functools.partial`, a lambda.
    expected_failed_checks : mapping of str to str, optional
        Name of a check -> why it must fail. One that passes all the same is an error.
    n_members, n_classes : int, optional
        Numbers of members and classes that its options ask for. One value a member in ``weights`` is seen without;
        members are called ``m0``, ``m1``, ..., classes ``c0``, ``c1``, ...
    max_examples : int, default=25
        Examples a check draws at most. They are the same in every run; more of them search further.

    Raises
    ------
    CheckFailedError
        At the first promise that is broken, with a small counter-example.
    InvalidOptionError
        If ``expected_failed_checks`` names no check, or gives no reason.

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
