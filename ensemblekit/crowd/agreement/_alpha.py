"""Agreement of any number of raters beyond chance: Krippendorff's alpha and Fleiss' kappa."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from ...arguments import typed
from ...predictions.groups import as_groups
from .._scale import order_of_classes
from .._sums import Tally
from ..votes import Votes
from ._agreement import Agreement, check_resampling, class_distances, extremes, judged, one_minus
from ._patterns import Patterns, by_votes

__all__ = ["fleiss_kappa", "krippendorff_alpha"]


@typed(but=("groups",))
def krippendorff_alpha(
    votes: Votes,
    *,
    level: Literal["nominal", "ordinal", "interval", "ratio"] = "nominal",
    order: Sequence[str] | None = None,
    groups: Any = None,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Compute Krippendorff's alpha: how far any number of raters agree, of whom not each has answered each item.

    Parameters
    ----------
    votes : Votes
        Answers of raters about items. Weights of votes are not used.
    level : {"nominal", "ordinal", "interval", "ratio"}
        What a difference of classes means: any counts the same; by rank; by the square of the difference of the
        numbers; by that of their ratio.
    order : sequence of str, optional
        Classes from the lowest to the highest, for ``ordinal``. By default `Votes.order`, or their order as numbers.
    groups : mapping of item to group, or Series indexed by item, optional
        Items of one group, such as objects of one scan, are not independent: the interval is then over groups.
    confidence : float, default=0.95
        Of the interval, in (0, 1).
    n_resamples : int, default=2000
        Number of random weights of the items, >= 100.
    seed : int, default=0
        Seed of them, >= 0.

    Returns
    -------
    Agreement
        The figure, its interval, and whether it tells anything.

    Raises
    ------
    InvalidOptionError
        If an option is out of range, ``order`` lacks a class or is needed, or classes are no numbers.
    InvalidPredictionsError
        If an item has no group.

    Notes
    -----
    ``alpha = 1 - D_o / D_e`` [1]_. Of an item with ``m >= 2`` votes, each ordered pair of votes for ``c`` and ``k``
    counts ``1 / (m - 1)``: ``o[c, k]``, with the sums ``n[c]`` and ``n``. ``D_o = sum o[c, k] d(c, k) / n`` and
    ``D_e = sum n[c] n[k] d(c, k) / (n (n - 1))``. ``d`` is 1 for two classes that differ; ``(c - k)^2``; ``((c - k) /
    (c + k))^2``; or for ``ordinal`` the square of the number of votes from ``c`` to ``k``, those at both ends counted
    half. Items with one vote, and abstained or failed votes, do not count.

    The interval is over items, which must be independent: their weights are drawn at random (a Bayesian bootstrap), and
    one item is added, at the lower end one whose raters are divided, at the upper end one whose raters agree; of a
    share it would be the interval of Clopper and Pearson. So raters who always agreed on few items have no interval of
    one point. Below 6 items (at 0.95) nothing can be told.

    References
    ----------
    .. [1] K. Krippendorff, "Computing Krippendorff's alpha-reliability", University of Pennsylvania, 2011.

    Examples
    --------
    >>> from ensemblekit.crowd import Votes, krippendorff_alpha
    >>> items, raters = [i for i in "abcdefgh" for _ in range(2)], ["ann", "bo"] * 8
    >>> labels = ["1", "1", "2", "2", "3", "3", "1", "2", "2", "2", "3", "3", "1", "1", "3", "1"]
    >>> found = krippendorff_alpha(Votes({"item": items, "rater": raters, "label": labels}))
    >>> round(found.value, 3), found.n_items, found.enough
    (0.647, 8, True)
    """
    check_resampling(confidence, n_resamples, seed)
    patterns = by_votes(Tally(votes), _groups(groups, votes))
    distances = None if level == "ordinal" else class_distances(votes.classes, level)
    rank = order_of_classes(votes, order, "level='ordinal'") if level == "ordinal" else None
    if rank is not None:  # columns from the lowest to the highest
        patterns = replace(patterns, counts=patterns.counts[:, np.argsort(rank)])
    figure = _alpha(distances)
    return _found(f"Krippendorff's alpha ({level})", figure, patterns, distances, confidence, n_resamples, seed)


