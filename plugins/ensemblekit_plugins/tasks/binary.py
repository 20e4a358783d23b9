"""The task ``binary``."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from ensemblekit import Task, hookimpl

__all__ = ["Binary"]


class Binary(Task):
    """One of two classes per row, of which the second is the positive one.

    Notes
    -----
    One column of probabilities is that of the positive class; the other is its complement. That one class is called
    positive, and metrics look for it, is the convention of the analysis of diagnostic tests [1]_.

    References
    ----------
    .. [1] T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27(8), 2006.
    """

    kind = "multiclass"
    metrics = ("log_loss", "accuracy", "brier_score", "macro_auroc", "average_precision", "f1", "calibration_error")
    dense_metrics = ("dice", "iou", "accuracy", "log_loss")
    ordered = True

    def complete(self, probas: np.ndarray, classes: tuple[Hashable, ...]) -> np.ndarray:
        # One column, (n_samples,) or (n_samples, ..., 1), is the probability of the second class.
        if len(classes) != 2 or (probas.ndim > 1 and probas.shape[-1] != 1):
            return probas
        positive = probas[:, np.newaxis] if probas.ndim == 1 else probas
        return np.concatenate([1 - positive, positive], axis=-1)

    def check(self, probas: np.ndarray, classes: tuple[Hashable, ...]) -> None:
        """Refuse another number of classes than two.

        Parameters
        ----------
        probas : ndarray of shape (n_samples, ..., 2)
            Predictions.
        classes : tuple of str or int
            Names of the classes.
        """
        if len(classes) != 2:
            raise ValueError(f"there must be two classes, of which the second is the positive one; received {classes}.")


@hookimpl
def ensemblekit_register_tasks(register: Any) -> None:
    """Register ``binary``."""
    register("binary", Binary)
