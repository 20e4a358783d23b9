"""Metrics by name: scikit-learn's scorers, those that can be followed step by step in a way of their own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from ensemblekit.errors import InvalidOptionError

from .blends import Blends, Likelihood, SampleLosses, Squared, Whole, binary_log_loss
from .confusion import BINARY_SCORES, CONFUSION_SCORES, CONTINGENCY_SCORES
from .label_scores import INDICATED_SCORES, Indicated, Predicted, TopTwo
from .rankings import Ranked, against_each_other, against_the_rest, average_precision, roc_auc
from .regression_blends import regression_blends
from .rows import SMALLEST, Rows

__all__ = ["TOLERANCE", "Metric", "blends", "check_metric", "default_metric"]

Metric = str | Callable[..., Any] | None
TOLERANCE = 1e-12
"""Scores that differ by less, relative to the best, are equal."""

_ALIASES = {
    "log_loss": "neg_log_loss",
    "brier": "neg_brier_score",
    "squared_error": "neg_mean_squared_error",
    "absolute_error": "neg_mean_absolute_error",
}


def check_metric(metric: Any) -> None:
    """Refuse what is no scorer of scikit-learn, none of its names, and no callable."""
    if metric is None or callable(metric) or (isinstance(metric, str) and metric in _ALIASES):
        return
    from sklearn.metrics import get_scorer_names

    if not isinstance(metric, str) or _ALIASES.get(metric, metric) not in get_scorer_names():
        raise InvalidOptionError(
            f"metric must be {', '.join(map(repr, _ALIASES))}, the name of a scikit-learn scorer "
            f"(sklearn.metrics.get_scorer_names()), a scorer, or a callable (y_true, y_proba) -> float; "
            f"received {metric!r}."
        )


def default_metric(task: str) -> str:
    """Choose log loss for probabilities, squared error for regression."""
    return "squared_error" if task == "regression" else "log_loss"


def blends(metric: Metric, rows: Rows) -> Blends:
    """Make what scores blends by a metric.

    Parameters
    ----------
    metric : str, callable or None
        As `check_metric` admits; None is `default_metric`.
    rows : Rows
        What the members said, and the truth.

    Returns
    -------
    Blends
        Ready for `Blends.start`.
    """
    chosen = metric or default_metric(rows.task)
    if isinstance(chosen, str):
        name = _ALIASES.get(chosen, chosen)
        known = regression_blends(name, rows) if rows.task == "regression" else _probabilities(name, rows)
        return known or Whole(rows, _scorer(name, rows))
    return Whole(rows, _scorer(chosen, rows) if _is_scorer(chosen) else _callable(chosen))


def _probabilities(name: str, rows: Rows) -> Blends | None:
    multiclass = rows.task == "multiclass"
    if name == "neg_log_loss":
        return Likelihood(rows) if multiclass else SampleLosses(rows, binary_log_loss)
    if name == "neg_brier_score":
        n_classes = rows.probas.shape[-1]
        scale = 1.0 if multiclass and n_classes > 2 else 1 / n_classes
        return Squared(rows, lambda errors: -scale * errors[:, 0])
    known = _of_classes(name, rows) if multiclass else _of_labels(name, rows)
    return known or _ranked(name, rows)


def _of_classes(name: str, rows: Rows) -> Blends | None:
    n_classes = rows.probas.shape[-1]
    if name in BINARY_SCORES:
        return Predicted(rows, BINARY_SCORES[name]) if n_classes == 2 else None
    if name in CONFUSION_SCORES:
        return Predicted(rows, CONFUSION_SCORES[name])
    if name in CONTINGENCY_SCORES and rows.weight is None:
        return Predicted(rows, CONTINGENCY_SCORES[name])
    if name == "top_k_accuracy" and n_classes > 2:
        return TopTwo(rows)
    frequency = np.bincount(rows.labels, weights=rows.share(), minlength=n_classes)
    if name == "d2_log_loss_score" and frequency.max() < 1:
        entropy = -np.log(np.maximum(frequency, SMALLEST)) @ frequency
        return Likelihood(rows, lambda scores: 1 + scores / entropy)
    if name == "d2_brier_score" and frequency.max() < 1:
        spread = 1 - frequency @ frequency
        return Squared(rows, lambda errors: 1 - errors[:, 0] / spread)
    return None


def _of_labels(name: str, rows: Rows) -> Blends | None:
    if name == "d2_brier_score" and _both(rows.labels):
        frequency = rows.share() @ rows.truth()
        spread = frequency @ (1 - frequency)
        return Squared(rows, lambda errors: 1 - errors[:, 0] / spread)
    return Indicated(rows, name) if name in INDICATED_SCORES and rows.probas.shape[-1] > 1 else None


def _ranked(name: str, rows: Rows) -> Blends | None:
    labels, n_classes = rows.labels, rows.probas.shape[-1]
    multiclass = rows.task == "multiclass"
    score = {"average_precision": average_precision}.get(name, roc_auc if name.startswith("roc_auc") else None)
    # One class that is in no row, or in all, is for scikit-learn to answer.
    every = np.bincount(labels, minlength=n_classes).all() if multiclass else _both(labels)
    if score is None or not every:
        return None
    by_frequency = name.endswith("weighted")
    if multiclass and n_classes == 2:
        return Ranked(rows, score, against_the_rest(rows, [1], by_frequency=False))
    if multiclass and "ovo" in name:
        pairs = against_each_other(labels, n_classes, by_frequency=by_frequency)
        return Ranked(rows, score, pairs) if rows.weight is None else None
    if name == "roc_auc" and multiclass:
        return None
    return Ranked(rows, score, against_the_rest(rows, range(n_classes), by_frequency=by_frequency))


def _both(labels: np.ndarray) -> bool:
    return bool(labels.any(axis=0).all() and not labels.all(axis=0).any())


def _is_scorer(metric: Any) -> bool:
    try:
        return next(iter(inspect.signature(metric).parameters), None) == "estimator"
    except ValueError:  # of a function in C
        return False


def _callable(metric: Callable[..., Any]) -> Callable[..., float]:
    def score(truth: np.ndarray, mean: np.ndarray, weight: np.ndarray | None) -> float:
        said = metric(truth, mean) if weight is None else metric(truth, mean, sample_weight=weight)
        if not isinstance(said, Real):
            raise InvalidOptionError(f"a metric must return a number; {metric!r} returned {said!r}.")
        return float(said)

    return score


def _scorer(metric: Any, rows: Rows) -> Callable[..., float]:
    from sklearn import config_context
    from sklearn.metrics import get_scorer

    scorer = get_scorer(metric)
    said = _said()(rows.task, rows.probas.shape[-1])

    def score(truth: np.ndarray, mean: np.ndarray, weight: np.ndarray | None) -> float:
        kwargs = {} if weight is None else {"sample_weight": weight}
        # What is scored was checked when it came in.
        with config_context(assume_finite=True, skip_parameter_validation=True):
            return float(scorer(said, mean, truth, **kwargs))

    return score


@functools.cache
def _said() -> Any:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Said:
        """An estimator that predicts what it is given, so that any scorer can be asked."""

        def __init__(self, task: str, n_classes: int) -> None:
            self.task, self.n_classes = task, n_classes

        def fit(self, x: Any, y: Any) -> Any:
            return self

        def __sklearn_is_fitted__(self) -> bool:
            return True

    class SaidClassifier(ClassifierMixin, Said, BaseEstimator):
        @property
        def classes_(self) -> Any:
            return np.arange(self.n_classes)

        def predict_proba(self, x: Any) -> Any:
            return x

        def predict(self, x: Any) -> Any:
            return x.argmax(axis=-1) if self.task == "multiclass" else (x >= 0.5).astype(int)

    class SaidRegressor(RegressorMixin, Said, BaseEstimator):
        def predict(self, x: Any) -> Any:
            return x

    return lambda task, n: (SaidRegressor if task == "regression" else SaidClassifier)(task, n)
