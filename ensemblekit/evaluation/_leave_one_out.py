"""The score of an ensemble without each of its members."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import typed
from ..combining.subsets import SubsetCombiner
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..interfaces import CombinerLike
from ..predictions import Predictions, PredictionSet
from ._metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["leave_one_member_out"]


@typed(but=("combiner",))
def leave_one_member_out(
    predictions: PredictionSet,
    combiner: str | CombinerLike,
    *,
    metric: str | Callable[[Predictions], float] = "log_loss",
    fit_on: PredictionSet | None = None,
    allow_leakage: bool = False,
    options: Mapping[str, Any] | None = None,
    **more_options: Any,
) -> pd.DataFrame:
    """Score an ensemble with all members, and without each one.

    Parameters
    ----------
    predictions : PredictionSet
        Labelled rows to score, of at least two members.
    combiner : str or Combiner
        A registered name, or an object with a method ``combine``. Weights by member name, or in the order of the
        members, lose the weight of the member that is left out.
    metric : str or callable, default="log_loss"
        Score of the combined predictions: ``accuracy``, ``balanced_accuracy``, ``log_loss``, ``brier_score``,
        ``macro_auroc`` or ``calibration_error``; a callable takes `Predictions` and returns a float.
    fit_on : PredictionSet, optional
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

    Raises
    ------
    InvalidPredictionsError
        If there is only one member, or labels are missing.
    NotFittedError
        If the combiner learns and ``fit_on`` is not given.
    LeakageError
        If rows of ``fit_on`` are scored, or a member was fitted on them; see `fit_combiner`.
    AlignmentError
        If ``fit_on`` has other members.
    InvalidOptionError
        If the metric or an option is unknown, or all the weights that are left are 0.

    Examples
    --------
    >>> from ensemblekit import Predictions, align
    >>> from ensemblekit.evaluation import leave_one_member_out
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "dog"]}
    >>> good = Predictions([[0.9, 0.1], [0.1, 0.9]], member="good", **fields)
    >>> coin = Predictions([[0.5, 0.5], [0.5, 0.5]], member="coin", **fields)
    >>> leave_one_member_out(align(good, coin), "mean").round(3)
            with_all  without  difference
    member
    good       0.357    0.693       0.336
    coin       0.357    0.105      -0.251
    """
    import pandas as pd

    if len(predictions) < 2:
        raise InvalidPredictionsError(f"leaving one out needs two members at least; received {predictions.members}.")
    score = METRICS[metric].score if isinstance(metric, str) and metric in METRICS else metric
    if not callable(score):
        raise InvalidOptionError(
            f"metric must be one of {', '.join(map(repr, METRICS))} or take Predictions; received {metric!r}."
        )
    subsets = SubsetCombiner(
        predictions, combiner, fit_on=fit_on, allow_leakage=allow_leakage, options=options, **more_options
    )

    def scored(members: tuple[str, ...]) -> float:
        return float(score(subsets.combine(members)))

    with_all = scored(predictions.members)
    without = np.array([scored(tuple(m for m in predictions.members if m != left)) for left in predictions.members])
    return pd.DataFrame(
        {"with_all": with_all, "without": without, "difference": without - with_all},
        index=pd.Index(predictions.members, name="member"),
    )
