"""A metric, in any form in which it can be asked for; and the metric of predictions as a function of weights."""

from __future__ import annotations

import ast
import copy
import difflib
import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, cast

import numpy as np

from ..arguments import typed
from ..errors import EnsembleKitError, InvalidOptionError, InvalidPredictionsError, UnknownPluginError
from ..interfaces import Metric, OfWeights
from ..kinds import kind_of
from ..predictions import Predictions
from ..registry import default_registry
from ._scorers import Scorer, is_scorer, repeated_rows, takes_weights
from ._weighted import check_no_row_absent, weighted

__all__ = ["AskedMetric", "check_scorable", "find_metric", "find_metrics", "fits", "scored", "statistic"]

LOSSES = ("_loss", "_error", "_deviance")
"""How scikit-learn ends the names of functions that are the better, the smaller they are."""
NEXT_OPTION = re.compile(r",\s*[^\W\d]\w*\s*=")
AskedMetric = str | Metric | Callable[..., Any]
"""How a metric is asked for: a name, a `Metric`, a scikit-learn scorer, or a callable."""


class CallableMetric(Metric):
    """A function ``(y_true, y_pred[, sample_weight]) -> float``; greater is better, but for losses of scikit-learn."""

    tasks = frozenset({"multiclass", "multilabel", "regression"})
    range = (-np.inf, np.inf)
    dense = True

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.takes_weights = takes_weights(function)
        of_sklearn = str(getattr(function, "__module__", "")).startswith("sklearn.metrics.")
        self.higher_is_better = not (of_sklearn and self.name.endswith(LOSSES))
        self.one_axis = False

    def for_classes(self, classes: tuple[Hashable, ...], task: str) -> CallableMetric:
        """Remember whether there is a single output, which functions expect as one axis, as scikit-learn does."""
        settled = copy.copy(self)
        settled.one_axis = kind_of(task) == "regression" and len(classes) == 1
        return settled

    def score(self, labels: np.ndarray, predicted: np.ndarray, *, sample_weight: np.ndarray | None = None) -> float:
        """Call the function; without ``sample_weight`` it gets rows of whole weights repeated."""
        if self.one_axis:
            labels, predicted = labels[..., 0], predicted[..., 0]
        if sample_weight is None or (sample_weight == 1).all():
            value = self._call(labels, predicted)
        elif self.takes_weights:
            value = self._call(labels, predicted, sample_weight=sample_weight)
        else:
            rows = repeated_rows(sample_weight, self.function)
            value = self._call(labels[rows], predicted[rows])
        if value is None or isinstance(value, (str, bytes)) or np.ndim(value):
            raise InvalidOptionError(f"a metric must return a number; {self.function!r} returned {value!r}.")
        return float(value)

    def _call(self, labels: np.ndarray, predicted: np.ndarray, **kwargs: Any) -> Any:
        try:
            return self.function(labels, predicted, **kwargs)
        except EnsembleKitError:
            raise
        except Exception as error:
            raise InvalidOptionError(
                f"a metric must take (y_true, y_pred), here of the shapes {labels.shape} and {predicted.shape}; "
                f"{self.name!r} raised {type(error).__name__}: {error}. y_true are codes of classes, 0 and 1, or "
                "numbers, and y_pred the predictions. Give a function that takes them, or for one of scikit-learn the "
                "name of its scorer."
            ) from error


@typed(but=("metric",))
def find_metric(metric: AskedMetric, *, task: str | None = None) -> Metric:
    """Find a metric, in any of the forms in which it can be asked for.

    Parameters
    ----------
    metric : str, Metric or callable
        - A registered name, with options after a colon: ``"top_k:k=3"``, ``"f1_macro"``;
        - the name of a scikit-learn scorer, or a scorer: its sign is kept, so that greater is better;
        - a `Metric`;
        - a callable ``(y_true, y_pred) -> float``, greater is better, but for scikit-learn's functions that end in
          ``_loss``, ``_error`` or ``_deviance``. ``y_true`` are codes of classes, 0 and 1, or
          numbers; ``y_pred`` are the predictions. A callable that accepts ``sample_weight`` is resampled by weights,
          one that does not by repeated rows.
    task : str, optional
        Name of a task that it must be able to score.

    Returns
    -------
    Metric
        The metric.

    Raises
    ------
    InvalidOptionError
        If it is none of these, or not for this task.

    Examples
    --------
    >>> from ensemblekit.evaluation import find_metric
    >>> find_metric("neg_log_loss").higher_is_better
    True
    """
    found = _found(metric)
    if task is not None and not fits(found, task):
        raise InvalidOptionError(
            f"metric {found.name!r} is for {', '.join(sorted(found.tasks))}; received predictions of the task {task!r}."
        )
    return found


def fits(metric: Metric, task: str) -> bool:
    """Say whether a metric can score a task, by its name or its kind."""
    return task in metric.tasks or kind_of(task) in metric.tasks


@typed(but=("metrics",))
def find_metrics(metrics: AskedMetric | Sequence[AskedMetric] | None, predictions: Predictions) -> tuple[Metric, ...]:
    """Find metrics for predictions, settled for their classes; by default those of their task that can score them.

    Parameters
    ----------
    metrics : metric, sequence of metric, or None
        In the forms that `find_metric` accepts.
    predictions : Predictions
        The predictions to be scored.

    Returns
    -------
    tuple of Metric
        With different names.

    Raises
    ------
    InvalidOptionError
        If there is none, two have the same name, or one is not for these predictions.
    """
    asked: list[Any]
    if metrics is None:
        task = default_registry().create_task(predictions.task)
        asked = list(task.dense_metrics if predictions.probas.ndim > 2 else task.metrics)
    else:
        one: Any = isinstance(metrics, str) or callable(metrics) or _is_metric(metrics)
        listed = isinstance(metrics, (Sequence, set, frozenset))
        asked = list(cast("Sequence[Any]", metrics)) if listed and not one else [metrics]
    found = tuple(_settled(asked, predictions, defaults=metrics is None))
    names = [m.name for m in found]
    if not names or len(set(names)) < len(names):
        raise InvalidOptionError(f"metrics must be one or more with different names; received {names!r}.")
    return found


