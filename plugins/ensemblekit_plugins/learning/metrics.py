"""Metrics in every form that `ensemblekit.evaluation.find_metric` accepts; common ones have a fast implementation."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Collection, Hashable
from numbers import Real
from typing import Any, TypeGuard

import numpy as np

from ensemblekit import interfaces
from ensemblekit.deprecation import warn_deprecated
from ensemblekit.errors import InvalidOptionError

from .blends import Blends, Likelihood, SampleLosses, Squared, Whole, absolute_error, binary_log_loss
from .label_blends import BINARY_SCORES, CONFUSION_SCORES, INDICATED_SCORES, Indicated, Predicted
from .rankings import Ranked, against_the_rest, average_precision, roc_auc
from .rows import Rows

__all__ = ["TOLERANCE", "Metric", "blends", "check_metric", "check_metric_fits", "default_metric"]

Metric = str | Callable[..., Any] | interfaces.Metric | None
TOLERANCE = 1e-12
"""Scores are equal if they differ by less than this, relative to the best."""

_PROBABILITY_NAMES = (
    "accuracy", "balanced_accuracy", "log_loss", "brier_score", "macro_auroc", "calibration_error",
)  # fmt: skip
_NAMES = (*_PROBABILITY_NAMES, "squared_error", "absolute_error")
"""Names that need not be looked up."""

_SAME = {
    "brier": "neg_brier_score",
    "squared_error": "neg_mean_squared_error",
    "rmse": "neg_root_mean_squared_error",
    "absolute_error": "neg_mean_absolute_error",
    "mae": "neg_mean_absolute_error",
    "subset_accuracy": "accuracy",
}
"""Metric -> scorer of scikit-learn whose fast implementation is that of the metric."""


def check_metric(metric: Any) -> None:
    """Refuse a value that `ensemblekit.evaluation.find_metric` does not accept."""
    if metric is None or (isinstance(metric, str) and metric in _NAMES):
        return
    if isinstance(metric, str) and metric == "brier":
        warn_deprecated("metric='brier'", "metric='brier_score'")
        return
    from ensemblekit.evaluation import find_metric

    find_metric(metric)


def check_metric_fits(metric: Metric, task: str, classes: tuple[Hashable, ...], given: Collection[str] = ()) -> None:
    """Refuse a metric that cannot score such predictions, before members are fitted for them.

    Parameters
    ----------
    metric : str, Metric, callable or None
        A metric that `check_metric` accepts.
    task : str
        Task of the predictions.
    classes : tuple of str or int
        Names of the classes or outputs.
    given : collection of str
        Has ``sample_weight`` if the rows will have weights.

    Raises
    ------
    InvalidOptionError
        If the metric is for another task or other classes, does not score a small example, or does not take the
        weights.
    """
    weighs = "sample_weight" in given
    if _is_callable(metric):
        if weighs and not _takes_weights(metric):
            raise InvalidOptionError(
                f"with sample_weight a metric must accept sample_weight; received {metric!r}. Leave the weights out, "
                "or give a metric (y_true, y_proba, sample_weight=None) -> float."
            )
        return
    _check_task(metric, task)
    if metric is None or (isinstance(metric, str) and metric in ("brier", *_NAMES)):
        return
    rows = _example(task, classes)
    found = _found(metric, rows)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.score(rows.labels, rows.probas[0], sample_weight=np.ones(len(rows.labels)) if weighs else None)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidOptionError(
            f"metric must be one that can score the task {task!r} with {len(classes)} classes or outputs"
            f"{' and sample_weight' if weighs else ''}; {metric!r} answers: {error}"
        ) from None


def _check_task(metric: Any, task: str) -> None:
    if not isinstance(metric, str):
        return
    if task == "regression" and metric in _PROBABILITY_NAMES:
        raise InvalidOptionError(
            f"metric {metric!r} is for probabilities; received numbers. Take 'squared_error' or 'absolute_error'."
        )
    if task != "regression" and metric == "absolute_error":
        raise InvalidOptionError(
            "metric 'absolute_error' is for numbers; received probabilities. Take 'brier_score' or 'log_loss'."
        )


def _example(task: str, classes: tuple[Hashable, ...]) -> Rows:
    n_classes = len(classes)
    labels: np.ndarray = np.arange(2 * n_classes) % n_classes
    probas = np.full((2 * n_classes, n_classes), 1 / n_classes)
    if task != "multiclass":
        labels = np.arange(2 * n_classes)[:, np.newaxis] % 2 == np.arange(n_classes) % 2
        probas = (probas + labels) / 2
        if task == "regression":  # some scorers are for positive numbers alone
            labels, probas = labels + 1.0, probas + 1.0
    return Rows(probas[np.newaxis], labels, None, task, classes)


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
    metric : str, Metric, callable or None
        A metric that `check_metric` accepts; None means `default_metric`.
    rows : Rows
        The members' predictions and the labels.

    Returns
    -------
    Blends
        Call `Blends.start` before its other methods.
    """
    chosen = default_metric(rows.task) if metric is None else metric
    if _is_callable(chosen):
        return Whole(rows, _callable(chosen), one_axis=True)
    _check_task(chosen, rows.task)
    if isinstance(chosen, str):
        if rows.task != "regression" and chosen == "squared_error":
            chosen = "brier_score"  # scikit-learn's scorer of that name would take the codes of classes for numbers
        name = _SAME.get(chosen, chosen)
        fast = _numbers(name, rows) if rows.task == "regression" else _probabilities(name, rows)
        if fast is not None:
            return fast
    found = _found(chosen, rows)
    sign = 1 if found.higher_is_better else -1
    return Whole(rows, lambda truth, mean, weight: sign * found.score(truth, mean, sample_weight=weight))


def _found(metric: Any, rows: Rows) -> interfaces.Metric:
    from ensemblekit.evaluation import find_metric

    classes = rows.classes or tuple(range(rows.probas.shape[-1]))
    return find_metric(metric, task=rows.task).for_classes(classes, rows.task)


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


def _is_callable(metric: Any) -> TypeGuard[Callable[..., Any]]:
    """Tell callables ``(y_true, y_proba) -> float`` from scorers and from metrics."""
    return callable(metric) and not hasattr(metric, "of_weights") and not _is_scorer(metric)


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
