"""Scores of subsets of the members, combined by one rule."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations

from ..combining.subsets import SubsetCombiner
from ..errors import AlignmentError, InvalidPredictionsError
from ..evaluation import accuracy, log_loss
from ..interfaces import CombinerLike
from ..predictions import Predictions, PredictionSet
from ..predictions.names import shown

__all__ = ["SubsetScores", "subsets_of"]

ALL_SUBSETS, ALL_SUBSETS_LEARNED = 10, 6
"""Most members of which all subsets are scored; the second if the rule is fitted anew for each subset."""


class SubsetScores:
    """Combine and score subsets of the members of a set of predictions.

    Parameters
    ----------
    predictions : PredictionSet
        Labelled.
    combiner : str or Combiner
        The rule.
    fit_on : PredictionSet or None
        Held-out rows on which a rule that learns is fitted.
    members : tuple of str
        Members of the model.
    classes : tuple of str or int, optional
        Classes of the model, in any order.
    """

    def __init__(
        self,
        predictions: PredictionSet,
        combiner: str | CombinerLike,
        fit_on: PredictionSet | None,
        members: tuple[str, ...],
        classes: tuple[Hashable, ...] | None = None,
    ) -> None:
        if set(predictions.members) != set(members):
            raise AlignmentError(
                f"predictions must be of the members of the model, {members}; received those of {predictions.members}."
            )
        if classes is not None and set(predictions.classes) != set(classes):
            raise AlignmentError(
                f"predictions must be of the classes of the model, {shown(classes)}; received those of "
                f"{shown(predictions.classes)}."
            )
        if predictions.labels is None:
            raise InvalidPredictionsError(
                "members are scored on predictions with labels; received none. On the command line, give "
                "--labels FILE, a table with the columns id and label."
            )
        # A sequence of weights is in the order of the model's members.
        self.predictions = predictions.select(members)
        self._subsets = SubsetCombiner(self.predictions, combiner, fit_on=fit_on)
        self.greedy = len(members) > (ALL_SUBSETS_LEARNED if self._subsets.refits else ALL_SUBSETS)
        self._combined: dict[frozenset[str], Predictions] = {}

    def combined(self, members: Sequence[str]) -> Predictions:
        """Combine some members."""
        key = frozenset(members)
        if key not in self._combined:
            ordered = tuple(m for m in self.predictions.members if m in key)
            self._combined[key] = self._subsets.combine(ordered)
        return self._combined[key]

    def score(self, members: Sequence[str]) -> tuple[float, float]:
        """Compute the accuracy and the log loss of the combination of some members."""
        combined = self.combined(members)
        return accuracy(combined), log_loss(combined)


def subsets_of(members: tuple[str, ...], scores: SubsetScores) -> Iterator[tuple[str, ...]]:
    """List the subsets to score; the subset of all members comes first.

    If there are many members, the subsets are: all members, each member alone, all but one, and those of backward
    elimination. Each step of the elimination drops the member whose removal gives the lowest log loss.
    """
    if not scores.greedy:
        for n in range(len(members), 0, -1):
            yield from combinations(members, n)
        return
    subsets: dict[tuple[str, ...], None] = {members: None}
    left = members
    while len(left) > 1:
        fewer = [tuple(m for m in left if m != dropped) for dropped in left]
        if left == members:
            subsets |= dict.fromkeys(fewer)
        left = min(fewer, key=lambda subset: scores.score(subset)[1])
        subsets[left] = None
    yield from (subsets | dict.fromkeys((member,) for member in members))
