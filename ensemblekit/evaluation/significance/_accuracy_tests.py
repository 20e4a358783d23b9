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
from ._known_groups import find_groups
from ._permutations import flip_whole_numbers
from ._resampling import BLOCK, Groups, check_resampling, count_groups, group_places
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


@typed(but=("groups",))
def mcnemar(first: Predictions, second: Predictions, *, groups: Groups | None = None) -> McNemar:
    """Test whether two models have the same accuracy, by the rows that only one of them predicts right.

    Parameters
    ----------
    first, second : Predictions
        Labelled, of the task ``multiclass``, shape ``(n_samples, n_classes)``, for the same ids in any order.
    groups : mapping of id to group, or Series or table whose rows are named by id, optional
        As in `bootstrap_interval`: rows of one group, such as a patient, are not independent. By default the groups of
        the predictions.

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
    InvalidOptionError
        If ``groups`` are not those of the predictions, or not given by id.

    Notes
    -----
    The exact two-sided binomial test [1]_: ``n`` rows are predicted right by one model only, ``k`` is the smaller of
    the two counts, and ``p = min(1, 2 P[X <= k])`` for ``X ~ Binomial(n, 1/2)``; 1 if ``n`` is 0. The test assumes
    independent rows.

    With groups, rows within a group may depend on each other in any way. In group ``g`` the first model is right in
    ``d_g`` rows more than the second. The p value is the exact share of all signs of these differences whose sum is at
    least as far from 0: within each group the two models are swapped or not, as in `permutation_test`. With groups of
    one row each it is the test above. The smallest possible p value of ``n`` groups is ``2^(1 - n)``.

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
    scored_codes(first, "mcnemar")
    scored_codes(second, "mcnemar")
    one, other, _ = paired(first, second)
    codes = one.label_codes
    right, also = one.probas.argmax(axis=1) == codes, other.probas.argmax(axis=1) == codes
    more = right.astype(np.int64) - also
    places = group_places(one.ids, find_groups([first, second], groups))
    units = np.rint(np.bincount(places, more)).astype(np.int64)
    return McNemar(int((more > 0).sum()), int((more < 0).sum()), flip_whole_numbers(units))


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


@typed(but=("models", "groups"))
def cochran_q(models: Models, *, groups: Groups | None = None, n_resamples: int = 5000, seed: int = 0) -> CochranQ:
    """Test whether several models have the same accuracy, on the same rows.

    Parameters
    ----------
    models : PredictionSet, sequence or mapping of str to Predictions
        Two models or more, labelled, with one class per row, for the same ids in any order.
    groups : mapping of id to group, or Series or table whose rows are named by id, optional
        As in `mcnemar`.
    n_resamples : int, default=5000
        Number of permutations if there are few rows, or rows in groups, >= 2.
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
    With groups of several rows the models are permuted within groups, so that rows of a group may depend on each other
    in any way.

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
    places = group_places(both.ids, find_groups([*named.values()], groups))
    right = np.array([both[m].probas.argmax(axis=1) == both[m].label_codes for m in both.members], dtype=np.float64)
    differ = right.min(axis=0) != right.max(axis=0)
    right, places = right[:, differ], np.unique(places[differ], return_inverse=True)[1]
    k, n = right.shape
    if not n:
        return CochranQ(np.nan, 1.0)
    in_row = right.sum(axis=0)

    def q(totals: np.ndarray) -> np.ndarray:
        return (k - 1) * (k * (totals**2).sum(axis=0) - totals.sum(axis=0) ** 2) / (k * in_row - in_row**2).sum()

    found = float(q(right.sum(axis=1)))
    n_units = count_groups(places)
    if k * n >= FEWEST_OF_Q and n_units == n:
        return CochranQ(found, float(chi2.sf(found, k - 1)))
    rng = np.random.default_rng(seed)
    units = np.array([np.bincount(places, of_model) for of_model in right]).T
    as_far, step = 0, max(1, BLOCK // units.size)
    for start in range(0, n_resamples, step):
        shape = (min(step, n_resamples - start), *units.shape)
        totals = rng.permuted(np.broadcast_to(units, shape), axis=2).sum(axis=1)
        as_far += int((q(totals.T) >= found * (1 - 1e-9)).sum())
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
