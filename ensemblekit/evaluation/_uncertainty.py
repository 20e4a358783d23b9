"""How unsure an ensemble is of each sample, and how much of that is its members' disagreement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..arguments import typed
from ..errors import InvalidPredictionsError
from ..predictions import PredictionSet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["uncertainty", "uncertainty_maps"]

BLOCK = 1 << 17
"""Most values of the cube that are looked at at once: what they need fits the cache."""
PARTS = ("total", "aleatoric", "epistemic", "vote_entropy")


@typed()
def uncertainty(predictions: PredictionSet) -> pd.DataFrame:
    """Take the uncertainty of each sample apart, in nats.

    Parameters
    ----------
    predictions : PredictionSet
        Of the task ``multiclass`` or ``multilabel``, shape ``(n_members, n_samples, n_classes)``. No labels needed.

    Returns
    -------
    pandas.DataFrame
        Index ``id``; columns ``total``, ``aleatoric``, ``epistemic`` and ``vote_entropy``, all >= 0.

    Raises
    ------
    InvalidPredictionsError
        If the predictions are dense, for which there is `uncertainty_maps`, or of the task ``regression``.

    Notes
    -----
    With ``H(p) = -sum_c p[c] log p[c]`` and ``0 log 0 = 0``: the total is the entropy of the mean ``H(mean_m p_m)``;
    the aleatoric part is the mean of the entropies ``mean_m H(p_m)``, what the members agree to be noise; the epistemic
    part is their difference, the mutual information of class and member [1]_, 0 where all members say the same. The
    vote entropy is that of the shares of hard votes [2]_. For ``multilabel``, each label is a Bernoulli variable of its
    own (the vote for it is ``p >= 0.5``), and the entropies of the labels are added up. With absent rows the means are
    those of the members that are present.

    Tie rule: a member's own most probable classes share its vote, as in the combiner ``voting``.

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

    if predictions.member_probas.ndim != 3:
        raise InvalidPredictionsError(
            f"a table of uncertainty has one row a sample; received dense predictions of shape "
            f"{predictions.member_probas.shape}. Call uncertainty_maps."
        )
    return pd.DataFrame(uncertainty_maps(predictions), index=pd.Index(predictions.ids, name="id"))


@typed()
def uncertainty_maps(predictions: PredictionSet) -> dict[str, np.ndarray]:
    """Take uncertainty apart as `uncertainty` does, of dense predictions too.

    Parameters
    ----------
    predictions : PredictionSet
        Of the task ``multiclass`` or ``multilabel``, shape ``(n_members, n_samples, ..., n_classes)``.

    Returns
    -------
    dict of str to ndarray of shape (n_samples, ...)
        ``total``, ``aleatoric``, ``epistemic`` and ``vote_entropy``, in nats, float64.

    Raises
    ------
    InvalidPredictionsError
        If the task is ``regression``.
    """
    if predictions.task == "regression":
        raise InvalidPredictionsError(
            "uncertainty is the entropy of probabilities; received predictions of the task 'regression'."
        )
    cube, present = predictions.member_probas, predictions.present
    n_members, n_samples = cube.shape[:2]
    found = np.empty((len(PARTS), n_samples, int(np.prod(cube.shape[2:-1]))))
    rows = max(1, BLOCK // max(1, int(np.prod(cube.shape[2:])) * n_members))
    for start in range(0, n_samples, rows):
        block = np.array(cube[:, start : start + rows], dtype=np.float64, order="C")
        block = block.reshape(n_members, -1, found.shape[2], cube.shape[-1])
        there = None if present is None else present[:, start : start + rows, np.newaxis, np.newaxis]
        found[:, start : start + rows] = _parts(block, there, multilabel=predictions.task == "multilabel")
    return {part: values.reshape(cube.shape[1:-1]) for part, values in zip(PARTS, found, strict=True)}


def _parts(probas: np.ndarray, there: np.ndarray | None, *, multilabel: bool) -> np.ndarray:
    if there is not None:
        probas[np.broadcast_to(~there, probas.shape)] = 0
    if there is None:
        there = np.ones((len(probas), 1, 1, 1), dtype=bool)
    n_there = there.sum(axis=0)
    total = _entropy(probas.sum(axis=0) / n_there, multilabel)
    aleatoric = (_entropy(probas, multilabel) * there[..., 0]).sum(axis=0) / n_there[..., 0]
    if multilabel:
        votes = (probas >= 0.5).astype(np.float64)
    else:
        votes = (probas == probas.max(axis=-1, keepdims=True)).astype(np.float64)
        votes /= votes.sum(axis=-1, keepdims=True)
    vote_entropy = _entropy((votes * there).sum(axis=0) / n_there, multilabel)
    # The entropy is concave, so that the difference is below 0 by rounding alone.
    return np.stack([total, aleatoric, np.maximum(total - aleatoric, 0), vote_entropy])


def _entropy(probas: np.ndarray, multilabel: bool) -> np.ndarray:
    from scipy.special import entr

    terms = entr(probas)
    if multilabel:
        terms += entr(1 - probas)
    return terms.sum(axis=-1)
