"""Values of candidates on some of the rows, and the standard errors of their differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..evaluation.significance import resample
from ..interfaces import Metric
from ._candidates import SINGLE, Candidate

__all__ = ["Scoring", "simplest_not_beaten"]

N_RESAMPLES, FEW_RESAMPLES = 200, 40
"""For standard errors only; fewer where each resample is a call of a function."""
HUGE = 1e100
"""Values as large, or as small as its inverse, are scaled."""
TOLERANCE = 1e-9
"""Relative difference of values that counts as none."""
HALF = 0.5
"""A simpler candidate is beaten by a lead that chance alone would show less often than this."""
LEAST = 1.0
"""By so many standard errors a rule must lead over a simpler one at least, however few rules there are."""
MARGIN = 0.5
"""By so many standard errors a combination must lead, or the best member is returned."""


@dataclass(frozen=True)
class Scoring:
    """A metric on the rows of one set.

    Attributes
    ----------
    metric : Metric
        What is measured.
    labels : ndarray of shape (n_samples, ...)
        Codes, indicators or numbers.
    places : ndarray of int of shape (n_samples,)
        Group of each row.
    sample_weight : ndarray of shape (n_samples,), or None
        Weight of each row.
    seed : int
        Seed of the resamples.
    """

    metric: Metric
    labels: np.ndarray
    places: np.ndarray
    sample_weight: np.ndarray | None
    seed: int

    @property
    def sign(self) -> int:
        """1 if greater is better, else -1."""
        return 1 if self.metric.higher_is_better else -1

    def of_rows(self, rows: np.ndarray) -> Scoring:
        """Keep some rows.

        Parameters
        ----------
        rows : ndarray of bool of shape (n_samples,)
            Which.

        Returns
        -------
        Scoring
        """
        places = np.unique(self.places[rows], return_inverse=True)[1]
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        return Scoring(self.metric, self.labels[rows], places, weight, self.seed)

    def statistic(self, predicted: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Return the metric as a function of the counts of rows in resamples."""
        of_weights = self.metric.of_weights(self.labels, predicted.astype(np.float64))
        weight = self.sample_weight
        return of_weights if weight is None else lambda counts: of_weights(counts * weight[:, np.newaxis])

    def value(self, predicted: np.ndarray) -> float:
        """Compute the metric, greater is better."""
        return self.sign * float(self.statistic(predicted)(np.ones((len(self.labels), 1)))[0])

    def resampled(self, predicted: Sequence[np.ndarray]) -> np.ndarray:
        """Compute the metric of resamples of the groups, the same for all of these predictions.

        Parameters
        ----------
        predicted : sequence of ndarray of shape (n_samples, ..., n_classes)
            Predictions of candidates.

        Returns
        -------
        ndarray of shape (n_candidates, n_resamples)
            Greater is better.
        """
        statistics = [self.statistic(values) for values in predicted]
        n_resamples = FEW_RESAMPLES if self.metric.loops else N_RESAMPLES
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.sign * resample(statistics, self.places, n_resamples, self.seed)

    @property
    def n_groups(self) -> int:
        """Number of groups of rows."""
        return int(self.places.max()) + 1


def simplest_not_beaten(
    scoring: Scoring, candidates: Mapping[str, Candidate], predicted: Mapping[str, np.ndarray], *, simplest: bool
) -> str:
    """Choose the simplest candidate that is not beaten by a less simple one; see Notes of `choose`.

    Parameters
    ----------
    scoring : Scoring
        The metric on these rows.
    candidates : mapping of str to Candidate
        By name, the simplest first.
    predicted : mapping of str to ndarray
        Predictions of these rows.
    simplest : bool
        If false, the candidate with the best value is chosen.

    Returns
    -------
    str
        Name of the chosen one. Among those of one level of simplicity it is the best, then the first.
    """
    values = {name: scoring.value(predicted[name]) for name in candidates}
    known = {name: value for name, value in values.items() if not np.isnan(value)}
    if not known:
        return next(iter(candidates))
    if not simplest or len(known) == 1:
        return _first_best(known)
    names = [*known]
    level = np.array([candidates[name].level for name in names])
    value = np.array([*known.values()])
    resampled = scoring.resampled([predicted[name] for name in names])
    size = np.abs(value[np.isfinite(value)]).max(initial=0.0)
    if size and not 1 / HUGE < size < HUGE:  # its square is infinite, or 0
        value, resampled = value / size, resampled / size
    rules = np.flatnonzero(level != SINGLE)
    pick = _climb(value, resampled, level, rules) if len(rules) else 0
    for single in np.flatnonzero(level == SINGLE):
        spread = resampled[pick] - resampled[single]
        error = float(np.nanstd(spread, ddof=1)) if np.isfinite(spread).any() else np.inf
        if value[pick] - value[single] <= max(MARGIN * error, TOLERANCE * abs(value[single])):
            return names[single]
    return names[pick]


def _climb(value: np.ndarray, resampled: np.ndarray, level: np.ndarray, rules: np.ndarray) -> int:
    """Start at the simplest level, and go on to the next while some less simple rule leads by more than chance."""
    for simple in np.unique(level[rules]):
        of_level = rules[level[rules] == simple]
        leader = int(of_level[_place_of_best(value[of_level])])
        rivals = rules[level[rules] > simple]
        if not len(rivals):
            return leader
        lead = value[rivals] - value[leader]
        drawn = resampled[rivals] - resampled[leader]
        with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rivals without a value in any resample
            error = np.nanstd(drawn, axis=1, ddof=1)
            moves = error > TOLERANCE * max(abs(value[leader]), 1e-300)
            if not moves.any():
                return leader
            scaled = (drawn[moves] - lead[moves, np.newaxis]) / error[moves, np.newaxis]
            by_chance = np.nanquantile(np.nanmax(scaled, axis=0), HALF)
        if not (lead[moves] / error[moves] > max(by_chance, LEAST)).any():
            return leader
    raise AssertionError("some level has no rivals")


def _place_of_best(values: np.ndarray) -> int:
    top = values.max()
    return int(np.flatnonzero(values >= top - TOLERANCE * abs(top))[0])


def _first_best(values: Mapping[str, float]) -> str:
    return [*values][_place_of_best(np.array([*values.values()]))]
