"""Zero-based skill: a weighted vote, and skills that follow the agreement with it step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arguments import check_count, check_number
from .._sums import Tally, clamp
from .._ties import leading
from ._agreeing import AgreeingRaters, agreement

__all__ = ["ZeroBasedSkill"]


class ZeroBasedSkill(AgreeingRaters):
    """Zero-based skill: a weighted vote, and skills that follow the agreement with it step by step.

    Parameters
    ----------
    n_iter : int, default=100
        Number of steps.
    step : float, default=1.0
        How far the skills follow at first, in (0, 1].
    halve_every : int, default=20
        After so many steps each the step is halved.

    Attributes
    ----------
    skills_ : ndarray of shape (n_raters,)
        Weight of each rater, in [0, 1]; NaN for a rater without votes.

    Notes
    -----
    All skills begin a little above ``1 / n_classes``. In each step the weighted vote names a class for each item, and
    ``skill[r] += step (agreement[r] - skill[r])``, where ``agreement[r]`` is the share of the votes of rater ``r`` that
    name that class. The steps end early if one at full length changes nothing, as then no later one does. Where gold
    labels are known, they stand in the place of the vote. crowd-kit gives the same values to the last digits where no
    majority is tied.

    Tie rule: as of `Wawa`.

    References
    ----------
    .. [1] D. Ustalov, N. Pavlichenko, B. Tseitlin, "Learning from crowds with Crowd-Kit", Journal of Open Source
       Software 9(96), 2024.

    Examples
    --------
    >>> from ensemblekit.crowd import Votes, ZeroBasedSkill
    >>> answers = [("a", "ann", "cat"), ("a", "bo", "cat"), ("a", "cy", "dog"), ("b", "ann", "dog"), ("b", "cy", "cat")]
    >>> table = {"item": [a[0] for a in answers], "rater": [a[1] for a in answers], "label": [a[2] for a in answers]}
    >>> ZeroBasedSkill().aggregate(Votes(table)).round(3)
    array([[1., 0.],
           [0., 1.]])
    """

    def __init__(self, *, n_iter: int = 100, step: float = 1.0, halve_every: int = 20) -> None:
        check_count("n_iter", n_iter)
        check_number("step", step, 0, 1, open_low=True)
        check_count("halve_every", halve_every)
        self.n_iter = n_iter
        self.step = step
        self.halve_every = halve_every

    def aggregate(self, votes: Any) -> np.ndarray:
        """Compute the weighted shares of the votes, shape ``(n_items, n_classes)``.

        Parameters
        ----------
        votes : Votes
            Answers of raters about items.

        Returns
        -------
        ndarray of float64
            Rows sum to 1.
        """
        tally = Tally(votes)
        skill = np.full(tally.n_raters, 1 / tally.n_classes + 1e-5)
        step = self.step
        self.n_iter_ = 0
        for k in range(1, self.n_iter + 1):
            if k % self.halve_every == 0:
                step *= 0.5
            share = clamp(tally.shares(tally.weight * skill[tally.rater]), tally.gold)
            before, skill = skill, skill + step * (agreement(tally, leading(votes, share)) - skill)
            self.n_iter_ = k
            if np.array_equal(before, skill, equal_nan=True):
                break
        self.converged_ = self.n_iter_ < self.n_iter
        self.skills_ = skill
        return clamp(tally.shares(tally.weight * skill[tally.rater]), tally.gold)
