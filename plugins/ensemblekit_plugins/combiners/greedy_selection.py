"""Greedy ensemble selection: each round adds the member that improves the score most."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Self

import numpy as np

from ensemblekit import PredictionSet, hookimpl
from ensemblekit.errors import InvalidOptionError
from ensemblekit.predictions import Task

from ..learning.blends import Blends
from ..learning.metrics import TOLERANCE, Metric, blends, check_metric, check_metric_fits
from ..learning.rows import rows_of
from ..options import check_choice, check_count, check_number
from .learned_weights import LearnedWeights

__all__ = ["GreedySelection"]


class GreedySelection(LearnedWeights):
    r"""Ensemble selection with replacement: each round adds the member that gives the best score of the ensemble.

    Parameters
    ----------
    n_rounds : int, default=50
        Number of picks of each bag.
    metric : str, Metric, scorer, callable or None, default=None
        In any form that `ensemblekit.evaluation.find_metric` accepts: a registered name, the name of a scikit-learn
        scorer, a scorer, a `Metric`, or a callable ``(y_true, y_proba) -> float`` for which greater is better. By
        default log loss, or squared error for regression. A callable gets ``y_true`` as positions of classes,
        indicators or numbers; with sample weights it must accept ``sample_weight``.
    n_init : int, default=0
        Sorted initialisation: the first ``n_init`` picks are the best members by their own score, each once.
    n_bags : int, default=1
        Number of runs of the selection, each on a random part of the members. The picks of all bags count.
    bag_fraction : float, default=1.0
        Share of the members that a bag draws without replacement; it draws at least one member.
    seed : int, default=0
        Seed of the draws.
    use_best : bool, default=True
        If true, each bag keeps its picks up to the best round; in a tie, up to the first of them. If false, it keeps
        all.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)
        ``counts_`` divided by their sum, in the order of ``members_``.
    counts_ : ndarray of int of shape (n_members,)
        Number of picks of each member, over all bags.
    history_ : list of ndarray of shape (n_rounds,)
        One array for each bag: the score after each round, greater is better.
    picks_ : list of ndarray of int of shape (n_rounds,)
        One array for each bag: the position of the member that is picked in each round.

    Notes
    -----
    .. math::

        m_k = \operatorname{argmax}_m \operatorname{score}\left( y, \frac{S_{k-1} + p_m}{k} \right), \qquad
        S_k = S_{k-1} + p_{m_k}, \qquad
        p = \sum_m w_m\, p_m

    Round ``k`` picks the member with which the mean of all picks scores best, and adds it [1]_; the weight of a member
    is its share of the picks. The sums are stored in float64.

    Tie rule: scores within a relative difference of 1e-12 from the best are equal, and the first member by name is
    picked.

    References
    ----------
    .. [1] R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, "Ensemble selection from libraries of models", ICML 2004.

    Examples
    --------
    >>> from ensemblekit import Predictions, fit_combiner
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "dog"]}
    >>> left = Predictions([[0.9, 0.1], [0.4, 0.6]], member="left", **fields)
    >>> right = Predictions([[0.6, 0.4], [0.1, 0.9]], member="right", **fields)
    >>> wrong = Predictions([[0.1, 0.9], [0.9, 0.1]], member="wrong", **fields)
    >>> fit_combiner([wrong, right, left], "greedy_selection", n_rounds=4).counts_
    array([1, 1, 0])
    """

    def __init__(
        self,
        n_rounds: int = 50,
        *,
        metric: Metric = None,
        n_init: int = 0,
        n_bags: int = 1,
        bag_fraction: float = 1.0,
        seed: int = 0,
        use_best: bool = True,
    ) -> None:
        check_count("n_rounds", n_rounds)
        check_metric(metric)
        check_count("n_init", n_init, 0)
        check_count("n_bags", n_bags)
        check_number("bag_fraction", bag_fraction, 0, 1, open_low=True)
        check_count("seed", seed, 0)
        check_choice("use_best", use_best, (True, False))
        if n_init > n_rounds:
            raise InvalidOptionError(f"n_init must be at most n_rounds; received {n_init} of {n_rounds}.")
        if n_bags > 1 and bag_fraction == 1:
            raise InvalidOptionError(
                f"n_bags > 1 needs bag_fraction < 1, else all bags are the same; received n_bags={n_bags}."
            )
        self.n_rounds = n_rounds
        self.metric = metric
        self.n_init = n_init
        self.n_bags = n_bags
        self.bag_fraction = bag_fraction
        self.seed = seed
        self.use_best = use_best

    def check_fit(
        self,
        members: tuple[str, ...],
        classes: tuple[Hashable, ...],
        *,
        task: Task,
        given: frozenset[str] = frozenset(),
    ) -> None:
        check_metric_fits(self.metric, task, classes, given)

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        scorer = blends(self.metric, rows_of(predictions, sample_weight, "members are selected on what is"))
        n_members = len(predictions)
        draws = np.random.default_rng(self.seed)
        drawn = max(1, round(self.bag_fraction * n_members))
        self.counts_ = np.zeros(n_members, dtype=np.int64)
        self.history_: list[np.ndarray] = []
        self.picks_: list[np.ndarray] = []
        for _ in range(self.n_bags):
            members = np.arange(n_members)
            if drawn < n_members:
                members = np.sort(draws.choice(n_members, drawn, replace=False))
            picks, history = self._select(scorer, members)
            kept = len(picks)
            if self.use_best:
                kept = _first_best(history) + 1
            self.counts_ += np.bincount(picks[:kept], minlength=n_members)
            self.picks_.append(picks)
            self.history_.append(history)
        self.weights_ = self.counts_ / self.counts_.sum()
        return self

    def _select(self, scorer: Blends, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scorer.start(np.zeros(len(scorer.weights)))
        ones = np.ones(len(members))
        alone = self._scores(scorer, members, ones)
        # Candidates with equal scores get the same rounded score, so that they stay in the order of their names.
        waiting = members[np.argsort(-np.round(alone / (np.abs(alone).max() or 1), 12), kind="stable")][: self.n_init]
        picks, history = np.empty(self.n_rounds, dtype=np.int64), np.empty(self.n_rounds)
        for place in range(self.n_rounds):
            if place < len(waiting):
                pick = int(waiting[place])
                history[place] = self._scores(scorer, np.array([pick]), np.ones(1))[0]
            else:
                scores = self._scores(scorer, members, ones) if place else alone
                best = _first_best(scores)
                pick, history[place] = int(members[best]), scores[best]
            picks[place] = pick
            scorer.add(pick)
        return picks, history

    def _scores(self, scorer: Blends, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        scores = scorer.scores(members, gains)
        finite = np.isfinite(scores)
        if not finite.any():
            raise InvalidOptionError(
                f"metric must be finite for some member; {self.metric!r} gave {scores[0]} for each of {len(scores)}."
            )
        return np.where(finite, scores, -np.inf)


def _first_best(scores: np.ndarray) -> int:
    best = scores.max()
    return int(np.argmax(scores >= best - TOLERANCE * abs(best)))


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``greedy_selection``."""
    register("greedy_selection", GreedySelection)
