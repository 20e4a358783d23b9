"""The metric under test: create it, read its tasks, draw labelled predictions, and score them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from ..errors import InvalidOptionError
from ..kinds import KINDS, has_ordered_classes, kind_of, task_of
from ._failure import Violation, raise_violation
from ._subject import Subject, example_classes

__all__ = ["MetricSubject", "Rows", "draw_rows", "near"]

TOLERANCE = 1e-9
"""Largest difference between two ways to compute one number, relative to the larger of it and 1."""


def near(expected: float, received: float) -> bool:
    """Whether two scores are equal but for rounding; NaN equals NaN."""
    if np.isnan(expected) or np.isnan(received):
        return bool(np.isnan(expected) and np.isnan(received))
    return bool(expected == received or abs(expected - received) <= TOLERANCE * max(1.0, abs(expected), abs(received)))


class MetricSubject(Subject):
    """A metric under test.

    Parameters
    ----------
    factory : callable
        Creates a metric without arguments.
    n_classes : int, optional
        Number of classes that its options require.
    valid, valid_labels : callable, optional
        Turn drawn predictions and labels into some that its task admits.
    """

    def __init__(
        self,
        factory: Callable[[], Any],
        *,
        n_classes: int | None = None,
        valid: Callable[[np.ndarray], np.ndarray] | None = None,
        valid_labels: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        super().__init__(factory)
        self.n_classes, self.valid, self.valid_labels = n_classes, valid, valid_labels

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The tasks to check: the kinds, and those others that are registered."""
        return tuple(name for name in sorted(getattr(self.probe, "tasks", ())) if _is_known(name))

    @property
    def dense(self) -> bool:
        """Whether it takes predictions with more than one place per row."""
        return bool(getattr(self.probe, "dense", False))

    @property
    def is_mean(self) -> bool:
        """Whether it has a value per row, of which it is the mean."""
        return bool(getattr(self.probe, "is_mean", hasattr(self.probe, "row_values")))

    def ordered(self, task: str) -> bool:
        """Whether the order of the classes means something to it."""
        return bool(getattr(self.probe, "ordered", False)) or has_ordered_classes(task)

    def class_counts(self, task: str) -> st.SearchStrategy[int]:
        """Draw a number of classes or outputs."""
        if task not in KINDS and has_ordered_classes(task) and kind_of(task) == "multiclass":
            return st.just(self.n_classes or 2)
        if self.n_classes is not None:
            return st.just(self.n_classes)
        return st.integers(2, 4) if kind_of(task) == "multiclass" else st.integers(1, 3)


def classes_of(task: str, n_classes: int) -> tuple[str, ...]:
    """Name classes as a task does."""
    return example_classes(None if task in KINDS else task_of(task).task, n_classes)


