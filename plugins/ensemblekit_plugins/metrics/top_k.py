"""Top-k accuracy: whether the true class is among the most probable ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.interfaces import Metric

from ..options import check_count
from .class_metric import mean_of_positions

__all__ = ["TopK"]


class TopK(Metric):
    r"""Share of rows whose true class is among the ``k`` most probable.

    Parameters
    ----------
    k : int, default=2
        How many classes may be named; with 1 it is the accuracy.

    Notes
    -----
    .. math::

        \frac{\sum_i w_i\, [\operatorname{rank}_i \le k]}{\sum_i w_i}

    The rank is that of the true class among the probabilities of its row [1]_.

    Tie rule: of equally probable classes the first ranks first, as in ``accuracy``; scikit-learn ranks the last first.

    References
    ----------
    .. [1] O. Russakovsky et al., "ImageNet large scale visual recognition challenge", International Journal of Computer
       Vision 115, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.top_k import TopK
    >>> TopK(k=2).score(np.array([1, 2]), np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]))
    0.5
    """

    tasks = frozenset({"multiclass"})
    higher_is_better = True
    range = (0.0, 1.0)
    needs = "probabilities"
    dense = True

    def __init__(self, *, k: int = 2) -> None:
        check_count("k", k)
        self.k = k

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        codes = labels[..., np.newaxis]
        own = np.take_along_axis(predicted, codes, axis=-1)
        ahead = (predicted > own) | ((predicted == own) & (np.arange(predicted.shape[-1]) < codes))
        return mean_of_positions(ahead.sum(axis=-1) < self.k)


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``top_k``."""
    register("top_k", TopK)
