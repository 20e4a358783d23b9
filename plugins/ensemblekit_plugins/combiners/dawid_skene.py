"""The model of Dawid and Skene: each member votes, and has its own confusion matrix."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ensemblekit import Combiner, PredictionSet, hookimpl
from ensemblekit.errors import NotFittedError

from ..kernels.posteriors import infer_classes
from ..kernels.sums import shaped_like_members
from ..options import check_choice, check_count, check_number

__all__ = ["DawidSkene"]

LEAST_COUNT = 1e-10
"""Lower bound of the counts, so that no logarithm is infinite."""
LENT = 2.0
"""Votes for each true class that a member is lent without labels; enough to hold a member of few votes."""


class DawidSkene(Combiner):
    r"""Posterior of the class, given the members' votes and the confusion matrix of each member.

    Parameters
    ----------
    use_labels : bool, default=True
        If true, the confusion matrices are counted from the labels. If false, no labels are needed and any are ignored:
        the matrices are learned from the votes alone by expectation maximisation, as for crowds of annotators.
    smoothing : float, optional
        Number that is added to each count: the pseudo-counts of a symmetric Dirichlet prior. By default 1 with labels.
        Without, where equal counts can outweigh the votes and lose whole classes, each member is by default lent two
        votes for each true class, divided as those of all members together.
    max_iter : int, default=100
        Maximum number of steps of expectation maximisation.
    tol : float, default=1e-5
        Expectation maximisation ends if a step changes the mean log likelihood per vote by less than this, in nats, as
        in `ensemblekit.crowd`.

    Attributes
    ----------
    prior_ : ndarray of shape (n_classes,)
        Probability of each class.
    confusions_ : ndarray of shape (n_members, n_classes, n_classes)
        ``confusions_[m, c, k]``: the probability that member ``m`` votes for ``k`` if the true class is ``c``.
    n_iter_ : int
        Number of steps of expectation maximisation; 0 with labels.

    Warns
    -----
    VanishedClassWarning
        In `fit` without labels, if a class has the most votes on some rows, and is predicted for none.

    Notes
    -----
    .. math::

        p_{ic} \propto \pi_c \prod_m \prod_k \left( \theta_{mck} \right)^{v_{mik}}

    ``pi`` is the prior of the classes, and ``theta`` the confusion matrix of each member: how often it votes for ``k``
    if ``c`` is true. The result is divided by its sum over the classes. ``v_m[i, k] = 1/n`` if ``k`` is one of the
    ``n`` most probable classes of member ``m``, else 0: if a member has tied classes, its vote is divided among them.
    The rule assumes that members err independently, given the class. A member that is absent has no vote, in `combine`
    and in `fit`.

    With labels, prior and confusion matrices are smoothed frequencies. Without labels, the first posterior is the share
    of the votes. Then two steps alternate: the frequencies are computed with the posterior as weights, and the
    posterior is computed from the frequencies [1]_. In this case only the majority of the votes determines which class
    is which. For votes of which most are missing see `ensemblekit.crowd`.

    Tie rule: equal posteriors stay equal, and the first class by name is predicted.

    References
    ----------
    .. [1] A. P. Dawid, A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm",
       Journal of the Royal Statistical Society C 28(1), 1979.

    Examples
    --------
    >>> from ensemblekit import Predictions, combine, fit_combiner
    >>> fields = {"ids": [1, 2, 3, 4], "classes": ["cat", "dog"], "labels": ["cat", "dog", "cat", "dog"]}
    >>> right = Predictions([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]], member="right", **fields)
    >>> wrong = Predictions([[0.1, 0.9], [0.7, 0.3], [0.2, 0.8], [0.9, 0.1]], member="wrong", **fields)
    >>> fitted = fit_combiner([right, wrong], "dawid_skene")
    >>> combine([wrong, right], fitted).probas
    array([[0.9, 0.1],
           [0.1, 0.9],
           [0.9, 0.1],
           [0.1, 0.9]])
    """

    traits = frozenset({"learns", "graphable"})
    tasks = frozenset({"multiclass"})

    def __init__(
        self, *, use_labels: bool = True, smoothing: float | None = None, max_iter: int = 100, tol: float = 1e-5
    ) -> None:
        check_choice("use_labels", use_labels, (True, False))
        if smoothing is not None:
            check_number("smoothing", smoothing, 0)
        check_count("max_iter", max_iter)
        check_number("tol", tol, 0)
        self.use_labels = use_labels
        self.smoothing = smoothing
        self.max_iter = max_iter
        self.tol = tol
        self.needs_labels = bool(use_labels)

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        n_classes, n_samples = len(predictions.classes), len(predictions.ids)
        votes = _votes(predictions.member_probas, predictions.present)
        each = votes.shape[1] // n_samples
        weight = np.repeat(np.ones(n_samples) if sample_weight is None else sample_weight, each)
        self.n_iter_ = 0
        if self.use_labels:
            codes = predictions.label_codes
            assert codes is not None  # noqa: S101 - fit_combiner requires labels
            self._count(np.eye(n_classes)[codes.ravel()], votes, weight)
            return self
        from ensemblekit.crowd import warn_if_vanished  # imported late, with what it needs

        posterior = votes.sum(axis=0)
        posterior /= posterior.sum(axis=-1, keepdims=True)
        self._count(posterior, votes, weight)
        changed, before, total = np.inf, -np.inf, float(weight @ votes.sum(axis=(0, 2)))
        while self.n_iter_ < self.max_iter and not changed < self.tol:
            logarithm = np.log(self.prior_) + sum(v @ np.log(c).T for v, c in zip(votes, self.confusions_, strict=True))
            best = logarithm.max(axis=-1, keepdims=True)
            posterior = np.exp(logarithm - best)
            likelihood = posterior.sum(axis=-1, keepdims=True)
            posterior /= likelihood
            now = float(weight @ (np.log(likelihood) + best)[:, 0]) / total
            changed, before = abs(now - before), now
            self._count(posterior, votes, weight)
            self.n_iter_ += 1
        warn_if_vanished(
            votes.sum(axis=0),
            posterior,
            predictions.classes,
            rule="dawid_skene",
            remedy="Fit it with labels, give a smaller smoothing, or use 'voting'.",
        )
        return self

    def _count(self, posterior: np.ndarray, votes: np.ndarray, weight: np.ndarray) -> None:
        weighted = (posterior * weight[:, np.newaxis]).T
        counts = np.stack([weighted @ v for v in votes])
        equal = self.smoothing if self.smoothing is not None else float(self.use_labels)
        self.prior_ = np.maximum(weighted.sum(axis=1) + equal, LEAST_COUNT)
        self.prior_ /= self.prior_.sum()
        if self.smoothing is None and not self.use_labels:
            pooled = np.maximum(counts.sum(axis=0), LEAST_COUNT)
            counts += LENT * pooled / pooled.sum(axis=-1, keepdims=True)
        self.confusions_ = np.maximum(counts + equal, LEAST_COUNT)
        self.confusions_ /= self.confusions_.sum(axis=-1, keepdims=True)

    def combine(self, member_probas: Any, *, present: Any = None, xp: Any = np) -> Any:
        if not hasattr(self, "confusions_"):
            raise NotFittedError("dawid_skene must be fitted before it combines. Call fit_combiner first.")
        prior, tables = np.log(self.prior_), np.log(self.confusions_).swapaxes(-1, -2)
        if xp is np:
            return infer_classes(member_probas, prior, tables, present)
        dtype = np.float64 if "64" in str(member_probas.dtype) else np.float32
        one = xp.ones((), dtype=dtype)
        if present is not None:
            present = shaped_like_members(present, member_probas, xp)
            member_probas = xp.where(present, member_probas, xp.zeros_like(member_probas))
        top = xp.equal(member_probas, xp.max(member_probas, axis=-1, keepdims=True))
        votes = xp.where(top, one, xp.zeros_like(one))
        votes = xp.divide(votes, xp.sum(votes, axis=-1, keepdims=True))
        if present is not None:
            votes = xp.where(present, votes, xp.zeros_like(one))
        inner = (1,) * (len(member_probas.shape) - 3)
        logarithms = xp.array(tables.reshape(len(tables), *inner, *tables.shape[1:]), dtype=dtype)
        logarithm = xp.add(xp.sum(xp.matmul(votes, logarithms), axis=0), xp.array(prior, dtype=dtype))
        posterior = xp.exp(xp.subtract(logarithm, xp.max(logarithm, axis=-1, keepdims=True)))
        posterior = xp.divide(posterior, xp.sum(posterior, axis=-1, keepdims=True))
        return xp.array(posterior, dtype=member_probas.dtype)


def _votes(member_probas: np.ndarray, present: np.ndarray | None) -> np.ndarray:
    known = np.where(np.isnan(member_probas), 0, member_probas)
    votes = (known == known.max(axis=-1, keepdims=True)).astype(np.float64)
    votes /= votes.sum(axis=-1, keepdims=True)
    if present is not None:
        votes[~present] = 0
    return votes.reshape(len(votes), -1, votes.shape[-1])


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``dawid_skene``."""
    register("dawid_skene", DawidSkene)
