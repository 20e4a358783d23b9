"""scikit-learn's scorers, applied to predictions that are given."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import InvalidOptionError
from ..interfaces import Metric
from ..kinds import kind_of
from ..registry import default_registry

__all__ = ["Scorer", "is_scorer", "repeated_rows", "takes_weights"]


SAME = {
    "accuracy": ("multiclass", "accuracy", 1),
    "balanced_accuracy": ("multiclass", "balanced_accuracy", 1),
    "f1_macro": ("multiclass", "f1_macro", 1),
    "f1_micro": ("multiclass", "f1_micro", 1),
    "f1_weighted": ("multiclass", "f1_weighted", 1),
    "matthews_corrcoef": ("multiclass", "mcc", 1),
    "neg_log_loss": ("multiclass", "log_loss", -1),
    "neg_mean_absolute_error": ("regression", "mae", -1),
    "neg_mean_squared_error": ("regression", "squared_error", -1),
    "neg_root_mean_squared_error": ("regression", "rmse", -1),
    "r2": ("regression", "r2", 1),
}
"""Name of a scorer -> kind of the task, registered metric of the same definition, and sign.

The registered metric computes all resamples at once; a scorer is called for each.
"""


class Scorer(Metric):
    """A scorer of scikit-learn, by name or as an object; its sign is kept, so that greater is better."""

    tasks = frozenset({"multiclass", "multilabel", "regression"})
    range = (-np.inf, np.inf)

    def __init__(self, scorer: Any) -> None:
        from sklearn.metrics import get_scorer

        self.scorer = get_scorer(scorer)
        self.name = scorer if isinstance(scorer, str) else f"{getattr(scorer, '_score_func', scorer).__name__} scorer"
        self.kind = "regression"
        self.takes_weights = takes_weights(getattr(self.scorer, "_score_func", self.scorer))

    def for_classes(self, classes: Any, task: str) -> Metric:
        """Remember whether labels are numbers, indicators or codes; take a registered metric that is the same."""
        kind, name, sign = SAME.get(self.name, ("", "", 1))
        if kind == kind_of(task):
            metric = default_registry().create_metric(name).for_classes(classes, task)
            return (_SignedMean if metric.is_mean else _Signed)(metric, sign, self)
        settled = Scorer.__new__(Scorer)
        vars(settled).update(vars(self), kind=kind_of(task))
        return settled

    def score(self, labels: np.ndarray, predicted: np.ndarray, *, sample_weight: np.ndarray | None = None) -> float:
        """Call the scorer with an estimator whose predictions are the given values."""
        from sklearn import config_context

        kind = "multiclass" if labels.ndim == 1 else self.kind
        if sample_weight is not None and not self.takes_weights:
            rows = repeated_rows(sample_weight, self.name)
            labels, predicted, sample_weight = labels[rows], predicted[rows], None
        kwargs = {} if sample_weight is None else {"sample_weight": sample_weight}
        given = _estimators()(kind, predicted.shape[-1])
        # The predictions were already checked. Of figures that are not defined, NaN tells.
        with config_context(assume_finite=True, skip_parameter_validation=True), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(self.scorer(given, predicted, labels, **kwargs))


class _Signed(Metric):
    """A registered metric under the name, and with the sign, of a scorer."""

    tasks = Scorer.tasks

    def __init__(self, metric: Metric, sign: int, scorer: Scorer) -> None:
        self.metric, self.sign, self.name = metric, sign, scorer.name
        low, high = metric.range
        self.range = (low, high) if sign > 0 else (-high, -low)

    def score(self, labels: np.ndarray, predicted: np.ndarray, *, sample_weight: np.ndarray | None = None) -> float:
        return self.sign * self.metric.score(labels, predicted, sample_weight=sample_weight)

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        of_weights = self.metric.of_weights(labels, predicted)
        return lambda weights: self.sign * of_weights(weights)


class _SignedMean(_Signed):
    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return self.sign * self.metric.row_values(labels, predicted)


def repeated_rows(sample_weight: np.ndarray, metric: object) -> np.ndarray:
    """Repeat the places of rows by whole weights, for a metric that takes no weights."""
    times = np.rint(sample_weight).astype(np.int64)
    if (times != sample_weight).any():
        raise InvalidOptionError(
            f"with sample_weight a metric must accept sample_weight; received {metric!r}. Leave the weights out, or "
            "give a metric (y_true, y_pred, sample_weight=None) -> float."
        )
    return np.repeat(np.arange(len(times)), times)


@functools.lru_cache(maxsize=256)
def takes_weights(function: Callable[..., Any]) -> bool:
    """Say whether a function has an argument ``sample_weight``."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # raised for a function written in C
        return False
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def is_scorer(metric: Any) -> bool:
    """Say whether a callable has the signature of a scorer, ``(estimator, X, y)``."""
    try:
        return next(iter(inspect.signature(metric).parameters), None) == "estimator"
    except ValueError:  # raised for a function written in C
        return False


@functools.cache
def _estimators() -> Any:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Given:
        """An estimator whose predictions are the values that it is given, so that any scorer can be called."""

        def __init__(self, kind: str, n_classes: int) -> None:
            self.kind, self.n_classes = kind, n_classes

        def fit(self, x: Any, y: Any) -> Any:
            return self

        def __sklearn_is_fitted__(self) -> bool:
            return True

    class GivenClassifier(ClassifierMixin, Given, BaseEstimator):
        @property
        def classes_(self) -> Any:
            return np.arange(self.n_classes)

        def predict_proba(self, x: Any) -> Any:
            return x

        def predict(self, x: Any) -> Any:
            return x.argmax(axis=-1) if self.kind == "multiclass" else (x >= 0.5).astype(int)

    class GivenRegressor(RegressorMixin, Given, BaseEstimator):
        def predict(self, x: Any) -> Any:
            return x

    return lambda kind, n: (GivenRegressor if kind == "regression" else GivenClassifier)(kind, n)
