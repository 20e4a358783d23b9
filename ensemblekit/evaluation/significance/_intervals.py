"""Intervals of metrics: of shares, for few rows or groups, and bootstrap intervals; by row and by group of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...arguments import typed
from ...deprecation import takes_old_arguments
from ...errors import InvalidOptionError, InvalidPredictionsError
from ...interfaces import Metric
from ...predictions import Predictions
from .._asked_metrics import AskedMetric, check_scorable, find_metrics
from .._models import Models, named_models
from ._baselines import with_baselines
from ._known_groups import find_groups
from ._one_model import Single, told_of
from ._resampling import Groups, check_resampling, count_groups, group_places
from ._two_models import row_weights
from ._unit_intervals import Told

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["accuracy_interval", "bootstrap_interval", "n_in_sample", "score_table"]

N_RESAMPLES = 5000


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


@typed(but=("groups", "sample_weight", "metric"))
def bootstrap_interval(
    predictions: Predictions,
    metric: AskedMetric,
    *,
    groups: Groups | None = None,
    sample_weight: Any = None,
    confidence: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    method: str | None = None,
) -> tuple[float, float]:
    """Compute the confidence interval of a metric.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of any task.
    metric : metric
        In the forms that `find_metric` accepts, such as ``accuracy`` or ``log_loss``.
    groups : mapping of id to group, or Series indexed by id, optional
        Rows of one group, such as near copies of one image or images of one patient, are taken together. An id without
        a group is a group of its own. By default the groups of the predictions; every row is one of its own, if they
        have none.
    sample_weight : Series with an index of ids, mapping of id to float, or array-like of shape (n_samples,), optional
        Weight of each row, >= 0.
    confidence : float, default=0.95
        In (0, 1).
    n_resamples : int, default=5000
        Number of resamples, >= 2. A metric that is computed for one after the other, such as a function or a scorer
        of scikit-learn, gets at most 1000 of them, or a fifth.
    seed : int, default=0
        Seed of the resampling, >= 0.
    method : {"percentile", "bca"}, optional
        Take the interval of this bootstrap alone, whatever the number of rows; by default as in the notes.

    Returns
    -------
    tuple of float
        Lower and upper bound; all values that the metric can have if nothing can be told; NaN if the metric is not
        defined.

    Raises
    ------
    InvalidPredictionsError
        If they have no labels, no rows or absent rows, or the metric is not for them.
    InvalidOptionError
        If an option is out of range or unknown.

    Notes
    -----
    Units are groups, or rows without ``groups``. With at most 1000 units:

    - A share of rows, such as the accuracy, has the exact interval of Clopper and Pearson [2]_. By group or with
      weights it is that of the number of rows that would tell as much, ``share (1 - share) / variance``, with the
      variance between groups [3]_.
    - Any other metric has the widest, on each side, of Student's interval, the studentized bootstrap [1]_, and the
      spacings with one unit added [4]_; all of the pseudo-values of the jackknife, which for a mean are the values of
      the rows. The added unit stands at the end of the metric's range, if that is at most 2 wide, else as far out as
      the units suggest: a rare large loss may not have been seen. Metrics that are no means have the percentiles of
      resamples too.
    - If there are fewer than 6 units at a confidence of 0.95, or the metric is not defined without some unit, nothing
      can be told but of shares by row. The bounds are then those of the metric's range.
    - ``calibration_error`` sums absolute values, which noise makes larger. Its interval is the value less and plus the
      noise of resamples, so that the lower bound is often 0. Resamples of a bin whose rows are all right, or all wrong,
      have no noise: its share of rows that are not is drawn from ``Beta(1, n)``.

    A mean over rows of classes or labels, such as the log loss, reaches with any number of units at least as far as if
    the share of wrong answers were at the upper bound of its interval of Clopper and Pearson. Answers that are wrong
    in addition are spread in proportion to the doubts of the model, ``1 - max_c p_ic``, and have the other classes in
    proportion to their probabilities. Where all units contribute the same, as many as may not have been seen stand at
    the ends of the range; if the range has no end and the value is 0, nothing can be told.

    With more units the interval is the percentile interval of resamples, which draw as many groups as there are, with
    replacement [1]_. ``bca`` corrects it for bias and skewness.

    The interval covers the choice of rows, not the choice of the training seed. The order of the rows does not matter.

    References
    ----------
    .. [1] B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall, 1993, chapters 12 to 14.
    .. [2] C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits", Biometrika 26(4), 1934.
    .. [3] E. L. Korn, B. I. Graubard, "Confidence intervals for proportions with small expected number of positive
       counts estimated from survey data", Survey Methodology 24(2), 1998.
    .. [4] N. Gaffke, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
       variable", Mathematical Methods of Statistics 14(4), 2005.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import bootstrap_interval
    >>> labels = ["cat"] * 75 + ["dog"] * 25
    >>> cats = Predictions([[0.9, 0.1]] * 100, ids=range(100), classes=["cat", "dog"], labels=labels)
    >>> [round(bound, 2) for bound in bootstrap_interval(cats, "accuracy")]
    [0.65, 0.83]
    """
    check_resampling(confidence, n_resamples, seed)
    if method not in (None, "percentile", "bca"):
        raise InvalidOptionError(f"method must be 'percentile' or 'bca'; received {method!r}.")
    (found,) = find_metrics([metric], predictions)
    check_scorable(predictions, found)
    single = Single(predictions, row_weights(sample_weight, predictions))
    groups = find_groups([predictions], groups)
    told = told_of([(single, found)], groups, confidence, n_resamples, seed, method)[0]
    return told.low, told.high


@takes_old_arguments(rows="models", positional=("groups",))
@typed(but=("models", "groups", "sample_weight", "metrics"))
def score_table(
    models: Models,
    *,
    groups: Groups | None = None,
    metrics: AskedMetric | Sequence[AskedMetric] | None = None,
    sample_weight: Any = None,
    baselines: bool = False,
    confidence: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Score models, each value with its interval.

    Parameters
    ----------
    models : PredictionSet, Predictions, sequence or mapping of str to Predictions
        Labelled predictions of each model, of one task.
    groups : mapping of id to group, or Series indexed by id, optional
        As in `bootstrap_interval`.
    metrics : metric or sequence of metric, optional
        In the forms that `find_metric` accepts; by default those of the task.
    sample_weight : Series with an index of ids, mapping of id to float, or array-like of shape (n_samples,), optional
        As in `bootstrap_interval`.
    baselines : bool, default=False
        Whether to add three models: ``constant``, the same prediction for every row, which `Task.baseline` makes of
        the labels of these rows; ``best member``, the one that is best by the first metric; and ``oracle``, which takes
        for each row the prediction of the model with the smallest loss. All must have the same ids.
    confidence, n_resamples, seed
        As in `bootstrap_interval`.

    Returns
    -------
    pandas.DataFrame
        One row per model and metric: ``model``, ``metric``, ``value``; ``low`` and ``high``, the interval by row; with
        ``groups`` also ``group_low`` and ``group_high``, the interval by group, and ``n_groups``; ``n``, the number of
        samples; ``in_sample``, how many of them the model was fitted on, missing if that is not known; ``enough``,
        False if there are too few rows, or groups with ``groups``, to tell anything.

    Raises
    ------
    InvalidPredictionsError, InvalidOptionError
        As in `bootstrap_interval`.

    Notes
    -----
    Models with the same ids are scored on the same resamples; with more than 20 models, metrics that are no means get
    at most 1000, or a fifth. The best member is chosen on the rows that it is scored
    on, and owes part of its score to luck; no ensemble that picks one of its members can be better than the oracle.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import score_table
    >>> labels = ["cat"] * 75 + ["dog"] * 25
    >>> cats = Predictions([[0.9, 0.1]] * 100, ids=range(100), classes=["cat", "dog"], labels=labels)
    >>> score_table({"cats": cats}, metrics=["accuracy", "log_loss"]).round(2)
      model    metric  value   low  high    n  in_sample  enough
    0  cats  accuracy   0.75  0.65  0.83  100       <NA>    True
    1  cats  log_loss   0.65  0.47  0.87  100       <NA>    True
    """
    import pandas as pd

    check_resampling(confidence, n_resamples, seed)
    named = named_models(models)
    found = {name: find_metrics(metrics, p) for name, p in named.items()}
    for name, p in named.items():
        for metric in found[name]:
            check_scorable(p, metric)
    weights = row_weights(sample_weight, *named.values())
    groups = find_groups(named.values(), groups)
    first = next(iter(named.values()))
    if baselines:
        named, found = with_baselines(named, found, sample_weight)
    singles = {name: Single(p, weights if p is first else row_weights(sample_weight, p)) for name, p in named.items()}
    asked = [(singles[name], metric) for name in named for metric in found[name]]
    by_row = told_of(asked, None, confidence, n_resamples, seed)
    by_group = by_row if groups is None else told_of(asked, groups, confidence, n_resamples, seed)
    rows = zip([name for name in named for _ in found[name]], asked, by_row, by_group, strict=True)
    table = [_line(name, *asked, one, other, groups) for name, asked, one, other in rows]
    return pd.DataFrame(table).astype({"in_sample": "Int64"})


def n_in_sample(predictions: Predictions) -> int | None:
    """Count the samples that the model was fitted on, or on others of their groups, if that is known."""
    seen = predictions.seen
    return None if seen is None else int(seen.sum())


def _line(
    name: str, single: Single, metric: Metric, by_row: Told, by_group: Told, groups: Groups | None
) -> dict[str, Any]:
    p = single.predictions
    line: dict[str, Any] = {"model": name, "metric": metric.name, "value": single.value(metric)}
    line |= {"low": by_row.low, "high": by_row.high}
    if groups is not None:
        line |= {"group_low": by_group.low, "group_high": by_group.high}
    line |= {"n": len(p)}
    if groups is not None:
        line |= {"n_groups": count_groups(group_places(p.ids, groups))}
    return line | {"in_sample": n_in_sample(p), "enough": by_group.enough}
