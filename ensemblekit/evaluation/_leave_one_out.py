"""What each member is worth to an ensemble: its score without that member."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import typed
from ..combining import combine, fit_combiner
from ..errors import AlignmentError, InvalidOptionError, InvalidPredictionsError, LeakageError, NotFittedError
from ..predictions import Predictions, PredictionSet
from ..predictions.names import among
from ..registry import default_registry
from ._metrics import accuracy, log_loss

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["leave_one_member_out"]

METRICS: Mapping[str, Callable[[Predictions], float]] = {"accuracy": accuracy, "log_loss": log_loss}


@typed()
def leave_one_member_out(
    predictions: PredictionSet,
    combiner: Any,
    *,
    metric: str | Callable[[Predictions], float] = "log_loss",
    fit_on: PredictionSet | None = None,
    allow_leakage: bool = False,
    **options: Any,
) -> pd.DataFrame:
    """Score an ensemble with all of its members, and without each.

    Parameters
    ----------
    predictions : PredictionSet
        Labelled rows to score, of at least two members.
    combiner : str or Combiner
        A registered name, or an object with a method ``combine``. Weights given by name or as a sequence lose the
        weight of the member that is left out.
    metric : {"log_loss", "accuracy"} or callable, default="log_loss"
        Of the combined predictions; a callable takes `Predictions` and returns a float.
    fit_on : PredictionSet, optional
        Labelled held-out rows of the same members, none of them in ``predictions``. A combiner that learns is fitted on
        them anew for each row of the table. It must be given for one, even where the combiner is fitted already.
    allow_leakage : bool, default=False
        Go on where a member, or the combiner, is fitted on rows that it is scored or fitted on.
    **options
        Options of the combiner, where it is given by name.

    Returns
    -------
    pandas.DataFrame
        Index ``member``, the one left out; columns ``with_all``, ``without`` and ``difference``, which is ``without -
        with_all``. Of a loss, a positive difference means that the member helps; of an accuracy, a negative one.

    Raises
    ------
    InvalidPredictionsError
        If there is one member only, or labels are missing.
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
    score = METRICS.get(metric) if isinstance(metric, str) else metric
    if not callable(score):
        raise InvalidOptionError(
            f"metric must be one of {', '.join(map(repr, METRICS))} or take Predictions; received {metric!r}."
        )
    made = default_registry().create_combiner(combiner, **options) if isinstance(combiner, str) else combiner
    if options and not isinstance(combiner, str):
        raise InvalidOptionError(f"options go with a combiner given by name; received {options!r} beside {combiner!r}.")
    learns = "learns" in getattr(made, "traits", ()) or hasattr(made, "members_")
    if learns:
        _check_fit_on(predictions, fit_on, allow_leakage)

    def scored(members: tuple[str, ...]) -> float:
        ready = _with_weights_of(made, predictions.members, members)
        if learns and fit_on is not None:
            ready = fit_combiner(ready, fit_on.select(members), allow_leakage=allow_leakage)
        return float(score(combine(predictions.select(members), ready)))

    with_all = scored(predictions.members)
    without = np.array([scored(tuple(m for m in predictions.members if m != left)) for left in predictions.members])
    return pd.DataFrame(
        {"with_all": with_all, "without": without, "difference": without - with_all},
        index=pd.Index(predictions.members, name="member"),
    )


def _check_fit_on(predictions: PredictionSet, fit_on: PredictionSet | None, allow_leakage: bool) -> None:
    if fit_on is None:
        raise NotFittedError(
            "a combiner that learns must be fitted anew without each member. Give held-out predictions to fit it on: "
            "fit_on=..."
        )
    if set(fit_on.members) != set(predictions.members):
        raise AlignmentError(f"fit_on must have the members {predictions.members}; received those of {fit_on.members}.")
    shared = predictions.ids[among(predictions.ids, fit_on.ids)]
    if len(shared) and not allow_leakage:
        raise LeakageError(
            f"a combiner is scored only on rows that it was not fitted on; {len(shared)} of {len(predictions.ids)} are "
            f"in fit_on, first {shared[0]!s}. Give others, or allow_leakage=True to go on knowingly."
        )


def _with_weights_of(combiner: Any, members: tuple[str, ...], kept: tuple[str, ...]) -> Any:
    weights = getattr(combiner, "weights", None)
    if weights is None or isinstance(weights, str) or len(weights) != len(members):
        return combiner
    changed = copy.copy(combiner)
    if isinstance(weights, Mapping):
        changed.weights = {member: weight for member, weight in weights.items() if member in kept}
    else:
        changed.weights = [weight for member, weight in zip(members, weights, strict=True) if member in kept]
    return changed
