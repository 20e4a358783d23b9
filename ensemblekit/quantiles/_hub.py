"""`read_hub`: tables of forecasting hubs, in which each row is one quantile of one model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import typed
from ..errors import InvalidPredictionsError
from ..predictions import Predictions
from ..predictions.choices import check_choice
from ..predictions.names import few, shown
from ._tables import UNOBSERVED, as_frame, check_columns, numbers_of, outcomes_of, predictions_of, spread
from .levels import level_name

__all__ = ["read_hub"]

OUTPUT = ("output_type", "output_type_id", "value")
MODEL = ("model_id", "model")


@typed(but=("tables", "labels"))
def read_hub(
    tables: Any,
    *,
    keys: Sequence[str] | None = None,
    model: str | None = None,
    levels: Sequence[Any] | None = None,
    labels: Any = None,
    label: str | None = None,
    unobserved: str = "error",
) -> dict[str, Predictions]:
    """Read tables of a forecasting hub, with the columns ``output_type``, ``output_type_id`` and ``value``.

    Parameters
    ----------
    tables : table, path, or sequence or mapping of these
        A table or a CSV or Parquet file with a column that names the model; or one for each model, as a mapping of
        model to table, or files of which each is in a folder called like its model, or named ``date-model.csv``. Or a
        folder of such folders.
    keys : sequence of str, optional
        Key columns, which name the rows. By default all columns but the model and the three of the output.
    model : str, optional
        Column of the models. By default ``model_id`` or ``model``, if there is one.
    levels : sequence of float, optional
        Levels to read. By default all, of which each row must have the same.
    labels : table or path, optional
        Outcomes: a table with some of the key columns, and a column of numbers.
    label : str, optional
        This column. By default ``oracle_value``, ``observation`` or ``value``.
    unobserved : {"error", "drop"}, default="error"
        What becomes of rows without an outcome.

    Returns
    -------
    dict of str to Predictions
        Model -> predictions of the task ``quantile``, for `ensemblekit.align` and all that takes several. Models need
        not have the same rows.

    Raises
    ------
    InvalidPredictionsError
        If columns are absent, a key has a level twice or lacks one, values are no numbers, or quantiles cross.

    Notes
    -----
    Rows of other output types than ``quantile`` are left out, also those of the type ``median``. A code of a place
    such as ``01`` stays text.

    Examples
    --------
    >>> import pandas as pd
    >>> from ensemblekit.quantiles import read_hub
    >>> table = pd.DataFrame(
    ...     {
    ...         "model_id": ["a", "a", "b", "b"],
    ...         "location": "01",
    ...         "horizon": 1,
    ...         "output_type": "quantile",
    ...         "output_type_id": [0.1, 0.9, 0.1, 0.9],
    ...         "value": [1.0, 4.0, 2.0, 3.0],
    ...     }
    ... )
    >>> read = read_hub(table)
    >>> {name: predictions.probas.tolist() for name, predictions in read.items()}
    {'a': [[1.0, 4.0]], 'b': [[2.0, 3.0]]}
    """
    check_choice("unobserved", unobserved, UNOBSERVED)
    wanted = None if levels is None else [level_name(level) for level in levels]
    frames = _frames(tables, model)
    found: dict[str, list[Any]] = {}
    for name, frame in frames:
        found.setdefault(name, []).append(frame)
    if not found:
        raise InvalidPredictionsError("tables must hold quantiles of at least one model; received none.")
    import pandas as pd

    read = {}
    for name, parts in found.items():
        frame = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
        read[name] = _predictions(name, frame, keys, wanted, labels, label, unobserved)
    return read


def _frames(tables: Any, model: str | None) -> Iterable[tuple[str, Any]]:
    """Go through the tables of each model."""
    if isinstance(tables, Mapping) and not {*OUTPUT} <= {*tables}:
        for name, table in tables.items():
            what = f"the table of {name!r}"
            yield str(name), _of_one_model(_checked(as_frame(table, what), what), model, what)
        return
    if isinstance(tables, (str, os.PathLike)) and Path(tables).is_dir():
        folder = Path(tables)
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".csv", ".parquet"))
        if not files:
            raise InvalidPredictionsError(f"the folder must hold CSV or Parquet files; {folder.name!r} holds none.")
        tables = files
    for table in tables if isinstance(tables, (list, tuple)) else [tables]:
        frame = as_frame(table, "tables")
        _checked(frame, repr(Path(table).name) if isinstance(table, (str, os.PathLike)) else "a table of a hub")
        column = model or next((name for name in MODEL if name in frame.columns), None)
        if column is None:
            if not isinstance(table, (str, os.PathLike)):
                raise InvalidPredictionsError(
                    f"tables must say of which model a row is; received the columns {shown([*frame.columns])}. Name "
                    "the column, model='team', or give {model: table}."
                )
            yield _model_of(Path(table)), frame
            continue
        check_columns(frame, [column], "tables", "Give model=.")
        _check_models(frame, column)
        for name, part in frame.groupby(column, sort=True):
            yield str(name), part.drop(columns=column)


def _model_of(path: Path) -> str:
    """Name the model of a file ``folder/model/2024-01-06-model.csv``."""
    stem = path.stem
    if len(stem) > 11 and stem[:10].replace("-", "").isdigit() and stem[10] == "-":
        return stem[11:]
    return path.parent.name or stem


def _check_models(frame: Any, column: str) -> None:
    """Refuse rows of which nobody knows the model."""
    lacking = np.flatnonzero(frame[column].isna() | (frame[column] == ""))
    if len(lacking):
        raise InvalidPredictionsError(
            f"tables must say of which model each row is; {len(lacking)} of {len(frame)} have no {column!r}, the first "
            f"row {lacking[0]}. Name it, or leave these rows out."
        )


def _of_one_model(frame: Any, model: str | None, what: str) -> Any:
    """Drop the column of models from the table of one; it is no part of the key."""
    column = model or next((name for name in MODEL if name in frame.columns), None)
    if column is None:
        return frame
    check_columns(frame, [column], what, "Leave out model=.")
    _check_models(frame, column)
    if frame[column].nunique() > 1:
        raise InvalidPredictionsError(
            f"{what} must be of one model; {column!r} has {few([*frame[column].unique()])}. Give the table alone, "
            "read_hub(table), or one table a model."
        )
    return frame.drop(columns=column)


def _checked(frame: Any, what: str) -> Any:
    check_columns(frame, OUTPUT, what, "Rename the columns: table.rename(columns={'quantile': ...}).")
    return frame


def _predictions(
    name: str, frame: Any, keys: Sequence[str] | None, wanted: list[str] | None, labels: Any,
    label: str | None, unobserved: str,
) -> Predictions:  # fmt: skip
    import pandas as pd

    frame = frame[frame["output_type"] == "quantile"]
    if not len(frame):
        raise InvalidPredictionsError(
            f"tables must hold quantiles; model {name!r} has rows of other output types alone."
        )
    columns = [column for column in frame.columns if column not in OUTPUT] if keys is None else [*keys]
    check_columns(frame, columns, f"the table of {name!r}", "Give keys= of columns that there are.")
    if not columns:
        raise InvalidPredictionsError(f"tables must have key columns beside {', '.join(OUTPUT)}; {name!r} has none.")
    level_codes, texts = pd.factorize(frame["output_type_id"].astype(str))
    try:
        named = [level_name(text) for text in texts]
    except ValueError as error:
        raise InvalidPredictionsError(f"output_type_id of {name!r} must be quantile levels: {error}") from None
    order = sorted({*named} if wanted is None else {*wanted})
    if wanted is not None and (absent := [level for level in wanted if level not in named]):
        raise InvalidPredictionsError(
            f"levels must be there; {name!r} lacks {few(absent)} and has {few(sorted(named))}."
        )
    places = np.array([order.index(level) if level in order else -1 for level in named])
    level_of = places[level_codes]
    frame, level_of = frame[level_of >= 0], level_of[level_of >= 0]
    row_of = frame.groupby(columns, sort=False, dropna=False).ngroup().to_numpy()
    _, firsts = np.unique(row_of, return_index=True)
    own = frame[columns].iloc[firsts].reset_index(drop=True)
    values = numbers_of(frame["value"], f"value of {name!r}")
    wide = spread(row_of, level_of, values, (len(own), len(order)), name, order, lambda row: own.iloc[row].to_dict())
    return predictions_of(name, own, wide, order, outcomes_of(labels, own, label), unobserved)
