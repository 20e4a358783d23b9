"""Split conformal prediction: sets and intervals with a guaranteed coverage."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from ..arguments import typed
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions import Predictions
from ..predictions.choices import check_not_test
from ._conformal_results import ConformalIntervals, ConformalSets, check_names, check_scored, set_scores

__all__ = ["fit_conformal"]

METHODS = {"multiclass": ("lac", "aps"), "regression": ("residual",)}


@typed()
def fit_conformal(
    predictions: Predictions, *, alpha: float = 0.1, method: str | None = None, allow_leakage: bool = False
) -> ConformalSets | ConformalIntervals:
    """Calibrate prediction sets, or intervals for regression, on held-out predictions.

    Any model or combiner can be used, as only its predictions are needed. If calibration rows and new rows are
    exchangeable, the set or interval of a new row contains the truth with a probability of at least ``1 - alpha``. The
    guarantee holds over all rows, not for each class.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``multiclass`` or ``regression``, on rows that no member and no combiner was fitted on.
        They are usually the result of `combine`. They must not be of the split ``test``, which is needed to measure the
        coverage.
    alpha : float, default=0.1
        Share of sets or intervals that may miss the truth, in (0, 1).
    method : {"lac", "aps", "residual"}, optional
        ``lac``, the default for ``multiclass``: the smallest sets on average. ``aps``: sets that are larger for rows on
        which the model is unsure. ``residual`` is the method for ``regression``.
    allow_leakage : bool, default=False
        Accept rows that the model was fitted on, and the test split.

    Returns
    -------
    ConformalSets or ConformalIntervals
        Sets for ``multiclass``, intervals for ``regression``.

    Raises
    ------
    LeakageError
        If rows are among the ``fit_ids`` of the predictions, or are of the split ``test``.
    InvalidOptionError
        If ``alpha`` is out of range or ``method`` does not fit the task.
    InvalidPredictionsError
        If there are no labels or no rows, rows are absent, or the predictions are dense or ``multilabel``.

    Notes
    -----
    Each calibration row gets a score of its true class or value; the score is high if the model is wrong. The threshold
    is the ``k``-th smallest of the ``n`` scores, ``k = ceil((n + 1)(1 - alpha))`` [1]_. It is infinite if ``k > n``,
    that is, if ``n < 1 / alpha - 1``; sets then contain all classes. A set contains the classes whose score is at most
    the threshold; it may be empty.

    The score of ``lac`` is ``1 - p[y]`` [2]_; that of ``aps`` is the sum of ``p[c]`` over the classes with ``p[c] >=
    p[y]``, without the random part of [3]_; that of ``residual`` is ``|y - prediction|``.

    Tie rule: equally probable classes have the same score, so a set contains all of them or none.

    References
    ----------
    .. [1] V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", Springer, 2005.
    .. [2] M. Sadinle, J. Lei, L. Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", Journal
       of the American Statistical Association 114, 2019.
    .. [3] Y. Romano, M. Sesia, E. J. Candès, "Classification with valid and adaptive coverage", NeurIPS, 2020.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import fit_conformal
    >>> probas = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]]
    >>> held_out = Predictions(probas, ids=[1, 2, 3, 4], classes=["cat", "dog"], labels=["cat", "dog", "cat", "cat"])
    >>> conformal = fit_conformal(held_out, alpha=0.4)
    >>> round(conformal.threshold, 6)
    0.3
    >>> conformal.predict_sets(Predictions([[0.75, 0.25], [0.5, 0.5]], ids=[5, 6], classes=["cat", "dog"]))
          cat    dog
    id
    5    True  False
    6   False  False
    """
    methods = METHODS.get(predictions.task, ())
    method = method or next(iter(methods), "lac")
    if not isinstance(alpha, (float, int)) or not 0 < alpha < 1:
        raise InvalidOptionError(f"alpha must be a number > 0 and < 1; received {alpha!r}.")
    if not methods:
        raise InvalidPredictionsError(
            f"conformal prediction is for multiclass predictions and regression; received the task "
            f"{predictions.task!r}. Give each label as predictions of two classes."
        )
    if method not in methods:
        raise InvalidOptionError(
            f"method for the task {predictions.task!r} must be {' or '.join(map(repr, methods))}; received {method!r}."
        )
    check_names(predictions, predictions.task, predictions.classes)
    if not allow_leakage:
        check_not_test("conformal prediction is never calibrated", predictions.split, predictions.ids)
    true = check_scored(predictions, None if allow_leakage else predictions.fit_ids, "the model was fitted on")
    common: dict[str, Any] = {"alpha": float(alpha), "classes": predictions.classes, "calibration_ids": predictions.ids}
    if method == "residual":
        return ConformalIntervals(half_widths=_quantile(np.abs(true - predictions.probas), alpha), **common)
    scores = set_scores(predictions.probas, method)[np.arange(len(true)), true]
    return ConformalSets(method=method, threshold=float(_quantile(scores, alpha)), **common)


def _quantile(scores: np.ndarray, alpha: float) -> np.ndarray:
    # In floats (n + 1)(1 - alpha) may be slightly above the whole number that it equals.
    place = math.ceil((len(scores) + 1) * (1 - Fraction(repr(float(alpha)))))
    if place > len(scores):
        return np.full(scores.shape[1:], np.inf)
    return np.sort(scores.astype(np.float64), axis=0)[place - 1]
