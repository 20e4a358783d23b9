"""GLAD: the ability of each rater and the difficulty of each item."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arguments import check_count, check_number
from .._sums import Tally, clamp

__all__ = ["GLAD"]

FIRST_STEPS = 10
"""Steps of the search that fits the shares of the answers; with 50 no more labels are right."""
FARTHEST = 30.0
"""Largest logarithm of the easiness, so that its exponential stays finite while the line search probes."""


class GLAD:
    """Posterior of the class, given the ability of each rater and the easiness of each item.

    Parameters
    ----------
    max_iter : int, default=200
        Maximum number of steps of L-BFGS.
    tol : float, default=1e-6
        The steps end if one raises the log posterior by less than this share of it.

    Attributes
    ----------
    ability_ : ndarray of shape (n_raters,)
        ``a``: with 0 the rater is right half of the time, whatever the number of classes, and less often with a
        negative one. The prior is normal with mean 1 and variance 1.
    skills_ : ndarray of shape (n_raters,)
        The same.
    easiness_ : ndarray of shape (n_items,)
        ``b > 0``; the prior of its logarithm is normal with mean 1 and variance 1.
    n_iter_ : int
        Number of steps.
    converged_ : bool
        Whether they ended before ``max_iter``.

    Notes
    -----
    Rater ``r`` is right about item ``i`` with the probability ``1 / (1 + exp(-a[r] b[i]))``, and otherwise names each
    of the other classes with the same probability [1]_. All classes are as probable beforehand. The posterior of ``a``
    and ``log b`` is maximised, summed over the unknown classes. [1]_ and crowd-kit reach a maximum of the same
    posterior by expectation maximisation, with gradients within each step; the sum has the same gradient, so that one
    search does. It starts near the parameters that fit the shares of the answers best, as if these were the posterior:
    of many classes, where raters are right less than half of the time, the maximum nearest to equal parameters can be
    one that turns the votes round. Known gold labels replace the sum over the classes.

    Tie rule: equal probabilities stay equal; `aggregate_votes` settles them.

    References
    ----------
    .. [1] J. Whitehill, T. Wu, J. Bergsma, J. Movellan, P. Ruvolo, "Whose vote should count more: optimal integration
       of labels from labelers of unknown expertise", NIPS, 2009.

    Examples
    --------
    >>> from ensemblekit.crowd import GLAD, Votes
    >>> items, raters = [i for i in "abcdef" for _ in range(3)], ["ann", "bo", "cy"] * 6
    >>> labels = ["cat", "cat", "dog", "dog", "dog", "dog"] * 3
    >>> rule = GLAD()
    >>> rule.aggregate(Votes({"item": items, "rater": raters, "label": labels}))[:2].round(2)
    array([[1., 0.],
           [0., 1.]])
    >>> rule.ability_.round(1)
    array([1.3, 1.3, 0.2])
    """

    def __init__(self, *, max_iter: int = 200, tol: float = 1e-6) -> None:
        check_count("max_iter", max_iter)
        check_number("tol", tol, 0)
        self.max_iter = max_iter
        self.tol = tol

    def aggregate(self, votes: Any) -> np.ndarray:
        """Compute the posterior of the classes, shape ``(n_items, n_classes)``.

        Parameters
        ----------
        votes : Votes
            Answers of raters about items.

        Returns
        -------
        ndarray of float64
            Rows sum to 1.
        """
        from scipy.optimize import minimize
        from threadpoolctl import threadpool_limits

        tally = Tally(votes)
        n_raters = tally.n_raters

        def loss(point: np.ndarray, right: np.ndarray | None) -> tuple[float, np.ndarray]:
            """Compute minus the log posterior, and its gradient; of given shares ``right`` instead of the classes."""
            ability, logarithm = point[:n_raters], np.clip(point[n_raters:], -FARTHEST, FARTHEST)
            easiness = np.exp(logarithm)
            both = ability[tally.rater] * easiness[tally.item]
            if right is None:
                posterior, evidence = self._posterior(tally, both)
                right, fit = tally.chosen(posterior), evidence.sum()
            else:
                fit = tally.weight @ (right * both - np.logaddexp(0, both))
            off = tally.weight * (right - _sigmoid(both))
            gradient = np.concatenate([
                tally.by_rater(off * easiness[tally.item]) - (ability - 1),
                tally.by_item(off * both) - (point[n_raters:] - 1),
            ])  # fmt: skip
            return ((point - 1) ** 2).sum() / 2 - fit, -gradient

        def search(start: np.ndarray, right: np.ndarray | None, max_iter: int) -> Any:
            options = {"maxiter": max_iter, "maxfun": 10 * max_iter, "ftol": self.tol, "gtol": 1e-8}
            return minimize(loss, start, args=(right,), jac=True, method="L-BFGS-B", options=options)

        shares = clamp(tally.shares(tally.weight), tally.gold)
        with threadpool_limits(1):  # its vectors are short, and threads of BLAS wait longer than they work
            first = search(np.ones(n_raters + tally.n_items), tally.chosen(shares), FIRST_STEPS)
            found = search(first.x, None, self.max_iter)
        self.ability_ = found.x[:n_raters]
        self.easiness_ = np.exp(np.clip(found.x[n_raters:], -FARTHEST, FARTHEST))
        self.n_iter_, self.converged_ = int(found.nit), bool(found.success)
        both = self.ability_[tally.rater] * self.easiness_[tally.item]
        posterior = self._posterior(tally, both)[0]
        self.skills_ = self.ability_
        return posterior

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
        both = self.ability_[tally.rater] * self.easiness_[tally.item]
        return np.zeros(tally.n_classes), tally.weight * (both + _log_others(tally))

    def _posterior(self, tally: Tally, both: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        others = _log_others(tally)
        # Beside the named class all others have log((1 - s) / (n_classes - 1)), and it has log s.
        wrong = tally.by_item(tally.weight * (-np.logaddexp(0, both) - others))
        scores = tally.by_item_class(tally.weight * (both + others)) + wrong[:, np.newaxis] - np.log(tally.n_classes)
        return tally.posterior(scores)


def _log_others(tally: Tally) -> float:
    return float(np.log(max(tally.n_classes - 1, 1)))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return expit(x)
