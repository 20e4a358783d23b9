"""The contract of metrics."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable
from typing import Any, Literal, Self

import numpy as np

from ..errors import InvalidOptionError

__all__ = ["Metric", "OfWeights"]

OfWeights = Callable[[np.ndarray], np.ndarray]
"""Weights of shape ``(n_samples, n_resamples)`` -> the metric of each resample, shape ``(n_resamples,)``."""


class Metric:
    """The base class of every metric: one number that says how good labelled predictions are.

    A subclass defines `row_values` if the metric is the weighted mean of one value per row, and `score` if it is not.
    Resampling is then one product of matrices, or a loop. A metric that is no mean may be resampled fast if it also
    defines `of_weights`.

    Attributes
    ----------
    name : str
        Name in tables and sentences; by default the registered name.
    tasks : frozenset of str
        Names of the tasks, or of the kinds of values (``multiclass``, ``multilabel``, ``regression``), that it is for.
    higher_is_better : bool
        False for losses and errors.
    range : tuple of float
        Smallest and largest possible value; may be infinite.
    needs : {"probabilities", "decisions", "numbers"}
        What of the predictions it looks at: probabilities, only the predicted classes, or the numbers of a regression.
    dense : bool
        Whether it takes predictions with more than one place per row, shape ``(n_samples, ..., n_classes)``.
    by_class : bool
        Whether it can be computed for one class or output alone, the option ``of``.
    ordered : bool
        Whether the order of the classes means something, as for a kappa with quadratic weights or the costs of errors.
        Otherwise the same classes in another order, with their labels, have the same score.
    of : class name, optional
        The class or output that is scored alone; None for all.
    place : int, optional
        Position of ``of`` among the classes; set by `for_classes`.

    Notes
    -----
    Labels are codes of classes, shape ``(n_samples, ...)``, for the kind ``multiclass``; 0 or 1, shape ``(n_samples,
    ..., n_classes)``, for ``multilabel``; numbers of shape ``(n_samples, n_outputs)`` for ``regression``. Predictions
    are float64 of shape ``(n_samples, ..., n_classes)``. Nothing is checked here.

    Tie rule: the predicted class is the first of the most probable ones, and a label is predicted from 0.5 on.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit import Metric
    >>> class Confident(Metric):
    ...     name = "confident"
    ...
    ...     def row_values(self, labels, predicted):
    ...         return (predicted.argmax(axis=1) == labels) & (predicted.max(axis=1) > 0.8)
    >>> Confident().score(np.array([0, 1]), np.array([[0.9, 0.1], [0.4, 0.6]]))
    0.5
    """

    name: str = ""
    tasks: frozenset[str] = frozenset({"multiclass"})
    higher_is_better: bool = True
    range: tuple[float, float] = (0.0, 1.0)
    needs: Literal["probabilities", "decisions", "numbers"] = "probabilities"
    dense: bool = False
    by_class: bool = False
    ordered: bool = False
    of: Hashable | None = None
    place: int | None = None

    @property
    def is_mean(self) -> bool:
        """Whether the metric is the weighted mean of `row_values`."""
        return type(self).row_values is not Metric.row_values

    @property
    def loops(self) -> bool:
        """Whether `of_weights` calls `score` for one resample after the other."""
        return not self.is_mean and type(self).of_weights is Metric.of_weights

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Compute one value per row, of which the metric is the mean.

        Parameters
        ----------
        labels : ndarray
            As in the notes of `Metric`.
        predicted : ndarray of float64 of shape (n_samples, ..., n_classes)
            Predictions.

        Returns
        -------
        ndarray of shape (n_samples,)
            Values whose weighted mean is the metric.
        """
        raise NotImplementedError(f"{type(self).__name__} must define row_values or score.")

    def score(self, labels: np.ndarray, predicted: np.ndarray, *, sample_weight: np.ndarray | None = None) -> float:
        """Compute the metric.

        Parameters
        ----------
        labels : ndarray
            As in the notes of `Metric`.
        predicted : ndarray of float64 of shape (n_samples, ..., n_classes)
            Predictions.
        sample_weight : ndarray of shape (n_samples,), optional
            Weight of each row, >= 0; by default 1.

        Returns
        -------
        float
            The metric; NaN if it is not defined for these rows.
        """
        weights = np.ones(len(predicted)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return float(self.of_weights(labels, predicted)(weights[:, np.newaxis])[0])

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> OfWeights:
        """Make the metric of these rows a function of their weights, to compute many resamples at once.

        Parameters
        ----------
        labels : ndarray
            As in the notes of `Metric`.
        predicted : ndarray of float64 of shape (n_samples, ..., n_classes)
            Predictions.

        Returns
        -------
        callable
            Weights of shape ``(n_samples, n_resamples)`` -> metrics of shape ``(n_resamples,)``; NaN where the metric
            is not defined.
        """
        if self.is_mean:
            values = np.asarray(self.row_values(labels, predicted), dtype=np.float64)
            return lambda weights: _mean(values, weights)
        if type(self).score is Metric.score:
            raise NotImplementedError(f"{type(self).__name__} must define row_values or score.")
        return lambda weights: np.array([self.score(labels, predicted, sample_weight=column) for column in weights.T])

    def for_classes(self, classes: tuple[Hashable, ...], task: str) -> Self:
        """Turn options by class name into positions.

        Parameters
        ----------
        classes : tuple of str or int
            Names in the order of the last axis of the predictions.
        task : str
            Name of the task.

        Returns
        -------
        Metric
            Itself, or a copy for these classes.

        Raises
        ------
        InvalidOptionError
            If ``of`` is not one of the classes.
        """
        if self.of is None:
            return self
        names = list(classes)
        # Options that are given as text, such as f1:of=1, do not tell the class 1 from the class "1".
        same = [place for place, name in enumerate(names) if name == self.of] or [
            place for place, name in enumerate(names) if str(name) == str(self.of)
        ]
        if len(same) != 1:
            raise InvalidOptionError(
                f"of must be one of the classes {', '.join(map(repr, names[:5]))}{', ...' if len(names) > 5 else ''}; "
                f"received {self.of!r} for the metric {self.name!r}."
            )
        settled = copy.copy(self)
        settled.place = same[0]
        return settled

    def __repr__(self) -> str:
        hidden = ("name", "ordered", "place", "range")
        shown = {k: v for k, v in vars(self).items() if k not in hidden and not k.startswith("_")}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"


def _mean(values: np.ndarray, weights: Any) -> np.ndarray:
    totals = weights.sum(axis=0)
    return np.divide(values @ weights, totals, out=np.full(totals.shape, np.nan), where=totals > 0)
