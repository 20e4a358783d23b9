"""The product of the members' predictions, normalised."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import Combiner, hookimpl

from ..kernels.log_pool import pool_logarithms

__all__ = ["Product"]


class Product(Combiner):
    r"""Normalised product of the members, for members that use independent evidence.

    Notes
    -----
    .. math::

        p_{ic} = \frac{q_{ic}}{\sum_k q_{ik}}, \qquad q_{ic} = \prod_m p_{mic}

    The product rule [1]_. For the task ``multilabel`` each column is combined against its complement, ``p = q / (q +
    prod_m (1 - p_m))``. With ``present`` it is the product of the members that are present. The product is computed
    with logarithms, so it does not underflow to 0 with many members.

    A zero is a veto: its class gets 0. Zeros are treated as the limit of one common small number. If every class has a
    veto, the classes with the fewest vetoes share the probability, in proportion to the product over the members
    without a veto for them.

    Tie rule: equal values stay equal.

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
