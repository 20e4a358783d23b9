"""The normalised geometric mean of the members' predictions, also called the logarithmic opinion pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ensemblekit import Combiner, hookimpl

from ..kernels.log_pool import pool_logarithms
from ..kernels.weights import check_settled
from ..options import check_number

__all__ = ["GeometricMean"]


class GeometricMean(Combiner):
    r"""Normalised weighted geometric mean of the members: a zero of one member is a veto.

    Parameters
    ----------
    weights : mapping of member name to float, or sequence of shape (n_members,), optional
        Finite, >= 0, with a positive sum; they are divided by their sum. By default all weights are equal.
    temperature : float, default=1.0
        Positive. A value above 1 makes the result flatter, a value below 1 sharper.

    Notes
    -----
    .. math::

        p_{ic} = \frac{q_{ic}}{\sum_k q_{ik}}, \qquad q_{ic} = \prod_m p_{mic}^{\,w_m / T}

    The weights ``w`` are divided by their sum, and ``T`` is the temperature. This is the logarithmic opinion pool [1]_.
    For the task ``multilabel`` each column is combined against its complement, ``p = q / (q + prod_m (1 - p_m) ** (w_m
    / T))``, which is the mean of the log-odds [2]_. With ``present`` the weights of the members that are present are
    divided by their sum.

    A zero of a member with a positive weight is a veto: its class gets 0. Zeros are treated as the limit of one common
    small number. If every class has a veto, the classes with the smallest total weight of vetoes share the probability,
    in proportion to the product over the members without a veto for them. A member with weight 0 has no veto.

    Tie rule: equal values stay equal.

    References
    ----------
    .. [1] C. Genest, J. V. Zidek, "Combining probability distributions: a critique and an annotated bibliography",
       Statistical Science 1(1), 1986.
    .. [2] V. A. Satopää, J. Baron, D. P. Foster, B. A. Mellers, P. E. Tetlock, L. H. Ungar, "Combining multiple
       probability predictions using a simple logit model", International Journal of Forecasting 30(2), 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.combiners.geometric_mean import GeometricMean
    >>> GeometricMean().combine(np.array([[[0.9, 0.1]], [[0.5, 0.5]]]))
    array([[0.75, 0.25]])
    """

    tasks = frozenset({"multiclass", "multilabel"})

    def __init__(
        self, weights: Mapping[str, float] | Sequence[float] | None = None, *, temperature: float = 1.0
    ) -> None:
        check_number("temperature", temperature, 0, open_low=True)
        self.weights = weights
        self.temperature = temperature
        traits = {"graphable"} | ({"symmetric"} if weights is None else set())
        self.traits = frozenset(traits | ({"idempotent"} if temperature == 1 else set()))

    def combine(self, member_probas: Any, *, present: Any = None, task: str = "multiclass", xp: Any = np) -> Any:
        if self.weights is None:
            weights = np.ones(member_probas.shape[0])
        else:
            check_settled(self.weights)
            weights = np.asarray(self.weights, dtype=np.float64)
        # Only the ratio of the weights matters. If they are near 1, their sums do not overflow.
        return pool_logarithms(member_probas, weights / weights.max(), present, task, xp, temperature=self.temperature)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``geometric_mean``."""
    register("geometric_mean", GeometricMean)