def mended(task: str, predicted: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make drawn numbers those of a task: of numbers >= 0, or in order with one true number a row."""
    named, classes = task_of(task).task, classes_of(task, predicted.shape[-1])
    pairs = ((predicted, labels), (np.abs(predicted), np.abs(labels)),
             (np.sort(predicted, axis=-1), np.repeat(labels[..., :1], labels.shape[-1], axis=-1)))  # fmt: skip
    for values, true in pairs:
        try:
            named.check(values, classes)
            named.check_labels(true, classes)
        except ValueError:
            continue
        return values, true
    return reject()


def _is_known(name: Any) -> bool:
    try:
        kind_of(name)
    except InvalidOptionError:
        return False
    return True


@dataclass(frozen=True)
class Rows:
    """Labelled predictions, weights, and a metric that is settled for their classes."""

    subject: MetricSubject
    task: str
    metric: Any
    labels: np.ndarray
    predicted: np.ndarray
    weights: np.ndarray

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return classes_of(self.task, self.predicted.shape[-1])

    def given(self, *, weights: bool = False, **more: Any) -> dict[str, Any]:
        """Return the input, to show it in a counter-example."""
        given: dict[str, Any] = {} if self.task == "multiclass" else {"task": self.task}
        given |= {"labels": self.labels, "predicted": self.predicted}
        return given | ({"sample_weight": self.weights} if weights else {}) | more

    def take(self, rows: Any) -> Rows:
        """Take rows by position."""
        return replace(self, labels=self.labels[rows], predicted=self.predicted[rows], weights=self.weights[rows])

    def call(self, method: str, **options: Any) -> Any:
        """Call a method of the metric with copies; an exception or a warning is a violation."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                return getattr(self.metric, method)(self.labels.copy(), self.predicted.copy(), **options)
        except Exception as error:
            return raise_violation(error, method, self.given(**options))

    def score(self, *, weighted: bool = False) -> float:
        """Compute the score."""
        value = self.call("score", sample_weight=self.weights.copy()) if weighted else self.call("score")
        if not isinstance(value, (float, np.floating)):
            given = self.given(weights=weighted)
            raise Violation("score must return a float", given, received=type(value))
        return float(value)

    def of_weights(self, weights: np.ndarray) -> np.ndarray:
        """Compute the scores of many resamples."""
        function = self.call("of_weights")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                return np.asarray(function(weights.copy()))
        except Exception as error:
            return raise_violation(error, "the function that of_weights returns", self.given(weights_of_rows=weights))


def settled(subject: MetricSubject, metric: Any, classes: tuple[str, ...], task: str) -> Any:
    """Settle a metric for classes, without changing it."""
    before = copy.deepcopy(vars(metric)) if hasattr(metric, "__dict__") else {}
    for_classes = getattr(metric, "for_classes", None)
    if for_classes is None:
        return metric
    try:
        ready = for_classes(classes, task)
    except InvalidOptionError:  # it is not for so many classes
        return reject()
    except Exception as error:
        return raise_violation(error, f"for_classes({classes!r}, {task!r})", {})
    if ready is None or (hasattr(metric, "__dict__") and {*before} != {*vars(metric)}):
        raise Violation("for_classes must return a metric, itself or a copy, and leave the metric as it is")
    return ready


def draw_rows(
    subject: MetricSubject,
    draw: Callable[[Any], Any],
    *,
    full: bool = False,
    ties: bool = True,
    task: str | None = None,
) -> Rows:
    """Draw a task and labelled predictions of it.

    Parameters
    ----------
    subject : MetricSubject
        The metric.
    draw : callable
        Of Hypothesis.
    full : bool, default=False
        Every class, both values of each label, and different numbers occur among the labels.
    ties : bool, default=True
        Values may be equal, and labels may be at the threshold.
    task : str, optional
        By default one of the tasks of the metric.
    """
    name: str = draw(st.sampled_from(subject.tasks)) if task is None else task
    kind, n_classes = kind_of(name), draw(subject.class_counts(name))
    least = max(2, n_classes) if full else 1
    n = draw(st.integers(least, max(least, 5)))
    places = draw(st.sampled_from([(), (2,)])) if subject.dense and kind != "regression" else ()
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    shape = (n, *places, n_classes)
    coarse = ties and draw(st.booleans())
    values = rng.integers(0, 4, shape).astype(np.float64) if coarse else rng.permuted(np.arange(np.prod(shape))) + 1.0
    values = np.asarray(values, dtype=np.float64).reshape(shape)
    if kind == "multiclass":
        values[..., 0] += values.sum(axis=-1) == 0
        predicted = values / values.sum(axis=-1, keepdims=True)
        labels: np.ndarray = rng.integers(0, n_classes, shape[:-1])
        if full:
            labels.reshape(n, -1)[:n_classes, 0] = rng.permutation(n_classes)
    elif kind == "multilabel":
        predicted = values / (3 if coarse else np.prod(shape) + 1.5)
        labels = rng.random(shape) < 0.5
        if full:
            labels.reshape(n, -1, n_classes)[:2, 0] = [[True], [False]]
    else:
        scale = draw(st.sampled_from([1.0, 1 / 8, 1000.0]))
        predicted = (values - (0 if draw(st.booleans()) else 2)) * scale
        labels = predicted + rng.integers(-2, 3, shape) * scale
        if full:
            labels[:2] = [[scale], [3 * scale]]
    weights = rng.integers(0, 4, n).astype(np.float64)
    weights[rng.integers(n)] += 1
    if subject.valid is not None:
        predicted = np.array(subject.valid(predicted), dtype=np.float64)
    if subject.valid_labels is not None:
        labels = np.array(subject.valid_labels(labels))
    if subject.valid is None and name not in KINDS and kind == "regression":
        predicted, labels = mended(name, predicted, labels)
    metric = settled(subject, subject.probe, classes_of(name, n_classes), name)
    return Rows(subject, name, metric, labels, predicted, weights)
