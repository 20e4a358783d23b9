"""The interval of a mean of values, one a unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arguments import check_number, typed
from ...errors import InvalidPredictionsError
from ._resampling import check_resampling
from ._unit_intervals import Draws, Ends, of_units

__all__ = ["mean_interval"]


@typed()
def mean_interval(
    values: Any,
    *,
    lowest: float = -np.inf,
    highest: float = np.inf,
    confidence: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
) -> tuple[float, float]:
    """Compute the interval of the mean of values of independent units, such as one figure a case.

    Parameters
    ----------
    values : array-like of float, shape (n_units,)
        Finite numbers; their order does not matter.
    lowest, highest : float
        The smallest and the largest value that one can have; infinite if there is none.
    confidence : float, default=0.95
        In (0, 1).
    n_resamples : int, default=5000
        Number of resamples, >= 2.
    seed : int, default=0
        Seed of them, >= 0.

    Returns
    -------
    tuple of float
        Lower and upper bound; ``lowest`` and ``highest`` if there are too few units to tell anything.

    Raises
    ------
    InvalidPredictionsError
        If values are not finite numbers in the range.
    InvalidOptionError
        If an option is out of range.

    Notes
    -----
    It is the interval of `bootstrap_interval` for the mean of at most 1000 rows.

    Examples
    --------
    >>> from ensemblekit.evaluation import mean_interval
    >>> [round(end, 2) for end in mean_interval([0.7, 0.8, 0.75, 0.9, 0.85, 0.8], lowest=0, highest=1)]
    [0.43, 0.9]
    """
    check_resampling(confidence, n_resamples, seed)
    if not lowest < highest:
        check_number("highest", highest, lowest, open_low=True)
    try:
        units = np.sort(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError, OverflowError):
        units = np.array([np.nan])
    if units.ndim != 1 or not np.isfinite(units).all() or (len(units) and (units[0] < lowest or units[-1] > highest)):
        raise InvalidPredictionsError(
            f"values must be finite numbers from {lowest:g} to {highest:g} on one axis; received shape "
            f"{units.shape}, from "
            f"{units.min() if units.size else np.nan:g} to {units.max() if units.size else np.nan:g}. Leave out what "
            f"is "
            "not defined."
        )
    draws = Draws(len(units), n_resamples, seed) if len(units) else Draws(1, n_resamples, seed)
    told = of_units(units if len(units) else None, Ends(lowest, highest), draws, confidence, largest=1.0)
    return told.low, told.high
