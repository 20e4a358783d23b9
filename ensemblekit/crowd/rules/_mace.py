"""MACE: raters who know the answer, or spam in a way of their own."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ...arguments import check_count, check_number
from ...predictions.choices import check_choice
from .._sums import normalised, posterior_of
from ._answers import Answers
from ._steps import take_steps

__all__ = ["MACE"]

LEARNED = ("prior_", "knowing_", "spamming_", "strategy_", "n_iter_", "converged_")
"""What belongs to the start that is kept."""


class MACE:
    """Posterior of the class, if each rater either knows it or answers at random in a way of their own.

    Parameters
    ----------
    method : {"vb", "em"}
        ``vb`` learns with the priors below, ``em`` with a small number that is added to all counts.
    n_restarts : int, default=1
        Number of starts. The first is from the shares of the answers, each further one is random; the one with the
        largest likelihood is kept.
    max_iter : int, default=50
        Maximum number of steps from each.
    tol : float, default=1e-5
        The steps end if one changes the mean log likelihood per answer by less than this, in nats.
    class_prior : {"learned", "uniform"}, default="learned"
        Whether the probability of each class is learned, with one item more of each, or is the same for all as in [1]_.
    knowing_prior : tuple of float, default=(0.5, 0.5)
        Pseudo-counts of spamming and of knowing; only for ``vb``.
    strategy_prior : float, default=10.0
        Pseudo-count of each class among the spam of a rater; only for ``vb``.
    smoothing : float, optional
        Number added to all counts; only for ``em``. By default ``0.01 / n_classes``.
    seed : int, default=0
        Seed of the random starts.

    Attributes
    ----------
    prior_ : ndarray of shape (n_classes,)
        Probability of each class.
    knowing_ : ndarray of shape (n_raters,)
        Probability that the rater knows the answer, in [0, 1]. With ``vb`` it is the exponential of an expected
        logarithm, a little smaller.
    skills_ : ndarray of shape (n_raters,)
        The same.
    spamming_ : ndarray of shape (n_raters,)
        Probability of the opposite; with ``vb`` the two sum to less than 1.
    strategy_ : ndarray of shape (n_raters, n_classes)
        How often the rater names each class without knowing.
    n_iter_ : int
        Number of steps from the start that was kept.
    converged_ : bool
        Whether they ended before ``max_iter``.

    Notes
    -----
    Rater ``r`` votes for ``k`` with the probability ``knowing[r] [k = c] + spamming[r] strategy[r, k]``, where ``c`` is
    the true class [1]_. The posterior and the parameters are computed in turn, with logarithms, so that items with any
    number of votes work; crowd-kit multiplies, and has the same values with ``class_prior="uniform"`` from the same
    start where that does not underflow. Known gold labels have the posterior 1 throughout.

    Tie rule: equal probabilities stay equal; `aggregate_votes` settles them.

    References
    ----------
    .. [1] D. Hovy, T. Berg-Kirkpatrick, A. Vaswani, E. Hovy, "Learning whom to trust with MACE", NAACL-HLT, 2013.

    Examples
    --------
    >>> from ensemblekit.crowd import MACE, Votes
    >>> items, raters = [i for i in "abcdef" for _ in range(3)], ["ann", "bo", "cy"] * 6
    >>> labels = ["cat", "cat", "dog", "dog", "dog", "dog"] * 3
    >>> rule = MACE()
    >>> rule.aggregate(Votes({"item": items, "rater": raters, "label": labels}))[:2].round(2)
    array([[1., 0.],
           [0., 1.]])
    >>> rule.knowing_.round(1)
    array([0.9, 0.9, 0.1])
    """

    def __init__(
        self,
        *,
        method: Literal["vb", "em"] = "vb",
        n_restarts: int = 1,
        max_iter: int = 50,
        tol: float = 1e-5,
        class_prior: Literal["learned", "uniform"] = "learned",
        knowing_prior: tuple[float, float] = (0.5, 0.5),
        strategy_prior: float = 10.0,
        smoothing: float | None = None,
        seed: int = 0,
    ) -> None:
        check_choice("method", method, ("vb", "em"))
        check_count("n_restarts", n_restarts)
        check_count("max_iter", max_iter)
        check_number("tol", tol, 0)
        check_choice("class_prior", class_prior, ("learned", "uniform"))
        for k, prior in enumerate(knowing_prior):
            check_number(f"knowing_prior[{k}]", prior, 0, open_low=True)
        check_number("strategy_prior", strategy_prior, 0, open_low=True)
        if smoothing is not None:
            check_number("smoothing", smoothing, 0, open_low=True)
        check_count("seed", seed, 0)
        self.method = method
        self.n_restarts = n_restarts
        self.max_iter = max_iter
        self.tol = tol
        self.class_prior = class_prior
        self.knowing_prior = knowing_prior
        self.strategy_prior = strategy_prior
        self.smoothing = smoothing
        self.seed = seed

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
        answers = Answers(votes)
        best, kept = -np.inf, None
        for start in range(self.n_restarts):
            posterior, likelihood = self._climb(answers, self._start(answers, start))
            if kept is None or likelihood > best:
                best, kept = likelihood, (posterior, {name: getattr(self, name) for name in LEARNED})
        assert kept is not None  # noqa: S101 - there is one start at least
        posterior, learned = kept
        for name, value in learned.items():
            setattr(self, name, value)
        self.skills_ = self.knowing_
        return answers.of_all_items(posterior)

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
        rows = votes.choice >= 0
        gain = np.log1p(self.knowing_[:, np.newaxis] / self._spam())[votes.rater[rows], votes.choice[rows]]
        return np.log(self.prior_), gain if votes.weight is None else gain * votes.weight[rows]

    def _start(self, answers: Answers, start: int) -> np.ndarray:
        n_raters, n = len(answers.by_rater), answers.n_classes
        self.prior_ = np.full(n, 1 / n)
        if start:
            rng = np.random.default_rng([self.seed, start])
            both = normalised(rng.uniform(1, 2.5, size=(n_raters, 2)))
            self.spamming_, self.knowing_ = both[:, 0], both[:, 1]
            self.strategy_ = normalised(rng.uniform(1, 2.5, size=(n_raters, n)))
            return self._expect(answers)[0]
        # As likely to know as not, and no class named rather than another.
        self.spamming_, self.knowing_ = np.full(n_raters, 0.5), np.full(n_raters, 0.5)
        self.strategy_ = np.full((n_raters, n), 1 / n)
        return answers.first_posterior()

    def _climb(self, answers: Answers, posterior: np.ndarray) -> tuple[np.ndarray, float]:
        likelihood = -np.inf

        def step() -> float:
            nonlocal posterior, likelihood
            self._maximise(answers, posterior)
            posterior, likelihood = self._expect(answers)
            return likelihood

        self.n_iter_, self.converged_ = take_steps(step, max_iter=self.max_iter, tol=self.tol, total=answers.total)
        return posterior, likelihood

    def _expect(self, answers: Answers) -> tuple[np.ndarray, float]:
        spam = self._spam()
        scores = answers.sum_labels_by_choice(np.log1p(self.knowing_[:, np.newaxis] / spam))
        scores += np.log(self.prior_)
        posterior, evidence = posterior_of(scores, answers.gold)
        return posterior, float(evidence.sum() + (answers.by_label * np.log(spam)).sum())

    def _spam(self) -> np.ndarray:
        return np.maximum(self.spamming_[:, np.newaxis] * self.strategy_, np.finfo(float).tiny)

    def _maximise(self, answers: Answers, posterior: np.ndarray) -> None:
        known = self.knowing_[:, np.newaxis]
        knows = answers.right_by_label(posterior) * (known / (self._spam() + known))
        spams = answers.by_label - knows
        both = np.stack([spams.sum(axis=1), knows.sum(axis=1)], axis=1)
        if self.method == "vb":
            both = _expected(both + np.asarray(self.knowing_prior))
            self.strategy_ = _expected(spams + self.strategy_prior)
        else:
            added = 0.01 / posterior.shape[1] if self.smoothing is None else self.smoothing
            both = normalised(both + added)
            self.strategy_ = normalised(spams + added)
        self.spamming_, self.knowing_ = both[:, 0], both[:, 1]
        if self.class_prior == "learned":
            self.prior_ = normalised(posterior.sum(axis=0, keepdims=True) + 1)[0]


def _expected(counts: np.ndarray) -> np.ndarray:
    """Compute the exponential of the expected logarithm of a Dirichlet distribution."""
    from scipy.special import digamma

    return np.exp(digamma(counts) - digamma(counts.sum(axis=1, keepdims=True)))
