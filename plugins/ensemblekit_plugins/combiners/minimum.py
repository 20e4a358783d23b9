"""The smallest of the members' predictions, class by class."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl

from ..kernels.blocks import Scratch
from .order_statistics import OrderStatistics

__all__ = ["Minimum"]


class Minimum(OrderStatistics):
    r"""Smallest value of the members, class by class: one member is enough to reject a class.

    Notes
    -----
    .. math::

        p_{ic} = \frac{q_{ic}}{\sum_k q_{ik}}, \qquad q_{ic} = \min_m p_{mic}

    This is for the task ``multiclass`` [1]_; for the others ``p = q``. If every ``q`` of a row is 0, the row becomes
    uniform, which is the limit if all zeros are replaced with one small number. With ``present`` it is the smallest
    value of the members that are present.

    Tie rule: equal values stay equal.

    References
    ----------
    .. [1] J. Kittler, M. Hatef, R. P. W. Duin, J. Matas, "On combining classifiers", IEEE Transactions on Pattern
       Analysis and Machine Intelligence 20(3), 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.combiners.minimum import Minimum
    >>> Minimum().combine(np.array([[[0.75, 0.25]], [[0.5, 0.5]]]))
    array([[0.66666667, 0.33333333]])
    """

    def counts(self, n_members: int) -> tuple[int, ...]:
        return (1,) + (0,) * (n_members - 1)

    def pool_block(self, members: np.ndarray, counts: tuple[int, ...], total: np.ndarray, scratch: Scratch) -> None:
        np.copyto(total, members[0])
        for member in members[1:]:
            np.minimum(total, member, out=total)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``minimum``."""
    register("minimum", Minimum)
