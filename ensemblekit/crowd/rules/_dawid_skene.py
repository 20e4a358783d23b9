"""Dawid and Skene's model: a confusion matrix a rater."""

from __future__ import annotations

import numpy as np

from ...errors import NotFittedError
from ..votes import Votes
from ._answers import Answers
from ._one_coin import LEAST, OneCoinDawidSkene

__all__ = ["DawidSkene"]


class DawidSkene(OneCoinDawidSkene):
    """Each rater has a confusion matrix.

    Parameters
    ----------
    pooling : float, default=2
        Number of answers of each true class that each rater is lent, divided among the labels as those of all raters
        together. With 0 each rater is judged by its own answers alone, as in crowd-kit.
    max_iter : int, default=100
        Maximum number of steps of expectation maximisation.
    tol : float, default=1e-5
        The steps end if one changes the mean log likelihood per answer by less than this, in nats.

    Attributes
    ----------
    prior_ : ndarray of shape (n_classes,)
        Probability of each class.
    skills_ : ndarray of shape (n_raters,)
        Share of the answers that are right, by the posterior; NaN for a rater without answers.
    n_iter_ : int
        Number of steps.
    converged_ : bool
        Whether they ended because of ``tol``.

    Notes
    -----
    ``p[i, c] = prior[c] prod over answers (r, k) on i of confusion_r[c, k]``, divided by its sum over the classes. The
    first posterior is the share of the answers. Then two steps alternate: ``prior`` and ``confusion_r`` are computed as
    frequencies with the posterior as weights, and the posterior is computed from them [1]_. Known labels stay certain
    throughout. Who abstained or failed tells nothing. A weight of a vote counts as that many votes.

    References
    ----------
    .. [1] A. P. Dawid, A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm",
       Journal of the Royal Statistical Society C 28(1), 1979.
    """

    def _maximise(self, answers: Answers, posterior: np.ndarray) -> None:
        self._maximise_prior(posterior)
        counts = np.maximum(answers.count_by_pair(posterior), LEAST)
        pooled = np.maximum(answers.sum_by_label_of_pair(counts), LEAST)
        pooled *= self.pooling / pooled.sum(axis=0)
        totals = answers.sum_by_rater_of_pair(counts) + self.pooling
        counts += pooled[answers.label_of_pair]
        counts /= totals[answers.rater_place_of_pair]
        self._confusion, self._pooled, self._totals, self._answers = counts, pooled, totals, answers

    def evidence(self, votes: Votes) -> tuple[np.ndarray, np.ndarray]:
        """Tell what speaks for each class before any vote, and what each vote adds for each class.

        Parameters
        ----------
        votes : Votes
            The votes that were aggregated.

        Returns
        -------
        tuple of ndarray
            Shapes ``(n_classes,)`` and ``(n_answers, n_classes)``.
        """
        rows = votes.choice >= 0
        by_vote = np.log(np.maximum(self.confusions_[votes.rater[rows], :, votes.choice[rows]], LEAST))
        return np.log(self.prior_), by_vote if votes.weight is None else by_vote * votes.weight[rows, np.newaxis]

    def _log_joint(self, answers: Answers) -> np.ndarray:
        return answers.sum_of_pairs(np.log(self._confusion)) + np.log(self.prior_)

    @property
    def confusions_(self) -> np.ndarray:
        """Confusion matrices, shape ``(n_raters, n_classes, n_classes)``.

        ``confusions_[r, c, k]`` is the probability that rater ``r`` says ``k`` if the true class is ``c``; NaN for a
        rater without answers.
        """
        if not hasattr(self, "_confusion"):
            raise NotFittedError("confusions_ are there after the rule has learned. Call aggregate first.")
        # A label that a rater never gave has what it is lent.
        return self._answers.dense(self._confusion, self._pooled.T / self._totals[:, :, np.newaxis])
