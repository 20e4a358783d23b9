"""Dawid and Skene's model for classes that are steps of a scale: each rater has a bias and a precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arguments import check_count, check_number
from .._scale import order_of_classes
from .._sums import Tally
from ._steps import take_steps

__all__ = ["OrdinalDawidSkene"]

LONGEST_STEP = 2.0
"""A Newton step moves no parameter by more than this."""


class OrdinalDawidSkene:
    """Posterior of the class on a scale, given the bias and the precision of each rater.

    Parameters
    ----------
    order : sequence of str, optional
        Classes from the lowest to the highest. By default `Votes.order`, or their order as numbers.
    max_iter : int, default=100
        Maximum number of steps of expectation maximisation.
    tol : float, default=1e-5
        The steps end if one changes the mean log likelihood per answer by less than this, in nats.
    prior_scale : float, default=2.0
        Standard deviation of the normal priors of the two parameters of a rater, whose means are 0 and 1.
    smoothing : float, default=1.0
        Pseudo-count of each class.

    Attributes
    ----------
    prior_ : ndarray of shape (n_classes,)
        Probability of each class.
    tilt_, precision_ : ndarray of shape (n_raters,)
        ``t`` and ``g`` of the formula below.
    bias_, spread_ : ndarray of shape (n_raters,)
        Mean, and root mean square, of the steps by which the rater is off, over the classes by their probability.
    skills_ : ndarray of shape (n_raters,)
        Probability that the rater names the true class, over the classes by their probability.
    confusions_ : ndarray of shape (n_raters, n_classes, n_classes)
        ``confusions_[r, c, k]``: the probability that rater ``r`` votes for ``k`` if the true class is ``c``.
    n_iter_ : int
        Number of steps.
    converged_ : bool
        Whether they ended before ``max_iter``.

    Notes
    -----
    With ranks instead of classes, rater ``r`` votes for ``k`` if ``c`` is true with a probability proportional to
    ``exp(t[r] (k - c) - g[r] (k - c)^2 / 2)``: a normal distribution about ``c + t / g`` on the steps of the scale. A
    full confusion matrix [1]_ has ``n_classes (n_classes - 1)`` parameters a rater; this one has two, and so learns
    from few votes, of raters who are a little off more often than far off, as in [2]_. ``g = 0`` and ``t = 0`` is a
    guess; a negative ``g`` turns the scale round. The parameters are the maximum of the posterior, found by Newton's
    method for all raters at once. The first posterior is the share of the votes. Known labels have the posterior 1.

    Tie rule: equal probabilities stay equal; `aggregate_votes` settles them.

    References
    ----------
    .. [1] A. P. Dawid, A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm",
       Journal of the Royal Statistical Society C 28(1), 1979.
    .. [2] B. Lakshminarayanan, Y. W. Teh, "Inferring ground truth from multi-annotator ordinal data: a probabilistic
       approach", arXiv:1305.0015, 2013.

    Examples
    --------
    >>> from ensemblekit.crowd import OrdinalDawidSkene, Votes
    >>> items, raters = [i for i in "abcdefgh" for _ in range(3)], ["ann", "bo", "cy"] * 8
    >>> grades = [g for true in (1, 2, 3, 4) * 2 for g in (true, true, min(true + 1, 4))]
    >>> rule = OrdinalDawidSkene()
    >>> rule.aggregate(Votes({"item": items, "rater": raters, "label": map(str, grades)})).argmax(axis=1)
    array([0, 1, 2, 3, 0, 1, 2, 3])
    >>> rule.bias_.round(1)
    array([-0. , -0. ,  0.7])
    """

    def __init__(
        self,
        *,
        order: Sequence[str] | None = None,
        max_iter: int = 100,
        tol: float = 1e-5,
        prior_scale: float = 2.0,
        smoothing: float = 1.0,
    ) -> None:
        check_count("max_iter", max_iter)
        check_number("tol", tol, 0)
        check_number("prior_scale", prior_scale, 0, open_low=True)
        check_number("smoothing", smoothing, 0, open_low=True)
        self.order = order
        self.max_iter = max_iter
        self.tol = tol
        self.prior_scale = prior_scale
        self.smoothing = smoothing

    def aggregate(self, votes: Any) -> np.ndarray:
        """Compute the posterior of the classes, shape ``(n_items, n_classes)``.

        Parameters
        ----------
        votes : Votes
            Answers of raters about items.

        Returns
        -------
        ndarray of float64
            Rows sum to 1; columns are the classes by name.

        Raises
        ------
        InvalidOptionError
            If ``order`` lacks a class, or is not given and the classes are not numbers.
        """
        rank = order_of_classes(votes, self.order, "ordinal Dawid-Skene")
        tally = Tally(votes)
        given = _Given(tally)
        off = (rank[np.newaxis, :] - rank[:, np.newaxis]).astype(np.float64)
        start = tally.shares(tally.weight)
        posterior = start if tally.gold is None else tally.posterior(np.log(np.maximum(start, 1e-300)))[0]
        parameters = np.tile([0.0, 1.0], (tally.n_raters, 1))
        self.prior_ = np.full(tally.n_classes, 1 / tally.n_classes)

        def step() -> float:
            nonlocal posterior, parameters
            shares = posterior.sum(axis=0) + self.smoothing
            self.prior_ = shares / shares.sum()
            parameters = self._newton(given.counts(posterior), off, parameters)
            scores = given.scores(_log_confusions(off, parameters)) + np.log(self.prior_)
            posterior, evidence = tally.posterior(scores)
            return float(evidence.sum())

        total = max(1.0, float(tally.weight.sum()))
        self.n_iter_, self.converged_ = take_steps(step, max_iter=self.max_iter, tol=self.tol, total=total)
        self.tilt_, self.precision_ = parameters.T
        self.confusions_ = np.exp(_log_confusions(off, parameters))
        mean_off = (self.confusions_ * off).sum(axis=-1) @ self.prior_
        self.bias_, self.spread_ = mean_off, np.sqrt((self.confusions_ * off**2).sum(axis=-1) @ self.prior_)
        self.skills_ = np.diagonal(self.confusions_, axis1=1, axis2=2) @ self.prior_
        return posterior

    def evidence(self, votes: Any) -> tuple[np.ndarray, np.ndarray]:
        """Tell what speaks for each class before any vote, and what each vote adds for each class.

        Parameters
        ----------
        votes : Votes
            The votes that were aggregated.

        Returns
        -------
        tuple of ndarray
            Shapes ``(n_classes,)`` and ``(n_used, n_classes)``.
        """
        tally = Tally(votes)
        by_vote = np.log(np.maximum(self.confusions_[tally.rater, :, tally.choice], 1e-300))
        return np.log(self.prior_), tally.weight[:, np.newaxis] * by_vote

    def _newton(self, counts: np.ndarray, off: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Take Newton steps for all raters at once; ``counts`` has the shape ``(n_raters, n_classes, n_classes)``."""
        statistics = np.stack([off, -(off**2) / 2])
        seen = np.einsum("rck,sck->rs", counts, statistics)
        n_true = counts.sum(axis=-1)
        mean, inverse = np.array([0.0, 1.0]), 1 / self.prior_scale**2
        for _ in range(20):
            confusions = np.exp(_log_confusions(off, parameters))
            expected = np.einsum("rck,sck->rcs", confusions, statistics)
            square = np.einsum("rck,sck,tck->rcst", confusions, statistics, statistics)
            covariance = square - expected[..., :, np.newaxis] * expected[..., np.newaxis, :]
            gradient = seen - np.einsum("rc,rcs->rs", n_true, expected) - (parameters - mean) * inverse
            curvature = np.einsum("rc,rcst->rst", n_true, covariance) + np.eye(2) * inverse
            step = np.linalg.solve(curvature, gradient[..., np.newaxis])[..., 0]
            parameters = parameters + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
            if np.abs(step).max(initial=0) < 1e-6:
                break
        return parameters


class _Given:
    """Who said what about which item, as a sparse table of raters and classes against items."""

    def __init__(self, tally: Tally) -> None:
        from scipy.sparse import csr_array

        self._shape = (tally.n_raters, tally.n_classes)
        rows, size = tally.rater * tally.n_classes + tally.choice, tally.n_raters * tally.n_classes
        self._table = csr_array((tally.weight, (rows, tally.item)), shape=(size, tally.n_items))
        self._by_item = self._table.T.tocsr()

    def counts(self, posterior: np.ndarray) -> np.ndarray:
        """Count how often each rater named each class for each true class, shape ``(n_raters, true, named)``."""
        return (self._table @ posterior).reshape(*self._shape, self._shape[1]).swapaxes(1, 2)

    def scores(self, log_confusions: np.ndarray) -> np.ndarray:
        """Sum the logarithms over the votes of each item, shape ``(n_items, n_classes)``."""
        return self._by_item @ log_confusions.swapaxes(1, 2).reshape(-1, self._shape[1])


def _log_confusions(off: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    tilt, precision = parameters[:, 0, np.newaxis, np.newaxis], parameters[:, 1, np.newaxis, np.newaxis]
    scores = tilt * off - precision * off**2 / 2
    scores -= scores.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
