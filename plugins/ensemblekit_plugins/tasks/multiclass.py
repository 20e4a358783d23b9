"""The task ``multiclass``."""

from __future__ import annotations

from typing import Any

from ensemblekit import Task, hookimpl

__all__ = ["Multiclass"]


class Multiclass(Task):
    """Exactly one class per row.

    Notes
    -----
    The output is one of a finite set of classes [1]_. What is predicted is a probability for each; those of a row sum
    to 1.

    References
    ----------
    .. [1] T. Hastie, R. Tibshirani, J. Friedman, "The elements of statistical learning", 2nd edition, Springer, 2009,
       chapter 2.
    """

    kind = "multiclass"
    metrics = ("log_loss", "accuracy", "brier_score", "balanced_accuracy", "macro_auroc", "calibration_error")
    dense_metrics = ("dice", "iou", "accuracy", "log_loss")


@hookimpl
def ensemblekit_register_tasks(register: Any) -> None:
    """Register ``multiclass``."""
    register("multiclass", Multiclass)
