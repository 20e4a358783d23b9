"""The product of the members' predictions, normalised."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import Combiner, hookimpl

from ..kernels.log_pool import pool_logarithms

__all__ = ["Product"]


class Product(Combiner):
    """Product of the members, normalised: right for members that judge independent evidence.

    Notes
    -----
    ``p[i, c] = q[i, c] / sum_k q[i, k]`` with ``q[i, c] = prod_m p_m[i, c]`` [1]_. For the task ``multilabel`` each
    column stands against its complement, ``p = q / (q + prod_m (1 - p_m))``. With ``present`` it is the product of the
    members that are present. It is computed by logarithms, so that no number of members makes it 0.

    Zeros stand for one small number, in the limit to 0. So a zero is a veto: that class gets 0. Where every class is
    vetoed, those with the fewest vetoes share the row, in proportion to the product over the members that do not veto
    them.

    Tie rule: none; equal values stay equal.

    References
    ----------
    .. [1] J. Kittler, M. Hatef, R. P. W. Duin, J. Matas, "On combining classifiers", IEEE Transactions on Pattern
       Analysis and Machine Intelligence 20(3), 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.combiners.product import Product
    >>> Product().combine(np.array([[[0.75, 0.25]], [[0.75, 0.25]]])).round(3)
    array([[0.9, 0.1]])
    """

    traits = frozenset({"symmetric", "graphable"})
    tasks = frozenset({"multiclass", "multilabel"})

    def combine(self, member_probas: Any, *, present: Any = None, task: str = "multiclass", xp: Any = np) -> Any:
        return pool_logarithms(member_probas, np.ones(member_probas.shape[0]), present, task, xp)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``product``."""
    register("product", Product)
