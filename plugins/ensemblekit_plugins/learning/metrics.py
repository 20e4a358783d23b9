"""Metrics by name, of `ensemblekit.evaluation` and of scikit-learn; common metrics have a fast implementation."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Collection
from numbers import Real
from typing import Any

import numpy as np

from ensemblekit.deprecation import warn_deprecated
from ensemblekit.errors import InvalidOptionError

from .blends import Blends, Likelihood, SampleLosses, Squared, Whole, absolute_error, binary_log_loss
from .label_blends import BINARY_SCORES, CONFUSION_SCORES, INDICATED_SCORES, Indicated, Predicted
from .rankings import Ranked, against_the_rest, average_precision, roc_auc
from .rows import Rows

__all__ = ["TOLERANCE", "Metric", "blends", "check_metric", "check_metric_fits", "default_metric"]

Metric = str | Callable[..., Any] | None
TOLERANCE = 1e-12
"""Scores are equal if they differ by less than this, relative to the best."""

_PROBABILITY_NAMES = (
    "accuracy", "balanced_accuracy", "log_loss", "brier_score", "macro_auroc", "calibration_error",
)  # fmt: skip
_NAMES = (*_PROBABILITY_NAMES, "squared_error", "absolute_error")
"""Names in `ensemblekit.evaluation`, and two for regression; losses and errors are negated."""

_EVALUATED = ("macro_auroc", "calibration_error")
"""Metrics for which scikit-learn has no scorer."""

_SCORERS = {
    "brier": "neg_brier_score",
    "squared_error": "neg_mean_squared_error",
    "absolute_error": "neg_mean_absolute_error",
}


def check_metric(metric: Any) -> None:
    """Refuse a value that is not a metric of `ensemblekit.evaluation`, a scorer of scikit-learn or a callable."""
    if metric is None or callable(metric) or (isinstance(metric, str) and metric in _NAMES):
        return
    if isinstance(metric, str) and metric == "brier":
        warn_deprecated("metric='brier'", "metric='brier_score'")
        return
    from sklearn.metrics import get_scorer_names

    if not isinstance(metric, str) or metric not in get_scorer_names():
        raise InvalidOptionError(
            f"metric must be {', '.join(map(repr, _NAMES))}, the name of a scikit-learn scorer "
            f"(sklearn.metrics.get_scorer_names()), a scorer, or a callable (y_true, y_proba) -> float; "
            f"received {metric!r}."
        )


def check_metric_fits(metric: Metric, task: str, n_classes: int, given: Collection[str] = ()) -> None:
    """Refuse a metric that cannot score such predictions, before members are fitted for them.

    Parameters
    ----------
    metric : str, callable or None
        A metric that `check_metric` accepts.
    task : str
        Task of the predictions.
    n_classes : int
        Number of classes or outputs.
    given : collection of str
        Has ``sample_weight`` if the rows will have weights.

    Raises
    ------
    InvalidOptionError
        If the metric is for another task, a scorer fails on a small example, or a callable does not take the weights.
    """
    weighs = "sample_weight" in given
    if callable(metric) and not _is_scorer(metric):
        if weighs and not _takes_weights(metric):
            raise InvalidOptionError(
                f"with sample_weight a metric must accept sample_weight; received {metric!r}. Leave the weights out, "
                "or give a metric (y_true, y_proba, sample_weight=None) -> float."
            )
        return
    _check_task(metric, task)
    name = _SCORERS.get(metric, metric) if isinstance(metric, str) else metric
    if name is None or (isinstance(name, str) and name in (*_NAMES, *_SCORERS.values())):
        return
    rows = _example(task, n_classes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _scorer(name, rows)(rows.labels, rows.probas[0], np.ones(len(rows.labels)) if weighs else None)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidOptionError(
            f"metric must be one that can score the task {task!r} with {n_classes} classes or outputs"
            f"{' and sample_weight' if weighs else ''}; {metric!r} answers: {error}"
        ) from None


def _check_task(metric: Any, task: str) -> None:
    if task == "regression" and metric in _PROBABILITY_NAMES:
        raise InvalidOptionError(
            f"metric {metric!r} is for probabilities; received numbers. Take 'squared_error' or 'absolute_error'."
        )
    if task != "regression" and metric == "absolute_error":
        raise InvalidOptionError(
            "metric 'absolute_error' is for numbers; received probabilities. Take 'brier_score' or 'log_loss'."
        )
    if task != "multiclass" and metric == "calibration_error":
        raise InvalidOptionError(f"metric {metric!r} is for the task 'multiclass'; received {task!r}.")


def _example(task: str, n_classes: int) -> Rows:
    labels: np.ndarray = np.arange(2 * n_classes) % n_classes
    probas = np.full((2 * n_classes, n_classes), 1 / n_classes)
    if task != "multiclass":
        labels = np.arange(2 * n_classes)[:, np.newaxis] % 2 == np.arange(n_classes) % 2
        probas = (probas + labels) / 2
        if task == "regression":  # some scorers are for positive numbers alone
            labels, probas = labels + 1.0, probas + 1.0
    return Rows(probas[np.newaxis], labels, None, task)


def _takes_weights(metric: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(metric).parameters.values()
    except ValueError:  # raised for a function written in C
        return True
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def default_metric(task: str) -> str:
    """Return log loss for probabilities, squared error for regression."""
    return "squared_error" if task == "regression" else "log_loss"


def blends(metric: Metric, rows: Rows) -> Blends:
    """Make the object that scores blends by a metric.

    Parameters
    ----------
    metric : str, callable or None
        A metric that `check_metric` accepts; None means `default_metric`.
    rows : Rows
        The members' predictions and the labels.

    Returns
    -------
    Blends
        Call `Blends.start` before its other methods.
    """
    chosen = metric or default_metric(rows.task)
    if not isinstance(chosen, str):
        return Whole(rows, _scorer(chosen, rows) if _is_scorer(chosen) else _callable(chosen))
    _check_task(chosen, rows.task)
    if rows.task != "regression" and chosen == "squared_error":
        chosen = "brier_score"  # scikit-learn's scorer of that name would take the codes of classes for numbers
    name = _SCORERS.get(chosen, chosen)
    fast = _numbers(name, rows) if rows.task == "regression" else _probabilities(name, rows)
    if fast is not None:
        return fast
    return Whole(rows, _evaluated(name, rows) if name in _EVALUATED else _scorer(name, rows))


def _numbers(name: str, rows: Rows) -> Blends | None:
    if name == "neg_mean_squared_error":
        return Squared(rows, lambda errors: -errors.mean(axis=1))
    if name == "neg_root_mean_squared_error":
        return Squared(rows, lambda errors: -np.sqrt(errors).mean(axis=1))
    return SampleLosses(rows, absolute_error) if name == "neg_mean_absolute_error" else None


def _probabilities(name: str, rows: Rows) -> Blends | None:
    multiclass, n_classes = rows.task == "multiclass", rows.probas.shape[-1]
    if name in ("log_loss", "neg_log_loss"):
        clip = _clip(name)
        return Likelihood(rows, clip) if multiclass else SampleLosses(rows, lambda truth: binary_log_loss(truth, clip))
    if name in ("brier_score", "neg_brier_score"):
        # scikit-learn halves the score if there are two classes; for labels the score is the mean over the labels.
        halved = n_classes == 2 and name == "neg_brier_score"
        scale = 1 / n_classes if halved or not multiclass else 1.0
        return Squared(rows, lambda errors: -scale * errors[:, 0])
    if multiclass and name in BINARY_SCORES and n_classes == 2:
        return Predicted(rows, BINARY_SCORES[name])
    if multiclass and name in CONFUSION_SCORES:
        return Predicted(rows, CONFUSION_SCORES[name])
    if not multiclass and name in INDICATED_SCORES and n_classes > 1:
        return Indicated(rows, name)
    return _ranked(name, rows)


def _clip(name: str) -> float:
    from ensemblekit.evaluation import LOG_LOSS_CLIP

    return LOG_LOSS_CLIP if name == "log_loss" else float(np.finfo(np.float64).eps)  # the same as in scikit-learn


def _ranked(name: str, rows: Rows) -> Blends | None:
    labels, n_classes = rows.labels, rows.probas.shape[-1]
    multiclass = rows.task == "multiclass"
    counts = np.bincount(labels, minlength=n_classes) if multiclass else np.count_nonzero(labels, axis=0)
    defined = np.flatnonzero((counts > 0) & (counts < len(labels)))
    if name == "macro_auroc":
        # A class that no row has, or that all rows have, has no area under the curve.
        return Ranked(rows, roc_auc, against_the_rest(rows, defined, by_frequency=False)) if len(defined) else None
    score = {"average_precision": average_precision}.get(name, roc_auc if name.startswith("roc_auc") else None)
    # In these cases scikit-learn raises an error or a warning.
    if score is None or len(defined) < n_classes or "ovo" in name:
        return None
    if multiclass and n_classes == 2:
        return Ranked(rows, score, against_the_rest(rows, [1], by_frequency=False))
    if multiclass and name == "roc_auc":
        return None
    return Ranked(rows, score, against_the_rest(rows, range(n_classes), by_frequency=name.endswith("weighted")))


def _evaluated(name: str, rows: Rows) -> Callable[..., float]:
    from ensemblekit.evaluation import METRICS

    if rows.task != "multiclass":
        raise InvalidOptionError(f"metric {name!r} is for the task 'multiclass'; received {rows.task!r}.")
    metric = METRICS[name]
    sign = 1 if metric.higher_is_better else -1

    def score(truth: np.ndarray, mean: np.ndarray, weight: np.ndarray | None) -> float:
        each = np.ones(len(truth)) if weight is None else weight
        return sign * float(metric.weighted(mean, truth)(each[:, np.newaxis])[0])

    return score


def _is_scorer(metric: Any) -> bool:
    try:
        return next(iter(inspect.signature(metric).parameters), None) == "estimator"
    except ValueError:  # raised for a function written in C
        return False


def _callable(metric: Callable[..., Any]) -> Callable[..., float]:
    def score(truth: np.ndarray, mean: np.ndarray, weight: np.ndarray | None) -> float:
        value = metric(truth, mean) if weight is None else metric(truth, mean, sample_weight=weight)
        if not isinstance(value, Real):
            raise InvalidOptionError(f"a metric must return a number; {metric!r} returned {value!r}.")
        return float(value)

    return score


def _scorer(metric: Any, rows: Rows) -> Callable[..., float]:
    from sklearn import config_context
    from sklearn.metrics import get_scorer

    scorer = get_scorer(metric)
    given = _estimators()(rows.task, rows.probas.shape[-1])

    def score(truth: np.ndarray, mean: np.ndarray, weight: np.ndarray | None) -> float:
        kwargs = {} if weight is None else {"sample_weight": weight}
        # The predictions were already checked.
        with config_context(assume_finite=True, skip_parameter_validation=True):
            return float(scorer(given, mean, truth, **kwargs))

    return score


@functools.cache
def _estimators() -> Any:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Given:
        """An estimator whose predictions are the values that it is given, so that any scorer can be called."""

        def __init__(self, task: str, n_classes: int) -> None:
            self.task, self.n_classes = task, n_classes

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
            return x.argmax(axis=-1) if self.task == "multiclass" else (x >= 0.5).astype(int)

    class GivenRegressor(RegressorMixin, Given, BaseEstimator):
        def predict(self, x: Any) -> Any:
            return x

    return lambda task, n: (GivenRegressor if task == "regression" else GivenClassifier)(task, n)
