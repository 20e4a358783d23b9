"""What every figure of agreement has: its result, its distances, and its interval."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from ...arguments import check_count, check_number
from ...evaluation.significance import fewest_units
from .._scale import values_of_classes
from ._patterns import Patterns, interval
from ._sentences import agreement_sentence

__all__ = ["Agreement", "check_resampling", "class_distances", "extremes", "judged", "one_minus"]


@dataclass(frozen=True)
class Agreement:
    """How far raters agree, as a chance-corrected figure: 1 if always, 0 as by chance, below 0 less than by chance.

    Attributes
    ----------
    name : str
        Name of the figure.
    value : float
        The figure; NaN if all answers are of one class, or no item has two.
    low, high : float
        Interval over items like these; -1 and 1 if there are too few items to tell anything.
    confidence : float
        Of the interval.
    n_items, n_votes, n_raters : int
        Items with two votes or more, the votes on them, and who gave those.
    enough : bool
        Whether there are enough items, or groups of items, to tell anything, and two classes.
    n_groups : int or None
        Groups of these items, if the interval is over groups.
    """

    name: str
    value: float
    low: float
    high: float
    confidence: float
    n_items: int
    n_votes: int
    n_raters: int
    enough: bool
    n_groups: int | None = None

    @property
    def sentence(self) -> str:
        """The figure and its interval in words, or that one cannot tell."""
        return agreement_sentence(self, fewest_units(self.confidence))


def check_resampling(confidence: float, n_resamples: int, seed: int) -> None:
    check_number("confidence", confidence, 0, 0.9999, open_low=True)
    check_count("n_resamples", n_resamples, 100)
    check_count("seed", seed, 0)


def class_distances(classes: Sequence[Hashable], level: str) -> np.ndarray:
    if level == "nominal":
        return 1.0 - np.eye(len(classes))
    value = values_of_classes(classes, f"level={level!r}")
    apart = (value[:, np.newaxis] - value) ** 2
    if level == "interval":
        return apart
    total = (value[:, np.newaxis] + value) ** 2
    return np.divide(apart, total, out=np.zeros_like(apart), where=total > 0)


def one_minus(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return 1 - np.divide(observed, expected, out=np.full_like(observed, np.nan), where=expected > 0)


def extremes(sums: np.ndarray, distances: np.ndarray | None) -> tuple[int, int, int]:
    """Find the two classes that are farthest apart, the more common ones of equal; and the rarest that is seen."""
    seen = np.flatnonzero(sums)
    if len(seen) < 2:
        return 0, 0, 0
    if distances is None:
        return int(seen[0]), int(seen[-1]), int(seen[np.argmin(sums[seen])])
    among = distances[np.ix_(seen, seen)]
    common = np.minimum(sums[seen][:, np.newaxis], sums[seen])
    c, k = np.unravel_index(np.lexsort((common.ravel(), among.ravel()))[-1], among.shape)
    return int(seen[c]), int(seen[k]), int(seen[np.argmin(sums[seen])])


def judged(
    name: str,
    figure: Callable[[np.ndarray], np.ndarray],
    patterns: Patterns,
    lowest: int,
    highest: int,
    n_votes: int,
    confidence: float,
    n_resamples: int,
    seed: int,
) -> Agreement:
    n = patterns.n_items
    value = float(figure(patterns.times[np.newaxis].astype(np.float64))[0]) if n else np.nan
    n_groups = None if patterns.by_group is None else int(patterns.by_group.shape[0])
    n_units = n if n_groups is None else n_groups
    enough, low, high = n_units >= fewest_units(confidence) and not np.isnan(value), -1.0, 1.0
    if enough:
        low, high = interval(
            figure, patterns.times, lowest, highest, confidence=confidence, n_resamples=n_resamples, seed=seed,
            by_group=patterns.by_group,
        )  # fmt: skip
    return Agreement(name, value, low, high, confidence, n, n_votes, patterns.n_raters, enough, n_groups)
