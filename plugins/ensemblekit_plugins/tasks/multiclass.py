"""The task ``multiclass``."""

from __future__ import annotations

from typing import Any

from ensemblekit import Task, hookimpl

__all__ = ["Multiclass"]


class Multiclass(Task):
    """Exactly one class per row."""

    kind = "multiclass"
    metrics = ("log_loss", "accuracy", "brier_score", "balanced_accuracy", "macro_auroc", "calibration_error")
    dense_metrics = ("dice", "iou", "accuracy", "log_loss")


@hookimpl
def ensemblekit_register_tasks(register: Any) -> None:
    """Register ``multiclass``."""
    register("multiclass", Multiclass)
