"""Calibration maps from probabilities to probabilities, learned from labelled rows.

A map is a dict of arrays: ``scale`` and ``shift`` of a logarithm, or for each class the ``knots`` of a piecewise linear
function and its ``values`` at the knots.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.blocks import row_slices

__all__ = ["METHODS", "apply_map", "apply_maps", "fit_map"]

METHODS = ("temperature", "vector", "sigmoid", "isotonic")
LARGEST = 1e3
"""Bound of the absolute values of scale and shift; for separable rows they would grow without limit."""


def fit_map(method: str, probas: np.ndarray, targets: np.ndarray, weights: np.ndarray, *, task: str) -> dict[str, Any]:
    """Learn a map.

    Parameters
    ----------
    method : {"temperature", "vector", "sigmoid", "isotonic"}
        Method of calibration.
    probas : ndarray of shape (n_rows, n_classes)
        Probabilities.
    targets : ndarray of bool of shape (n_rows, n_classes)
        True labels.
    weights : ndarray of shape (n_rows,)
        Positive weight of each row.
    task : {"multiclass", "multilabel"}
        ``multiclass`` if the classes exclude each other.

    Returns
    -------
    dict
        The arrays of the map; see the top of this file.
    """
    if method == "isotonic":
        return _fit_isotonic(probas.astype(np.float64), targets, weights)
    softmax = task == "multiclass" and method != "sigmoid"
    logarithm = _log(probas, softmax=softmax, dtype=np.dtype(np.float64))
    goal = _softened(targets, weights) if method == "sigmoid" else targets.astype(np.float64)
    return _minimise(logarithm, goal, weights / weights.sum(), softmax=softmax, shared=method == "temperature")


def _fit_isotonic(probas: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    from sklearn.isotonic import IsotonicRegression

    fitted = [
        IsotonicRegression(y_min=0, y_max=1).fit(column, target.astype(np.float64), sample_weight=weights)
        for column, target in zip(probas.T, targets.T, strict=True)
    ]
    return {"knots": [f.X_thresholds_ for f in fitted], "values": [f.y_thresholds_ for f in fitted]}


def _softened(targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    # Platt's targets: the posterior mean under a uniform prior.
    with_it = (weights[:, np.newaxis] * targets).sum(axis=0)
    without = weights.sum() - with_it
    return np.where(targets, (with_it + 1) / (with_it + 2), 1 / (without + 2))


def _minimise(
    logarithm: np.ndarray, goal: np.ndarray, share: np.ndarray, *, softmax: bool, shared: bool
) -> dict[str, Any]:
    from scipy.optimize import minimize

    n_classes = logarithm.shape[1]

    def unpack(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (values, np.zeros(1)) if shared else (values[:n_classes], values[n_classes:])

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        scale, shift = unpack(values)
        logits = logarithm * scale + shift
        if softmax:
            highest = logits.max(axis=1, keepdims=True)
            total = np.log(np.exp(logits - highest).sum(axis=1, keepdims=True)) + highest
            slope = np.exp(logits - total) - goal
            value = total[:, 0] - (goal * logits).sum(axis=1)
        else:
            value = (np.logaddexp(0, logits) - goal * logits).sum(axis=1)
            slope = np.exp(-np.logaddexp(0, -logits)) - goal
        slope *= share[:, np.newaxis]
        by_class = (slope * logarithm).sum(axis=0)
        gradient = by_class.sum(keepdims=True) if shared else np.concatenate([by_class, slope.sum(axis=0)])
        return float(share @ value), gradient

    start = np.ones(1) if shared else np.concatenate([np.ones(n_classes), np.zeros(n_classes)])
    # A negative temperature would reverse the order of the classes.
    low = 1 / LARGEST if shared else -LARGEST
    options = {"maxiter": 2000, "ftol": 4 * np.finfo(np.float64).eps, "gtol": 1e-9}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(low, LARGEST)] * len(start), options=options)
    scale, shift = unpack(found.x)
    return {"scale": scale, "shift": shift}


def apply_map(learned: dict[str, Any], method: str, probas: np.ndarray, *, task: str) -> np.ndarray:
    """Calibrate on NumPy, in blocks that fit the cache.

    Parameters
    ----------
    learned : dict
        A map from `fit_map`.
    method, task : str
        As in `fit_map`.
    probas : ndarray of shape (..., n_classes)
        Probabilities.

    Returns
    -------
    ndarray of the same shape and dtype
        Calibrated probabilities.
    """
    n_classes = probas.shape[-1]
    rows = probas.reshape(-1, n_classes)
    calibrated = np.empty_like(rows, order="C")
    dtype = np.result_type(probas.dtype, np.float32)
    for block in row_slices(len(rows), n_classes, 2**16):
        # Transposed: sums over classes are then sums of whole columns, and every step reads contiguous memory.
        columns = rows[block].T.astype(dtype, order="C")
        if method == "isotonic":
            columns = _interpolate(columns, learned, task)
        else:
            _scale_columns(columns, learned, method, task, _floor(probas.dtype))
        calibrated[block] = columns.T
    return calibrated.reshape(probas.shape)


def _scale_columns(columns: np.ndarray, learned: dict[str, Any], method: str, task: str, floor: float) -> None:
    """Compute the same as `_scale`, in place on ``(n_classes, n_rows)``."""
    softmax = task == "multiclass" and method != "sigmoid"
    rest = columns[:0] if softmax else 1 - columns
    for values in (columns, rest):
        np.log(np.maximum(values, columns.dtype.type(floor), out=values), out=values)
    if not softmax:
        columns -= rest
    columns *= learned["scale"].astype(columns.dtype)[:, np.newaxis]
    columns += learned["shift"].astype(columns.dtype)[:, np.newaxis]
    if not softmax:
        below = np.negative(np.abs(columns, out=rest), out=rest)
        np.log1p(np.exp(below, out=below), out=below)
        np.minimum(columns, 0, out=columns)
        columns -= below
    if task == "multilabel":
        np.exp(columns, out=columns)
        return
    columns -= columns.max(axis=0)
    np.exp(columns, out=columns)
    columns /= _sum_columns(columns)


def _interpolate(columns: np.ndarray, learned: dict[str, Any], task: str) -> np.ndarray:
    maps = zip(learned["knots"], learned["values"], strict=True)
    values = np.stack([np.interp(column, *of) for column, of in zip(columns, maps, strict=True)])
    if task == "multiclass":
        total = _sum_columns(values)
        values = np.where(total > 0, values / np.where(total > 0, total, 1), 1 / len(values))
    return values


def _sum_columns(columns: np.ndarray) -> np.ndarray:
    # One class is added after the other, because the order of NumPy's sum depends on the memory layout.
    return sum(columns, np.zeros(columns.shape[1], dtype=columns.dtype))


def apply_maps(maps: list[dict[str, Any]], method: str, probas: Any, *, task: str, members: bool, xp: Any) -> Any:
    """Calibrate with the functions of a namespace: the reference, for all methods but ``isotonic``.

    Parameters
    ----------
    maps : list of dict
        Maps from `fit_map`: one map, or one per member.
    method, task : str
        As in `fit_map`.
    probas : array of shape (n_samples, ..., n_classes) or (n_members, n_samples, ..., n_classes)
        Probabilities.
    members : bool
        If true, the first axis is that of the members.
    xp : array namespace
        ``numpy`` or ``keras.ops``.

    Returns
    -------
    array of the same shape and dtype
        Calibrated probabilities.
    """
    given: list[Any] = []
    for name in ("scale", "shift"):
        values = np.stack([learned[name] for learned in maps])
        lead = (len(maps),) if members else ()
        shape = (*lead, *(1,) * (len(probas.shape) - 1 - len(lead)), values.shape[-1])
        given.append(xp.array(values.reshape(shape), dtype=probas.dtype))
    scale, shift = given
    return _scale(probas, scale, shift, method, task, _floor(probas.dtype), xp)


def _scale(probas: Any, scale: Any, shift: Any, method: str, task: str, floor: float, xp: Any) -> Any:
    softmax = task == "multiclass" and method != "sigmoid"
    logits = xp.add(xp.multiply(_log(probas, softmax=softmax, floor=floor, xp=xp), scale), shift)
    if not softmax:
        # The logarithm of the sigmoid.
        below = xp.log1p(xp.exp(xp.negative(xp.abs(logits))))
        logits = xp.subtract(xp.minimum(logits, xp.zeros_like(logits)), below)
    if task == "multilabel":
        return xp.exp(logits)
    exponential = xp.exp(xp.subtract(logits, xp.max(logits, axis=-1, keepdims=True)))
    return xp.divide(exponential, xp.sum(exponential, axis=-1, keepdims=True))


def _log(probas: Any, *, softmax: bool, floor: float | None = None, dtype: np.dtype | None = None, xp: Any = np) -> Any:
    floor = _floor(probas.dtype) if floor is None else floor
    if dtype is not None:
        probas = probas.astype(dtype)
    least = xp.array(floor, dtype=probas.dtype)
    log = xp.log(xp.maximum(probas, least))
    if softmax:
        return log
    rest = xp.subtract(xp.ones((), dtype=probas.dtype), probas)
    return xp.subtract(log, xp.log(xp.maximum(rest, least)))


def _floor(dtype: Any) -> float:
    """Return the smallest probability that is used, so that logarithms are finite."""
    return max(1e-15, float(np.finfo(getattr(dtype, "name", str(dtype)).rpartition(".")[2]).tiny))
