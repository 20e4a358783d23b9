"""How good labelled predictions are, in one number."""

from __future__ import annotations

import math

import numpy as np

from ..arguments import typed
from ..errors import InvalidPredictionsError
from ..predictions import Predictions
from ._statistics import CLIP, labelled_codes

__all__ = ["accuracy", "accuracy_interval", "log_loss"]


@typed()
def accuracy(predictions: Predictions) -> float:
    """Share of the rows whose most probable class is the true one.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``multiclass``.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    InvalidPredictionsError
        If they have no labels, no rows, or are of another task.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import accuracy
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "cat"]}
    >>> accuracy(Predictions([[0.9, 0.1], [0.4, 0.6]], **fields))
    0.5
    """
    codes = labelled_codes(predictions, "accuracy and log loss need")
    return float(np.mean(predictions.probas.argmax(axis=-1) == codes))


@typed()
def log_loss(predictions: Predictions) -> float:
    """Mean negative log-likelihood of the true classes, in nats.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``multiclass``.

    Returns
    -------
    float
        At least 0. Probabilities are clipped to [1e-7, 1 - 1e-7], as Keras clips them, so that it is at most 16.2.

    Raises
    ------
    InvalidPredictionsError
        If they have no labels, no rows, or are of another task.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import log_loss
    >>> coin = Predictions([[0.5, 0.5]], ids=[1], classes=["heads", "tails"], labels=["tails"])
    >>> round(log_loss(coin), 6)
    0.693147
    """
    codes = labelled_codes(predictions, "accuracy and log loss need")
    likelihood = np.take_along_axis(predictions.probas, codes[..., np.newaxis], axis=-1).astype(np.float64)
    return float(-np.log(np.clip(likelihood, CLIP, 1 - CLIP)).mean())


@typed()
def accuracy_interval(n_correct: int, n_samples: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of an accuracy.

    Parameters
    ----------
    n_correct, n_samples : int
        How many of how many rows are right.
    confidence : float, default=0.95
        In (0, 1).

    Returns
    -------
    low, high : float
        In [0, 1].

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.

    Examples
    --------
    >>> from ensemblekit.evaluation import accuracy_interval
    >>> [round(bound, 3) for bound in accuracy_interval(50, 100)]
    [0.404, 0.596]
    """
    from statistics import NormalDist

    if not (0 <= n_correct <= n_samples and n_samples > 0 and 0 < confidence < 1):
        raise InvalidPredictionsError(
            "an interval needs 0 <= n_correct <= n_samples, at least one sample, and a confidence in (0, 1); received "
            f"{n_correct} of {n_samples} at {confidence}."
        )
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, spread = n_correct / n_samples, z * z / n_samples
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
