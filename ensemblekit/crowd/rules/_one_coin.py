"""Dawid and Skene's model with one probability of being right a rater."""

from __future__ import annotations

import numpy as np

from ...arguments import check_count, check_number, typed
from ...errors import InvalidOptionError
from .._sums import posterior_of
from ..votes import Votes
from ._answers import Answers
from ._steps import take_steps

__all__ = ["LEAST", "OneCoinDawidSkene"]

LEAST = 1e-10
"""Lower bound of counts and probabilities, so that no logarithm is infinite."""


class OneCoinDawidSkene:
    """Each rater has one probability of being right, whatever the class.

    Parameters
    ----------
    pooling : float, default=2
        Number of answers that each rater is lent, which are right as often as those of all raters together. With 0
        each rater is judged by its own answers alone, as in crowd-kit.
    max_iter : int, default=100
        Maximum number of steps of expectation maximisation.
    tol : float, default=1e-5
        The steps end if one changes the mean log likelihood per answer by less than this, in nats.

    Attributes
    ----------
    prior_ : ndarray of shape (n_classes,)
        Probability of each class.
    skills_ : ndarray of shape (n_raters,)
        Probability of being right; NaN for a rater without answers.
    n_iter_ : int
        Number of steps.
    converged_ : bool
        Whether they ended because of ``tol``.

    Notes
    -----
    ``p[i, c] = prior[c] prod over answers (r, k) on i of (s[r] if k == c else (1 - s[r]) / (n_classes - 1))``, divided
    by its sum over the classes. The first posterior is the share of the answers. Then two steps alternate: ``prior``
    and ``s`` are computed as frequencies with the posterior as weights, and the posterior is computed from them [1]_.
    Known labels stay certain throughout. Who abstained or failed tells nothing. A weight of a vote counts as that many
    votes.

    References
    ----------
    .. [1] Y. Zhang, X. Chen, D. Zhou, M. I. Jordan, "Spectral methods meet EM: A provably optimal algorithm for
       crowdsourcing", Journal of Machine Learning Research 17(102), 2016.
    """

    @typed()
    def __init__(self, *, pooling: float = 2.0, max_iter: int = 100, tol: float = 1e-5) -> None:
        check_number("pooling", pooling, 0)
        check_count("max_iter", max_iter)
        if np.isnan(tol):
            raise InvalidOptionError(f"tol must be a number; received {tol!r}.")
        self.pooling = pooling
        self.max_iter = max_iter
        self.tol = tol

    def aggregate(self, votes: Votes) -> np.ndarray:
        """Learn from the votes, and compute the posterior of each item.

        Parameters
        ----------
        votes : Votes
            The votes, and labels that are known.

        Returns
        -------
        ndarray of shape (n_items, n_classes)
            Posterior.
        """
        answers = Answers(votes)
        posterior = answers.first_posterior()
        self._maximise(answers, posterior)
        self.n_iter_, self.converged_ = 0, True
        if len(posterior):  # somebody answered

            def step() -> float:
                nonlocal posterior
                posterior, likelihood = posterior_of(self._log_joint(answers), answers.gold)
                self._maximise(answers, posterior)
                return float(likelihood.sum())

            self.n_iter_, self.converged_ = take_steps(step, max_iter=self.max_iter, tol=self.tol, total=answers.total)
        self.skills_ = answers.share_right(posterior)
        return answers.of_all_items(posterior)

    def _maximise(self, answers: Answers, posterior: np.ndarray) -> None:
        self._maximise_prior(posterior)
        right, n = answers.right_by_rater(posterior), answers.by_rater
        every = right.sum() / answers.total
        with np.errstate(invalid="ignore"):
            self._right = np.where(n > 0, (right + self.pooling * every) / (n + self.pooling), np.nan)

    def _maximise_prior(self, posterior: np.ndarray) -> None:
        self.prior_ = np.maximum(posterior.sum(axis=0) / max(1, len(posterior)), LEAST)

    def _log_joint(self, answers: Answers) -> np.ndarray:
        gain, wrong = self._gain_and_wrong(answers.n_classes)
        logarithm = answers.sum_by_choice(gain)
        logarithm += answers.sum_by_item(wrong)[:, np.newaxis]
        logarithm += np.log(self.prior_)
        return logarithm

    def _gain_and_wrong(self, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
        """Compute for each rater what a vote adds for its class, and the logarithm of each other class."""
        wrong = np.log(np.clip((1 - self._right) / max(1, n_classes - 1), LEAST, 1 - LEAST))
        return np.log(np.clip(self._right, LEAST, 1 - LEAST)) - wrong, wrong

    def evidence(self, votes: Votes) -> tuple[np.ndarray, np.ndarray]:
        """Tell what speaks for each class before any vote, and what each vote adds for each class.

        Parameters
        ----------
        votes : Votes
            The votes that were aggregated.

        Returns
        -------
        tuple of ndarray
            Shapes ``(n_classes,)``, and ``(n_answers,)`` for the class that is named or ``(n_answers, n_classes)``.
        """
        rows = votes.choice >= 0
        gain, _ = self._gain_and_wrong(len(votes.classes))
        weight = 1.0 if votes.weight is None else votes.weight[rows]
        return np.log(self.prior_), weight * gain[votes.rater[rows]]
