"""What combinations of some members say, against all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from ..combining import combine, fit_combiner
from ..combining._checks import made
from ..errors import AlignmentError, NotFittedError
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
    """

    def __init__(self, predictions: PredictionSet, combiner: Any, fit_on: Any, members: tuple[str, ...]) -> None:
        if set(predictions.members) != set(members):
            raise AlignmentError(
                f"predictions must be of the members of the model, {members}; received those of {predictions.members}."
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
        self.predictions, self.fit_on = predictions, fit_on
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
    """List the subsets to look at, the whole first: all of them, or of many members those of a greedy way down.

    The greedy way drops, at each step, the member without which the log loss is least.
    """
    most = ALL_SUBSETS_LEARNED if worth.learns else ALL_SUBSETS
    if len(members) <= most:
        for n in range(len(members), 0, -1):
            yield from combinations(members, n)
        return
    left = members
    yield left
    while len(left) > 1:
        fewer = [tuple(m for m in left if m != dropped) for dropped in left]
        left = min(fewer, key=lambda some: worth.score(some)[1])
        yield left
