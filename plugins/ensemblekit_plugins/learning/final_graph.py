"""What a fitted final estimator predicts, as a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dense import DenseSoftmax
from .linear import Linear, apply_linear, linear_of

__all__ = ["predict_in_graph"]


def predict_in_graph(estimator: Any, x: Any, n_outputs: int, task: str, xp: Any) -> Any:
    """Predict with linear estimators as Dense layers.

    Parameters
    ----------
    estimator : estimator or list of estimator
        Fitted; a list has one for each output.
    x : tensor of shape (n_rows, n_features)
        Rows.
    n_outputs : int
        Number of classes, labels or outputs.
    task : {"multiclass", "multilabel", "regression"}
        What is wanted of them.
    xp : array namespace
        ``keras.ops``.

    Returns
    -------
    tensor of shape (n_rows, n_outputs)
        Predictions, in the dtype of ``x``.

    Raises
    ------
    CompatibilityError
        If one is not linear.
    """
    if isinstance(estimator, list):
        return xp.concatenate([_output(one, x, task, xp) for one in estimator], axis=-1)
    if task == "regression":
        return xp.reshape(apply_linear(linear_of(estimator), x, xp), (-1, n_outputs))
    if isinstance(estimator, DenseSoftmax):
        kernel, bias = estimator.model_.layers[-1].get_weights()
        out = apply_linear(Linear(kernel, bias, "softmax"), x, xp)
    else:
        out = apply_linear(linear_of(estimator), x, xp)
    known = np.asarray(estimator.classes_).tolist()
    return out if known == list(range(n_outputs)) else _spread(out, known, n_outputs, xp)


def _output(estimator: Any, x: Any, task: str, xp: Any) -> Any:
    out = apply_linear(linear_of(estimator), x, xp)
    return out if task == "regression" else _spread(out, np.asarray(estimator.classes_).tolist(), 2, xp, only=1)


def _spread(out: Any, known: list[int], n_outputs: int, xp: Any, only: int | None = None) -> Any:
    """Give each column its place, and 0 to classes that the estimator never saw."""
    nothing = xp.zeros_like(xp.take(out, [0], axis=-1))
    wanted = range(n_outputs) if only is None else [only]
    places = [known.index(k) if k in known else len(known) for k in wanted]
    return xp.take(xp.concatenate([out, nothing], axis=-1), places, axis=-1)
