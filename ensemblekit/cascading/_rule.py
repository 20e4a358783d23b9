"""The threshold of a cascade: the lowest that rows which no stage has seen prove to keep a promise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..evaluation.conformal.risks import group_means, risk_p_values
from ..kinds import kind_of

__all__ = ["Descent", "certainties", "fewest_rows", "is_sure", "lowest_threshold"]


def certainties(probas: np.ndarray, kind: str) -> np.ndarray:
    """Compute how sure a stage is of each row: the largest probability, or that of the least sure of several labels."""
    values = probas.astype(np.float64)
    return np.maximum(values, 1 - values).min(axis=1) if kind == "multilabel" else values.max(axis=1)


def is_sure(probas: np.ndarray, task: str, threshold: float) -> np.ndarray:
    """Tell which rows a stage answers."""
    return certainties(probas, kind_of(task)) >= threshold


@dataclass(frozen=True)
class Descent:
    """What happens to each row while the threshold falls from infinity.

    At first the last stage answers all rows. A row passes to the first stage that is at least as sure as the threshold,
    and from there only to stages before that one.

    Parameters
    ----------
    sure : ndarray of shape (n_stages - 1, n_samples)
        How sure each stage but the last is.
    harms : ndarray of shape (n_stages - 1, n_samples)
        What is lost where such a stage answers instead of the last, from 0 to 1.
    places : ndarray of int of shape (n_samples,), optional
        Number of the group of each row; without groups each row counts by itself.
    """

    sure: np.ndarray
    harms: np.ndarray
    places: np.ndarray | None = None

    @property
    def starts(self) -> np.ndarray:
        """The threshold at which each stage begins to answer a row; minus infinity where an earlier one is as sure."""
        before = np.maximum.accumulate(self.sure, axis=0)[:-1]
        starts = self.sure.copy()
        starts[1:][self.sure[1:] <= before] = -np.inf
        return starts

    @property
    def thresholds(self) -> np.ndarray:
        """The thresholds at which something changes, from the highest."""
        starts = self.starts
        return np.unique(starts[np.isfinite(starts)])[::-1]

    def lost(self, threshold: float) -> np.ndarray:
        """Compute the most that was lost of each row by any threshold from infinity to this one.

        It never falls while the threshold does, which the loss at the threshold itself may.
        """
        return np.where(self.starts >= threshold, self.harms, 0.0).max(axis=0)

    def of_units(self, losses: np.ndarray) -> np.ndarray:
        """Take losses by row, or their means by group: what is independent."""
        return losses if self.places is None else group_means(losses, self.places)

    @property
    def is_exact(self) -> bool:
        """Whether what is lost of a row or group can only be nothing or all, so that the binomial test is exact."""
        single = self.places is None or len(self.places) == int(self.places.max(initial=-1)) + 1
        return single and bool(np.isin(self.harms, (0.0, 1.0)).all())

    def answering(self, threshold: float) -> np.ndarray:
        """Tell which stage answers each row, as its place; the last has the place ``n_stages - 1``."""
        is_sure = self.sure >= threshold
        return np.where(is_sure.any(axis=0), is_sure.argmax(axis=0), len(self.sure))


def fewest_rows(risk: float, confidence: float) -> int:
    """Compute how many rows, or groups, without any loss prove a risk."""
    return max(1, math.ceil(math.log(_level(confidence)) / math.log1p(-risk)))


def lowest_threshold(descent: Descent, risk: float, confidence: float) -> float:
    """Find the lowest threshold down to which every one is proven to keep the risk.

    Parameters
    ----------
    descent : Descent
        Of the held-out rows.
    risk : float
        Largest mean loss, in (0, 1).
    confidence : float
        In (0, 1).

    Returns
    -------
    float
        Infinite if none is proven.
    """
    level = _level(confidence)
    thresholds, exact = descent.thresholds, descent.is_exact

    def is_proven(threshold: float) -> bool:
        lost = descent.of_units(descent.lost(threshold))
        return bool(risk_p_values(lost[np.newaxis], risk, exact=exact)[0] <= level)

    if not is_proven(np.inf):
        return np.inf
    # What is lost grows down the thresholds, and the p value with it: all before the first failure are proven.
    passed, failed = -1, len(thresholds)
    while failed - passed > 1:
        middle = (passed + failed) // 2
        passed, failed = (middle, failed) if is_proven(float(thresholds[middle])) else (passed, middle)
    return float(thresholds[passed]) if passed >= 0 else np.inf


def _level(confidence: float) -> float:
    return float(1 - Fraction(repr(float(confidence))))
