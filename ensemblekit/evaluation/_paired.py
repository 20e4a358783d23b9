"""Test whether two models differ on the same rows: exact McNemar test, paired bootstrap, Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import typed
from ..errors import InvalidOptionError
from ..predictions import Predictions, align
from ._metrics import check_metrics, statistic
from ._resampling import (
    MOST_UNITS,
    Groups,
    Interval,
    check_resampling,
    count_groups,
    group_places,
    interval,
    resample,
    small_sample,
)
from ._weighted import LOG_LOSS_CLIP, Statistic, scored_codes, value_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["McNemar", "holm", "mcnemar", "paired_bootstrap"]

DIFFERENCES = ("accuracy", "log_loss", "brier_score")
COUNTED = frozenset({"accuracy", "balanced_accuracy"})
"""Metrics that count rows: if no row differs, the size of the difference of a row is still known."""
LARGEST = {"log_loss": -math.log(LOG_LOSS_CLIP), "brier_score": 2.0}
"""Largest difference between two models, if it is not 1."""


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

    one, other = paired(first, second, "mcnemar")
    codes = one.label_codes
    right, also = one.probas.argmax(axis=1) == codes, other.probas.argmax(axis=1) == codes
    first_only, second_only = int((right & ~also).sum()), int((also & ~right).sum())
    n = first_only + second_only
    p_value = float(binomtest(min(first_only, second_only), n, 0.5).pvalue) if n else 1.0
    return McNemar(first_only, second_only, p_value)


@typed(but=("groups",))
def paired_bootstrap(
    first: Predictions,
    second: Predictions,
    *,
    metrics: Sequence[str] = DIFFERENCES,
    groups: Groups | None = None,
    confidence: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute the differences of two models on the same rows, with bootstrap intervals.

    Parameters
    ----------
    first, second : Predictions
        As in `mcnemar`; rows are matched by id.
    metrics : sequence of str, default=("accuracy", "log_loss", "brier_score")
        As in `bootstrap_interval`.
    groups, confidence, n_resamples, seed
        As in `bootstrap_interval`.

    Returns
    -------
    pandas.DataFrame
        One row per metric: ``metric``, ``first``, ``second``, ``difference``, which is ``first - second``; ``low`` and
        ``high``, its interval by row, and ``p_value``; with ``groups`` also ``group_low``, ``group_high`` and
        ``group_p_value``.

    Raises
    ------
    AlignmentError
        If ids, classes, labels or splits differ.
    InvalidPredictionsError, InvalidOptionError
        As in `bootstrap_interval`.

    Notes
    -----
    Both models are scored on the same resamples. The interval is the wider one, on each side, of two intervals:

    - the percentile interval of the differences;
    - with at most 1000 units, which are rows or groups, Student's interval, as the first is too narrow for few rows.
      Each unit has the difference ``d_u`` that it contributes (a pseudo-value of the jackknife; for a mean over rows,
      that of the row). To the ``n`` units two are added, with the differences ``s`` and ``-s`` [2]_. The interval is
      ``mean +- t * sqrt(variance / (n + 2))`` of the ``n + 2`` values, with ``n - 1`` degrees of freedom. For the
      accuracy ``s = 1``; for other metrics ``s`` is the root mean square of ``d_u``. At a confidence of 0.95 the
      interval therefore contains 0 if there are fewer than 6 units, even if all ``d_u`` are equal: no test without
      assumptions could tell a difference. With one unit the interval contains each difference that is possible.

    A model compared with itself differs in nothing, and has the interval from 0 to 0.

    The p value is two-sided, and the larger one of two. Of the resamples take the share with a difference ``<= 0`` and
    the share with ``>= 0``, with one added to each count [1]_; the p value is twice the smaller share, at most 1. The
    other is that of Student's t above. It is not an exact test; for the accuracy prefer `mcnemar`.

    References
    ----------
    .. [1] A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their Application", Cambridge, 1997, chapter 4.
    .. [2] D. G. Bonett, R. M. Price, "Adjusted Wald confidence interval for a difference of binomial proportions based
       on paired data", Journal of Educational and Behavioral Statistics 37(4), 2012.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import paired_bootstrap
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "dog"]}
    >>> sure = Predictions([[0.75, 0.25], [0.25, 0.75]], **fields)
    >>> coin = Predictions([[0.5, 0.5], [0.5, 0.5]], **fields)
    >>> paired_bootstrap(sure, coin, metrics=["brier_score"]).round(3)[["metric", "difference", "low", "high"]]
            metric  difference  low  high
    0  brier_score      -0.375 -2.0   2.0
    """
    import pandas as pd

    check_resampling(confidence, n_resamples)
    metrics = check_metrics(metrics)
    one, other = paired(first, second, "paired_bootstrap")
    pairs = [(statistic(one, metric), statistic(other, metric)) for metric in metrics]
    values = np.array([[value_of(s, len(one)) for s in pair] for pair in pairs])
    table: dict[str, Any] = {"metric": metrics, "first": values[:, 0], "second": values[:, 1]}
    table["difference"] = values[:, 0] - values[:, 1]
    for prefix, grouping in (("", None), ("group_", groups)):
        if prefix and grouping is None:
            continue
        places = group_places(one.ids, grouping)
        differences = [_difference(*pair) for pair in pairs]
        resamples = resample(differences, places, n_resamples, seed)
        found = [_wider(*each, places, confidence) for each in zip(metrics, differences, resamples, strict=True)]
        if np.array_equal(one.probas, other.probas):
            found = [((0.0, 0.0), 1.0)] * len(metrics)
        for place, end in enumerate(("low", "high")):
            table[f"{prefix}{end}"] = [bounds[place] for bounds, _ in found]
        table[f"{prefix}p_value"] = [p_value for _, p_value in found]
    return pd.DataFrame(table)


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


def paired(first: Predictions, second: Predictions, what: str) -> tuple[Predictions, Predictions]:
    """Match two models by id and class, and sort their rows by id."""
    scored_codes(first, what)
    scored_codes(second, what)
    one, other = first.member or "first", second.member or "second"  # for error messages
    if one == other:
        one, other = "first", "second"
    both = align(first.rename(one), second.rename(other))
    both = both.reorder(rows=np.argsort(both.ids, kind="stable"))
    return both[one], both[other]


def _difference(one: Statistic, other: Statistic) -> Statistic:
    return lambda weights: one(weights) - other(weights)


def _wider(
    metric: str, difference: Statistic, resampled: np.ndarray, places: np.ndarray, confidence: float
) -> tuple[Interval, float]:
    low, high = interval(resampled, confidence)
    p_value = _p_value(resampled)
    if count_groups(places) > MOST_UNITS:
        return (low, high), p_value
    step = 1.0 if metric in COUNTED else None
    student, other = small_sample(difference, places, confidence, step=step, most=LARGEST.get(metric, 1.0))
    return (float(np.fmin(low, student[0])), float(np.fmax(high, student[1]))), max(p_value, other)


def _p_value(differences: np.ndarray) -> float:
    known = differences[~np.isnan(differences)]
    fewer = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(1.0, 2 * (fewer + 1) / (len(known) + 1))
