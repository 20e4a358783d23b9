"""`online_weights`: weights of the members that follow the past, and never look ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import check_number, typed
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions import Alignable, Predictions, PredictionSet, align
from ..predictions.choices import check_choice
from ..predictions.results import fitted_together, predictions_for
from ._experts import METHODS, Aggregator, aggregator
from ._rounds import rounds_of
from .levels import levels_of, pinball

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OnlineWeights", "online_weights"]


@dataclass(frozen=True, repr=False)
class OnlineWeights:
    """What `online_weights` returns.

    Parameters
    ----------
    predictions : Predictions
        The combination: each row by the weights that were known at its cutoff. Labelled.
    cutoffs : ndarray of shape (n_rounds,)
        When forecasts were made, ascending.
    weights : ndarray of shape (n_rounds, n_members), or (n_rounds, n_members, n_classes)
        Weights at each cutoff; they sum to 1 over the members. The last axis is there with ``per_class``.
    final : ndarray of shape (n_members,), or (n_members, n_classes)
        Weights after the last outcome, for forecasts that come next.
    members : tuple of str
        Names of the members, sorted.
    """

    predictions: Predictions
    cutoffs: np.ndarray
    weights: np.ndarray
    final: np.ndarray
    members: tuple[str, ...]

    def __repr__(self) -> str:
        return f"OnlineWeights(n_rounds={len(self.cutoffs)}, members={self.members!r})"

    def table(self) -> pd.DataFrame:
        """Show the weights.

        Returns
        -------
        pandas.DataFrame
            One row a cutoff and one column a member; with weights of each class, one row a cutoff and class.
        """
        import pandas as pd

        members = pd.Index(self.members, name="member")
        if self.weights.ndim == 2:
            return pd.DataFrame(self.weights, index=pd.Index(self.cutoffs, name="cutoff"), columns=members)
        index = pd.MultiIndex.from_product([self.cutoffs, self.predictions.classes], names=["cutoff", "class"])
        return pd.DataFrame(self.weights.transpose(0, 2, 1).reshape(len(index), -1), index=index, columns=members)


@typed(but=("predictions", "cutoff", "known"))
def online_weights(
    predictions: Alignable,
    *,
    cutoff: Any,
    known: Any,
    method: str = "boa",
    per_class: bool = False,
    learning_rate: float | None = None,
) -> OnlineWeights:
    """Combine forecasts by weights that are learned online: each row from the outcomes known when it was made.

    Parameters
    ----------
    predictions : PredictionSet, or sequence or mapping of Predictions or paths
        Labelled, of the task ``quantile`` or another of numbers. In a set of `ensemblekit.align` members may lack rows.
    cutoff : str, Series, mapping or array-like of shape (n_samples,)
        When each forecast was made, dates or numbers: a key column by name, values by id, or in the order of the rows.
    known : str, Series, mapping or array-like of shape (n_samples,)
        When each outcome became known, such as the date that the forecast is for. Always after ``cutoff``.
    method : {"boa", "ml_poly", "ewa"}, default="boa"
        Bernstein online aggregation, polynomial potential with several learning rates, or the exponentially weighted
        average.
    per_class : bool, default=False
        If true, each level or output has weights of its own. Levels may then cross, which is refused.
    learning_rate : float, optional
        For ``ewa`` alone, above 0, in 1 / unit of the loss. By default ``sqrt(8 ln M / t) / range``, where ``t`` is the
        number of rounds so far and ``range`` the largest difference between the losses of two members so far.

    Returns
    -------
    OnlineWeights
        The combined predictions, the weights at each cutoff, and those for what comes next.

    Raises
    ------
    LeakageError
        If an outcome was known before its forecast was made, or at that moment.
    InvalidPredictionsError
        If the predictions have no labels or are not of numbers, or quantiles cross.
    InvalidOptionError
        If an option has another value, or there are not dates or numbers for all rows.

    Notes
    -----
    Outcomes are learned from in the order in which they become known; those of one moment are one round, of which the
    mean counts. The forecasts of a cutoff use all outcomes known up to it, that moment included, and no other. So the
    result for a row never depends on an outcome that was not known, which can be tested: other outcomes after a cutoff
    change nothing at it.

    The loss is the pinball loss for quantiles, and the squared error otherwise, and its mean over the levels or
    outputs. ``boa`` [1]_ and ``ml_poly`` [2]_ learn from linear losses: with the derivative ``g`` of the loss at the
    combination ``p``, the regret for a member is ``r_m = g (p - p_m)``.

    - ``boa``: ``w_m ~ exp(e_m R_m)`` with ``R_m = sum (r_m - e_m r_m^2)`` and
      ``e_m = min(1 / (2 max |r_m|), sqrt(ln M / sum r_m^2))``;
    - ``ml_poly``: ``w_m ~ max(sum r_m, 0) / (sum r_m^2 + max_k max r_k^2)``, equal weights where all are 0;
    - ``ewa``: ``w_m ~ exp(-e L_m)`` with the sum ``L_m`` of the losses of the member [3]_.

    A member that lacks a row has no regret for it; the others share its weight. The first forecasts have equal weights.

    References
    ----------
    .. [1] O. Wintenberger, "Optimal learning with Bernstein online aggregation", Machine Learning 106, 2017.
    .. [2] P. Gaillard, G. Stoltz, T. van Erven, "A second-order bound with excess losses", COLT, 2014.
    .. [3] N. Cesa-Bianchi, G. Lugosi, "Prediction, Learning, and Games", Cambridge University Press, 2006.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.quantiles import online_weights
    >>> fields = {"ids": ["d1", "d2", "d3"], "classes": [0.5], "task": "quantile", "labels": [5.0, 6.0, 7.0]}
    >>> good = Predictions([[5.0], [6.0], [7.0]], member="good", **fields)
    >>> bad = Predictions([[9.0], [9.0], [9.0]], member="bad", **fields)
    >>> online = online_weights([good, bad], cutoff=[0, 1, 2], known=[1, 2, 3], method="ml_poly")
    >>> online.members, online.weights
    (('bad', 'good'), array([[0.5, 0.5],
           [0. , 1. ],
           [0. , 1. ]]))
    """
    check_choice("method", method, METHODS)
    if learning_rate is not None:
        check_number("learning_rate", learning_rate, 0)
        if method != "ewa" or learning_rate == 0:
            raise InvalidOptionError(
                f"learning_rate must be above 0, and goes with method='ewa'; received {learning_rate!r} with "
                f"method={method!r}. Leave it out: the other methods find their own."
            )
    given = predictions if isinstance(predictions, PredictionSet) else align(predictions)
    if given.label_codes is None or given.kind != "regression" or given.member_probas.ndim != 3:
        raise InvalidPredictionsError(
            f"weights are learned online from labelled predictions of numbers, shape (n_samples, n_outputs); received "
            f"the task {given.task!r}, {'labels' if given.label_codes is not None else 'no labels'}, shape "
            f"{given.member_probas.shape[1:]}."
        )
    rounds = rounds_of(given, cutoff, known)
    aligned = given.reorder(members=tuple(sorted(given.members)))
    run = _Run(aligned, per_class, aggregator(method, _shape(aligned, per_class), learning_rate))
    weights = []
    for made, learned in zip(rounds.made, rounds.learned, strict=True):
        for moment in learned:
            run.learn(moment)
        weights.append(run.combine(made))
    for moment in rounds.last:
        run.learn(moment)
    values = run.combined.astype(aligned.member_probas.dtype)
    kept = slice(None) if per_class else 0
    return OnlineWeights(
        predictions=predictions_for(aligned, values, member=method, fitted=fitted_together(aligned, None, None)),
        cutoffs=rounds.cutoffs,
        weights=np.stack(weights)[..., kept] if weights else np.zeros((0, len(aligned.members))),
        final=run.aggregator.weights()[..., kept],
        members=aligned.members,
    )


def _shape(aligned: PredictionSet, per_class: bool) -> tuple[int, int]:
    return len(aligned.members), len(aligned.classes) if per_class else 1


class _Run:
    """The state of one pass through time."""

    def __init__(self, aligned: PredictionSet, per_class: bool, learner: Aggregator) -> None:
        self._cube, self._labels, self._present = aligned.member_probas, aligned.label_codes, aligned.present
        self._per_class, self.aggregator = per_class, learner
        self._levels = levels_of(aligned.classes) if aligned.task == "quantile" else None
        self.combined = np.empty(aligned.member_probas.shape[1:])

    def combine(self, rows: np.ndarray) -> np.ndarray:
        """Combine rows by the weights of now; return the weights."""
        weights = self.aggregator.weights()
        members, present = self._members(rows)
        shares = np.broadcast_to(weights[:, np.newaxis], (*members.shape[:2], weights.shape[1]))
        if present is not None:
            shares = shares * present
            total = shares.sum(axis=0)
            equal = present / present.sum(axis=0)  # where all that are present have weight 0
            shares = np.where(total > 0, shares / np.where(total > 0, total, 1), equal)
        self.combined[rows] = (shares * members).sum(axis=0)
        return weights

    def learn(self, rows: np.ndarray) -> None:
        """Learn from outcomes that became known at one moment."""
        members, present = self._members(rows)
        assert self._labels is not None  # noqa: S101 - checked before
        true, made = self._labels[rows], self.combined[rows]
        if self._levels is None:
            slope, losses = 2 * (made - true), (members - true) ** 2
        else:
            # Where the combination is the outcome, 0 is a slope of the loss too, and nobody is better.
            slope = np.where(true == made, 0.0, (true < made) - self._levels)
            losses = pinball(true - members, self._levels)
        regrets = slope * (made - members)
        if present is not None:
            # An absent member has no regret, and the mean loss of the others.
            count = present.sum(axis=0)
            losses = np.where(present, losses, (losses * present).sum(axis=0) / count)
            regrets = regrets * present
        losses, regrets = losses.mean(axis=1), regrets.mean(axis=1)
        if not self._per_class:
            losses, regrets = losses.mean(axis=1, keepdims=True), regrets.mean(axis=1, keepdims=True)
        self.aggregator.learn(losses, regrets)

    def _members(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        members = self._cube[:, rows].astype(np.float64)
        if self._present is None:
            return members, None
        present = self._present[:, rows, np.newaxis]
        return np.where(present, members, 0.0), present
