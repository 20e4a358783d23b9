"""Weighted vote: each answer counts as the weight of its rater."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal

import numpy as np

from ...arguments import typed
from ...errors import InvalidOptionError
from ...predictions.alike import normalisation_note
from ...predictions.named import by_member
from ...predictions.names import few
from ..votes import Votes
from ._majority import MajorityVote

__all__ = ["WeightedVote"]


class WeightedVote(MajorityVote):
    """Each answer counts as the weight of its rater.

    Parameters
    ----------
    weights : mapping of rater to float, or Series indexed by rater
        Weight of each rater: finite, >= 0, with a positive sum. Names that are no raters are allowed.
    denominator : {"answered", "asked", "all"}, default="answered"
        As of `MajorityVote`; the weights are summed.
    threshold : float, default=0
        As of `MajorityVote`.

    Attributes
    ----------
    shares_ : ndarray of shape (n_items, n_classes)
        Share of each class.
    skills_ : ndarray of shape (n_raters,)
        The weights.

    Notes
    -----
    As `MajorityVote`, with the weight of the rater times that of the vote.
    """

    @typed()
    def __init__(
        self, weights: Any, *, denominator: Literal["answered", "asked", "all"] = "answered", threshold: float = 0.0
    ) -> None:
        super().__init__(denominator=denominator, threshold=threshold)
        self.weights = weights

    def aggregate(self, votes: Votes) -> np.ndarray:
        """Compute the weighted share of each class.

        Parameters
        ----------
        votes : Votes
            The votes.

        Returns
        -------
        ndarray of shape (n_items, n_classes)
            Posterior; NaN for an item without a prediction.

        Raises
        ------
        InvalidOptionError
            If a rater has no weight, or the weights are not as described.
        """
        self.skills_ = _rater_values(self.weights, votes.raters)
        return self._shares(votes, self.skills_)


def _rater_values(weights: Any, raters: tuple[Hashable, ...]) -> np.ndarray:
    """Look up the weight of each rater, by name."""
    named = by_member(weights)
    if not isinstance(named, Mapping):
        raise InvalidOptionError(
            "weights must name the raters, {rater: weight} or a Series indexed by rater, as their order is nobody's; "
            f"received {type(weights).__name__}."
        )
    if lacking := [name for name in raters if name not in named]:
        raise InvalidOptionError(
            f"weights must have one for each rater; they lack {few(lacking)} of {len(raters)}."
            f"{normalisation_note(named, lacking)}"
        )
    values = np.array([named[name] for name in raters], dtype=np.float64)
    if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
        wrong = [raters[k] for k in np.flatnonzero(~(values >= 0) | ~np.isfinite(values))]
        raise InvalidOptionError(
            "weights must be finite and >= 0 with a positive sum; received others"
            f"{f' for {few(wrong)}' if wrong else ', all 0'}."
        )
    return values
