"""What combinations of some members say, against all of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations
from typing import Any

from ..combining.subsets import SubsetCombiner
from ..errors import AlignmentError, InvalidPredictionsError
from ..evaluation import accuracy, log_loss
from ..predictions import Predictions, PredictionSet

__all__ = ["Worth", "subsets_of"]

ALL_SUBSETS, ALL_SUBSETS_LEARNED = 10, 6
"""Most members of which all subsets are combined, and where the rule is fitted anew for each."""


class Worth:
    """Combine some members of a set of predictions, by one rule.

    Parameters
    ----------
    predictions : PredictionSet
        Labelled.
    combiner : str or Combiner
        The rule.
    fit_on : PredictionSet or None
        Held-out rows to fit a rule on that learns.
    members : tuple of str
        Of the model.
    classes : tuple of str or int, optional
        Of the model, in any order.
    """

    def __init__(
        self,
        predictions: PredictionSet,
        combiner: Any,
        fit_on: Any,
        members: tuple[str, ...],
        classes: tuple[Hashable, ...] | None = None,
    ) -> None:
        if set(predictions.members) != set(members):
            raise AlignmentError(
                f"predictions must be of the members of the model, {members}; received those of {predictions.members}."
            )
        if classes is not None and set(predictions.classes) != set(classes):
            raise AlignmentError(
                f"predictions must be of the classes of the model, {classes}; received those of {predictions.classes}."
            )
        if predictions.labels is None:
            raise InvalidPredictionsError(
                "what a member is worth is told from predictions with labels; received none. On the command line, give "
                "--labels FILE, a table with the columns id and label."
            )
        # Weights that are a sequence go with the members in the order of the model.
        self.predictions = predictions.select(members)
        self._subsets = SubsetCombiner(self.predictions, combiner, fit_on=fit_on)
        self.greedy = len(members) > (ALL_SUBSETS_LEARNED if self._subsets.refits else ALL_SUBSETS)
        self._known: dict[frozenset[str], Predictions] = {}

    def combined(self, members: Sequence[str]) -> Predictions:
        """Combine some members."""
        key = frozenset(members)
        if key not in self._known:
            ordered = tuple(m for m in self.predictions.members if m in key)
            self._known[key] = self._subsets.combine(ordered)
        return self._known[key]

    def score(self, members: Sequence[str]) -> tuple[float, float]:
        """Give the accuracy and the log loss of some members together."""
        said = self.combined(members)
        return accuracy(said), log_loss(said)


def subsets_of(members: tuple[str, ...], worth: Worth) -> Iterator[tuple[str, ...]]:
    """List the subsets to look at, the whole first: all of them, or, of many members, some.

    Those are the members each alone, all but one, and those of a greedy way down, which drops at each step the member
    without which the log loss is least.
    """
    if not worth.greedy:
        for n in range(len(members), 0, -1):
            yield from combinations(members, n)
        return
    looked_at: dict[tuple[str, ...], None] = {members: None}
    left = members
    while len(left) > 1:
        fewer = [tuple(m for m in left if m != dropped) for dropped in left]
        if left == members:
            looked_at |= dict.fromkeys(fewer)
        left = min(fewer, key=lambda some: worth.score(some)[1])
        looked_at[left] = None
    yield from (looked_at | dict.fromkeys((member,) for member in members))
