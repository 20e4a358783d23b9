"""Tests of several models over several data sets, by their ranks: Friedman and Nemenyi."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...arguments import typed
from ...errors import InvalidOptionError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Friedman", "friedman_test", "nemenyi_test"]


@dataclass(frozen=True)
class Friedman:
    """Result of `friedman_test`.

    Parameters
    ----------
    statistic : float
        Friedman's chi-squared, corrected for ties, >= 0; NaN if all ranks are equal.
    p_value : float
        In [0, 1].
    mean_ranks : pandas.Series
        Model -> its mean rank over the data sets, 1 for the best.
    """

    statistic: float
    p_value: float
    mean_ranks: pd.Series


@typed()
def friedman_test(scores: pd.DataFrame, *, higher_is_better: bool) -> Friedman:
    """Test whether several models are equally good over several data sets.

    Parameters
    ----------
    scores : pandas.DataFrame of shape (n_data_sets, n_models)
        One metric of each model on each data set; two data sets and three models at least.
    higher_is_better : bool
        False for losses and errors.

    Returns
    -------
    Friedman
        The statistic, the p value and the mean ranks.

    Raises
    ------
    InvalidOptionError
        If there are too few data sets or models, or scores are not finite.

    Notes
    -----
    The models are ranked within each data set; equal values share the mean of their ranks. With ``N`` data sets, ``k``
    models and mean ranks ``R_j`` the statistic is ``12 N / (k (k + 1)) (sum R_j^2 - k (k + 1)^2 / 4)`` [1]_, divided by
    ``1 - sum (t^3 - t) / (N k (k^2 - 1))`` for groups of ``t`` equal values. The p value is that of the chi-squared
    distribution with ``k - 1`` degrees of freedom, which is too large for few data sets, never too small by much.

    References
    ----------
    .. [1] M. Friedman, "The use of ranks to avoid the assumption of normality implicit in the analysis of variance",
       JASA 32(200), 1937.

    Examples
    --------
    >>> import pandas as pd
    >>> from ensemblekit.evaluation import friedman_test
    >>> found = {"mean": [0.9, 0.8, 0.7, 0.95], "vote": [0.8, 0.7, 0.6, 0.9], "best": [0.85, 0.75, 0.5, 0.8]}
    >>> scores = pd.DataFrame(found)
    >>> found = friedman_test(scores, higher_is_better=True)
    >>> found.mean_ranks.to_dict(), round(found.p_value, 3)
    ({'mean': 1.0, 'vote': 2.5, 'best': 2.5}, 0.05)
    """
    from scipy.stats import chi2

    ranks = _ranks(scores, higher_is_better, 3)
    n, k = ranks.shape
    totals = ranks.to_numpy().sum(axis=0)
    ties = sum(float((counts**3 - counts).sum()) for counts in _tie_counts(ranks.to_numpy()))
    left = 1 - ties / (n * k * (k * k - 1))
    if left <= 0:
        return Friedman(np.nan, 1.0, ranks.mean())
    statistic = (12 / (n * k * (k + 1)) * float((totals**2).sum()) - 3 * n * (k + 1)) / left
    return Friedman(statistic, float(chi2.sf(statistic, k - 1)), ranks.mean())


@typed()
def nemenyi_test(scores: pd.DataFrame, *, higher_is_better: bool, confidence: float = 0.95) -> pd.DataFrame:
    """Compare each two of several models over several data sets, corrected for the number of comparisons.

    Parameters
    ----------
    scores, higher_is_better
        As in `friedman_test`; two models are enough.
    confidence : float, default=0.95
        In (0, 1).

    Returns
    -------
    pandas.DataFrame
        One row per pair: ``first`` and ``second``; ``rank_difference``, the mean rank of the first less that of the
        second, which is negative if the first is better; ``critical_difference``; and ``p_value``.

    Raises
    ------
    InvalidOptionError
        As in `friedman_test`, or if the confidence is out of range.

    Notes
    -----
    Two models differ if their mean ranks over ``N`` data sets differ by ``q sqrt(k (k + 1) / (6 N))`` at least [1]_.
    ``q`` is the quantile of the studentized range of ``k`` values with infinite degrees of freedom, divided by
    ``sqrt(2)``. Call a difference found only if `friedman_test` finds one.

    References
    ----------
    .. [1] J. Demsar, "Statistical comparisons of classifiers over multiple data sets", Journal of Machine Learning
       Research 7, 2006.

    Examples
    --------
    >>> import pandas as pd
    >>> from ensemblekit.evaluation import nemenyi_test
    >>> found = {"mean": [0.9, 0.8, 0.7, 0.95], "vote": [0.8, 0.7, 0.6, 0.9], "best": [0.85, 0.75, 0.5, 0.8]}
    >>> scores = pd.DataFrame(found)
    >>> nemenyi_test(scores, higher_is_better=True).round(3)
      first second  rank_difference  critical_difference  p_value
    0  mean   vote             -1.5                1.657    0.086
    1  mean   best             -1.5                1.657    0.086
    2  vote   best              0.0                1.657    1.000
    """
    import pandas as pd
    from scipy.stats import studentized_range

    if not 0 < confidence < 1:
        raise InvalidOptionError(f"confidence must be a number > 0 and < 1; received {confidence!r}.")
    ranks = _ranks(scores, higher_is_better, 2)
    n, k = ranks.shape
    error = np.sqrt(k * (k + 1) / (6 * n))
    means = ranks.mean().to_numpy()
    first, second = np.triu_indices(k, 1)
    differences = means[first] - means[second]
    return pd.DataFrame(
        {
            "first": ranks.columns[first],
            "second": ranks.columns[second],
            "rank_difference": differences,
            "critical_difference": studentized_range.ppf(confidence, k, np.inf) / np.sqrt(2) * error,
            "p_value": studentized_range.sf(np.abs(differences) / error * np.sqrt(2), k, np.inf),
        }
    )


def _ranks(scores: pd.DataFrame, higher_is_better: bool, fewest: int) -> pd.DataFrame:
    numbers = all(kind in "iuf" for kind in (dtype.kind for dtype in scores.dtypes))
    values = scores.to_numpy(dtype=np.float64, na_value=np.nan) if numbers else np.full(scores.shape, np.nan)
    if len(scores) < 2 or scores.shape[1] < fewest or not np.isfinite(values).all():
        raise InvalidOptionError(
            "scores must be a table of finite numbers, one row per data set and one column per model, of 2 data sets "
            f"and {fewest} models at least; received shape {scores.shape}, columns {list(scores.columns)}."
        )
    # Scores that are equal but for rounding share a rank.
    largest = np.abs(values).max(axis=1, keepdims=True)
    alike = scores.astype(np.float64)
    alike[:] = np.round(values / np.where(largest > 0, largest, 1), 12)
    return alike.rank(axis=1, ascending=not higher_is_better)


def _tie_counts(ranks: np.ndarray) -> list[np.ndarray]:
    return [np.unique(row, return_counts=True)[1] for row in ranks]
