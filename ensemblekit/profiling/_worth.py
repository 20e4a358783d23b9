"""What combinations of some members say, against all of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations
from typing import Any

from ..combining import combine, fit_combiner
from ..combining._checks import made
from ..errors import AlignmentError, InvalidPredictionsError, NotFittedError
from ..evaluation import accuracy, log_loss
from ..evaluation._leave_one_out import _check_fit_on, _with_weights_of
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
        _, self.rule = made(combiner, {})
        self.learns = "learns" in getattr(self.rule, "traits", ()) or hasattr(self.rule, "members_")
        if self.learns and fit_on is None:
            raise NotFittedError(
                "a combiner that learns is fitted anew without each member. Give held-out predictions to fit it on: "
                "fit_on=..., on the command line --fit-on FILE for each member."
            )
        if self.learns:
            _check_fit_on(predictions, fit_on, False)
        # Weights that are a sequence go with the members in the order of the model.
        self.predictions, self.fit_on = predictions.select(members), fit_on
        self.greedy = len(members) > (ALL_SUBSETS_LEARNED if self.learns else ALL_SUBSETS)
        self._known: dict[frozenset[str], Predictions] = {}

    def combined(self, members: Sequence[str]) -> Predictions:
        """Combine some members."""
        key = frozenset(members)
        if key not in self._known:
            ordered = tuple(m for m in self.predictions.members if m in key)
            rule = _with_weights_of(self.rule, self.predictions.members, ordered)
            if self.learns:
                rule = fit_combiner(rule, self.fit_on.select(ordered))
            self._known[key] = combine(self.predictions.select(ordered), rule)
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
