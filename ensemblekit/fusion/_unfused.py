"""What members and combiner say apart: each member's own ``predict``, aligned and combined in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..assembly import import_keras
from ..combining import combine
from ..predictions import Predictions
from ..predictions.names import is_text
from ._formats import BATCH, flat_inputs
from ._parts import member_parts, name_outputs

__all__ = ["predict_unfused"]


def predict_unfused(members: Any, combiner: Any, inputs: Any, *, classes: Any, task: Any, **options: Any) -> np.ndarray:
    """Predict without fusing.

    Parameters
    ----------
    members, combiner, classes, task, **options
        As in `fuse`.
    inputs : ndarray of shape (n_samples, ...), or dict of input name to such
        What to predict.

    Returns
    -------
    ndarray of shape (n_samples, ..., n_classes)
        Probabilities, classes in the order of the fused model.
    """
    if hasattr(members, "estimators"):
        said = members.predict_proba(inputs) if hasattr(members, "predict_proba") else members.predict(inputs)
        return np.asarray(said) if np.ndim(said) > 1 else np.asarray(said)[:, np.newaxis]
    keras = import_keras("export_fused")
    task = task or "multiclass"
    options = {k: v for k, v in options.items() if k not in ("name", "input_shape")}
    parts, outputs = name_outputs(
        member_parts(keras, members, classes),
        task,
        getattr(combiner, "classes_", None) if task == "regression" else None,
    )
    ids = np.arange(len(flat_inputs(inputs)[0]))
    seen = getattr(combiner, "fit_ids_", None)
    if seen is not None and is_text(np.asarray(seen)):
        ids = np.array([f"input {k}" for k in ids])
    predictions = [
        Predictions(_probas(part, inputs, task), ids=ids, classes=part.classes or (), task=task, member=part.name)
        for part in parts
    ]
    combined = combine(predictions, combiner, **options)
    places = {name: place for place, name in enumerate(combined.classes)}
    return combined.probas[..., [places[name] for name in outputs]]


def _probas(part: Any, inputs: Any, task: str) -> np.ndarray:
    if isinstance(inputs, dict):
        inputs = {tensor.name: inputs[tensor.name] for tensor in part.model.inputs}
    raw = np.asarray(part.model.predict(inputs, batch_size=BATCH, verbose=0))
    if raw.dtype != np.float64:
        raw = raw.astype(np.float32)
    one = task == "multiclass" and raw.shape[-1] == 1 and len(part.classes) == 2
    if part.logits:
        if one:
            raw = 1 / (1 + np.exp(-raw))
        else:
            raw = np.exp(raw - raw.max(axis=-1, keepdims=True))
            raw /= raw.sum(axis=-1, keepdims=True)
    return np.concatenate([1 - raw, raw], axis=-1) if one else raw
