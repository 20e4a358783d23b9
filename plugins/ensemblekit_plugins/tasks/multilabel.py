"""The task ``multilabel``."""

from __future__ import annotations

from typing import Any

from ensemblekit import Task, hookimpl

__all__ = ["Multilabel"]


class Multilabel(Task):
    """Any number of labels per row, each with a probability of its own."""

    kind = "multilabel"
    metrics = ("log_loss", "macro_auroc", "average_precision", "f1_macro", "subset_accuracy", "hamming_loss")
    dense_metrics = ("dice", "iou", "log_loss")


@hookimpl
def ensemblekit_register_tasks(register: Any) -> None:
    """Register ``multilabel``."""
    register("multilabel", Multilabel)
