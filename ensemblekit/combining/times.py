"""Forecasts are combined forwards in time, by what was fitted on outcomes that were known at their cutoff."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import LeakageError
from ..predictions import PredictionSet
from ..predictions.names import shown
from .asked import AskedCombiner

__all__ = ["check_no_random_folds", "check_times", "last_times"]

LATER = "Give a combiner that was fitted on earlier cutoffs, or allow_leakage=True to go on knowingly."


def last_times(predictions: PredictionSet) -> dict[str, str] | None:
    """Find the last forecast origin, and the last date of an outcome, among rows that a combiner is fitted on.

    Parameters
    ----------
    predictions : PredictionSet
        Its rows.

    Returns
    -------
    dict of str to str, or None
        Key column of ``time`` -> its last value as text; None if the predictions say no ``time``.
    """
    return {name: str(predictions.key(name).max()) for name in predictions.time} or None


def check_times(asked: AskedCombiner, predictions: PredictionSet) -> None:
    """Refuse rows at whose cutoff not all outcomes were known that a combiner was fitted on.

    Parameters
    ----------
    asked : AskedCombiner
        Maybe fitted by `fit_combiner` on predictions with ``time``.
    predictions : PredictionSet
        What it is to combine.

    Raises
    ------
    LeakageError
        If a cutoff is before the last outcome of the fit; or, where the fit said no date of outcomes, not after its
        last cutoff.
    """
    last: dict[str, str] | None = getattr(asked.combiner, "fit_times_", None)
    if not last or not asked.learns or not len(predictions.ids):
        return
    cutoff = next(iter(last))
    if cutoff not in predictions.id_columns:
        raise LeakageError(
            f"combiner {asked.name!r} was fitted on cutoffs up to {last[cutoff]}, and is only used on later ones; "
            f"received predictions without the key column {cutoff!r}. Give their ids with it, or allow_leakage=True to "
            "go on knowingly."
        )
    cutoffs = predictions.key(cutoff)
    known, end = list(last.items())[-1]
    limit: Any = int(end) if cutoffs.dtype.kind == "i" else np.datetime64(end) if cutoffs.dtype.kind == "M" else end
    early = cutoffs <= limit if known == cutoff else cutoffs < limit
    if early.any():
        rows = np.flatnonzero(early)
        first = predictions.ids[rows[:1]].tolist()[0]
        rule = (
            f"cutoffs after the last one of the fit, {end}"
            if known == cutoff
            else f"cutoffs at which the last outcome of the fit, {known} {end}, was known"
        )
        raise LeakageError(
            f"combiner {asked.name!r} must be used on {rule}; received {len(rows)} of {len(cutoffs)} rows before, the "
            f"first {shown(first)} with {cutoff} {cutoffs[rows[0]]}. {LATER}"
        )


def check_no_random_folds(asked: AskedCombiner, predictions: PredictionSet) -> None:
    """Refuse to divide rows with ``time`` into folds at random, which would fit on later cutoffs.

    Parameters
    ----------
    asked : AskedCombiner
        It divides rows if it has an option ``cv``, and in time if its attribute ``folds_in_time`` is true.
    predictions : PredictionSet
        What it is to be fitted on.

    Raises
    ------
    LeakageError
        If it does not divide them in time.
    """
    combiner = asked.combiner
    if getattr(combiner, "cv", None) is None or getattr(combiner, "folds_in_time", False) or not predictions.time:
        return
    raise LeakageError(
        f"fitting combiner {asked.name!r} with cv divides rows into folds at random, and would fit on cutoffs after "
        f"those that it predicts; received predictions with time={shown(predictions.time)}. Take another combiner, or "
        "one with folds_in_time = True that divides rows by forward_folds of ensemblekit.combining.forward; or give "
        "allow_leakage=True to go on knowingly."
    )
