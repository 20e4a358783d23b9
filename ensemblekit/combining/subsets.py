"""Combine subsets of the members, each by the same rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import AlignmentError, LeakageError, NotFittedError
from ..interfaces import CombinerLike
from ..predictions import Predictions, PredictionSet
from ..predictions.names import among
from ._combine import combine
from ._fit import fit_combiner
from .asked import ask

__all__ = ["SubsetCombiner"]


class SubsetCombiner:
    """Combine subsets of the members of a set, each by the same rule.

    The weights of members that are left out are dropped; weights may be by name or in the order of the members. A rule
    that learns is fitted again for each subset.

    Parameters
    ----------
    predictions : PredictionSet
        Predictions of all members.
    combiner : str or Combiner
        A registered name, or an object with a method ``combine``.
    fit_on : PredictionSet, optional
        Labelled held-out rows of the same members, none of them in ``predictions``. Needed for a rule that learns, even
        if it is fitted.
    allow_leakage : bool, default=False
        Do not refuse a rule that is scored on rows of ``fit_on``, or fitted on rows that a member was fitted on.
    options, **more_options
        As in `combine`.

    Attributes
    ----------
    refits : bool
        Whether the rule is fitted again for each subset.

    Raises
    ------
    NotFittedError
        If the rule learns and ``fit_on`` is not given.
    AlignmentError
        If ``fit_on`` has other members.
    LeakageError
        If ``fit_on`` has rows of ``predictions``.
    InvalidOptionError
        If the combiner or an option is not valid.
    """

    def __init__(
        self,
        predictions: PredictionSet,
        combiner: str | CombinerLike,
        *,
        fit_on: PredictionSet | None = None,
        allow_leakage: bool = False,
        options: Mapping[str, Any] | None = None,
        **more_options: Any,
    ) -> None:
        self._asked = ask(combiner, options, more_options)
        self._predictions, self._fit_on, self._allow_leakage = predictions, fit_on, allow_leakage
        self.refits = self._asked.learns or self._asked.fitted
        if self.refits:
            self._check_fit_on()

    def combine(self, members: Sequence[str]) -> Predictions:
        """Combine some of the members.

        Parameters
        ----------
        members : sequence of str
            Names, in the order in which the rule gets them.

        Returns
        -------
        Predictions
            Their combination.
        """
        rule = self._asked.keep_members(self._predictions.members, members).combiner
        if self.refits and self._fit_on is not None:
            rule = fit_combiner(self._fit_on.select(members), rule, allow_leakage=self._allow_leakage)
        return combine(self._predictions.select(members), rule)

    def _check_fit_on(self) -> None:
        predictions, fit_on = self._predictions, self._fit_on
        if fit_on is None:
            raise NotFittedError(
                "a combiner that learns must be fitted anew without each member. Give held-out predictions to fit it "
                "on: fit_on=..., on the command line --fit-on FILE for each member."
            )
        if set(fit_on.members) != set(predictions.members):
            raise AlignmentError(
                f"fit_on must have the members {predictions.members}; received those of {fit_on.members}."
            )
        shared = predictions.ids[among(predictions.ids, fit_on.ids)]
        if len(shared) and not self._allow_leakage:
            raise LeakageError(
                f"a combiner is scored only on rows that it was not fitted on; {len(shared)} of {len(predictions.ids)} "
                f"are in fit_on, first {shared[0]!s}. Give others, or allow_leakage=True to go on knowingly."
            )
