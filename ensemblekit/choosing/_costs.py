"""Members that may cost so much together: rules that are fitted on the best of those that can be afforded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from ..combining import ask, fit_combiner
from ..interfaces import Combiner
from ..predictions import PredictionSet
from ._best import scores_of
from .costs import ROUNDING, affords

__all__ = ["Budget", "WithinCost", "budgets_of"]

MOST_BUDGETS = 6


def budgets_of(costs: Mapping[str, float], max_cost: float | None) -> list[float]:
    """List costs at which one more member can be afforded, in rising order, without that of all members.

    Parameters
    ----------
    costs : mapping of str to float
        Member -> its cost.
    max_cost : float or None
        Highest cost.

    Returns
    -------
    list of float
        Costs of the cheapest two members, the cheapest three, ..., below the cost of all and the highest cost; six of
        them if there are more.
    """
    sums = np.cumsum(sorted(costs.values()))
    most = sums[-1] if max_cost is None else min(max_cost, sums[-1])
    found = [float(cost) for cost in sums[1:-1] if cost < most * (1 - ROUNDING)]
    few = np.linspace(0, len(found) - 1, min(MOST_BUDGETS, len(found)))
    return [found[place] for place in np.unique(few.round().astype(int))]


class Budget:
    """What members may cost together, and which are taken; what is found for some rows is kept for other rules.

    Parameters
    ----------
    costs : mapping of str to float
        Member -> its cost.
    most : float
        What those that are taken may cost together.
    metric : Metric
        By which they are found.
    """

    def __init__(self, costs: Mapping[str, float], most: float, metric: Any) -> None:
        self.costs, self.most, self.metric = costs, most, metric
        self._found: dict[bytes, list[str]] = {}

    def __deepcopy__(self, memo: Any) -> Budget:
        return self

    def affords(self, members: Any) -> bool:
        """Say whether these members can be afforded together."""
        return affords(self.most, sum(self.costs[name] for name in members))

    def cheapest(self) -> list[str]:
        """Take the cheapest members, as many as can be afforded; no label is looked at."""
        taken: list[str] = []
        for name in sorted(self.costs, key=lambda name: (self.costs[name], name)):
            if self.affords([*taken, name]):
                taken.append(name)
        return sorted(taken)

    def best(self, predictions: PredictionSet, sample_weight: np.ndarray | None) -> list[str]:
        """Take members one by one, each time the one with which the mean is best, while they can be afforded.

        Parameters
        ----------
        predictions : PredictionSet
            Labelled, members sorted by name.
        sample_weight : ndarray of shape (n_samples,), or None
            Weight of each row.

        Returns
        -------
        list of str
            The best of the sets of members along the way, sorted.
        """
        key = predictions.ids.tobytes()
        if key not in self._found:
            self._found[key] = self._search(predictions, sample_weight)
        return self._found[key]

    def _search(self, predictions: PredictionSet, sample_weight: np.ndarray | None) -> list[str]:
        probas = dict(zip(predictions.members, predictions.member_probas.astype(np.float64), strict=True))
        taken: list[str] = []
        total: Any = 0.0
        best, found = -np.inf, self.cheapest()
        while open_to := [m for m in sorted(probas) if m not in taken and self.affords([*taken, m])]:
            means = [(total + probas[m]) / (len(taken) + 1) for m in open_to]
            scores = scores_of(self.metric, predictions.label_codes, means, sample_weight)
            place = int(scores.argmax())  # members are sorted: the first of equals is taken
            taken.append(open_to[place])
            total = total + probas[open_to[place]]
            if scores[place] > best:
                best, found = float(scores[place]), sorted(taken)
        return found


class WithinCost(Combiner):
    """A rule that is fitted on the best members that can be afforded.

    Parameters
    ----------
    inner : Combiner
        The rule, not fitted.
    budget : Budget
        What they may cost.

    Attributes
    ----------
    kept_ : list of str
        Members that are used.
    inner_ : Combiner
        The rule, fitted on them.
    """

    traits = frozenset({"learns"})
    takes = frozenset({"task"})

    def __init__(self, inner: Any, budget: Budget) -> None:
        self.inner = inner
        self.budget = budget

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        self.kept_ = self.budget.best(predictions, sample_weight)
        self.inner_ = self.fit_members(predictions, self.kept_, sample_weight)
        self.places_ = [predictions.members.index(name) for name in self.kept_]
        return self

    def fit_members(self, predictions: PredictionSet, members: list[str], sample_weight: np.ndarray | None) -> Any:
        """Fit the rule on some members alone, which need no others then."""
        given: dict[str, Any] = {} if sample_weight is None else {"sample_weight": sample_weight}
        # Whether rows were fitted on before was asked where this rule is fitted.
        return fit_combiner(predictions.select(members), self.inner, allow_leakage=True, **given)

    def combine(self, member_probas: Any, *, task: str = "multiclass", xp: Any = np) -> Any:
        given = {"task": task} if "task" in ask(self.inner_).takes else {}
        return self.inner_.combine(member_probas[self.places_], **given)
