"""Test whether two models differ on the same rows: exact McNemar test, paired intervals, Holm's correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arguments import typed
from ...predictions import Predictions
from .._asked_metrics import AskedMetric, check_scorable, find_metrics
from .._weighted import value_of
from ._known_groups import find_groups
from ._permutations import flip_signs, swap
from ._resampling import MOST_UNITS, Groups, check_resampling, count_groups, group_places, resample, resamples_of
from ._two_models import Difference, paired, row_weights, smallest_of
from ._unit_intervals import Draws, Told, contributions, effective_units, of_units, percentiles

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DIFFERENCES", "default_differences", "paired_bootstrap"]

DIFFERENCES = ("accuracy", "log_loss", "brier_score")


@typed(but=("groups", "sample_weight", "metrics"))
def paired_bootstrap(
    first: Predictions,
    second: Predictions,
    *,
    metrics: AskedMetric | Sequence[AskedMetric] | None = None,
    groups: Groups | None = None,
    sample_weight: Any = None,
    smallest: float | Mapping[str, float] | None = None,
    confidence: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute the differences of two models on the same rows, with intervals and p values.

    Parameters
    ----------
    first, second : Predictions
        Labelled, of one task; rows are matched by id.
    metrics : metric or sequence of metric, optional
        In the forms that `find_metric` accepts. By default ``accuracy``, ``log_loss`` and ``brier_score``, or those of
        the task if it has no single classes.
    groups, sample_weight
        As in `bootstrap_interval`.
    smallest : float or mapping of metric name to float, optional
        Smallest difference of interest, >= 0. The p value is then that of a difference at most so large.
    confidence, n_resamples, seed
        As in `bootstrap_interval`.

    Returns
    -------
    pandas.DataFrame
        One row per metric: ``metric``, ``first``, ``second``, ``difference``, which is ``first - second``; ``low`` and
        ``high``, its interval by row, ``p_value``, and ``enough``, False if there are too few rows to tell anything;
        with ``groups`` also ``group_low``, ``group_high``, ``group_p_value`` and ``group_enough``.

    Raises
    ------
    AlignmentError
        If ids, classes, labels or splits differ.
    InvalidPredictionsError, InvalidOptionError
        As in `bootstrap_interval`.

    Notes
    -----
    Units are rows or groups. With at most 1000 of them, the interval is the widest, on each side, of these:

    - Student's. Each unit has the difference ``d_u`` that it contributes (a pseudo-value of the jackknife; for a mean
      over rows, that of the row). To the ``n`` units two are added, with the differences ``s`` and ``-s`` [2]_. The
      interval is ``mean +- t * sqrt(variance / (n + 2))`` of the ``n + 2`` values, with ``n - 1`` degrees of freedom.
      For metrics of decisions ``s`` is the width of the metric's range; for others the root mean square of ``d_u``.
    - The studentized bootstrap of the ``d_u`` [1]_, which follows their skewness.
    - The spacings of the ``d_u`` and of one unit more, as far out as the units suggest [3]_: a rare large difference
      may not have been seen. It loses its weight with more than 20 units.
    - The percentiles of resamples, for metrics that are no means.

    If there are fewer than 6 units at a confidence of 0.95, or the metric is not defined without some unit, nothing can
    be told: the interval contains each difference that is possible. Units of unequal weight count as
    ``sum(w)^2 / sum(w^2)``. With more than 1000 units the interval is the percentile interval of resamples.

    A model compared with itself differs in nothing, and has the interval from 0 to 0.

    The p value is two-sided, and the largest one of those of the intervals and of a permutation test [1]_: within each
    unit the two models are swapped or not, in all ways if these are at most ``n_resamples``, else at random with one
    added to each count. It is exact if the two models can be exchanged. With more than 1000 units it is that of the
    resamples. For the accuracy by row prefer `mcnemar`.

    References
    ----------
    .. [1] A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their Application", Cambridge, 1997, chapters 4 and 5.
    .. [2] D. G. Bonett, R. M. Price, "Adjusted Wald confidence interval for a difference of binomial proportions based
       on paired data", Journal of Educational and Behavioral Statistics 37(4), 2012.
    .. [3] N. Gaffke, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
       variable", Mathematical Methods of Statistics 14(4), 2005.

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

    check_resampling(confidence, n_resamples, seed)
    found = find_metrics(default_differences(first) if metrics is None else metrics, first)
    groups = find_groups([first, second], groups)
    limits = smallest_of(smallest, [metric.name for metric in found])
    for metric in found:
        check_scorable(first, metric)
        check_scorable(second, metric)
    weights = row_weights(sample_weight, first, second)
    one, other, weights = paired(first, second, weights)
    # Side by side they may have another order of the classes than the first alone.
    pairs = [Difference(metric.for_classes(one.classes, one.task), one, other, weights) for metric in found]
    values = np.array([[value_of(s, len(one)) for s in (pair.first, pair.second)] for pair in pairs])
    table: dict[str, Any] = {"metric": [m.name for m in found], "first": values[:, 0], "second": values[:, 1]}
    table["difference"] = values[:, 0] - values[:, 1]
    same = np.array_equal(one.probas, other.probas)
    for prefix, grouping in (("", None), ("group_", groups)):
        if prefix and grouping is None:
            continue
        places = group_places(one.ids, grouping)
        if same:
            told = [Told(0.0, 0.0)] * len(pairs)
        else:
            told = [Told(np.nan, np.nan)] * len(pairs)
            counts = [resamples_of(metric, n_resamples) for metric in found]
            for n_own in dict.fromkeys(counts):
                own = [place for place, count in enumerate(counts) if count == n_own]
                some, least = [pairs[place] for place in own], [limits[place] for place in own]
                observed = table["difference"][own]
                of = _differences(some, places, weights, observed, least, confidence, n_own, seed)
                for place, each in zip(own, of, strict=True):
                    told[place] = each
        for column in ("low", "high", "p_value", "enough"):
            table[f"{prefix}{column}"] = [getattr(each, column) for each in told]
    return pd.DataFrame(table)


def default_differences(predictions: Predictions) -> tuple[str, ...] | None:
    """Name the metrics that models are compared by; None if they are those of the task."""
    single = predictions.kind == "multiclass" and predictions.probas.ndim == 2
    return DIFFERENCES if single else None


def _differences(
    pairs: Sequence[Difference],
    places: np.ndarray,
    weights: np.ndarray | None,
    observed: np.ndarray,
    limits: Sequence[float],
    confidence: float,
    n_resamples: int,
    seed: int,
) -> list[Told]:
    n = count_groups(places)
    nulls = [float(np.sign(d)) * limit for d, limit in zip(observed, limits, strict=True)]
    if n > MOST_UNITS:
        resamples = resample([pair.difference for pair in pairs], places, n_resamples, seed)
        told = [
            Told(*percentiles(values, values, confidence, null)) for values, null in zip(resamples, nulls, strict=True)
        ]
    else:
        told = _few(pairs, places, weights, observed, nulls, confidence, n_resamples, seed)
    # A difference of interest that is not reached is none.
    return [
        Told(t.low, t.high, 1.0, t.enough) if limit and abs(d) <= limit else t
        for t, d, limit in zip(told, observed, limits, strict=True)
    ]


def _few(
    pairs: Sequence[Difference],
    places: np.ndarray,
    weights: np.ndarray | None,
    observed: np.ndarray,
    nulls: Sequence[float],
    confidence: float,
    n_resamples: int,
    seed: int,
) -> list[Told]:
    draws = Draws(count_groups(places), n_resamples, seed)
    effective = effective_units(places, weights)
    no_means = [pair for pair in pairs if pair.rows is None]
    resamples = iter(resample([pair.difference for pair in no_means], places, n_resamples, seed) if no_means else ())
    told: list[Told] = []
    for pair, difference, null in zip(pairs, observed, nulls, strict=True):
        units = contributions(pair.difference, places, rows=pair.rows, weights=weights)
        resampled = None if pair.rows is not None else next(resamples)
        found = of_units(units, pair.ends, draws, confidence, null=null, n_effective=effective, resampled=resampled)
        if found.enough and units is not None:
            p_value = _permuted(pair, units, places, float(difference), null, draws)
            found = Told(found.low, found.high, max(found.p_value, p_value))
        told.append(found)
    return told


def _permuted(
    pair: Difference,
    units: np.ndarray,
    places: np.ndarray,
    observed: float,
    null: float,
    draws: Draws,
) -> float:
    if null == 0 and pair.rows is None:
        return swap(pair.both, places, observed, draws)
    if null == 0:
        return flip_signs(pair.sums(places), draws)
    return flip_signs(units - null, draws)
