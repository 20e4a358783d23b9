"""The task ``regression``."""

from __future__ import annotations

from typing import Any

from ensemblekit import Task, hookimpl

__all__ = ["Regression"]


class Regression(Task):
    """One or more numbers per row.

    Notes
    -----
    The outputs are numbers on a scale [1]_. Those of several outputs are predicted and averaged each by itself.

    References
    ----------
    .. [1] T. Hastie, R. Tibshirani, J. Friedman, "The elements of statistical learning", 2nd edition, Springer, 2009,
       chapter 2.
    """

    kind = "regression"
    metrics = ("rmse", "mae", "r2")
    dense_metrics = ()


@hookimpl
def ensemblekit_register_tasks(register: Any) -> None:
    """Register ``regression``."""
    register("regression", Regression)
