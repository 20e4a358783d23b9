"""How far figures would move with other rows: bootstrap intervals, by row and by group of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import typed
from ..errors import InvalidOptionError
from ..predictions import Predictions
from ..predictions.names import among
from ._metrics import accuracy_interval
from ._resampling import Groups, Interval, check_resampling, count_groups, group_places, interval, jackknife, resample
from ._statistics import METRICS, Statistic, check_metrics, figure_of, statistic

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["bootstrap_interval", "score_table"]

N_RESAMPLES = 5000
ENDS = ("low", "high")
BIASED = frozenset({"calibration_error"})
"""Figures that resamples overstate: the percentiles would lie above the figure itself."""


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
    """Say how far a figure would move, had other rows of the same kind been drawn.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``multiclass``, shape ``(n_samples, n_classes)``.
    metric : str
        ``accuracy``, ``log_loss``, ``brier_score``, ``balanced_accuracy``, ``macro_auroc`` or ``calibration_error``.
    groups : mapping of id to group, optional
        Rows of one group, such as near copies of one image, are drawn together. An id that it does not name is a
        group of its own. Without it, each row is one.
    confidence : float, default=0.95
        In (0, 1).
    n_resamples : int, default=5000
        How often rows are drawn, >= 2.
    seed : int, default=0
        Of what is drawn.
    method : {"percentile", "bca"}, optional
        By default ``bca`` for ``calibration_error`` and ``percentile`` for the others.

    Returns
    -------
    low, high : float
        NaN where no resample has a figure.

    Raises
    ------
    InvalidPredictionsError
        If they have no labels, no rows, absent rows, or are dense or of another task.
    InvalidOptionError
        If an option is not as said above.

    Notes
    -----
    Groups are drawn with replacement, as many as there are; a resample is a vector of counts, and each figure a
    function of the counts. ``percentile`` takes the quantiles of the resampled figures [1]_. ``bca`` corrects them for
    bias and skewness [1]_; the calibration error needs it, as a sum of absolute values grows with the noise that a
    resample adds. The bins of the calibration error stay those of equal width.

    Of an accuracy of which all groups say the same, 0 or 1, no resample differs. Wilson's interval of so many groups
    stands in for it there. The interval is about these rows; that the training would come out otherwise with another
    seed is not in it. With fewer than some 30 groups it is too narrow.

    No order of the rows changes the result.

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
    made = statistic(ordered, metric)
    places = group_places(ordered.ids, groups)
    point = figure_of(made, len(ordered))
    resampled = resample([made], places, n_resamples, seed)[0]
    return _interval(metric, made, point, resampled, places, confidence, method)


@typed(but=("groups",))
def score_table(
    rows: Mapping[str, Predictions],
    groups: Groups | None = None,
    *,
    metrics: Sequence[str] = METRICS,
    confidence: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Score models, each figure with its interval.

    Parameters
    ----------
    rows : mapping of str to Predictions
        Model -> its labelled predictions, of the task ``multiclass``, shape ``(n_samples, n_classes)``.
    groups, confidence, n_resamples, seed
        As in `bootstrap_interval`.
    metrics : sequence of str
        As in `bootstrap_interval`; all of them by default.

    Returns
    -------
    pandas.DataFrame
        A row a model and metric: ``row``, ``metric``, ``value``; ``low`` and ``high``, the interval by row; with
        ``groups``, ``group_low`` and ``group_high``, that by group, and ``n_groups``; ``n``, the number of rows scored;
        ``in_sample``, how many of them the model was fitted on, missing where it is not known.

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
        row    metric  value   low  high    n  in_sample
    0  cats  accuracy   0.75  0.66  0.83  100       <NA>
    1  cats  log_loss   0.65  0.48  0.85  100       <NA>
    """
    import pandas as pd

    check_resampling(confidence, n_resamples)
    metrics = check_metrics(metrics)
    ordered = {row: _sorted(predictions) for row, predictions in rows.items()}
    made = {row: {metric: statistic(p, metric) for metric in metrics} for row, p in ordered.items()}
    by_unit: dict[str, dict[tuple[str, str], Interval]] = {}
    units: dict[str, Groups | None] = {"": None} | ({} if groups is None else {"group_": groups})
    for unit, grouping in units.items():
        by_unit[unit] = _intervals(ordered, made, grouping, confidence, n_resamples, seed)
    n_groups = {} if groups is None else {row: count_groups(group_places(p.ids, groups)) for row, p in ordered.items()}
    table: list[dict[str, Any]] = [
        {"row": row, "metric": metric, "value": figure_of(made[row][metric], len(p))}
        | {f"{unit}{end}": b for unit in units for end, b in zip(ENDS, by_unit[unit][row, metric], strict=True)}
        | {"n": len(p)}
        | ({} if groups is None else {"n_groups": n_groups[row]})
        | {"in_sample": n_in_sample(p)}
        for row, p in ordered.items()
        for metric in metrics
    ]
    bounds = [f"{unit}{end}" for unit in units for end in ENDS]
    columns = ["row", "metric", "value", *bounds, "n", *(() if groups is None else ("n_groups",)), "in_sample"]
    return pd.DataFrame(table, columns=columns).astype({"in_sample": "Int64"})


def n_in_sample(predictions: Predictions) -> int | None:
    """Count the rows that the model was fitted on, where that is known."""
    fitted = predictions.fit_ids
    return None if fitted is None else int(among(predictions.ids, fitted).sum())


def _sorted(predictions: Predictions) -> Predictions:
    return predictions.take(np.sort(predictions.ids))


def _intervals(
    ordered: Mapping[str, Predictions],
    made: Mapping[str, Mapping[str, Statistic]],
    groups: Groups | None,
    confidence: float,
    n_resamples: int,
    seed: int,
) -> dict[tuple[str, str], Interval]:
    same_ids: list[list[str]] = []
    for row, p in ordered.items():
        alike = next((rows for rows in same_ids if np.array_equal(ordered[rows[0]].ids, p.ids)), None)
        if alike is None:
            same_ids.append([row])
        else:
            alike.append(row)
    found: dict[tuple[str, str], Interval] = {}
    for rows in same_ids:
        places = group_places(ordered[rows[0]].ids, groups)
        keys = [(row, metric) for row in rows for metric in made[row]]
        resampled = resample([made[row][metric] for row, metric in keys], places, n_resamples, seed)
        for (row, metric), values in zip(keys, resampled, strict=True):
            one = made[row][metric]
            found[row, metric] = _interval(metric, one, figure_of(one, len(places)), values, places, confidence)
    return found


def _interval(
    metric: str,
    made: Statistic,
    point: float,
    resampled: np.ndarray,
    places: np.ndarray,
    confidence: float,
    method: str | None = None,
) -> Interval:
    if metric == "accuracy" and point in (0, 1):
        n_groups = count_groups(places)
        return accuracy_interval(round(point * n_groups), n_groups, confidence=confidence)
    if (method or ("bca" if metric in BIASED else "percentile")) == "bca":
        return interval(resampled, confidence, point=point, left_out=jackknife([made], places)[0])
    return interval(resampled, confidence)
