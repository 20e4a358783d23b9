"""Scores of blends by the metrics of regression."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .blends import Blends, SampleLosses, Squared, Summed
from .rows import SMALLEST, Rows

__all__ = ["regression_blends"]

_ROUNDING = 1e-12
_TINY = np.finfo(np.float64).tiny
_Loss = Callable[[np.ndarray], np.ndarray]


def regression_blends(name: str, rows: Rows) -> Blends | None:
    """Follow a scorer of scikit-learn in a way of its own.

    Parameters
    ----------
    name : str
        The scorer.
    rows : Rows
        What the members said, and the truth, of the task ``regression``.

    Returns
    -------
    Blends or None
        None where there is no such way, or where it is for scikit-learn to refuse the values.
    """
    if name in ("neg_mean_squared_error", "neg_root_mean_squared_error"):
        return Squared(rows, _negated if name == "neg_mean_squared_error" else _negated_root)
    if name in ("r2", "explained_variance"):
        share = rows.share()[:, np.newaxis]
        spread = (np.square(rows.labels - (rows.labels * share).sum(axis=0)) * share).sum(axis=0)
        return Squared(rows, _above(spread), centred=name != "r2") if spread.all() else None
    if name == "neg_mean_absolute_error":
        return SampleLosses(rows, _absolute)
    if name == "neg_mean_absolute_percentage_error":
        return SampleLosses(rows, _percentage)
    if name == "d2_absolute_error_score":
        spread = np.array([_spread_about_median(column, rows.share()) for column in rows.labels.T])
        return SampleLosses(rows, _absolute, _above(spread)) if spread.all() else None
    return _of_positive(name, rows) or _of_order(name, rows)


def _of_positive(name: str, rows: Rows) -> Blends | None:
    if name in ("neg_mean_squared_log_error", "neg_root_mean_squared_log_error"):
        if min(rows.labels.min(), rows.probas.min()) <= -1:
            return None
        return SampleLosses(rows, _squared_log, _negated if name == "neg_mean_squared_log_error" else _negated_root)
    if name in ("neg_mean_poisson_deviance", "neg_mean_gamma_deviance") and rows.labels.shape[1] == 1:
        gamma = name == "neg_mean_gamma_deviance"
        if rows.probas.min() <= 0 or rows.labels.min() < (_TINY if gamma else 0):
            return None
        return SampleLosses(rows, _gamma if gamma else _poisson)
    return None


def _of_order(name: str, rows: Rows) -> Blends | None:
    if name == "neg_max_error" and rows.labels.shape[1] == 1 and rows.weight is None:
        return Largest(rows)
    return Median(rows) if name == "neg_median_absolute_error" else None


class Largest(Summed):
    """The largest absolute error of one output."""

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Find it chunk by chunk."""
        largest = np.zeros(len(members))
        truth = None
        for block, place, mean in self._sums(members, gains):
            if place == 0:
                truth = self.rows.truth(block)
            errors = np.subtract(mean, truth, out=mean)  # type: ignore[arg-type]
            largest[place] = max(largest[place], errors.max(), -errors.min())
        return -largest


class Median(Summed):
    """The median of the absolute errors of each output."""

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Select among the errors of one candidate and output after the other."""
        found = np.zeros(len(members))
        counts = self.weights.sum() + gains
        n_outputs = self.rows.labels.shape[1]
        errors = np.empty(len(self.rows.labels))
        for output in range(n_outputs):
            total, truth = (np.ascontiguousarray(x[:, output]) for x in (self.total, self.rows.labels))
            for place, (member, gain, count) in enumerate(zip(members, gains, counts, strict=True)):
                np.multiply(self.rows.probas[member, :, output], gain, out=errors, dtype=np.float64)
                errors += total
                errors /= count
                errors -= truth
                found[place] -= _median(np.abs(errors, out=errors), self.rows.weight)
        return found / n_outputs


def _median(values: np.ndarray, share: np.ndarray | None) -> float:
    """Select within bounds that a sample gives; where they miss, among all."""
    if len(values) > 1024:
        sample = np.sort(values[:: len(values) // 512])
        half, margin = len(sample) // 2, 2 * int(len(sample) ** 0.5)
        under = values < sample[half - margin]
        inside = np.logical_xor(values <= sample[half + margin], under)
        if share is None:
            found = _middle(values[inside], len(values), int(np.count_nonzero(under)))
        else:
            found = _weighted_middle(values[inside], share[inside], float(share[under].sum()))
        if found is not None:
            return found
    whole = _middle(values, len(values), 0) if share is None else _weighted_middle(values, share, 0.0)
    return float(values.max()) if whole is None else whole


def _middle(values: np.ndarray, n: int, below: int) -> float | None:
    low, high = (n - 1) // 2 - below, n // 2 - below
    if low < 0 or high >= len(values):
        return None
    ordered = np.partition(values, (low, high))
    return float(ordered[low] + ordered[high]) / 2


def _weighted_middle(values: np.ndarray, share: np.ndarray, below: float) -> float | None:
    order = np.argsort(values)
    so_far = below + np.cumsum(share[order])
    first, last = np.searchsorted(so_far, (0.5 - _ROUNDING, 0.5 + _ROUNDING))
    # Where the weights up to a value are one half, the median is between it and the next.
    if below >= 0.5 - _ROUNDING or last >= len(order):
        return None
    return float(values[order[first]] + values[order[last]]) / 2


def _negated(losses: np.ndarray) -> np.ndarray:
    return -losses.mean(axis=1)


def _negated_root(losses: np.ndarray) -> np.ndarray:
    return -np.sqrt(losses).mean(axis=1)


def _above(constant: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda losses: (1 - losses / constant).mean(axis=1)


def _spread_about_median(values: np.ndarray, share: np.ndarray) -> float:
    order = np.argsort(values)
    place = int(np.searchsorted(np.cumsum(share[order]), 0.5))
    return float(np.abs(values - values[order[min(place, len(order) - 1)]]) @ share)


def _absolute(truth: np.ndarray) -> _Loss:
    return lambda mean: np.abs(np.subtract(mean, truth, out=mean), out=mean)


def _percentage(truth: np.ndarray) -> _Loss:
    scale = np.maximum(np.abs(truth), SMALLEST)
    return lambda mean: np.divide(np.abs(np.subtract(mean, truth, out=mean), out=mean), scale, out=mean)


def _squared_log(truth: np.ndarray) -> _Loss:
    wanted = np.log1p(truth)

    def loss(mean: np.ndarray) -> np.ndarray:
        # What rounding takes from 1 + x is given back; this is log1p, without its branches.
        raised = 1 + mean
        lost = np.subtract(raised, 1)
        lost -= mean
        lost /= raised
        found = np.log(raised, out=raised)
        found -= lost
        found -= wanted
        return np.square(found, out=found)

    return loss


def _poisson(truth: np.ndarray) -> _Loss:
    def loss(mean: np.ndarray) -> np.ndarray:
        ratio = np.divide(truth, mean)
        logarithm = np.log(np.maximum(ratio, _TINY, out=ratio), out=ratio)
        logarithm *= truth
        mean -= truth
        mean += logarithm
        mean *= 2
        return mean

    return loss


def _gamma(truth: np.ndarray) -> _Loss:
    def loss(mean: np.ndarray) -> np.ndarray:
        ratio = np.divide(truth, mean, out=mean)
        logarithm = np.log(ratio)
        ratio -= 1
        ratio -= logarithm
        ratio *= 2
        return ratio

    return loss
