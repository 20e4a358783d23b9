"""The median of the members' predictions, class by class."""

from __future__ import annotations

from typing import Any

from ensemblekit import hookimpl

from .order_statistics import OrderStatistics

__all__ = ["Median"]


class Median(OrderStatistics):
    r"""Median of the members, class by class: a minority with large errors has a limited effect.

    Notes
    -----
    .. math::

        p_{ic} = \frac{q_{ic}}{\sum_k q_{ik}}, \qquad q_{ic} = \operatorname{median}_m\, p_{mic}

    This is for the task ``multiclass`` [1]_; for the others ``p = q``. For an even number of members it is the mean of
    the two middle values. If every ``q`` of a row is 0, the row becomes uniform, which is the limit if all zeros are
    replaced with one small number. With ``present`` it is the median of the members that are present.

    Tie rule: equal values stay equal.

    References
    ----------
    .. [1] J. Kittler, M. Hatef, R. P. W. Duin, J. Matas, "On combining classifiers", IEEE Transactions on Pattern
       Analysis and Machine Intelligence 20(3), 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.combiners.median import Median
    >>> Median().combine(np.array([[[0.75, 0.25]], [[0.25, 0.75]], [[1.0, 0.0]]]))
    array([[0.75, 0.25]])
    """

    def counts(self, n_members: int) -> tuple[int, ...]:
        outside = (n_members - 1) // 2
        return (0,) * outside + (1,) * (n_members - 2 * outside) + (0,) * outside


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``median``."""
    register("median", Median)
