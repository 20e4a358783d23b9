"""Bayesian model averaging: the weights are the posterior probabilities of the members, given labelled rows."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from ensemblekit import PredictionSet, hookimpl
from ensemblekit.errors import InvalidOptionError
from ensemblekit.predictions import Task

from ..learning.rows import Rows, likelihoods, rows_of
from ..learning.scales import scale_of
from ..options import check_number
from .learned_weights import LearnedWeights
from .weighted import Weighted

__all__ = ["BayesianModelAveraging"]


class BayesianModelAveraging(LearnedWeights):
    r"""Mean of the members, weighted by their posterior probabilities given the labels.

    Parameters
    ----------
    prior : mapping of member name to float, or sequence of shape (n_members,), optional
        Prior weight of each member: finite, >= 0, with a positive sum. A sequence is in the order of the sorted names.
        By default all weights are equal.
    temperature : float, default=1.0
        The log likelihood is divided by this number. A value above 1 makes the posterior flatter. If it is the number
        ``n`` of rows, each row gets the weight ``1 / n``.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)
        Posterior probabilities, in the order of ``members_``.
    log_likelihood_ : ndarray of shape (n_members,)
        Log likelihood of the labels under each member, in nats.

    Notes
    -----
    .. math::

        p_{ic} = \sum_m w_m\, p_{mic}, \qquad
        w_m = \frac{\pi_m \exp(\ell_m / T)}{\sum_k \pi_k \exp(\ell_k / T)}, \qquad
        \ell_m = \sum_i \log p_{m i y_i}

    The weights are posterior probabilities of the members [1]_: ``pi`` is the prior, ``l_m`` the log likelihood of the
    labels, and ``T`` the temperature. For multilabel, ``l_m`` is the sum of ``log p`` over the labels that are present
    and of ``log (1 - p)`` over those that are absent. For regression the likelihood is Gaussian; the variance of each
    output is the mean squared error of the member, ``l_m = -n/2 sum_c (log(2 pi s_mc^2) + 1)``. Probabilities below
    `ensemblekit.evaluation.LOG_LOSS_CLIP` are clipped to it. A row with sample weight 2 counts as two rows. With many
    rows nearly all weight goes to one member: the rule finds the best single member, not the best combination.

    Tie rule: members with equal likelihoods have weights in proportion to their priors.

    References
    ----------
    .. [1] J. A. Hoeting, D. Madigan, A. E. Raftery, C. T. Volinsky, "Bayesian model averaging: a tutorial", Statistical
       Science 14(4), 1999.

    Examples
    --------
    >>> from ensemblekit import Predictions, fit_combiner
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "dog"]}
    >>> sure = Predictions([[0.8, 0.2], [0.25, 0.75]], member="sure", **fields)
    >>> torn = Predictions([[0.5, 0.5], [0.2, 0.8]], member="torn", **fields)
    >>> fit_combiner([torn, sure], "bayesian_model_averaging").weights_
    array([0.6, 0.4])
    """

    def __init__(self, prior: Mapping[str, float] | Sequence[float] | None = None, *, temperature: float = 1.0) -> None:
        check_number("temperature", temperature, 0, open_low=True)
        self.prior = prior
        self.temperature = temperature

    def check_fit(
        self,
        members: tuple[str, ...],
        classes: tuple[Hashable, ...],
        *,
        task: Task,
        given: frozenset[str] = frozenset(),
    ) -> None:
        self._prior(members)

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        prior = self._prior(predictions.members)
        rows = rows_of(predictions, sample_weight, "posterior probabilities are")
        n = len(rows.labels) if rows.weight is None else float(rows.weight.sum())
        self.log_likelihood_ = n * (_gaussian(rows) if rows.task == "regression" else _categorical(rows))
        with np.errstate(divide="ignore"):
            log_posterior = np.log(prior) + self.log_likelihood_ / self.temperature
        posterior = np.exp(log_posterior - log_posterior.max())
        self.weights_ = posterior / posterior.sum()
        return self

    def _prior(self, members: tuple[str, ...]) -> np.ndarray:
        if self.prior is None:
            return np.ones(len(members))
        try:
            settled: Any = Weighted(self.prior).for_members(members).weights
        except InvalidOptionError as error:
            raise InvalidOptionError(f"prior: {error}") from None
        return settled / settled.sum()


def _categorical(rows: Rows) -> np.ndarray:
    mean = np.zeros(len(rows.probas))
    share = rows.share()
    for block in rows.blocks(max(1, (1 << 20) // len(rows.probas))):
        likelihood = likelihoods(rows, block)
        shares = np.repeat(share[block], likelihood.shape[1] // len(share[block]))
        np.log(likelihood, out=likelihood)
        mean += np.multiply(likelihood, shares, out=likelihood).sum(axis=1)
    return mean


def _gaussian(rows: Rows) -> np.ndarray:
    variance = np.zeros((len(rows.probas), rows.probas.shape[-1]))
    share = rows.share()[:, np.newaxis]
    scale = scale_of(rows.probas, rows.labels)
    for block in rows.blocks(max(1, (1 << 20) // len(rows.probas))):
        values, truth = rows.probas[:, block], rows.truth(block)
        if scale.any():
            values, truth = np.ldexp(values.astype(np.float64), -scale), np.ldexp(truth, -scale)
        residuals = values - truth
        variance += (np.square(residuals, out=residuals) * share[block]).sum(axis=1)
    # A member without errors would have an infinite density.
    variance = np.maximum(variance, np.finfo(np.float64).tiny)
    return -0.5 * (np.log(2 * np.pi * variance) + 1).sum(axis=1) - np.log(2) * scale.sum()


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``bayesian_model_averaging``."""
    register("bayesian_model_averaging", BayesianModelAveraging)
