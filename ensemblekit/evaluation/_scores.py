"""Figures beside accuracy and log loss: Brier score, balanced accuracy, AUROC, the confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..arguments import typed
from ..predictions import Predictions
from ._statistics import figure_of, scored_codes, statistic

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["balanced_accuracy", "brier_score", "confusion_matrix", "macro_auroc"]


@typed()
def brier_score(predictions: Predictions) -> float:
    """Mean squared distance of the probabilities from the truth.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``multiclass``, shape ``(n_samples, n_classes)``.

    Returns
    -------
    float
        In [0, 2]; 0 is best.

    Raises
    ------
    InvalidPredictionsError
        If they have no labels, no rows, absent rows, or are dense or of another task.

    Notes
    -----
    ``mean_i sum_c (p_i[c] - [c = y_i])^2``, Brier's own sum over all classes [1]_; for two classes it is twice the
    score that is often given for the second class alone.

    References
    ----------
    .. [1] G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import brier_score
    >>> brier_score(Predictions([[0.5, 0.5]], ids=[1], classes=["heads", "tails"], labels=["tails"]))
    0.5
    """
    return figure_of(statistic(predictions, "brier_score"), len(predictions))


@typed()
def balanced_accuracy(predictions: Predictions) -> float:
    """Mean over the classes of the share of their rows that is found.

    Parameters
    ----------
    predictions : Predictions
        As in `brier_score`.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    InvalidPredictionsError
        As in `brier_score`.

    Notes
    -----
    A class without a row among the labels has no recall, and is left out of the mean, as in scikit-learn.

    Tie rule: the first of equally probable classes is the predicted one.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import balanced_accuracy
    >>> labels = ["cat", "cat", "cat", "dog"]
    >>> always_cat = Predictions([[1.0, 0.0]] * 4, ids=[1, 2, 3, 4], classes=["cat", "dog"], labels=labels)
    >>> balanced_accuracy(always_cat)
    0.5
    """
    return figure_of(statistic(predictions, "balanced_accuracy"), len(predictions))


@typed()
def macro_auroc(predictions: Predictions) -> float:
    """Mean over the classes of the area under the curve of each class against the rest.

    Parameters
    ----------
    predictions : Predictions
        As in `brier_score`.

    Returns
    -------
    float
        In [0, 1], 0.5 for chance; NaN where all labels are of one class.

    Raises
    ------
    InvalidPredictionsError
        As in `brier_score`.

    Notes
    -----
    The area of class ``c`` is the share of pairs of a row of the class and a row of another where the first has the
    larger ``p[c]``. A class without a row among the labels has no area, and is left out of the mean; scikit-learn has
    no answer there.

    Tie rule: a pair with equal probabilities counts half.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import macro_auroc
    >>> probas = [[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]]
    >>> macro_auroc(Predictions(probas, ids=[1, 2, 3], classes=["cat", "dog"], labels=["cat", "dog", "dog"]))
    1.0
    """
    return figure_of(statistic(predictions, "macro_auroc"), len(predictions))


@typed()
def confusion_matrix(predictions: Predictions) -> pd.DataFrame:
    """Count the rows of each true class by the class that was predicted.

    Parameters
    ----------
    predictions : Predictions
        As in `brier_score`.

    Returns
    -------
    pandas.DataFrame of int
        Index ``true``, columns ``predicted``, both of all classes in their order.

    Raises
    ------
    InvalidPredictionsError
        As in `brier_score`.

    Notes
    -----
    Tie rule: the first of equally probable classes is the predicted one.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import confusion_matrix
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "cat"]}
    >>> confusion_matrix(Predictions([[0.9, 0.1], [0.4, 0.6]], **fields))
    predicted  cat  dog
    true
    cat          1    1
    dog          0    0
    """
    import pandas as pd

    codes = scored_codes(predictions, "confusion_matrix")
    n_classes = len(predictions.classes)
    pairs = codes * n_classes + predictions.probas.argmax(axis=1)
    counts = np.bincount(pairs, minlength=n_classes * n_classes).reshape(n_classes, n_classes)
    classes = list(predictions.classes)
    return pd.DataFrame(counts, index=pd.Index(classes, name="true"), columns=pd.Index(classes, name="predicted"))
