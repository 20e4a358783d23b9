"""The average of ranks, for members whose scores are on different scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from ensemblekit import Combiner, PredictionSet, hookimpl
from ensemblekit.errors import NotFittedError

from ..kernels.ranks import average_ranks
from ..kernels.weights import scaled_weights
from ..options import check_count

__all__ = ["RankAverage"]


class RankAverage(Combiner):
    r"""Average of the members' ranks; each value is ranked against the sample of the fit.

    Parameters
    ----------
    weights : mapping of member name to float, or sequence of shape (n_members,), optional
        Weight of each member: finite, >= 0, with a positive sum. By default all weights are equal.
    n_quantiles : int, default=1000
        Maximum number of values of the sample that are stored for each member and class.

    Attributes
    ----------
    references_ : list of list of ndarray of shape (3, n_values)
        For each member and class: the stored values, ascending; for each value the share of the sample below it; and
        the share less than or equal to it.

    Notes
    -----
    .. math::

        p_{ic} = \frac{\sum_m w_m\, r_{mc}(p_{mic})}{\sum_m w_m}, \qquad
        r(x) = \frac{\#\{s < x\} + \#\{s \le x\}}{2 n}

    The rank ``r`` of a value is its mid-rank among the ``n`` values ``s`` of the sample, from 0 to 1. For the rows of
    the sample it is ``(rank - 1/2) / n`` with the average rank of ties. Each row is ranked against the sample and not
    against the other rows of the batch, so a single row gets the same result as in a batch. From a sample with more
    than ``n_quantiles`` different values, the values at evenly spaced quantiles are stored with their exact ranks.
    Between neighbouring stored values ``s < x < t``, ranks are interpolated: ``r(x) = R(s) + (L(t) - R(s)) (x - s) / (t
    - s)``. ``R(s)`` is the share of the sample ``<= s``, and ``L(t)`` the share ``< t``. Below the first stored value
    the rank is 0, above the last it is 1. The error of a rank is at most ``1 / (n_quantiles - 1)``.

    For multiclass the average is divided by its sum over the classes; if every rank is 0, each class gets ``1 / C``.
    Multilabel columns are averages of ranks [1]_. They sort rows well, for example for the area under the ROC curve,
    but they are not calibrated probabilities. With ``present`` only the members that are present count.

    Each class is ranked separately, so the class frequency has no effect: the median rank is 1/2 for a rare class and
    for a frequent one, and both are predicted about equally often. No labels
    are needed, and any are ignored.

    Tie rule: equal averages stay equal, and the first class by name is predicted.

    References
    ----------
    .. [1] R. Caruana, A. Munson, A. Niculescu-Mizil, "Getting the most out of ensemble selection", ICDM 2006.
    .. [2] E. L. Lehmann, "Nonparametrics: Statistical Methods Based on Ranks", Holden-Day, 1975 (mid-ranks).

    Examples
    --------
    >>> from ensemblekit import Predictions, combine, fit_combiner
    >>> fields = {"ids": [1, 2, 3], "classes": ["ill"], "task": "multilabel", "labels": [[0], [1], [1]]}
    >>> timid = Predictions([[0.01], [0.02], [0.03]], member="timid", **fields)
    >>> bold = Predictions([[0.2], [0.9], [0.9]], member="bold", **fields)
    >>> fitted = fit_combiner([timid, bold], "rank_average")
    >>> combine([timid, bold], fitted).probas.round(3)
    array([[0.167],
           [0.583],
           [0.75 ]])
    """

    traits = frozenset({"learns"})
    tasks = frozenset({"multiclass", "multilabel"})
    needs_labels = False

    def __init__(
        self, weights: Mapping[str, float] | Sequence[float] | None = None, *, n_quantiles: int = 1000
    ) -> None:
        check_count("n_quantiles", n_quantiles, least=2)
        self.weights = weights
        self.n_quantiles = n_quantiles

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        probas, present = predictions.member_probas, predictions.present
        n_members, n_samples, *inner, n_classes = probas.shape
        weight = np.ones(n_samples) if sample_weight is None else sample_weight
        self.references_: list[list[np.ndarray]] = []
        for place in range(n_members):
            rows = np.flatnonzero(weight > 0 if present is None else present[place] & (weight > 0))
            each = np.repeat(weight[rows], int(np.prod(inner, dtype=int)))
            values = probas[place, rows].reshape(-1, n_classes).astype(np.float64)
            self.references_.append([_reference(values[:, c], each, self.n_quantiles) for c in range(n_classes)])
        return self

    def combine(self, member_probas: Any, *, present: Any = None, task: str = "multiclass", xp: Any = np) -> Any:
        references = getattr(self, "references_", None)
        if references is None:
            raise NotFittedError("rank_average must be fitted before it combines. Call fit_combiner first.")
        weights = scaled_weights(self.weights, len(member_probas))
        return average_ranks(member_probas, references, weights, present, task)


def _reference(values: np.ndarray, weight: np.ndarray, most: int) -> np.ndarray:
    if not len(values):  # a member without rows gives the middle rank to every value
        return np.empty((3, 0))
    values, inverse = np.unique(values, return_inverse=True)
    through = np.cumsum(np.bincount(inverse, weight))
    through /= through[-1]
    below = np.concatenate([[0.0], through[:-1]])
    if len(values) > most:
        kept = np.unique(np.searchsorted(through, np.linspace(0, 1, most)))
        values, below, through = values[kept], below[kept], through[kept]
    return np.stack([values, below, through])


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``rank_average``."""
    register("rank_average", RankAverage)
