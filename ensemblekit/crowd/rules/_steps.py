"""When the steps of a rule end: one way for every rule that alternates between raters and classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["take_steps"]


def take_steps(step: Callable[[], float], *, max_iter: int, tol: float, total: float) -> tuple[int, bool]:
    """Take steps until one changes the mean log likelihood per answer by less than ``tol``, in nats.

    Parameters
    ----------
    step : callable
        Takes a step, and returns the log likelihood of all answers.
    max_iter : int
        Maximum number of steps.
    tol : float
        With a number <= 0 all steps are taken.
    total : float
        Weight of the answers.

    Returns
    -------
    tuple of int and bool
        Number of steps, and whether they ended before ``max_iter`` or with its last one, because of ``tol``.
    """
    before = -np.inf
    for n_iter in range(1, max_iter + 1):
        now = step() / total
        if abs(now - before) < tol:
            return n_iter, True
        before = now
    return max_iter, False
