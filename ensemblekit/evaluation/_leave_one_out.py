"""The score of an ensemble without each of its members."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import typed
from ..combining.subsets import SubsetCombiner
from ..deprecation import warn_deprecated
from ..errors import InvalidPredictionsError
from ..interfaces import CombinerLike
from ..predictions import Predictions
from ._asked_metrics import AskedMetric, check_scorable, find_metrics, scored
from ._models import Models, aligned_models

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["leave_one_member_out"]


@typed(but=("predictions", "combiner", "metric", "fit_on"))
def leave_one_member_out(
    predictions: Models,
    combiner: str | CombinerLike,
    *,
    metric: AskedMetric | None = None,
    fit_on: Models | None = None,
    allow_leakage: bool = False,
    options: Mapping[str, Any] | None = None,
    **more_options: Any,
) -> pd.DataFrame:
    """Score an ensemble with all members, and without each one.

    Parameters
    ----------
    predictions : PredictionSet, or sequence or mapping of Predictions
        Labelled rows to score, of at least two members, of any task.
    combiner : str or Combiner
        A registered name, or an object with a method ``combine``. Weights by member name, or in the order of the
        members, lose the weight of the member that is left out.
    metric : str, Metric or callable, optional
        Score of the combined predictions, in a form that `find_metric` accepts; by default the first metric of the
        task, such as ``log_loss``.
    fit_on : PredictionSet, or sequence or mapping of Predictions, optional
        Labelled held-out rows of the same members, none of them in ``predictions``. Needed for a combiner that learns,
        even if it is fitted: it is fitted on them again for each row of the table.
    allow_leakage : bool, default=False
        Do not refuse a combiner that is scored on rows of ``fit_on``, or fitted on rows that a member was fitted on.
    options, **more_options
        As in `combine`.

    Returns
    -------
    pandas.DataFrame
        Index ``member``, the member that is left out; columns ``with_all``, ``without`` and ``difference``, which is
        ``without - with_all``. A member helps if the difference is positive for a loss, or negative for an accuracy.
        ``attrs`` holds the name of the ``metric``, and whether ``higher_is_better``.

    Raises
    ------
    InvalidPredictionsError
        If there is only one member, or labels are missing.
    NotFittedError
        If the combiner learns and ``fit_on`` is not given.
    LeakageError
        If rows of ``fit_on`` are scored, or a member was fitted on them; see `fit_combiner`.
    AlignmentError
        If the models cannot be aligned, or ``fit_on`` has other members.
    InvalidOptionError
        If the metric or an option is unknown, or all the weights that are left are 0.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import leave_one_member_out
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "dog"]}
    >>> good = Predictions([[0.9, 0.1], [0.1, 0.9]], member="good", **fields)
    >>> coin = Predictions([[0.5, 0.5], [0.5, 0.5]], member="coin", **fields)
    >>> leave_one_member_out([good, coin], "mean").round(3)
            with_all  without  difference
    member
    good       0.357    0.693       0.336
    coin       0.357    0.105      -0.251
    """
    import pandas as pd

    predictions = aligned_models(predictions)
    if len(predictions) < 2:
        raise InvalidPredictionsError(f"leaving one out needs two members at least; received {predictions.members}.")
    score, about = _scorer(metric, predictions[predictions.members[0]])
    held = None if fit_on is None else aligned_models(fit_on)
    subsets = SubsetCombiner(
        predictions, combiner, fit_on=held, allow_leakage=allow_leakage, options=options, **more_options
    )
    with_all = score(subsets.combine(predictions.members))
    others = [tuple(m for m in predictions.members if m != left) for left in predictions.members]
    without = np.array([score(subsets.combine(members)) for members in others])
    table = pd.DataFrame(
        {"with_all": with_all, "without": without, "difference": without - with_all},
        index=pd.Index(predictions.members, name="member"),
    )
    table.attrs.update(about)
    return table


def _scorer(metric: AskedMetric | None, example: Predictions) -> tuple[Callable[[Predictions], float], dict[str, Any]]:
    """Make the score of predictions, and tell its name and direction."""
    if callable(metric) and _takes_predictions(metric):
        warn_deprecated("A metric that takes Predictions", "a metric (y_true, y_pred) -> float, or a Metric")
        score: Callable[..., Any] = metric
        return lambda p: float(score(p)), {"metric": getattr(metric, "__name__", "metric"), "higher_is_better": None}
    found = find_metrics(None, example)[0] if metric is None else find_metrics(metric, example)[0]
    if example.present is None:
        check_scorable(example, found)  # it may refuse these predictions, before a combiner is fitted

    def value(p: Predictions) -> float:
        return float(found.score(*scored(p, found)))

    return value, {"metric": found.name, "higher_is_better": found.higher_is_better}


def _takes_predictions(metric: Any) -> bool:
    """Whether a function takes one argument, as metrics here did in version 0.1."""
    try:
        parameters = inspect.signature(metric).parameters.values()
    except (TypeError, ValueError):
        return False
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(needed) == 1 and not any(p.kind is p.VAR_POSITIONAL for p in parameters)
