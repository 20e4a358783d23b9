"""Intervals of metrics: Wilson's, and bootstrap intervals by row and by group of rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import typed
from ..deprecation import takes_old_arguments
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions import Predictions
from ..predictions.names import among
from ._metrics import METRICS, check_metrics, statistic
from ._resampling import Groups, Interval, check_resampling, count_groups, group_places, interval, jackknife, resample
from ._weighted import Statistic, value_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["accuracy_interval", "bootstrap_interval", "n_in_sample", "score_table"]

N_RESAMPLES = 5000
ENDS = ("low", "high")
BIASED = frozenset({"calibration_error"})
"""Metrics that resampling overstates: their percentile interval would lie above the value itself."""


@typed()
def accuracy_interval(n_correct: int, n_samples: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Compute Wilson's confidence interval of an accuracy.

    Parameters
    ----------
    n_correct, n_samples : int
        Number of rows predicted right, and of all rows.
    confidence : float, default=0.95
        In (0, 1).

    Returns
    -------
    tuple of float
        Lower and upper bound, in [0, 1].

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


@typed(but=("groups",))
def bootstrap_interval(
    predictions: Predictions,
    metric: str,
    *,
    groups: Groups | None = None,
    confidence: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    method: str | None = None,
) -> tuple[float, float]:
    """Compute the bootstrap confidence interval of a metric.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``multiclass``, shape ``(n_samples, n_classes)``.
    metric : str
        Name out of `METRICS`: ``accuracy``, ``log_loss``, ``brier_score``, ``balanced_accuracy``, ``macro_auroc`` or
        ``calibration_error``.
    groups : mapping of id to group, or Series indexed by id, optional
        Rows of one group, such as near copies of one image, are resampled together. An id without a group is a group of
        its own. By default every row is a group of its own.
    confidence : float, default=0.95
        In (0, 1).
    n_resamples : int, default=5000
        Number of resamples, >= 2.
    seed : int, default=0
        Seed of the resampling, >= 0.
    method : {"percentile", "bca"}, optional
        By default ``bca`` for ``calibration_error`` and ``percentile`` for the others.

    Returns
    -------
    tuple of float
        Lower and upper bound; NaN if the metric is not defined for any resample.

    Raises
    ------
    InvalidPredictionsError
        If they have no labels, no rows, absent rows, or are dense or of another task.
    InvalidOptionError
        If an option is out of range or unknown.

    Notes
    -----
    A resample draws as many groups as there are, with replacement. ``percentile`` takes quantiles of the resampled
    values [1]_. ``bca`` corrects them for bias and skewness [1]_; the calibration error needs it, as noise makes a sum
    of absolute values larger. The bins of the calibration error have equal width.

    All resamples of an accuracy of 0 or 1 are equal. Wilson's interval for the number of groups is returned instead.
    The interval covers the choice of rows, not the choice of the training seed. It is too narrow if there are fewer
    than about 30 groups. The order of the rows does not matter.

    References
    ----------
    .. [1] B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall, 1993, chapters 13 and 14.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import bootstrap_interval
    >>> labels = ["cat"] * 75 + ["dog"] * 25
    >>> cats = Predictions([[0.9, 0.1]] * 100, ids=range(100), classes=["cat", "dog"], labels=labels)
    >>> [round(bound, 2) for bound in bootstrap_interval(cats, "accuracy")]
    [0.66, 0.83]
    """
    check_resampling(confidence, n_resamples)
    if method not in (None, "percentile", "bca"):
        raise InvalidOptionError(f"method must be 'percentile' or 'bca'; received {method!r}.")
    check_metrics([metric])
    ordered = _sorted(predictions)
    one = statistic(ordered, metric)
    places = group_places(ordered.ids, groups)
    resampled = resample([one], places, n_resamples, seed)[0]
    return _interval(metric, one, resampled, places, confidence, method)


@takes_old_arguments(rows="models", positional=("groups",))
@typed(but=("groups",))
def score_table(
    models: Mapping[str, Predictions],
    *,
    groups: Groups | None = None,
    metrics: Sequence[str] = tuple(METRICS),
    confidence: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Score models, each value with its interval.

    Parameters
    ----------
    models : mapping of str to Predictions
        Model -> its labelled predictions, of the task ``multiclass``, shape ``(n_samples, n_classes)``.
    groups : mapping of id to group, or Series indexed by id, optional
        As in `bootstrap_interval`.
    metrics : sequence of str, optional
        Names out of `METRICS`; by default all.
    confidence, n_resamples, seed
        As in `bootstrap_interval`.

    Returns
    -------
    pandas.DataFrame
        One row per model and metric: ``model``, ``metric``, ``value``; ``low`` and ``high``, the interval by row; with
        ``groups`` also ``group_low`` and ``group_high``, the interval by group, and ``n_groups``; ``n``, the number of
        samples; ``in_sample``, how many of them the model was fitted on, missing if that is not known.

    Raises
    ------
    InvalidPredictionsError, InvalidOptionError
        As in `bootstrap_interval`.

    Notes
    -----
    Models with the same ids are scored on the same resamples.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import score_table
    >>> labels = ["cat"] * 75 + ["dog"] * 25
    >>> cats = Predictions([[0.9, 0.1]] * 100, ids=range(100), classes=["cat", "dog"], labels=labels)
    >>> score_table({"cats": cats}, metrics=["accuracy", "log_loss"]).round(2)
      model    metric  value   low  high    n  in_sample
    0  cats  accuracy   0.75  0.66  0.83  100       <NA>
    1  cats  log_loss   0.65  0.48  0.85  100       <NA>
    """
    import pandas as pd

    check_resampling(confidence, n_resamples)
    metrics = check_metrics(metrics)
    ordered = {name: _sorted(predictions) for name, predictions in models.items()}
    scored = {name: {metric: statistic(p, metric) for metric in metrics} for name, p in ordered.items()}
    groupings: dict[str, Groups | None] = {"": None} | ({} if groups is None else {"group_": groups})
    intervals = {
        prefix: _intervals(ordered, scored, grouping, confidence, n_resamples, seed)
        for prefix, grouping in groupings.items()
    }
    n_groups = (
        {} if groups is None else {name: count_groups(group_places(p.ids, groups)) for name, p in ordered.items()}
    )
    table: list[dict[str, Any]] = [
        {"model": name, "metric": metric, "value": value_of(scored[name][metric], len(p))}
        | {
            f"{prefix}{end}": b
            for prefix in groupings
            for end, b in zip(ENDS, intervals[prefix][name, metric], strict=True)
        }
        | {"n": len(p)}
        | ({} if groups is None else {"n_groups": n_groups[name]})
        | {"in_sample": n_in_sample(p)}
        for name, p in ordered.items()
        for metric in metrics
    ]
    bounds = [f"{prefix}{end}" for prefix in groupings for end in ENDS]
    columns = ["model", "metric", "value", *bounds, "n", *(() if groups is None else ("n_groups",)), "in_sample"]
    return pd.DataFrame(table, columns=columns).astype({"in_sample": "Int64"})


