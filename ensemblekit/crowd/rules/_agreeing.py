"""What rules share whose raters weigh as much as they agree with the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._sums import Tally, share_of

__all__ = ["AgreeingRaters", "agreement"]


class AgreeingRaters:
    """A rule that has a weight for each rater, ``skills_``, and sums these."""

    skills_: np.ndarray

    def evidence(self, votes: Any) -> tuple[np.ndarray, np.ndarray]:
        """Tell what speaks for each class before any vote, and what each vote adds for the class it names.

        Parameters
        ----------
        votes : Votes
            The votes that were aggregated.

        Returns
        -------
        tuple of ndarray
            Shapes ``(n_classes,)`` and ``(n_used,)``.
        """
        tally = Tally(votes)
        return np.zeros(tally.n_classes), tally.weight * self.skills_[tally.rater]


def agreement(tally: Tally, answer: np.ndarray) -> np.ndarray:
    agree = tally.by_rater(tally.weight * (answer[tally.item] == tally.choice))
    total = tally.by_rater(tally.weight)
    return share_of(agree, total)