def _settled(asked: Sequence[Any], predictions: Predictions, *, defaults: bool) -> Iterator[Metric]:
    for metric in asked:
        found = find_metric(metric, task=predictions.task)
        try:
            yield found.for_classes(predictions.classes, predictions.task)
        except InvalidOptionError:
            if not defaults:
                raise  # a default that is not for these classes, such as one level without its pair, is left out


def check_scorable(predictions: Predictions, metric: Metric) -> None:
    """Check that a metric can score these predictions."""
    needs = f"{metric.name} needs"
    if not fits(metric, predictions.task) or predictions.labels is None or not len(predictions):
        raise InvalidPredictionsError(
            f"{needs} labelled {' or '.join(sorted(metric.tasks))} predictions of at least one row; received "
            f"{predictions!r}, {'without' if predictions.labels is None else 'with'} labels."
        )
    check_no_row_absent(predictions, needs)
    if predictions.probas.ndim > 2 and not metric.dense:
        raise InvalidPredictionsError(
            f"{needs} one label per row, shape (n_samples, n_classes); received dense predictions of shape "
            f"{predictions.probas.shape}. Score each position as a row of its own."
        )


def scored(predictions: Predictions, metric: Metric) -> tuple[np.ndarray, np.ndarray]:
    """Check that a metric can score these predictions; return labels and values as it takes them."""
    check_scorable(predictions, metric)
    codes = predictions.label_codes
    labels = np.asarray(predictions.labels if codes is None else codes)
    return labels, predictions.probas.astype(np.float64)


@typed(but=("metric",))
def statistic(predictions: Predictions, metric: AskedMetric, *, sample_weight: np.ndarray | None = None) -> OfWeights:
    """Make the metric of these rows a function of their weights, to compute many resamples at once.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of a task of the metric.
    metric : metric
        In a form that `find_metric` accepts.
    sample_weight : ndarray of shape (n_samples,), optional
        Weight of each row, >= 0, in the order of the rows. The weights of a resample are multiplied by it.

    Returns
    -------
    callable
        Weights of shape ``(n_samples, n_resamples)`` -> metrics of shape ``(n_resamples,)``.

    Raises
    ------
    InvalidPredictionsError
        If the metric cannot score these predictions.
    InvalidOptionError
        If it is not a metric.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import statistic
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "cat"]}
    >>> p = Predictions([[0.9, 0.1], [0.4, 0.6]], **fields)
    >>> statistic(p, "accuracy")(np.array([[1.0, 1.0], [1.0, 0.0]]))
    array([0.5, 1. ])
    """
    found = find_metric(metric).for_classes(predictions.classes, predictions.task)
    return weighted(found.of_weights(*scored(predictions, found)), sample_weight)


def _found(metric: Any) -> Metric:
    if _is_metric(metric):
        if not metric.name:  # the registry names those that it makes
            metric = copy.copy(metric)
            metric.name = type(metric).__name__
        return metric
    if isinstance(metric, str):
        return _by_name(metric)
    if callable(metric) and not isinstance(metric, type):
        return Scorer(metric) if is_scorer(metric) else CallableMetric(metric)
    advice = " Give an object of the class." if isinstance(metric, type) else ""
    raise InvalidOptionError(
        "metric must be a name, the name of a scikit-learn scorer, a scorer, a Metric, or a callable (y_true, y_pred) "
        f"-> float; received {metric!r}.{advice}"
    )


def _by_name(text: str) -> Metric:
    name, _, options = text.partition(":")
    registry = default_registry()
    if name in registry.metrics:
        made = registry.create_metric(name, **_read_options(text, options))
        if options:
            made.name = text
        return made
    from sklearn.metrics import get_scorer_names

    scorers = get_scorer_names()
    if text in scorers:
        return Scorer(text)
    try:
        registry.metrics[name]  # names what failed to load, or who claims the name
    except UnknownPluginError:
        near = difflib.get_close_matches(name, [*registry.metrics, *scorers], n=3)
        raise InvalidOptionError(
            f"metric must be one of {', '.join(map(repr, registry.metrics))}, the name of a scikit-learn scorer "
            f"(sklearn.metrics.get_scorer_names()), a scorer, a Metric or a callable; received {text!r}."
            f"{f' Did you mean {near[0]!r}?' if near else ''}"
        ) from None
    raise AssertionError(name)


def _read_options(text: str, options: str) -> dict[str, Any]:
    """Read ``k=3,of=cat``; a value is a Python literal, else text."""
    read: dict[str, Any] = {}
    for part in _split(options) if options else ():
        key, equals, value = part.partition("=")
        if not equals or not key.strip().isidentifier() or key.strip() in read:
            raise InvalidOptionError(
                f"options of a metric, each once, are given as name:option=value,option=value; received {text!r}."
            )
        try:
            read[key.strip()] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            read[key.strip()] = value.strip()
    return read


def _split(options: str) -> list[str]:
    """Split before ``option=``, not at the commas of costs={'ill': {'well': 10}} or of a class called 'a, b'."""
    parts, depth = [""], 0
    for place, character in enumerate(options):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0 and NEXT_OPTION.match(options, place):
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _is_metric(metric: Any) -> bool:
    return not isinstance(metric, type) and callable(getattr(metric, "of_weights", None)) and hasattr(metric, "tasks")
