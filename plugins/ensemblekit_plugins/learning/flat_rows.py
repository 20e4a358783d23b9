"""Rows for estimators that know two axes: places of dense outputs become rows, features and weights go with them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ensemblekit import PredictionSet
from ensemblekit.errors import InvalidOptionError

__all__ = ["blocks", "check_all_present", "flatten_features", "flatten_members", "flatten_weights", "side_by_side"]


def check_all_present(name: str, predictions: PredictionSet) -> None:
    """Refuse rows that some members lack."""
    if predictions.present is not None:
        lacking = int((~predictions.present).any(axis=0).sum())
        raise InvalidOptionError(
            f"{name} learns from one row of every member a sample; received {lacking} of {len(predictions.ids)} with "
            "absent rows. Take the rows that all members have."
        )


def flatten_members(member_probas: np.ndarray) -> np.ndarray:
    """Turn ``(n_members, n_samples, ..., n_classes)`` into ``(n_members, n_rows, n_classes)``: a view where it can."""
    n_members, *axes, n_classes = member_probas.shape
    return member_probas.reshape(n_members, math.prod(axes), n_classes)


def flatten_weights(sample_weight: np.ndarray | None, axes: tuple[int, ...]) -> np.ndarray:
    """Give each row of ``(n_samples, ...)`` the weight of its sample; 1 without weights."""
    weights = np.ones(axes[0]) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    return np.repeat(weights, math.prod(axes[1:]))


def flatten_features(name: str, features: np.ndarray, axes: tuple[int, ...], n_features: int | None) -> np.ndarray:
    """Turn features of the samples into ``(n_rows, n_features)``.

    Parameters
    ----------
    name : str
        Of the combiner, for errors.
    features : ndarray of shape (n_samples, ...)
        Numbers; for dense outputs the axes of the outputs come first.
    axes : tuple of int
        ``(n_samples, ...)``, the axes of the outputs before that of the classes.
    n_features : int or None
        How many there must be; None where they are new.

    Returns
    -------
    ndarray of shape (n_rows, n_features)
        All axes after ``axes`` flattened.

    Raises
    ------
    InvalidOptionError
        If they are not numbers, or of another shape.
    """
    features = np.asarray(features)
    if features.dtype.kind not in "biuf":
        raise InvalidOptionError(f"features must be numbers; received dtype {features.dtype}. Encode them first.")
    if features.shape[: len(axes)] != axes:
        raise InvalidOptionError(
            f"features for outputs of shape {(*axes, '...')} must begin with the same axes; received shape "
            f"{features.shape}. Give each place its own, for instance by numpy.broadcast_to."
        )
    flat = features.reshape(math.prod(axes), math.prod(features.shape[len(axes) :]))
    if n_features is not None and flat.shape[1] != n_features:
        raise InvalidOptionError(
            f"combiner {name!r} was fitted on {n_features} features a row; received {flat.shape[1]}."
        )
    return flat


def side_by_side(rows: np.ndarray) -> np.ndarray:
    """Copy ``(n_members, n_rows, n_columns)`` to ``(n_rows, n_members * n_columns)``, one member after the other."""
    return np.moveaxis(rows, 0, 1).reshape(rows.shape[1], rows.shape[0] * rows.shape[2])


def blocks(n_rows: int, values_a_row: int, values: int = 2**19) -> Iterator[slice]:
    """Cut rows into slices that hold about ``values`` numbers each."""
    step = max(1, values // max(1, values_a_row))
    return (slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step))
