"""`read_forecasts`: frames of forecasts with a column a model, and columns for the ends of its intervals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arguments import typed
from ..errors import InvalidPredictionsError
from ..predictions import Predictions
from ..predictions.choices import check_choice
from ..predictions.names import shown
from ._tables import UNOBSERVED, as_frame, check_columns, numbers_of, outcomes_of, predictions_of
from .levels import MEDIAN, level_name

__all__ = ["read_forecasts"]

END = re.compile(r"^(?P<model>.+)-(?P<end>lo|hi)-(?P<width>\d+(\.\d+)?)$")
OF_MEDIAN = "-median"
POSITION = re.compile(r"^(index|level_\d+|Unnamed: \d+|)$")
"""Columns that number the rows, as pandas leaves them behind."""


@typed(but=("table", "labels"))
def read_forecasts(
    table: Any,
    *,
    keys: Sequence[str] | None = None,
    label: str = "y",
    labels: Any = None,
    point: str = "median",
    unobserved: str = "error",
) -> dict[str, Predictions]:
    """Read a frame of forecasts: ``unique_id``, ``ds``, ``cutoff``, and columns ``model-lo-90`` and ``model-hi-90``.

    Parameters
    ----------
    table : table or path
        A row a series and moment, as cross-validation of the Nixtla libraries gives it.
    keys : sequence of str, optional
        Key columns. By default those of ``unique_id``, ``ds`` and ``cutoff`` that there are.
    label : str, default="y"
        Column of the outcomes, if there is one.
    labels : table or path, optional
        Outcomes, if the table has none: a table with some of the key columns, and the column ``label``.
    point : {"median", "ignore"}, default="median"
        What the column ``model`` is: the median, or, as a mean is no quantile, nothing. A column ``model-median`` comes
        first.
    unobserved : {"error", "drop"}, default="error"
        What becomes of rows without an outcome.

    Returns
    -------
    dict of str to Predictions
        Model -> predictions of the task ``quantile``.

    Raises
    ------
    InvalidPredictionsError
        If columns are absent, values are no numbers, a key is there twice, or quantiles cross.
    InvalidOptionError
        If an option has another value.

    Examples
    --------
    >>> import pandas as pd
    >>> from ensemblekit.quantiles import read_forecasts
    >>> frame = pd.DataFrame(
    ...     {
    ...         "unique_id": ["a", "a"],
    ...         "ds": ["2024-01-06", "2024-01-13"],
    ...         "y": [5.0, 6.0],
    ...         "ETS": [5.5, 5.5],
    ...         "ETS-lo-80": [4.0, 3.0],
    ...         "ETS-hi-80": [7.0, 8.0],
    ...     }
    ... )
    >>> read_forecasts(frame)["ETS"].classes
    ('0.1', '0.5', '0.9')
    """
    check_choice("unobserved", unobserved, UNOBSERVED)
    check_choice("point", point, ("median", "ignore"))
    frame = as_frame(table, "table")
    if keys is None:
        keys = [name for name in ("unique_id", "ds", "cutoff") if name in frame.columns]
    check_columns(frame, [*keys] or ["unique_id", "ds"], "a frame of forecasts", "Give keys=[...].")
    own = frame[[*keys]].reset_index(drop=True)
    models = _models(frame, {*keys, label}, point)
    outcomes: Any = outcomes_of(labels, own, label if labels is not None and label != "y" else None)
    if outcomes is None and label in frame.columns:
        import pandas as pd

        given: Any = frame[label].reset_index(drop=True)
        outcomes = pd.to_numeric(given, errors="coerce")
        empty = given.isna() | given.astype(str).str.strip().str.lower().isin(["", "na", "nan", "null", "none"])
        wrong = np.flatnonzero(outcomes.isna() & ~empty)
        if len(wrong):
            raise InvalidPredictionsError(
                f"outcomes must be numbers, or empty; the column {label!r} has {shown(given[wrong[0]])} in row "
                f"{wrong[0]}. Correct it, or empty the cell."
            )
    read = {}
    for model, columns in models.items():
        order = sorted(columns)
        values = np.column_stack([numbers_of(frame[columns[level]], f"column {columns[level]!r}") for level in order])
        read[model] = predictions_of(model, own, values, order, outcomes, unobserved)
    return read


def _models(frame: Any, others: set[str], point: str) -> dict[str, dict[str, str]]:
    """Find the columns of each model: level -> column."""
    columns = [str(name) for name in frame.columns if name not in others and not POSITION.match(str(name))]
    found: dict[str, dict[str, str]] = {}
    plain = []
    for column in columns:
        if match := END.match(column):
            share = float(match["width"]) / 100
            if not 0 < share < 1:
                raise InvalidPredictionsError(
                    f"intervals must be above 0 and below 100 percent wide; there is {column!r}."
                )
            level = level_name((1 - share) / 2 if match["end"] == "lo" else (1 + share) / 2)
            found.setdefault(match["model"], {})[level] = column
        elif column.endswith(OF_MEDIAN):
            found.setdefault(column[: -len(OF_MEDIAN)], {})[MEDIAN] = column
        else:
            plain.append(column)
    for column in plain:
        if point == "median" and (column in found or frame[column].dtype.kind in "fiu"):
            found.setdefault(column, {}).setdefault(MEDIAN, column)
    if not found:
        raise InvalidPredictionsError(
            f"a frame of forecasts must have columns of models, such as 'ETS', 'ETS-lo-90' and 'ETS-hi-90'; received "
            f"{shown(columns)}."
        )
    return found
