"""What combiners learn from: one flat row a sample and pixel, its truth and its weight."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ensemblekit import PredictionSet
from ensemblekit.errors import InvalidOptionError

__all__ = ["SMALLEST", "Rows", "likelihoods", "rows_of"]

SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities below count as this much, as in scikit-learn: the logarithm of zero would end every comparison."""


class Rows(NamedTuple):
    """Labelled rows of all members.

    ``probas`` has the shape ``(n_members, n_rows, n_classes)`` and ``weight`` the shape ``(n_rows,)`` and sum 1, or is
    None for equal weights. ``labels`` are codes ``(n_rows,)``, or indicators or numbers ``(n_rows, n_classes)``.
    """

    probas: np.ndarray
    labels: np.ndarray
    weight: np.ndarray | None
    task: str

    def share(self) -> np.ndarray:
        """Weights that sum to 1."""
        n = len(self.labels)
        return np.full(n, 1 / n) if self.weight is None else self.weight

    def truth(self, block: slice = slice(None)) -> np.ndarray:
        """What a perfect member says of these rows: shape ``(n_rows, n_classes)``, float64."""
        labels = self.labels[block]
        if self.task != "multiclass":
            return labels.astype(np.float64)
        return (labels[:, np.newaxis] == np.arange(self.probas.shape[-1])).astype(np.float64)

    def blocks(self, values: int) -> Any:
        """Slices of rows, such that one member's block has about so many values."""
        step = max(16, values // self.probas.shape[-1])
        return (slice(start, start + step) for start in range(0, len(self.labels), step))


def rows_of(predictions: PredictionSet, sample_weight: np.ndarray | None, who: str) -> Rows:
    """Flatten labelled predictions; refuse absent rows.

    Parameters
    ----------
    predictions : PredictionSet
        Labelled.
    sample_weight : ndarray of shape (n_samples,), or None
        Non-negative; rows of weight zero are left out.
    who : str
        What learns, for the error.

    Returns
    -------
    Rows
        A view where there are no extra axes and all rows count.

    Raises
    ------
    InvalidOptionError
        If a member lacks rows.
    """
    if predictions.present is not None:
        raise InvalidOptionError(
            f"{who} learned from predictions with every row present; received {len(predictions.ids)} rows of which "
            f"members lack {int((~predictions.present).sum())}. Fit on the rows that all members have."
        )
    probas, labels = predictions.member_probas, predictions.label_codes
    assert labels is not None  # noqa: S101 - fit_combiner requires labels
    if sample_weight is not None and not sample_weight.all():
        counts = sample_weight > 0
        probas, labels, sample_weight = probas[:, counts], labels[counts], sample_weight[counts]
    pixels = int(np.prod(probas.shape[2:-1]))
    weight = None
    if sample_weight is not None:
        weight = np.repeat(sample_weight, pixels)
        weight /= weight.sum()
    shape = (-1,) if predictions.task == "multiclass" else (-1, probas.shape[-1])
    return Rows(probas.reshape(len(probas), -1, probas.shape[-1]), labels.reshape(shape), weight, predictions.task)


def likelihoods(rows: Rows, block: slice = slice(None), column: int | None = None) -> np.ndarray:
    """Probability that each member gave to what was true: ``p[y]``; for labels ``p`` or ``1 - p``.

    Parameters
    ----------
    rows : Rows
        Of the task ``multiclass`` or ``multilabel``.
    block : slice, optional
        Which rows.
    column : int, optional
        One class against the rest.

    Returns
    -------
    ndarray of shape (n_members, n_rows), float64
        With ``n_rows * n_classes`` columns for multilabel. Not below `SMALLEST`.
    """
    probas, labels = rows.probas[:, block], rows.labels[block]
    if column is not None:
        true = labels == column if rows.task == "multiclass" else labels[:, column]
        probas = probas[..., column]
        chosen = np.where(true, probas, np.subtract(1, probas, dtype=np.float64))
    elif rows.task == "multiclass":
        chosen = np.take_along_axis(probas, labels[np.newaxis, :, np.newaxis], axis=-1)
    else:
        chosen = np.where(labels, probas, np.subtract(1, probas, dtype=np.float64))
    return np.maximum(chosen.reshape(len(probas), -1), SMALLEST, dtype=np.float64)
