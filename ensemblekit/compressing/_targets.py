"""What a student is compared with: softened predictions and labels, and the loss of both."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import AlignmentError, InvalidPredictionsError
from ..predictions.names import few, shown

__all__ = ["entropy_of_classes", "entropy_of_labels", "indicators", "one_hot", "softened", "teaching_loss"]

SMALLEST = 1e-7
"""Probabilities are clipped to this before logarithms are taken, as Keras does."""


def softened(probas: np.ndarray, temperature: float, by_output: bool) -> np.ndarray:
    """Soften probabilities of classes, or of each output by itself."""
    softened = np.clip(probas, SMALLEST, 1) ** (1 / temperature)
    if by_output:
        return softened / (softened + np.clip(1 - probas, SMALLEST, 1) ** (1 / temperature))
    return softened / softened.sum(axis=1, keepdims=True)


def one_hot(labels: Any, names: tuple[Any, ...], source: Any) -> np.ndarray:
    """Put a 1 into the column of the label of each row."""
    _check_labelled(labels)
    of_codes = getattr(source, "classes", None)
    values = [of_codes[code] for code in labels.tolist()] if of_codes is not None else np.asarray(labels).tolist()
    known = {name: place for place, name in enumerate(names)}
    if unknown := sorted({str(value) for value in values if value not in known}):
        raise AlignmentError(f"labels must be classes of the student, {shown(names)}; received also {few(unknown)}.")
    return np.eye(len(names))[[known[value] for value in values]]


def indicators(labels: Any, names: tuple[Any, ...], source: Any) -> np.ndarray:
    """Put the columns of 0 and 1 into the order of the outputs; without names they are in it."""
    _check_labelled(labels)
    columns = getattr(source, "classes", None) or names
    values = np.asarray(labels)
    if values.shape[1:] != (len(names),) or values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise InvalidPredictionsError(
            f"labels, several of which may apply, must be a column of 0 and 1 for each of {shown(names)}; received "
            f"{values.dtype} of shape {values.shape}."
        )
    if set(columns) != set(names):
        raise AlignmentError(f"labels must be those of the student, {shown(names)}; received {shown(columns)}.")
    return values[:, [list(columns).index(name) for name in names]].astype(np.float64)


def _check_labelled(labels: Any) -> None:
    if labels is None:
        raise InvalidPredictionsError("label_weight needs labels; source has none. Give (ids, x, y), or leave it out.")


def entropy_of_classes(ops: Any, targets: Any, logits: Any) -> Any:
    """Compute the cross-entropy of a softmax over the outputs."""
    return -ops.sum(targets * ops.log_softmax(logits, axis=-1), axis=-1)


def entropy_of_labels(ops: Any, targets: Any, logits: Any) -> Any:
    """Compute the mean cross-entropy of a sigmoid of each output."""
    return ops.mean(ops.softplus(logits) - targets * logits, axis=-1)


def teaching_loss(keras: Any, entropy: Any, temperature: float, label_weight: float, from_logits: bool) -> Any:
    """Make the loss of a student; targets are those of the teacher, then the labels if they have a weight."""
    ops = keras.ops

    def loss(targets: Any, outputs: Any) -> Any:
        logits, n = ops.cast(outputs, "float32"), outputs.shape[-1]
        if not from_logits:
            probas = ops.clip(logits, SMALLEST, 1.0)
            logits = ops.log(probas)
            if entropy is entropy_of_labels:
                logits = logits - ops.log(ops.clip(1.0 - probas, SMALLEST, 1.0))
        total = (1 - label_weight) * temperature**2 * entropy(ops, targets[:, :n], logits / temperature)
        if label_weight:
            total = total + label_weight * entropy(ops, targets[:, n:], logits)
        return total

    return loss
