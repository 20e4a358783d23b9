"""KOS: messages between raters and items, for two classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arguments import check_count, check_number
from ...errors import InvalidOptionError
from .._sums import Tally, clamp, share_of

__all__ = ["KOS"]


class KOS:
    """Answers of Karger, Oh and Shah for two classes: messages go back and forth between raters and items.

    Parameters
    ----------
    n_iter : int, default=100
        Number of times.
    pooling : float, default=10
        Number of votes that each rater is lent, which are right as much as those of all raters together. With 0 each
        rater is judged by its own votes alone, as in [1]_ and crowd-kit.
    seed : int, default=0
        Seed of the first messages, which are normal with mean 1 and variance 1.

    Attributes
    ----------
    skills_ : ndarray of shape (n_raters,)
        Mean message of each rater, scaled so that the largest is 1; negative for a rater who is mostly wrong; NaN for
        one without votes.
    n_iter_ : int
        ``n_iter``.

    Notes
    -----
    A vote is +1 for the second class and -1 for the first. Each item tells each of its raters the sum of the other
    votes, times the messages of those who gave them; each rater tells each item the sum over their other votes, times
    the messages of those items [1]_. It is the power iteration for the leading singular vector of the table of votes,
    without going straight back. Messages are scaled in each step, which changes no answer.

    The method is made for many votes a rater. A rater with two votes hears back from one item only, so that raters who
    happen to agree on a few items raise each other without end, and the answer can be worse than the majority's. So the
    mean size of a message per vote, ``pooling`` times, is added to each message of a rater: the crowd is right more
    often than wrong, and a rater must have shown otherwise. The result is the share of
    the weighted votes, ``p[i, second] = (1 + x[i] / sum_r |y[r, i]|) / 2``, where ``x[i]`` is the sum of votes times
    messages ``y``: it orders the items, but is no calibrated probability. Gold labels are not used to learn.

    A singular vector has no sign of its own, and with few votes the first messages do not settle it. It is the one with
    which more votes are right than wrong, as the method assumes.

    Tie rule: a sum of 0 gives both classes 1/2; `aggregate_votes` settles them.

    References
    ----------
    .. [1] D. R. Karger, S. Oh, D. Shah, "Budget-optimal task allocation for reliable crowdsourcing systems",
       Operations Research 62(1), 2014.

    Examples
    --------
    >>> from ensemblekit.crowd import KOS, Votes
    >>> items, raters = [i for i in "abcdef" for _ in range(3)], ["ann", "bo", "cy"] * 6
    >>> labels = ["cat", "cat", "dog", "dog", "dog", "dog"] * 3
    >>> KOS().aggregate(Votes({"item": items, "rater": raters, "label": labels})).argmax(axis=1)
    array([0, 1, 0, 1, 0, 1])
    """

    def __init__(self, *, n_iter: int = 100, pooling: float = 10.0, seed: int = 0) -> None:
        check_count("n_iter", n_iter)
        check_number("pooling", pooling, 0)
        check_count("seed", seed, 0)
        self.n_iter = n_iter
        self.pooling = pooling
        self.seed = seed

    def aggregate(self, votes: Any) -> np.ndarray:
        """Compute the shares of the weighted votes, shape ``(n_items, 2)``.

        Parameters
        ----------
        votes : Votes
            Answers of raters about items, of two classes.

        Returns
        -------
        ndarray of float64
            Rows sum to 1.

        Raises
        ------
        InvalidOptionError
            If there are not two classes.
        """
        tally = Tally(votes)
        if tally.n_classes != 2:
            raise InvalidOptionError(
                f"kos needs two classes; received {tally.n_classes}: {list(votes.classes)[:5]}. Take 'glad', 'mace' or "
                "'dawid_skene' for more."
            )
        sign = (2.0 * tally.choice - 1) * tally.weight
        others = max(1, int((np.bincount(tally.rater)[tally.rater] - 1).sum())) if len(sign) else 1
        self._messages = self._start(len(sign))
        for _ in range(self.n_iter):
            told = sign * self._messages
            inferred = tally.by_item(told)[tally.item] - told
            told = sign * inferred
            self._messages = tally.by_rater(told)[tally.rater] - told
            self._messages += self.pooling * np.abs(self._messages).sum() / others
            largest = np.abs(self._messages).max(initial=0)
            if not largest:
                # No rater and item share a second one: there is nobody to compare with, and a plain vote is left.
                self._messages = np.ones(len(sign))
                break
            self._messages /= largest
        said = tally.by_item(sign * self._messages)
        if tally.by_item(sign) @ np.sign(said) < 0:
            self._messages, said = -self._messages, -said
        self.n_iter_, self.converged_ = self.n_iter, True
        n_votes = np.bincount(tally.rater, minlength=tally.n_raters)
        self.skills_ = share_of(tally.by_rater(self._messages), n_votes)
        self.skills_ /= np.nanmax(np.abs(self.skills_), initial=np.finfo(float).tiny)
        size = tally.by_item(np.abs(sign * self._messages))
        share = np.divide(said, size, out=np.zeros_like(size), where=size > 0)
        posterior = np.stack([(1 - share) / 2, (1 + share) / 2], axis=1)
        return clamp(posterior, tally.gold)

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
        return np.zeros(2), Tally(votes).weight * self._messages

    def _start(self, n: int) -> np.ndarray:
        return np.random.default_rng(self.seed).normal(1, 1, size=n)
