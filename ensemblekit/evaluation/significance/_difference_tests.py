"""Tests of any metric of two models, by rows or groups: permutations, signed ranks and signs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arguments import typed
from ...errors import InvalidOptionError
from ...predictions import Predictions
from .._asked_metrics import AskedMetric, check_scorable, find_metrics
from ._known_groups import find_groups
from ._permutations import flip_signs, swap
from ._resampling import Groups, check_resampling, count_groups, group_places
from ._two_models import Difference, paired, row_weights
from ._unit_intervals import Draws

__all__ = ["permutation_test", "sign_test", "wilcoxon_test"]


@typed(but=("metric", "groups", "sample_weight"))
def permutation_test(
    first: Predictions,
    second: Predictions,
    metric: AskedMetric,
    *,
    groups: Groups | None = None,
    sample_weight: Any = None,
    n_resamples: int = 5000,
    seed: int = 0,
) -> float:
    """Test whether two models are equal, by swaps of the two within rows or groups.

    Parameters
    ----------
    first, second : Predictions
        Labelled, of one task; rows are matched by id.
    metric : metric
        In the forms that `find_metric` accepts.
    groups, sample_weight, n_resamples, seed
        As in `bootstrap_interval`.

    Returns
    -------
    float
        Two-sided p value, in (0, 1].

    Raises
    ------
    AlignmentError
        If ids, classes, labels or splits differ.
    InvalidPredictionsError, InvalidOptionError
        As in `bootstrap_interval`.

    Notes
    -----
    Within each unit, which is a row or a group, the predictions of the two models are swapped or not [1]_. The p value
    is the share of all such swaps whose difference is at least as far from 0 as the observed one. If there are more of
    them than ``n_resamples``, random ones are drawn, and one is added to both counts. The test is exact if each unit
    could as well have had the two models the other way round; for a mean over rows it is the test by signs.

    The smallest possible p value of ``n`` units is ``2^(1 - n)``: with 5 it is above 0.05.

    References
    ----------
    .. [1] P. Good, "Permutation, Parametric, and Bootstrap Tests of Hypotheses", Springer, 2005, chapter 3.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import permutation_test
    >>> fields = {"ids": range(6), "classes": ["cat", "dog"], "labels": ["cat"] * 6}
    >>> sure, coin = Predictions([[0.9, 0.1]] * 6, **fields), Predictions([[0.5, 0.5]] * 6, **fields)
    >>> permutation_test(sure, coin, "log_loss")
    0.03125
    """
    check_resampling(0.95, n_resamples, seed)
    pair, one = _pair(first, second, metric, sample_weight)
    places = group_places(one.ids, find_groups([first, second], groups))
    draws = Draws(count_groups(places), n_resamples, seed)
    if pair.rows is not None:
        return flip_signs(pair.sums(places), draws)
    observed = float(pair.difference(np.ones((len(one), 1)))[0])
    return swap(pair.both, places, observed, draws)


@typed(but=("metric", "groups", "sample_weight"))
def wilcoxon_test(
    first: Predictions,
    second: Predictions,
    metric: AskedMetric,
    *,
    groups: Groups | None = None,
    sample_weight: Any = None,
) -> float:
    """Test whether the differences of two models in rows or groups are symmetric about 0, by their signed ranks.

    Parameters
    ----------
    first, second : Predictions
        Labelled, of one task; rows are matched by id.
    metric : metric
        A mean over rows, such as ``log_loss``, in the forms that `find_metric` accepts.
    groups, sample_weight
        As in `permutation_test`.

    Returns
    -------
    float
        Two-sided p value, in (0, 1]; 1 if no unit differs.

    Raises
    ------
    AlignmentError
        If ids, classes, labels or splits differ.
    InvalidPredictionsError, InvalidOptionError
        As in `bootstrap_interval`; also if the metric is no mean over rows.

    Notes
    -----
    Wilcoxon's test [1]_ of the differences of rows, or with ``groups`` of what each group adds to the difference.
    Units that do not differ are left out. The p value is exact with at most 50 units without ties, and over all signs
    with at most 13 units with ties; otherwise it is that of the normal distribution, as in SciPy. The test asks for the
    typical difference, not for the mean: of a skewed difference it can find the one where the other is 0.

    References
    ----------
    .. [1] F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1(6), 1945.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import wilcoxon_test
    >>> fields = {"ids": range(6), "classes": ["cat", "dog"], "labels": ["cat"] * 6}
    >>> sure = Predictions([[p, 1 - p] for p in (0.6, 0.65, 0.7, 0.75, 0.8, 0.85)], **fields)
    >>> coin = Predictions([[0.5, 0.5]] * 6, **fields)
    >>> wilcoxon_test(sure, coin, "log_loss")
    0.03125
    """
    from scipy.stats import rankdata, wilcoxon

    units = _unit_differences(first, second, metric, groups, sample_weight, "wilcoxon_test")
    units = units[units != 0]
    if not len(units):
        return 1.0
    units = np.round(units / np.abs(units).max(), 12)  # equal ones but for rounding share a rank
    ties = len(np.unique(np.abs(units))) < len(units)
    if ties and len(units) <= 13:
        return flip_signs(rankdata(np.abs(units)) * np.sign(units), Draws(len(units), 1 << len(units), 0))
    method: Any = "auto" if not ties and len(units) <= 50 else "asymptotic"
    found: Any = wilcoxon(units, method=method)
    return float(found.pvalue)


@typed(but=("metric", "groups", "sample_weight"))
def sign_test(
    first: Predictions,
    second: Predictions,
    metric: AskedMetric,
    *,
    groups: Groups | None = None,
    sample_weight: Any = None,
) -> float:
    """Test whether each of two models is the better one in as many rows or groups.

    Parameters
    ----------
    first, second, metric, groups, sample_weight
        As in `wilcoxon_test`.

    Returns
    -------
    float
        Two-sided p value, in (0, 1]; 1 if no unit differs.

    Raises
    ------
    AlignmentError
        If ids, classes, labels or splits differ.
    InvalidPredictionsError, InvalidOptionError
        As in `wilcoxon_test`.

    Notes
    -----
    The exact binomial test of the number of units in which the first is better, among those that differ. For the
    accuracy by row it is `mcnemar`, which by group counts by how many rows a model is better.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import sign_test
    >>> fields = {"ids": range(6), "classes": ["cat", "dog"], "labels": ["cat"] * 6}
    >>> sure, coin = Predictions([[0.9, 0.1]] * 6, **fields), Predictions([[0.5, 0.5]] * 6, **fields)
    >>> sign_test(sure, coin, "log_loss")
    0.03125
    """
    from scipy.stats import binomtest

    units = _unit_differences(first, second, metric, groups, sample_weight, "sign_test")
    n_more, n = int((units > 0).sum()), int((units != 0).sum())
    return float(binomtest(n_more, n, 0.5).pvalue) if n else 1.0


def _pair(first: Predictions, second: Predictions, metric: Any, sample_weight: Any) -> tuple[Difference, Predictions]:
    (found,) = find_metrics([metric], first)
    check_scorable(first, found)
    check_scorable(second, found)
    weights = row_weights(sample_weight, first, second)
    one, other, weights = paired(first, second, weights)
    return Difference(found.for_classes(one.classes, one.task), one, other, weights), one


def _unit_differences(
    first: Predictions, second: Predictions, metric: Any, groups: Groups | None, sample_weight: Any, what: str
) -> np.ndarray:
    pair, one = _pair(first, second, metric, sample_weight)
    if pair.rows is None:
        raise InvalidOptionError(
            f"{what} needs a metric that is the mean of one value per row, such as 'log_loss'; received "
            f"{pair.metric.name!r}. permutation_test takes any."
        )
    return pair.sums(group_places(one.ids, find_groups([first, second], groups)))
