"""Two models on the same rows: their rows matched, their weights, and the difference as a function of weights."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...combining.row_weights import weights_of
from ...errors import AlignmentError, InvalidOptionError
from ...interfaces import Metric
from ...predictions import Predictions, align
from ...predictions.joining import order_of
from ...predictions.named import read_named
from ...predictions.names import positions
from .._asked_metrics import scored
from .._weighted import Statistic, weighted
from ._unit_intervals import WIDEST, Ends

__all__ = ["Difference", "paired", "row_weights", "rows_of", "smallest_of", "unless_equal"]

ROUNDING = 1e-12
"""Differences of at most this share of what is subtracted are those of rounding."""


class Difference:
    """A metric of two models, as functions of the weights of their rows.

    Parameters
    ----------
    metric : Metric
        Settled for the classes.
    one, other : Predictions
        From `paired`.
    weights : ndarray of shape (n_samples,), optional
        Weight of each row, with which resampled weights are multiplied.
    """

    def __init__(self, metric: Metric, one: Predictions, other: Predictions, weights: np.ndarray | None) -> None:
        self.metric, self._weights = metric, weights
        self._labels, self._first = scored(one, metric)
        self._second = scored(other, metric)[1]
        self.first = weighted(metric.of_weights(self._labels, self._first), weights)
        self.second = weighted(metric.of_weights(self._labels, self._second), weights)

    def difference(self, weights: np.ndarray) -> np.ndarray:
        """Compute the first minus the second."""
        return self.first(weights) - self.second(weights)

    @functools.cached_property
    def both(self) -> Statistic:
        """The metric of the rows of the first model, followed by those of the second."""
        labels, values = (np.concatenate(two) for two in ((self._labels,) * 2, (self._first, self._second)))
        weights = None if self._weights is None else np.concatenate([self._weights] * 2)
        return weighted(self.metric.of_weights(labels, values), weights)

    @functools.cached_property
    def rows(self) -> np.ndarray | None:
        """The difference of each row; None if the metric is no mean over rows."""
        first, second = self._values
        return None if first is None or second is None else first - second

    @functools.cached_property
    def _values(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        return (
            rows_of(self.metric, self._labels, self._first),
            rows_of(self.metric, self._labels, self._second),
        )

    def sums(self, places: np.ndarray) -> np.ndarray:
        """Compute what each unit adds to the difference of a mean; 0 where only rounding makes a difference."""
        first, second = self._values
        assert first is not None and second is not None  # noqa: S101, PT018 - for the type checker
        weights = np.ones(len(first)) if self._weights is None else self._weights
        sums = np.bincount(places, (first - second) * weights)
        size = np.bincount(places, (np.abs(first) + np.abs(second)) * weights)
        return np.where(np.abs(sums) <= ROUNDING * size, 0.0, sums)

    @property
    def ends(self) -> Ends:
        """Which differences are possible."""
        low, high = self.metric.range
        width = high - low
        step = width if self.metric.needs == "decisions" and width <= WIDEST else None
        return Ends(-width, width, step, difference=True)


def rows_of(metric: Metric, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray | None:
    """Compute the values of rows whose mean is the metric; None if it is no such mean.

    A class may inherit `row_values` and compute something else, such as the root of the mean: the result decides.
    """
    if not metric.is_mean:
        return None
    try:
        rows = np.asarray(metric.row_values(labels, predicted), dtype=np.float64)
    except NotImplementedError:
        return None
    weights = np.random.default_rng(0).random((len(rows), 2))
    of_rows = rows @ weights / weights.sum(axis=0)
    return rows if np.allclose(metric.of_weights(labels, predicted)(weights), of_rows, rtol=1e-9, atol=0) else None


def paired(
    first: Predictions, second: Predictions, weights: np.ndarray | None = None
) -> tuple[Predictions, Predictions, np.ndarray | None]:
    """Match two models by id and class, and sort their rows by id; rows of weight 0 are left out.

    ``weights`` are those of the rows of ``first``, and of the result those of its rows.
    """
    one, other = first.member or "first", second.member or "second"  # for error messages
    if one == other:
        one, other = "first", "second"
    try:
        both = align(first.rename(one), second.rename(other))
    except AlignmentError as error:  # what a combination may do with absent rows is no way to compare two models
        text = str(error).replace(", or give missing='renormalize' to combine the members that are present", "")
        error.args = (text.replace("Predict them, take", "Predict them, or take"), *error.args[1:])
        raise
    order = order_of(both.ids)
    if weights is not None:
        weights = weights[positions(first.ids, both.ids[order])]
        order, weights = order[weights > 0], weights[weights > 0]
    both = both.reorder(rows=order)
    return both[one], both[other], None if weights is None else unless_equal(weights)


def row_weights(sample_weight: Any, *models: Predictions) -> np.ndarray | None:
    """Look up the weights of the rows of the first of several models; without names, all must have one order."""
    if sample_weight is None:
        return None
    ids = models[0].ids
    if any(not np.array_equal(ids, other.ids) for other in models[1:]):
        named = isinstance(sample_weight, Mapping) or read_named(sample_weight, "sample_weight").rows is not None
        if not named:
            raise InvalidOptionError(
                "sample_weight must name its rows, where the models have their rows in different orders; received "
                f"{type(sample_weight).__name__} without names. Give a Series indexed by id, or {{id: weight}}."
            )
    return weights_of(sample_weight, ids)


def unless_equal(weights: np.ndarray) -> np.ndarray | None:
    """Return the weights, or None if they are all equal, which says nothing."""
    return None if len(weights) and (weights == weights[0]).all() else weights


def smallest_of(smallest: float | Mapping[str, float] | None, metrics: Sequence[str]) -> list[float]:
    """Check the smallest difference of interest of each metric; 0 where none is given."""
    given = smallest if isinstance(smallest, Mapping) else dict.fromkeys(metrics, smallest or 0.0)
    unknown = [name for name in given if name not in metrics]
    if unknown or not all(_is_size(value) for value in given.values()):
        raise InvalidOptionError(
            f"smallest must be a number >= 0, or map names of the metrics {list(metrics)} to such; received "
            f"{smallest!r}."
        )
    return [float(given.get(name, 0.0)) for name in metrics]


def _is_size(value: Any) -> bool:
    is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return bool(is_number and math.isfinite(value) and value >= 0)
