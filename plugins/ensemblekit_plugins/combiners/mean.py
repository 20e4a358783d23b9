"""The arithmetic mean of the members' predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import Combiner, hookimpl

from ..kernels.linear_pool import pool_linearly

__all__ = ["Mean"]


class Mean(Combiner):
    r"""Arithmetic mean of the members: each counts the same.

    Notes
    -----
    .. math::

        p_{ic} = \frac{1}{M} \sum_{m=1}^{M} p_{mic}

    The linear opinion pool with equal weights [1]_, also called soft voting. With ``present`` (some members lack some
    rows) it is the mean of the members that are present.

    Tie rule: equal values stay equal, and the first of them is predicted.

    References
    ----------
    .. [1] M. Stone, "The opinion pool", Annals of Mathematical Statistics 32(4), 1961.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.combiners.mean import Mean
    >>> Mean().combine(np.array([[[0.25, 0.75]], [[0.75, 0.25]]]))
    array([[0.5, 0.5]])
    """

    traits = frozenset({"symmetric", "idempotent", "bounded", "graphable", "class_equivariant"})

    def combine(self, member_probas: Any, *, present: Any = None, xp: Any = np) -> Any:
        return pool_linearly(member_probas, present=present, xp=xp)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``mean``."""
    register("mean", Mean)
