"""Weights of the labels in the loss of a Keras model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight

from ...errors import InvalidOptionError
from ...predictions.names import shown

__all__ = ["weights_of_outputs", "weights_of_rows"]


def weights_of_rows(
    class_weight: Any, y: np.ndarray, classes: np.ndarray, sample_weight: np.ndarray | None
) -> np.ndarray | None:
    """Weigh each row by its label, and by a weight of its own.

    Parameters
    ----------
    class_weight : mapping of label to float, "balanced" or None
        As in scikit-learn.
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Labels.
    classes : ndarray of shape (n_classes,)
        Labels that may be missing in ``y``.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights of the rows.

    Returns
    -------
    ndarray of shape (n_samples,) or None
        The product.
    """
    if class_weight is None:
        return sample_weight
    if y.ndim == 2:
        raise InvalidOptionError(
            "class_weight is for one label a row; received several labels that may hold together. Give the loss "
            "weights of its own, or sample_weight."
        )
    if isinstance(class_weight, Mapping):
        present = np.unique(y).tolist()
        _check_named(class_weight, [*present, *classes.tolist()])
        class_weight = {label: weight for label, weight in class_weight.items() if label in present}
    weight = compute_sample_weight(class_weight, y)
    return weight if sample_weight is None else weight * sample_weight


def weights_of_outputs(class_weight: Any, labels: list[Any]) -> dict[int, float] | None:
    """Weigh the numbers of the labels, which a dataset has as targets.

    Parameters
    ----------
    class_weight : mapping of label to float or None
        Labels that it does not name have the weight 1.
    labels : list
        Labels in the order of their numbers.

    Returns
    -------
    dict of int to float, or None
    """
    if class_weight is None:
        return None
    if not isinstance(class_weight, Mapping):
        raise InvalidOptionError(
            f"class_weight={class_weight!r} counts the labels, which a dataset gives one batch after the other. Give "
            "{label: weight}."
        )
    _check_named(class_weight, labels)
    return {number: float(class_weight.get(label, 1.0)) for number, label in enumerate(labels)}


def _check_named(class_weight: Mapping[Any, float], labels: list[Any]) -> None:
    unknown = [label for label in class_weight if label not in labels]
    if unknown:
        raise InvalidOptionError(f"class_weight must name labels, {shown(labels)}; received {shown(unknown)}.")
