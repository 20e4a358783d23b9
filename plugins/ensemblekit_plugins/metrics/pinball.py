"""Pinball loss: the error of a predicted quantile."""

from __future__ import annotations

import copy
from collections.abc import Hashable
from typing import Any, Self

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.quantiles.levels import levels_of, pinball

from ..options import check_number
from .number_metric import MeanOfErrors

__all__ = ["Pinball"]


class Pinball(MeanOfErrors):
    r"""Mean pinball loss of predicted quantiles.

    Parameters
    ----------
    quantile : float, optional
        Which quantile all numbers predict, in [0, 1]. By default the level of each column for the task ``quantile``,
        and for others 0.5, half of the mean absolute error.
    of : str or int, optional
        One output or level alone; by default the mean over them.

    Notes
    -----
    .. math::

        \frac{\sum_i w_i\, \max(q\, (y_i - p_i),\ (q - 1)\, (y_i - p_i))}{\sum_i w_i}

    ``q`` is the quantile that the numbers predict, or the level of a column [1]_.

    References
    ----------
    .. [1] R. Koenker, G. Bassett, "Regression quantiles", Econometrica 46, 1978.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.pinball import Pinball
    >>> Pinball(quantile=0.75).score(np.array([[1.0], [2.0]]), np.array([[2.0], [1.0]]))
    0.5
    """

    def __init__(self, *, quantile: float | None = None, of: Hashable | None = None) -> None:
        if quantile is not None:
            check_number("quantile", quantile, 0, 1)
        super().__init__(of=of)
        self.quantile = quantile
        self._level: Any = 0.5 if quantile is None else quantile

    def for_classes(self, classes: tuple[Hashable, ...], task: str) -> Self:
        settled = super().for_classes(classes, task)
        if self.quantile is None and task == "quantile":
            settled = copy.copy(settled)
            levels = levels_of(classes)
            settled._level = levels if settled.place is None else levels[settled.place : settled.place + 1]
        return settled

    def _each(self, true: np.ndarray, given: np.ndarray) -> np.ndarray:
        return pinball(true - given, self._level)


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``pinball``."""
    register("pinball", Pinball)
