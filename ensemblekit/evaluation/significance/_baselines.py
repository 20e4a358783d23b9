"""What tables of models are held against: a constant, the best of them, and the oracle that knows which to believe."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import InvalidOptionError
from ...interfaces import Metric
from ...kinds import KINDS
from ...predictions import Predictions, align
from ...registry import default_registry
from .._asked_metrics import scored, statistic
from ._two_models import row_weights

__all__ = ["BEST", "CONSTANT", "ORACLE", "constant", "oracle", "with_baselines"]

CONSTANT, BEST, ORACLE = "constant", "best member", "oracle"


def with_baselines(
    models: Mapping[str, Predictions], metrics: Mapping[str, tuple[Metric, ...]], sample_weight: Any
) -> tuple[dict[str, Predictions], dict[str, tuple[Metric, ...]]]:
    """Add a constant, the best model by the first metric, and the oracle, to the models and to the metrics of each."""
    taken = [name for name in (CONSTANT, BEST, ORACLE) if name in models]
    if taken:
        raise InvalidOptionError(f"with baselines no model may be called {taken[0]!r}; received {list(models)}.")

    def gain(name: str) -> float:
        first, weights = metrics[name][0], row_weights(sample_weight, models[name])
        value = float(statistic(models[name], first, sample_weight=weights)(np.ones((len(models[name]), 1)))[0])
        return -np.inf if np.isnan(value) else value if first.higher_is_better else -value

    best = max(models, key=gain)
    weights = row_weights(sample_weight, models[best])
    flat = constant(models[best], metrics[best][0], weights)
    added = {CONSTANT: flat, BEST: models[best]}
    if getattr(default_registry().create_task(models[best].task), "labels_are_values", True):
        added[ORACLE] = oracle(models, metrics[best][0])
    return {**models, **added}, {**metrics, **dict.fromkeys(added, metrics[best])}


def constant(model: Predictions, metric: Metric, weights: np.ndarray | None) -> Predictions:
    """Predict for every row what the task takes for the best constant: shares of the classes, or means."""
    labels, probas = scored(model, metric)
    baseline = default_registry().create_task(model.task).baseline
    named = {"classes": model.classes} if "classes" in inspect.signature(baseline).parameters else {}
    one = baseline(labels, probas.shape[-1], sample_weight=weights, **named)
    return Predictions(
        np.broadcast_to(one, probas.shape), ids=model.ids, classes=model.classes, labels=model.labels, task=model.task,
        split=model.split, member=CONSTANT,
    )  # fmt: skip


def oracle(models: Mapping[str, Predictions], metric: Metric | None = None) -> Predictions:
    """Take for each row the prediction of the model with the smallest loss on it."""
    if len(models) == 1:
        (only,) = models.values()
        return only
    members = align([p.rename(name) for name, p in models.items()])
    probas = np.stack([members[name].probas for name in members.members]).astype(np.float64)
    first = members[members.members[0]]
    if metric is not None and metric.is_mean and first.task not in KINDS and first.kind == "regression":
        sign = -1 if metric.higher_is_better else 1
        losses = np.stack([sign * metric.row_values(scored(first, metric)[0], member) for member in probas])
    else:
        losses = _losses(first, probas).reshape(len(probas), probas.shape[1], -1).mean(axis=2)
    chosen = probas[losses.argmin(axis=0), np.arange(probas.shape[1])]
    labels = first.labels
    return Predictions(
        chosen, ids=first.ids, classes=first.classes, labels=labels, task=first.task, split=first.split, member=ORACLE
    )


def _losses(labelled: Predictions, probas: np.ndarray) -> np.ndarray:
    if labelled.label_codes is not None and labelled.kind == "multiclass":
        codes = np.broadcast_to(labelled.label_codes[..., np.newaxis], (*probas.shape[:-1], 1))
        return -np.take_along_axis(probas, codes, axis=-1)
    return (probas - np.asarray(labelled.labels, dtype=np.float64)) ** 2
