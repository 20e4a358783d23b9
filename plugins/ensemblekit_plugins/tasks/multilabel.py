"""The task ``multilabel``."""

from __future__ import annotations

from typing import Any

from ensemblekit import Task, hookimpl

__all__ = ["Multilabel"]


class Multilabel(Task):
    """Any number of labels per row, each with a probability of its own.

    Notes
    -----
    The truth of a row is a set of labels, which may be empty [1]_. The probabilities of a row need not sum to 1.

    References
    ----------
    .. [1] G. Tsoumakas, I. Katakis, "Multi-label classification: an overview", International Journal of Data
       Warehousing and Mining 3(3), 2007.
    """

    kind = "multilabel"
    metrics = ("log_loss", "macro_auroc", "average_precision", "f1_macro", "subset_accuracy", "hamming_loss")
    dense_metrics = ("dice", "iou", "log_loss")


@hookimpl
def ensemblekit_register_tasks(register: Any) -> None:
    """Register ``multilabel``."""
    register("multilabel", Multilabel)