def n_in_sample(predictions: Predictions) -> int | None:
    """Count the samples that the model was fitted on, if that is known."""
    fitted = predictions.fit_ids
    return None if fitted is None else int(among(predictions.ids, fitted).sum())


def _sorted(predictions: Predictions) -> Predictions:
    return predictions.take(np.sort(predictions.ids))


def _intervals(
    ordered: Mapping[str, Predictions],
    scored: Mapping[str, Mapping[str, Statistic]],
    groups: Groups | None,
    confidence: float,
    n_resamples: int,
    seed: int,
) -> dict[tuple[str, str], Interval]:
    same_ids: list[list[str]] = []
    for name, p in ordered.items():
        alike = next((names for names in same_ids if np.array_equal(ordered[names[0]].ids, p.ids)), None)
        if alike is None:
            same_ids.append([name])
        else:
            alike.append(name)
    intervals: dict[tuple[str, str], Interval] = {}
    for names in same_ids:
        places = group_places(ordered[names[0]].ids, groups)
        keys = [(name, metric) for name in names for metric in scored[name]]
        resampled = resample([scored[name][metric] for name, metric in keys], places, n_resamples, seed)
        for (name, metric), values in zip(keys, resampled, strict=True):
            intervals[name, metric] = _interval(metric, scored[name][metric], values, places, confidence)
    return intervals


def _interval(
    metric: str,
    statistic: Statistic,
    resampled: np.ndarray,
    places: np.ndarray,
    confidence: float,
    method: str | None = None,
) -> Interval:
    value = value_of(statistic, len(places))
    if metric == "accuracy" and value in (0, 1):
        n_groups = count_groups(places)
        return accuracy_interval(round(value * n_groups), n_groups, confidence=confidence)
    if (method or ("bca" if metric in BIASED else "percentile")) == "bca":
        return interval(resampled, confidence, point=value, left_out=jackknife([statistic], places)[0])
    return interval(resampled, confidence)
