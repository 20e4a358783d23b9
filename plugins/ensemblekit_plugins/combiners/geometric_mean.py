"""The geometric mean of the members' predictions, normalised: the logarithmic opinion pool."""

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
    """Weighted geometric mean of the members, normalised: one member's zero is a veto.

    Parameters
    ----------
    weights : mapping of member name to float, or sequence of shape (n_members,), optional
        Finite, >= 0, with a positive sum; they are divided by it. By default all the same.
    temperature : float, default=1.0
        Positive. Above 1 the result is flatter, below 1 sharper.

    Notes
    -----
    ``p[i, c] = q[i, c] / sum_k q[i, k]`` with ``q[i, c] = prod_m p_m[i, c] ** (w_m / T)``, ``w`` divided by its sum and
    ``T`` the temperature: the logarithmic opinion pool [1]_. For the task ``multilabel`` each column stands against its
    complement, ``p = q / (q + prod_m (1 - p_m) ** (w_m / T))``: the mean of the log-odds [2]_. With ``present`` the
    weights of the members that are present are divided by their sum.

    Zeros stand for one small number, in the limit to 0. So a zero of a member with a positive weight is a veto: that
    class gets 0. Where every class is vetoed, those with the smallest weight of vetoes share the row, in proportion to
    the product over the members that do not veto them. A weight of 0 vetoes nothing.

    Tie rule: none; equal values stay equal.

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
        # Only the ratio counts; near 1 no sum of the weights overflows.
        return pool_logarithms(member_probas, weights / weights.max(), present, task, xp, temperature=self.temperature)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``geometric_mean``."""
    register("geometric_mean", GeometricMean)
