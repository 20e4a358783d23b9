"""Labelled predictions as flat rows: one row for each sample, or for each position of a dense output."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np

from ensemblekit import PredictionSet
from ensemblekit.errors import InvalidOptionError

__all__ = [
    "Rows",
    "check_all_present",
    "flatten_features",
    "flatten_members",
    "flatten_weights",
    "likelihoods",
    "rows_of",
    "side_by_side",
    "with_features",
]


class Rows(NamedTuple):
    """Labelled rows of all members.

    ``probas`` has the shape ``(n_members, n_rows, n_classes)``. ``weight`` is positive and has the shape ``(n_rows,)``;
    None means equal weights. ``labels`` are codes ``(n_rows,)``, or indicators or numbers ``(n_rows, n_classes)``.
    ``classes`` are the names, for metrics with options by class name; empty if nothing asks for them.
    """

    probas: np.ndarray
    labels: np.ndarray
    weight: np.ndarray | None
    task: str
    classes: tuple[Hashable, ...] = ()

    def share(self) -> np.ndarray:
        """Return the weights, divided by their sum."""
        n = len(self.labels)
        return np.full(n, 1 / n) if self.weight is None else self.weight / self.weight.sum()

    def truth(self, block: slice = slice(None)) -> np.ndarray:
        """Return the predictions of a perfect member for these rows: shape ``(n_rows, n_classes)``, float64."""
        labels = self.labels[block]
        if self.task != "multiclass":
            return labels.astype(np.float64)
        return (labels[:, np.newaxis] == np.arange(self.probas.shape[-1])).astype(np.float64)

    def blocks(self, values: int) -> Any:
        """Return slices of rows; a block of one member has about this number of values."""
        step = max(16, values // self.probas.shape[-1])
        return (slice(start, start + step) for start in range(0, len(self.labels), step))


def rows_of(predictions: PredictionSet, sample_weight: np.ndarray | None, who: str) -> Rows:
    """Flatten labelled predictions; refuse absent rows.

    Parameters
    ----------
    predictions : PredictionSet
        They must be labelled.
    sample_weight : ndarray of shape (n_samples,), or None
        Non-negative; rows with weight 0 are left out.
    who : str
        Start of the error message; it names what is learned.

    Returns
    -------
    Rows
        A view if there are no extra axes and all rows count.

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
    weight = None if sample_weight is None else np.repeat(sample_weight, pixels)
    shape = (-1,) if predictions.kind == "multiclass" else (-1, probas.shape[-1])
    flat = probas.reshape(len(probas), -1, probas.shape[-1])
    return Rows(flat, labels.reshape(shape), weight, predictions.kind, predictions.classes)


def likelihoods(rows: Rows, block: slice = slice(None), column: int | None = None) -> np.ndarray:
    """Return the probability that each member gives to the truth: ``p[y]``; for labels ``p`` or ``1 - p``.

    Parameters
    ----------
    rows : Rows
        The task must be ``multiclass`` or ``multilabel``.
    block : slice, optional
        Which rows.
    column : int, optional
        If given, only this class against the rest.

    Returns
    -------
    ndarray of shape (n_members, n_rows), float64
        For multilabel there are ``n_rows * n_classes`` columns. Values are at least
        `ensemblekit.evaluation.LOG_LOSS_CLIP`.
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
    from ensemblekit.evaluation import LOG_LOSS_CLIP

    return np.maximum(chosen.reshape(len(probas), -1), LOG_LOSS_CLIP, dtype=np.float64)


def check_all_present(name: str, predictions: PredictionSet) -> None:
    """Refuse rows that some members lack."""
    if predictions.present is not None:
        lacking = int((~predictions.present).any(axis=0).sum())
        raise InvalidOptionError(
            f"{name} learns from one row of every member a sample; received {lacking} of {len(predictions.ids)} with "
            "absent rows. Take the rows that all members have."
        )


def flatten_members(member_probas: np.ndarray) -> np.ndarray:
    """Turn ``(n_members, n_samples, ..., n_classes)`` into ``(n_members, n_rows, n_classes)``; a view if possible."""
    n_members, *axes, n_classes = member_probas.shape
    return member_probas.reshape(n_members, math.prod(axes), n_classes)


def flatten_weights(sample_weight: np.ndarray | None, axes: tuple[int, ...]) -> np.ndarray:
    """Give each row of ``(n_samples, ...)`` the weight of its sample; without weights it is 1."""
    weights = np.ones(axes[0]) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    return np.repeat(weights, math.prod(axes[1:]))


def flatten_features(name: str, features: Any, axes: tuple[int, ...], n_features: int | None) -> Any:
    """Turn features of the samples into ``(n_rows, n_features)``.

    Parameters
    ----------
    name : str
        Name of the combiner, for errors.
    features : ndarray of shape (n_samples, ...), or sparse matrix of shape (n_samples, n_features)
        Numbers; for dense outputs, the leading axes are those of the outputs.
    axes : tuple of int
        ``(n_samples, ...)``: the axes of the outputs without the last axis, that of the classes.
    n_features : int or None
        Expected number of features; None in `fit`.

    Returns
    -------
    ndarray or sparse matrix of shape (n_rows, n_features)
        All axes after ``axes`` are flattened.

    Raises
    ------
    InvalidOptionError
        If the features are not numbers, or have another shape.
    """
    features = features if hasattr(features, "tocsr") else np.asarray(features)
    if features.dtype.kind not in "biuf":
        raise InvalidOptionError(f"features must be numbers; received dtype {features.dtype}. Encode them first.")
    if features.shape[: len(axes)] != axes:
        raise InvalidOptionError(
            f"features for outputs of shape {(*axes, '...')} must begin with the same axes; received shape "
            f"{features.shape}. Give each position its own, for instance by numpy.broadcast_to."
        )
    flat = features
    if len(features.shape) != 2 or features.shape[0] != math.prod(axes):
        flat = features.reshape(math.prod(axes), math.prod(features.shape[len(axes) :]))
    if n_features is not None and flat.shape[1] != n_features:
        raise InvalidOptionError(
            f"combiner {name!r} was fitted on {n_features} features a row; received {flat.shape[1]}."
        )
    return flat


def with_features(inputs: np.ndarray, features: Any) -> Any:
    """Put features after the inputs of a final estimator; the result is sparse if they are."""
    if features is None:
        return inputs
    if hasattr(features, "tocsr"):
        from scipy.sparse import hstack

        return hstack([inputs, features], format="csr")
    return np.concatenate([inputs, features], axis=1)


def side_by_side(rows: np.ndarray) -> np.ndarray:
    """Copy ``(n_members, n_rows, n_columns)`` to ``(n_rows, n_members * n_columns)``, one member after the other."""
    return np.moveaxis(rows, 0, 1).reshape(rows.shape[1], rows.shape[0] * rows.shape[2])
