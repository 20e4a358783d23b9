"""What was known when: rows in rounds of equal cutoff, and outcomes in the order in which they became known."""

from __future__ import annotations

import contextlib
import re
from typing import Any, NamedTuple

import numpy as np

from ..errors import InvalidOptionError, LeakageError
from ..predictions import PredictionSet
from ..predictions.named import by_id
from ..predictions.names import shown

__all__ = ["Rounds", "rounds_of"]

ISO = re.compile(r"\d{4}-\d{2}(-\d{2}([T ]\d{2}(:\d{2}(:\d{2}([.]\d+)?)?)?)?)?$")


class Rounds(NamedTuple):
    """Rows in the order of time.

    Attributes
    ----------
    cutoffs : ndarray of shape (n_rounds,)
        The moments at which forecasts were made, ascending.
    made : list of ndarray of int
        Of each round, the rows whose forecasts were made then.
    learned : list of list of ndarray of int
        Of each round, the rows whose outcomes became known since the round before and not after the cutoff; one array
        for each moment at which outcomes became known, in the order of time.
    last : list of ndarray of int
        The same for what became known after the last cutoff.
    """

    cutoffs: np.ndarray
    made: list[np.ndarray]
    learned: list[list[np.ndarray]]
    last: list[np.ndarray]


def rounds_of(predictions: PredictionSet, cutoff: Any, known: Any) -> Rounds:
    """Order the rows by time; refuse a forecast that was made when its outcome was known.

    Parameters
    ----------
    predictions : PredictionSet
        Whose rows they are.
    cutoff, known : object
        When the forecast of each row was made, and when its outcome became known.

    Returns
    -------
    Rounds

    Raises
    ------
    LeakageError
        If an outcome was known before its forecast was made, or at that moment.
    InvalidOptionError
        If the moments are not all dates or all numbers.
    """
    made, seen = moments(predictions, cutoff, "cutoff"), moments(predictions, known, "known")
    if ("M" in made.dtype.kind) != ("M" in seen.dtype.kind):
        raise InvalidOptionError(
            f"cutoff and known must be both dates, or both numbers; received {made.dtype} and {seen.dtype}."
        )
    late = np.flatnonzero(seen <= made)
    if len(late):
        first = int(late[0])
        raise LeakageError(
            f"a forecast is made before its outcome is known; {len(late)} of {len(made)} were not, first "
            f"{shown(predictions.ids[first].item())}: made {made[first]}, known {seen[first]}. Leave these rows out, "
            "or correct the times."
        )
    cutoffs, round_of = np.unique(made, return_inverse=True)
    rows = np.argsort(round_of, kind="stable")
    by_round = np.split(rows, np.cumsum(np.bincount(round_of))[:-1]) if len(rows) else []
    times, time_of = np.unique(seen, return_inverse=True)
    order = np.argsort(time_of, kind="stable")
    by_time = np.split(order, np.cumsum(np.bincount(time_of))[:-1])
    ends = np.searchsorted(times, cutoffs, side="right")
    starts = np.append(0, ends)[:-1]
    learned = [by_time[start:end] for start, end in zip(starts, ends, strict=True)]
    return Rounds(cutoffs, by_round, learned, by_time[ends[-1] :] if len(ends) else [])


def _dates(values: np.ndarray, what: str) -> np.ndarray:
    """Read text and objects as dates; refuse what is no date in one way only."""
    listed = values.tolist()
    if any(getattr(value, "tzinfo", None) is not None for value in listed):
        raise InvalidOptionError(
            f"{what} must be dates without a time zone; received {shown(listed)}. Give all times in one zone, without "
            "its name: .dt.tz_convert('UTC').dt.tz_localize(None)."
        )
    # NumPy reads the text "20240106" as a year.
    if not any(isinstance(value, str) and not ISO.match(value) for value in listed):
        with contextlib.suppress(TypeError, ValueError):
            return values.astype("datetime64[us]").astype("datetime64[ns]")
    raise InvalidOptionError(
        f"{what} must be dates or numbers, one a row; received {shown(listed)}. Text must be written like 2024-01-06: "
        "give pd.to_datetime(..., format=...), or numbers."
    )


def moments(predictions: PredictionSet, given: Any, what: str) -> np.ndarray:
    """Read moments of rows: a key column by name, or values by id or in the order of the rows."""
    if isinstance(given, str):
        values = np.asarray(predictions[predictions.members[0]].key(given))
    else:
        values = np.asarray(by_id(what, given, predictions.ids, error=InvalidOptionError))
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype.kind in "UO":
        values = _dates(values, what)
    wrong = np.isnat(values) if values.dtype.kind == "M" else ~np.isfinite(values) if values.dtype.kind == "f" else None
    if values.shape != predictions.ids.shape or values.dtype.kind not in "Miuf" or (wrong is not None and wrong.any()):
        raise InvalidOptionError(
            f"{what} must be dates or finite numbers, one a row, shape {predictions.ids.shape}; received "
            f"{values.dtype} of shape {values.shape}{', with empty ones' if wrong is not None and wrong.any() else ''}."
        )
    return values