@typed(but=("groups",))
def fleiss_kappa(
    votes: Votes, *, groups: Any = None, confidence: float = 0.95, n_resamples: int = 2000, seed: int = 0
) -> Agreement:
    """Compute Fleiss' kappa: how far any number of raters agree, each item having the same number of votes or not.

    Parameters
    ----------
    votes : Votes
        Answers of raters about items. Weights of votes are not used.
    groups, confidence, n_resamples, seed
        As in `krippendorff_alpha`.

    Returns
    -------
    Agreement
        The figure, its interval, and whether it tells anything.

    Raises
    ------
    InvalidOptionError
        If an option is out of range.

    Notes
    -----
    Of an item with ``m >= 2`` votes, ``h[c]`` of them for ``c``, a share ``(sum h[c]^2 - m) / (m (m - 1))`` of the
    pairs agree; ``P`` is the mean of the items, and ``p[c]`` the share of ``c`` among all their votes. ``kappa = (P -
    sum p[c]^2) / (1 - sum p[c]^2)`` [1]_. Where all items have the same ``m`` it is the kappa of Fleiss, and of
    statsmodels. Items with one vote do not count. The interval is that of `krippendorff_alpha`.

    References
    ----------
    .. [1] J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76(5), 1971.

    Examples
    --------
    >>> from ensemblekit.crowd import Votes, fleiss_kappa
    >>> items, raters = [i for i in "abcdefgh" for _ in range(2)], ["ann", "bo"] * 8
    >>> labels = ["1", "1", "2", "2", "3", "3", "1", "2", "2", "2", "3", "3", "1", "1", "3", "1"]
    >>> round(fleiss_kappa(Votes({"item": items, "rater": raters, "label": labels})).value, 3)
    0.624
    """
    check_resampling(confidence, n_resamples, seed)
    patterns = by_votes(Tally(votes), _groups(groups, votes))
    distances = class_distances(votes.classes, "nominal")
    return _found("Fleiss' kappa", _fleiss, patterns, distances, confidence, n_resamples, seed)


def _groups(groups: Any, votes: Votes) -> np.ndarray | None:
    return None if groups is None else as_groups(groups, votes.items)


def _alpha(distances: np.ndarray | None) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def fixed(draws: np.ndarray, counts: np.ndarray) -> np.ndarray:
        n_votes = counts.sum(axis=1)
        pairs = (counts @ distances * counts).sum(axis=1) / np.maximum(n_votes - 1, 1)
        sums, total = draws @ counts, draws @ n_votes
        expected = (sums @ distances * sums).sum(axis=1) / (total - 1)
        return one_minus(draws @ pairs, expected)

    def by_rank(draws: np.ndarray, counts: np.ndarray) -> np.ndarray:
        n_votes = counts.sum(axis=1)
        pairs = counts[:, :, np.newaxis] * counts[:, np.newaxis, :] / np.maximum(n_votes - 1, 1)[:, None, None]
        sums, total = draws @ counts, draws @ n_votes
        middle = sums.cumsum(axis=1) - sums / 2
        apart = (middle[:, :, np.newaxis] - middle[:, np.newaxis, :]) ** 2
        observed = ((draws @ pairs.reshape(len(counts), -1)) * apart.reshape(len(draws), -1)).sum(axis=1)
        expected = (sums[:, :, np.newaxis] * apart * sums[:, np.newaxis, :]).sum(axis=(1, 2)) / (total - 1)
        return one_minus(observed, expected)

    return by_rank if distances is None else fixed


def _fleiss(draws: np.ndarray, counts: np.ndarray) -> np.ndarray:
    n_votes = counts.sum(axis=1)
    agree = ((counts**2).sum(axis=1) - n_votes) / np.maximum(n_votes * (n_votes - 1), 1)
    share = draws @ counts / (draws @ n_votes)[:, np.newaxis]
    by_chance = (share**2).sum(axis=1)
    return one_minus(1 - draws @ agree / draws.sum(axis=1), 1 - by_chance)


def _found(
    name: str,
    figure: Callable[[np.ndarray, np.ndarray], np.ndarray],
    patterns: Patterns,
    distances: np.ndarray | None,
    confidence: float,
    n_resamples: int,
    seed: int,
) -> Agreement:
    sums = patterns.times @ patterns.counts
    c, k, rarest = extremes(sums, distances)
    size = max(2, round(patterns.n_votes / patterns.n_items)) if patterns.n_items else 2
    added = np.zeros((2, patterns.counts.shape[1]), dtype=np.int64)
    added[0, c], added[1, rarest] = size - size // 2, size
    added[0, k] += size // 2
    counts = np.concatenate([patterns.counts, added]).astype(np.float64)
    more = replace(patterns, counts=counts, times=np.append(patterns.times, [0, 0]))
    place = len(counts) - 2
    return judged(
        name, lambda draws: figure(draws, counts), more, place, place + 1, patterns.n_votes, confidence, n_resamples,
        seed,
    )  # fmt: skip
