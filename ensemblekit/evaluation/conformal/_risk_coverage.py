"""The risk of the surest rows, for every share of rows that is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...arguments import typed
from ...errors import InvalidOptionError, InvalidPredictionsError
from ...predictions import Predictions
from ._inputs import numbers_by_id
from ._row_losses import row_loss

if TYPE_CHECKING:
    import pandas as pd

    from .._asked_metrics import AskedMetric

__all__ = ["aurc", "certainty_of", "risk_coverage_curve"]


@typed(but=("metric",))
def risk_coverage_curve(
    predictions: Predictions, *, metric: AskedMetric | None = None, certainty: Any = None
) -> pd.DataFrame:
    """Compute the risk of the surest rows, for every share of rows that may be answered.

    Parameters
    ----------
    predictions : Predictions
        Labelled, shape ``(n_samples, n_classes)``.
    metric : metric, optional
        One that is a mean over rows, in a form that `find_metric` accepts. The risk is the metric, or its distance to
        the best value. By default the share of wrong rows; of wrong labels for multilabel predictions; the mean squared
        error for regression.
    certainty : mapping of id to number, or Series indexed by id, optional
        How sure the model is of each row, such as ``-uncertainty(members)["total"]``. By default the largest
        probability; for multilabel the mean of ``max(p, 1 - p)`` over the labels. Regression has no default.

    Returns
    -------
    pandas.DataFrame
        One row per distinct certainty, from the largest: ``coverage``, the share of rows that are at least so sure;
        ``risk``, the mean loss of these; ``certainty``; and their number ``n``.

    Raises
    ------
    InvalidPredictionsError
        If there are no labels or no rows, or the metric cannot score them.
    InvalidOptionError
        If the metric is no mean over rows, or ``certainty`` is absent for a regression or lacks a row.

    References
    ----------
    .. [1] R. El-Yaniv, Y. Wiener, "On the foundations of noise-free selective classification", JMLR 11, 2010.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import risk_coverage_curve
    >>> probas = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]]
    >>> p = Predictions(probas, ids=[1, 2, 3, 4], classes=["cat", "dog"], labels=["cat", "dog", "cat", "cat"])
    >>> risk_coverage_curve(p)
       coverage  risk  certainty  n
    0      0.25  0.00        0.9  1
    1      0.50  0.00        0.8  2
    2      0.75  0.00        0.7  3
    3      1.00  0.25        0.6  4
    """
    import pandas as pd

    losses = row_loss(predictions, metric).values
    sure = certainty_of(predictions, certainty)
    order = np.argsort(-sure, kind="stable")
    sure, losses = sure[order], losses[order]
    last = np.append(np.flatnonzero(sure[1:] != sure[:-1]), len(sure) - 1)
    n = last + 1
    risks = np.cumsum(losses)[last] / n
    return pd.DataFrame({"coverage": n / len(sure), "risk": risks, "certainty": sure[last], "n": n})


@typed(but=("metric",))
def aurc(
    predictions: Predictions, *, metric: AskedMetric | None = None, certainty: Any = None, excess: bool = False
) -> float:
    """Compute the area under the risk-coverage curve: the mean risk over all shares of answered rows.

    Parameters
    ----------
    predictions, metric, certainty
        As in `risk_coverage_curve`.
    excess : bool, default=False
        Without the area of the best possible order of these rows.

    Returns
    -------
    float
        0 is best. The area is small if the model is right or knows when it is wrong; the excess is small if it knows.

    Raises
    ------
    InvalidPredictionsError, InvalidOptionError
        As in `risk_coverage_curve`.

    Notes
    -----
    ``1 / n sum_k (loss of the k surest rows) / k`` [1]_.

    Tie rule: equally sure rows count as if in random order, in the mean over all orders.

    References
    ----------
    .. [1] Y. Geifman, G. Uziel, R. El-Yaniv, "Bias-reduced uncertainty estimation for deep neural classifiers", ICLR,
       2019.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import aurc
    >>> probas = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]]
    >>> p = Predictions(probas, ids=[1, 2, 3, 4], classes=["cat", "dog"], labels=["dog", "dog", "cat", "cat"])
    >>> round(aurc(p), 4), round(aurc(p, excess=True), 4)
    (0.5833, 0.375)
    """
    losses = row_loss(predictions, metric).values
    sure = certainty_of(predictions, certainty)
    _, places, counts = np.unique(-sure, return_inverse=True, return_counts=True)
    means = np.bincount(places, losses) / counts
    area = _area(np.repeat(means, counts))
    return area - _area(np.sort(losses)) if excess else area


def _area(losses: np.ndarray) -> float:
    return float((np.cumsum(losses) / np.arange(1, len(losses) + 1)).mean())


def certainty_of(predictions: Predictions, certainty: Any) -> np.ndarray:
    """Read how sure the model is of each row."""
    if certainty is not None:
        return numbers_by_id("certainty", certainty, predictions.ids)
    probas = predictions.probas.astype(np.float64)
    kind = predictions.kind
    if kind == "regression":
        raise InvalidOptionError(
            "the predictions of a regression do not tell how sure they are; received no certainty. Give a number by "
            "id, such as the negative standard deviation of the members."
        )
    if probas.ndim != 2 or predictions.present is not None:
        raise InvalidPredictionsError(
            f"selective prediction needs predictions of shape (n_samples, n_classes) with every row present; received "
            f"{predictions!r} of shape {probas.shape}."
        )
    return np.maximum(probas, 1 - probas).mean(axis=1) if kind == "multilabel" else probas.max(axis=1)
