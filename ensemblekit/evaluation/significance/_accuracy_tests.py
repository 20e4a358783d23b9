"""Tests of the accuracies of two or more models on the same rows, McNemar's and Cochran's; and Holm's correction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...arguments import typed
from ...errors import InvalidOptionError
from ...predictions import Predictions, align
from ...predictions.joining import order_of
from .._models import Models, named_models
from .._weighted import scored_codes
from ._resampling import check_resampling
from ._two_models import paired

__all__ = ["CochranQ", "McNemar", "cochran_q", "holm", "mcnemar"]

FEWEST_OF_Q = 24
"""Fewest values, models times rows that differ, for which the chi-squared distribution is used."""


@dataclass(frozen=True)
class McNemar:
    """Result of `mcnemar`.

    Attributes
    ----------
    first_only, second_only : int
        Number of rows that only the first model, or only the second, predicts right.
    p_value : float
        In (0, 1].
    """

    first_only: int
    second_only: int
    p_value: float


@typed()
def mcnemar(first: Predictions, second: Predictions) -> McNemar:
    """Test whether two models have the same accuracy, by the rows that only one of them predicts right.

    Parameters
    ----------
    first, second : Predictions
        Labelled, of the task ``multiclass``, shape ``(n_samples, n_classes)``, for the same ids in any order.

    Returns
    -------
    McNemar
        The two counts and the p value.

    Raises
    ------
    AlignmentError
        If ids, classes, labels or splits differ.
    InvalidPredictionsError
        If they have no labels, no rows, absent rows, or are dense or of another task.

    Notes
    -----
    The exact two-sided binomial test [1]_: ``n`` rows are predicted right by one model only, ``k`` is the smaller of
    the two counts, and ``p = min(1, 2 P[X <= k])`` for ``X ~ Binomial(n, 1/2)``; 1 if ``n`` is 0. The test assumes
    independent rows. Near copies are not independent: if there are any, look at the interval by group too.

    Tie rule: the first of equally probable classes is the predicted one, in the order of the first model's classes.

    References
    ----------
    .. [1] Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
       Psychometrika 12, 1947.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import mcnemar
    >>> fields = {"ids": range(6), "classes": ["cat", "dog"], "labels": ["cat"] * 6}
    >>> right, wrong = Predictions([[1.0, 0.0]] * 6, **fields), Predictions([[0.0, 1.0]] * 6, **fields)
    >>> mcnemar(right, wrong)
    McNemar(first_only=6, second_only=0, p_value=0.03125)
    """
    from scipy.stats import binomtest

    scored_codes(first, "mcnemar")
    scored_codes(second, "mcnemar")
    one, other, _ = paired(first, second)
    codes = one.label_codes
    right, also = one.probas.argmax(axis=1) == codes, other.probas.argmax(axis=1) == codes
    first_only, second_only = int((right & ~also).sum()), int((also & ~right).sum())
    n = first_only + second_only
    p_value = float(binomtest(min(first_only, second_only), n, 0.5).pvalue) if n else 1.0
    return McNemar(first_only, second_only, p_value)


@dataclass(frozen=True)
class CochranQ:
    """Result of `cochran_q`.

    Parameters
    ----------
    statistic : float
        Cochran's Q, >= 0; NaN if all models are right in the same rows.
    p_value : float
        In (0, 1].
    """

    statistic: float
    p_value: float


@typed(but=("models",))
def cochran_q(models: Models, *, n_resamples: int = 5000, seed: int = 0) -> CochranQ:
    """Test whether several models have the same accuracy, on the same rows.

    Parameters
    ----------
    models : PredictionSet, sequence or mapping of str to Predictions
        Two models or more, labelled, with one class per row, for the same ids in any order.
    n_resamples : int, default=5000
        Number of permutations if there are few rows, >= 2.
    seed : int, default=0
        Seed of the permutations, >= 0.

    Returns
    -------
    CochranQ
        The statistic and the p value.

    Raises
    ------
    AlignmentError
        If ids, classes, labels or splits differ.
    InvalidPredictionsError, InvalidOptionError
        If there are fewer than two models, or they have no labels, absent rows, or are dense or of another kind.

    Notes
    -----
    With ``k`` models, of which model ``j`` is right in ``G_j`` rows and ``L_i`` are right in row ``i`` [1]_:
    ``Q = (k - 1) (k sum G_j^2 - (sum G_j)^2) / (k sum L_i - sum L_i^2)``. The p value is that of the chi-squared
    distribution with ``k - 1`` degrees of freedom. It holds for some 24 values at least, ``k`` times the rows in which
    the models differ; with fewer, the models are permuted within rows at random, and one is added to both counts.

    References
    ----------
    .. [1] W. G. Cochran, "The comparison of percentages in matched samples", Biometrika 37(3/4), 1950.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import cochran_q
    >>> fields = {"ids": range(12), "classes": ["cat", "dog"], "labels": ["cat"] * 12}
    >>> right = {"a": [1] * 12, "b": [1] * 9 + [0] * 3, "c": [0] * 6 + [1] * 6}
    >>> models = {name: Predictions([[r, 1 - r] for r in rows], **fields) for name, rows in right.items()}
    >>> found = cochran_q(models)
    >>> round(found.statistic, 3), round(found.p_value, 3)
    (6.0, 0.05)
    """
    from scipy.stats import chi2

    check_resampling(0.95, n_resamples, seed)
    named = named_models(models)
    if len(named) < 2:
        raise InvalidOptionError(f"cochran_q needs two models at least; received {list(named)}.")
    for p in named.values():
        scored_codes(p, "cochran_q")
    both = align([p.rename(name) for name, p in named.items()])
    both = both.reorder(rows=order_of(both.ids))
    right = np.array([both[m].probas.argmax(axis=1) == both[m].label_codes for m in both.members], dtype=np.float64)
    right = right[:, (right.min(axis=0) != right.max(axis=0))]
    k, n = right.shape
    if not n:
        return CochranQ(np.nan, 1.0)
    in_row = right.sum(axis=0)

    def q(totals: np.ndarray) -> np.ndarray:
        return (k - 1) * (k * (totals**2).sum(axis=0) - totals.sum(axis=0) ** 2) / (k * in_row - in_row**2).sum()

    found = float(q(right.sum(axis=1)))
    if k * n >= FEWEST_OF_Q:
        return CochranQ(found, float(chi2.sf(found, k - 1)))
    rng = np.random.default_rng(seed)
    totals = np.zeros((k, n_resamples))
    for row in right.T:  # fewer than FEWEST_OF_Q
        totals += rng.permuted(np.tile(row[:, np.newaxis], n_resamples), axis=0)
    as_far = int((q(totals) >= found * (1 - 1e-9)).sum())
    return CochranQ(found, (as_far + 1) / (n_resamples + 1))


@typed()
def holm(p_values: Any) -> np.ndarray:
    """Correct p values for multiple testing by Holm's step-down rule.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        Each in [0, 1].

    Returns
    -------
    ndarray of float64 of shape (n_tests,)
        In [0, 1], in the order given; none is below the uncorrected value.

    Raises
    ------
    InvalidOptionError
        If they are not a one-dimensional array of numbers in [0, 1].

    Notes
    -----
    With ``p_1 <= ... <= p_m``: ``max_{j <= i} min(1, (m - j + 1) p_j)`` [1]_. It controls the
    family-wise error rate: if all corrected values ``<= a`` are called significant, the probability of one false call
    or more is at most ``a``, whatever the dependence of the tests.

    References
    ----------
    .. [1] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6,
       1979.

    Examples
    --------
    >>> from ensemblekit.evaluation import holm
    >>> holm([0.01, 0.04, 0.03]).round(2)
    array([0.03, 0.06, 0.06])
    """
    try:
        raw = np.asarray(p_values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidOptionError(f"p values must be numbers in [0, 1]; received {p_values!r}.") from None
    if raw.ndim != 1 or not ((raw >= 0) & (raw <= 1)).all():
        raise InvalidOptionError(f"p values must be numbers in [0, 1], in one row; received {p_values!r}.")
    order = np.argsort(raw, kind="stable")
    stepped = np.minimum(1, raw[order] * np.arange(len(raw), 0, -1))
    corrected = np.empty_like(raw)
    corrected[order] = np.maximum.accumulate(stepped) if len(raw) else stepped
    return corrected
