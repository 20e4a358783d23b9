"""Uncertainty of each sample, and how much of it comes from the disagreement of the members."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..arguments import typed
from ..errors import InvalidPredictionsError
from ..predictions import PredictionSet
from ._models import Models, aligned_models

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["uncertainty", "uncertainty_maps"]

BLOCK = 1 << 17
"""Values computed at once: few enough to stay in the CPU cache."""
PARTS = ("total", "aleatoric", "epistemic", "vote_entropy")


@typed(but=("predictions",))
def uncertainty(predictions: Models) -> pd.DataFrame:
    """Decompose the uncertainty of each sample: of classes in nats, of numbers in their unit.

    Parameters
    ----------
    predictions : PredictionSet, Predictions, or sequence or mapping of these
        Predictions of any task, ``(n_samples, n_classes)`` of each member; labels are optional.

    Returns
    -------
    pandas.DataFrame
        Index ``id``; columns ``total``, ``aleatoric``, ``epistemic`` and ``vote_entropy``, all >= 0; of numbers
        ``epistemic`` and ``range``.

    Raises
    ------
    InvalidPredictionsError
        If the predictions are dense (see `uncertainty_maps`).
    AlignmentError
        If several models cannot be aligned.

    Notes
    -----
    With ``H(p) = -sum_c p[c] log p[c]`` and ``0 log 0 = 0``: the total is the entropy of the mean, ``H(mean_m p_m)``.
    The aleatoric part is the mean entropy, ``mean_m H(p_m)``: noise that every member sees. The epistemic part is the
    difference, the mutual information of class and member [1]_, 0 if all members predict the same. The vote entropy is
    the entropy of the shares of hard votes [2]_. For ``multilabel``, each label is a Bernoulli variable with the vote
    ``p >= 0.5``, and the entropies of the labels are summed. If rows are absent, means are over the members that have
    the row.

    The members of a regression give numbers and no distributions, so that only their disagreement is known: the
    epistemic part is the standard deviation of their answers, and the range is the largest answer less the smallest. Of
    several outputs, they are the root of the mean variance, and the largest range.

    Tie rule: equally most probable classes of a member share its vote, as in the combiner ``voting``.

    References
    ----------
    .. [1] S. Depeweg et al., "Decomposition of uncertainty in Bayesian deep learning for efficient and risk-sensitive
       learning", ICML, 2018.
    .. [2] I. Dagan, S. P. Engelson, "Committee-based sampling for training probabilistic classifiers", ICML, 1995.

    Examples
    --------
    >>> from ensemblekit import Predictions, align
    >>> from ensemblekit.evaluation import uncertainty
    >>> fields = {"ids": ["agree", "clash"], "classes": ["cat", "dog"]}
    >>> cnn = Predictions([[0.5, 0.5], [1.0, 0.0]], member="cnn", **fields)
    >>> svm = Predictions([[0.5, 0.5], [0.0, 1.0]], member="svm", **fields)
    >>> uncertainty(align(cnn, svm)).round(3)
           total  aleatoric  epistemic  vote_entropy
    id
    agree  0.693      0.693      0.000         0.693
    clash  0.693      0.000      0.693         0.693
    """
    import pandas as pd

    predictions = aligned_models(predictions)
    if predictions.member_probas.ndim != 3:
        raise InvalidPredictionsError(
            f"a table of uncertainty has one row per sample; received dense predictions of shape "
            f"{predictions.member_probas.shape}. Call uncertainty_maps."
        )
    return pd.DataFrame(uncertainty_maps(predictions), index=pd.Index(predictions.ids, name="id"))


@typed(but=("predictions",))
def uncertainty_maps(predictions: Models) -> dict[str, np.ndarray]:
    """Decompose uncertainty as `uncertainty` does, also for dense predictions.

    Parameters
    ----------
    predictions : PredictionSet, Predictions, or sequence or mapping of these
        Predictions of any task, ``(n_samples, ..., n_classes)`` of each member.

    Returns
    -------
    dict of str to ndarray of shape (n_samples, ...)
        ``total``, ``aleatoric``, ``epistemic`` and ``vote_entropy`` in nats, or ``epistemic`` and ``range`` in the unit
        of the outputs, float64.

    Raises
    ------
    AlignmentError
        If several models cannot be aligned.
    """
    predictions = aligned_models(predictions)
    if predictions.kind == "regression":
        return _spread_of_numbers(predictions)
    cube, present = predictions.member_probas, predictions.present
    n_members, n_samples = cube.shape[:2]
    parts = np.empty((len(PARTS), n_samples, int(np.prod(cube.shape[2:-1]))))
    rows = max(1, BLOCK // max(1, int(np.prod(cube.shape[2:])) * n_members))
    for start in range(0, n_samples, rows):
        block = np.array(cube[:, start : start + rows], dtype=np.float64, order="C")
        block = block.reshape(n_members, -1, parts.shape[2], cube.shape[-1])
        is_present = None if present is None else present[:, start : start + rows, np.newaxis, np.newaxis]
        parts[:, start : start + rows] = _parts(block, is_present, multilabel=predictions.kind == "multilabel")
    return {part: values.reshape(cube.shape[1:-1]) for part, values in zip(PARTS, parts, strict=True)}


def _spread_of_numbers(predictions: PredictionSet) -> dict[str, np.ndarray]:
    present, values = predictions.present, predictions.member_probas.astype(np.float64)
    there = np.ones(values.shape[:2], dtype=bool) if present is None else present
    there = there.reshape(*there.shape, *(1,) * (values.ndim - 2))
    n_present = there.sum(axis=0)
    mean = np.where(there, values, 0).sum(axis=0) / n_present
    variance = np.where(there, (values - mean) ** 2, 0).sum(axis=0) / n_present
    low, high = np.where(there, values, np.inf).min(axis=0), np.where(there, values, -np.inf).max(axis=0)
    return {"epistemic": np.sqrt(variance.mean(axis=-1)), "range": (high - low).max(axis=-1)}


def _parts(probas: np.ndarray, present: np.ndarray | None, *, multilabel: bool) -> np.ndarray:
    if present is None:
        present = np.ones((len(probas), 1, 1, 1), dtype=bool)
    else:
        probas[np.broadcast_to(~present, probas.shape)] = 0
    n_present = present.sum(axis=0)
    total = _entropy(probas.sum(axis=0) / n_present, multilabel)
    aleatoric = (_entropy(probas, multilabel) * present[..., 0]).sum(axis=0) / n_present[..., 0]
    if multilabel:
        votes = (probas >= 0.5).astype(np.float64)
    else:
        votes = (probas == probas.max(axis=-1, keepdims=True)).astype(np.float64)
        votes /= votes.sum(axis=-1, keepdims=True)
    vote_entropy = _entropy((votes * present).sum(axis=0) / n_present, multilabel)
    # Entropy is concave, so that only rounding errors make the difference negative.
    return np.stack([total, aleatoric, np.maximum(total - aleatoric, 0), vote_entropy])


def _entropy(probas: np.ndarray, multilabel: bool) -> np.ndarray:
    from scipy.special import entr

    terms = entr(probas)
    if multilabel:
        terms += entr(1 - probas)
    return terms.sum(axis=-1)
