"""The interval of a metric of one model, by row or by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...interfaces import Metric
from ...predictions import Predictions
from ...predictions.joining import order_of
from .._asked_metrics import scored
from .._weighted import Statistic, value_of, weighted
from ._calibration_noise import is_biased, noise_of_pure_bins
from ._contradicted import contradicted, wrong_of
from ._resampling import (
    BLOCK,
    MOST_UNITS,
    Groups,
    Interval,
    count_groups,
    group_places,
    interval,
    jackknife,
    resample,
    resample_means,
    resamples_of,
)
from ._two_models import rows_of, unless_equal
from ._unit_intervals import (
    Draws,
    Ends,
    Told,
    contributions,
    effective_units,
    fewest_units,
    of_units,
    share_interval,
    too_few,
    unvaried,
)

__all__ = ["Single", "told_of"]

TINY = 1e-6
FLAT = 1e-9
"""Figures that differ by a smaller share are equal."""


class Single:
    """One model, its rows sorted by id, and its metrics as functions of weights.

    Parameters
    ----------
    predictions : Predictions
        In any order.
    weights : ndarray of shape (n_samples,), optional
        Weight of each row; rows of weight 0 are left out.
    """

    def __init__(self, predictions: Predictions, weights: np.ndarray | None = None) -> None:
        order = order_of(predictions.ids)
        if weights is not None:
            order = order[weights[order] > 0]
            weights = unless_equal(weights[order])
        self.predictions, self.weights = predictions.take(predictions.ids[order]), weights
        self._statistics: dict[str, Statistic] = {}
        self._rows: dict[str, np.ndarray | None] = {}

    def statistic(self, metric: Metric) -> Statistic:
        """Return the metric as a function of the weights of the rows."""
        if metric.name not in self._statistics:
            of_weights = metric.of_weights(*scored(self.predictions, metric))
            self._statistics[metric.name] = weighted(of_weights, self.weights)
        return self._statistics[metric.name]

    def value(self, metric: Metric) -> float:
        """Compute the metric of all rows."""
        return value_of(self.statistic(metric), len(self.predictions))

    def rows(self, metric: Metric) -> np.ndarray | None:
        """Return the values of rows whose mean is the metric; None if it is no such mean."""
        if metric.name not in self._rows:
            self._rows[metric.name] = rows_of(metric, *scored(self.predictions, metric))
        return self._rows[metric.name]

    def is_share(self, metric: Metric) -> bool:
        """Say whether the metric is the mean of rows that are 0 or 1."""
        rows = self.rows(metric)
        return rows is not None and tuple(metric.range) == (0, 1) and bool(((rows == 0) | (rows == 1)).all())


def told_of(
    asked: Sequence[tuple[Single, Metric]],
    groups: Groups | None,
    confidence: float,
    n_resamples: int,
    seed: int,
    method: str | None = None,
) -> list[Told]:
    """Compute the interval of each metric; models with the same rows share their resamples."""
    told: list[Told | None] = [None] * len(asked)
    n_models = len({id(single) for single, _ in asked})
    counts = [resamples_of(metric, n_resamples, n_models) for _, metric in asked]
    places = {id(single): group_places(single.predictions.ids, groups) for single, _ in asked}
    for first, (single, _) in enumerate(asked):
        if told[first] is not None:
            continue
        alike = [
            n
            for n, (other, _) in enumerate(asked)
            if told[n] is None
            and counts[n] == counts[first]
            and (other is single or np.array_equal(other.predictions.ids, single.predictions.ids))
        ]
        of = _alike([asked[n] for n in alike], places[id(single)], confidence, counts[first], seed, method)
        for n, each in zip(alike, of, strict=True):
            told[n] = each
    return [each for each in told if each is not None]


def _alike(
    asked: Sequence[tuple[Single, Metric]],
    places: np.ndarray,
    confidence: float,
    n_resamples: int,
    seed: int,
    method: str | None,
) -> list[Told]:
    n = count_groups(places)
    if method is not None or n > MOST_UNITS:
        resamples = _resamples(asked, places, n_resamples, seed)
        return [
            _resampled(*each, values, places, confidence, method, seed)
            for each, values in zip(asked, resamples, strict=True)
        ]
    draws = Draws(n, n_resamples, seed)
    no_means = [single.statistic(metric) for single, metric in asked if single.rows(metric) is None]
    resampled = iter(resample(no_means, places, n_resamples, seed) if no_means else ())
    return [
        _few(single, metric, next(resampled) if single.rows(metric) is None else None, places, draws, confidence)
        for single, metric in asked
    ]


def _resamples(
    asked: Sequence[tuple[Single, Metric]], places: np.ndarray, n_resamples: int, seed: int
) -> list[np.ndarray]:
    """Resample all metrics; those that are means in one product."""
    rows = [single.rows(metric) for single, metric in asked]
    no_means = [single.statistic(metric) for (single, metric), own in zip(asked, rows, strict=True) if own is None]
    others = iter(resample(no_means, places, n_resamples, seed) if no_means else ())
    sums, masses = [], []
    for (single, _), own in zip(asked, rows, strict=True):
        if own is not None:
            sums.append(np.bincount(places, own if single.weights is None else own * single.weights))
            masses.append(np.bincount(places, single.weights).astype(np.float64))
    means = iter(resample_means(np.stack(sums), np.stack(masses), n_resamples, seed) if sums else ())
    return [next(others if own is None else means) for own in rows]


def _resampled(
    single: Single,
    metric: Metric,
    resampled: np.ndarray,
    places: np.ndarray,
    confidence: float,
    method: str | None,
    seed: int,
) -> Told:
    statistic, value = single.statistic(metric), single.value(metric)
    if value in (0, 1) and single.is_share(metric):
        n_units = count_groups(places)
        return Told(*share_interval(round(value) * n_units, n_units, confidence))
    if (method or ("bca" if is_biased(metric) else "percentile")) == "bca":
        found = interval(resampled, confidence, point=value, left_out=jackknife([statistic], places)[0])
    else:
        found = interval(resampled, confidence)
    if method is not None or np.isnan(found).any():
        return Told(*found)
    if is_biased(metric):
        reach = float(np.quantile(_unseen_noise(single, metric, places, len(resampled), seed), confidence))
        low, high = metric.range
        return Told(max(min(found[0], value - reach), low), min(max(found[1], value + reach), high))
    return _with_unseen(Told(*found), single, metric, places, confidence)


def _few(
    single: Single,
    metric: Metric,
    resampled: np.ndarray | None,
    places: np.ndarray,
    draws: Draws,
    confidence: float,
) -> Told:
    ends = Ends(float(metric.range[0]), float(metric.range[1]))
    statistic, n = single.statistic(metric), count_groups(places)
    effective = effective_units(places, single.weights)
    if np.isnan(single.value(metric)):
        return Told(np.nan, np.nan, enough=False)
    share = single.is_share(metric)
    if share and n == len(places) and single.weights is None:
        return Told(*share_interval(round(single.value(metric) * n), n, confidence))
    units = contributions(statistic, places, rows=single.rows(metric), weights=single.weights)
    if is_biased(metric) and resampled is not None:
        if units is None or effective < fewest_units(confidence):
            return too_few(ends)
        return _noisy(single, metric, resampled, places, draws, confidence)
    sizes = np.bincount(places, single.weights)
    largest = None if single.rows(metric) is None else float(sizes.max() / sizes.mean())
    told = of_units(units, ends, draws, confidence, n_effective=effective, resampled=resampled, largest=largest)
    if units is None or not told.enough:
        return told
    if not share:
        return _with_unseen(told, single, metric, places, confidence)
    n_rows = effective_units(np.arange(len(places)), single.weights)
    return Told(*_clustered(single.value(metric), units, n_rows, effective, confidence))


def _clustered(share: float, units: np.ndarray, n_rows: float, effective: float, confidence: float) -> Interval:
    from scipy.stats import t

    variance = float(units.var(ddof=1)) / len(units)
    n: float = effective
    if variance > 0:
        tail = 0.5 + confidence / 2
        wider = float(t.ppf(tail, max(n_rows - 1, 1))) / float(t.ppf(tail, effective - 1))
        n = min(share * (1 - share) / variance * wider**2, n_rows)
    return share_interval(share * n, n, confidence)


def _with_unseen(told: Told, single: Single, metric: Metric, places: np.ndarray, confidence: float) -> Told:
    """Widen an interval by what resamples cannot hold: answers that are wrong, where few or none were seen."""
    rows, value, p = single.rows(metric), single.value(metric), single.predictions
    spread = told.high - told.low if rows is None else float(np.ptp(rows))
    if rows is not None and p.label_codes is not None and p.probas.ndim == 2:
        told = _with_contradicted(told, single, metric, places, confidence)
        spread = told.high - told.low
    if spread > FLAT * abs(value):
        return told
    ends = Ends(float(metric.range[0]), float(metric.range[1]))
    other = unvaried(value, ends, effective_units(places, single.weights), confidence)
    return replace(other, low=min(told.low, other.low), high=max(told.high, other.high))


def _with_contradicted(told: Told, single: Single, metric: Metric, places: np.ndarray, confidence: float) -> Told:
    """Widen the interval of a mean to what it would be if the model erred as often as its rows allow."""
    p, weights = single.predictions, single.weights
    labels, probas = scored(p, metric)
    wrong = wrong_of(labels, probas)
    n = count_groups(places)
    if n == len(places) and weights is None and labels.ndim == 1:
        most = share_interval(float(wrong.sum()), n, confidence)[1]
    else:
        units = contributions(single.statistic(metric), places, rows=wrong, weights=weights)
        if units is None:
            return told
        # Labels of a row tell as much as rows of a group: between all and one, as they vary together.
        n_answers = effective_units(np.arange(len(places)), weights) * (labels.size // len(labels))
        effective = effective_units(places, weights)
        most = _clustered(float(np.average(wrong, weights=weights)), units, n_answers, effective, confidence)[1]
    seen = float(np.average(wrong, weights=weights))
    less, more = (contradicted(metric, labels, probas, weights, share) for share in (seen, most))
    value = min(max(single.value(metric) + more - less, metric.range[0]), metric.range[1])
    return replace(told, low=min(told.low, value), high=max(told.high, value))


def _unseen_noise(single: Single, metric: Metric, places: np.ndarray, n_resamples: int, seed: int) -> np.ndarray:
    return noise_of_pure_bins(metric, *scored(single.predictions, metric), single.weights, places, n_resamples, seed)


def _noisy(
    single: Single, metric: Metric, resampled: np.ndarray, places: np.ndarray, draws: Draws, confidence: float
) -> Told:
    """Bound a sum of absolute values by the same sum of its noise alone, as ``||a| - |b|| <= |a - b|``."""
    weights = np.ones(len(places)) if single.weights is None else single.weights
    statistic, noise = single.statistic(metric), np.empty(draws.n_resamples)
    step = max(1, BLOCK // len(places))
    for start in range(0, draws.n_resamples, step):
        counts = draws.counts[:, start : start + step]
        counts = counts if draws.n == len(places) else counts[places]
        # Weights with the sum of TINY leave the noise of a resample without the value, in the numerator of the metric.
        alone = counts * (weights.sum() / (weights @ counts)) - 1 + TINY
        noise[start : start + step] = TINY * statistic(alone)
    unseen = _unseen_noise(single, metric, places, draws.n_resamples, draws.seed)
    value = single.value(metric)
    reach = float(np.nanquantile(noise + unseen, confidence)) + 2 * TINY * value  # what is left of the value in it
    highest = float(np.nanquantile(resampled + unseen, 0.5 + confidence / 2))
    low, high = map(float, metric.range)
    return Told(max(value - reach, low), min(value + reach, max(highest, value), high))
