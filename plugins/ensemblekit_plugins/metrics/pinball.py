"""Pinball loss: the error of a predicted quantile."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from ensemblekit import hookimpl

from ..options import check_number
from .number_metric import MeanOfErrors

__all__ = ["Pinball"]


class Pinball(MeanOfErrors):
    """Mean pinball loss of a predicted quantile.

    Parameters
    ----------
    quantile : float, default=0.5
        Which quantile the numbers predict, in [0, 1]; with 0.5 it is half of the mean absolute error.
    of : str or int, optional
        One output alone; by default the mean over outputs.

    Notes
    -----
    ``sum_i w_i max(q (y_i - p_i), (q - 1) (y_i - p_i)) / sum_i w_i`` [1]_.

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

    def __init__(self, *, quantile: float = 0.5, of: Hashable | None = None) -> None:
        check_number("quantile", quantile, 0, 1)
        super().__init__(of=of)
        self.quantile = quantile

    def _each(self, true: np.ndarray, given: np.ndarray) -> np.ndarray:
        short = true - given
        return np.maximum(self.quantile * short, (self.quantile - 1) * short)


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``pinball``."""
    register("pinball", Pinball)
