"""The winsorised mean of the members' predictions, class by class."""

from __future__ import annotations

from typing import Any

from ensemblekit import hookimpl

from .order_statistics import OrderStatistics, check_proportion

__all__ = ["WinsorisedMean"]


class WinsorisedMean(OrderStatistics):
    r"""Winsorised mean of the members, class by class: the extreme values are replaced with the next values.

    Parameters
    ----------
    proportion : float, default=0.2
        Share of the members that is replaced at each end, >= 0 and < 0.5.

    Notes
    -----
    .. math::

        p_{ic} = \frac{q_{ic}}{\sum_k q_{ik}}, \qquad
        q_{ic} = \frac{1}{M} \left( g\, x_{(g+1)} + \sum_{j = g + 1}^{M - g} x_{(j)} + g\, x_{(M-g)} \right), \qquad
        g = \left\lfloor \text{proportion} \cdot M \right\rfloor

    ``x_(1) <= ... <= x_(M)`` are the sorted values of the members for a class, of which the first ``g`` are replaced
    with ``x_(g+1)`` and the last ``g`` with ``x_(M-g)`` [1]_. With fewer than ``1 / proportion`` members no value is
    replaced. The division by the sum is for the task ``multiclass``; for the others ``p = q``. If every ``q`` of a row
    is 0, the row becomes uniform, which is the limit if all zeros are replaced with one small number. With ``present``,
    ``M`` is the number of members that are present. The mean of ``scipy.stats.mstats.winsorize`` is the same ``q``.

    Tie rule: equal values stay equal.

    References
    ----------
    .. [1] V. R. R. Jose, R. L. Winkler, "Simple robust averages of forecasts: some empirical results", International
       Journal of Forecasting 24(1), 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.combiners.winsorised_mean import WinsorisedMean
    >>> WinsorisedMean(0.25).combine(np.array([[[1.0, 0.0]], [[0.75, 0.25]], [[0.75, 0.25]], [[0.0, 1.0]]]))
    array([[0.75, 0.25]])
    """

    def __init__(self, proportion: float = 0.2) -> None:
        check_proportion(proportion)
        self.proportion = proportion

    def counts(self, n_members: int) -> tuple[int, ...]:
        replaced = int(self.proportion * n_members)
        kept = [1] * (n_members - 2 * replaced)
        kept[0] += replaced
        kept[-1] += replaced
        return (0,) * replaced + tuple(kept) + (0,) * replaced


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``winsorised_mean``."""
    register("winsorised_mean", WinsorisedMean)
