"""Rows with a key of several columns: the columns, given back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidPredictionsError
from ._key_texts import key_arrays, key_values
from ._shown import shown
from .keys import key_of, with_key
from .names import readonly

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KeyedRows", "frame_of_key"]


class KeyedRows:
    """What `Predictions` and `PredictionSet` inherit: the key columns of their ids."""

    __slots__ = ()

    @property
    def id_columns(self) -> tuple[str, ...]:
        """Names of the key columns that ids are made of, in the order of their parts; ``()`` for plain ids."""
        key = key_of(_ids(self))
        return () if key is None else key.names

    @property
    def time(self) -> tuple[str, ...]:
        """Which key columns are the forecast origin and, if it is known, the date of the outcome; ``()`` for none."""
        key = key_of(_ids(self))
        return () if key is None else key.time

    def key(self, name: str) -> np.ndarray:
        """Give back one column of the key.

        Parameters
        ----------
        name : str
            One of `id_columns`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Text, int64 or datetime64, as the column was given.

        Raises
        ------
        InvalidPredictionsError
            If there is no such column.

        Examples
        --------
        >>> from ensemblekit import Predictions
        >>> key = {"site": ["north", "south"], "week": [7, 7]}
        >>> p = Predictions([[0.9, 0.1], [0.3, 0.7]], ids=key, classes=["dry", "wet"])
        >>> p.key("week"), p.ids.tolist()
        (array([7, 7]), ['north/7', 'south/7'])
        """
        ids = _ids(self)
        own = key_of(ids)
        if own is None or name not in own.names:
            columns = "no key" if own is None else f"the key columns {shown(own.names)}"
            raise InvalidPredictionsError(
                f"key needs the name of a key column; received {shown(name)}, and ids with {columns}. A key is given "
                "as ids= of several columns: a MultiIndex, a table or {column: values}."
            )
        return key_values(ids, name)[name]

    def key_frame(self) -> pd.DataFrame:
        """Give back all columns of the key.

        Returns
        -------
        pandas.DataFrame
            One row per sample, a column for each of `id_columns`, in their types.

        Raises
        ------
        InvalidPredictionsError
            If the ids have no key.
        """
        ids = _ids(self)
        if key_of(ids) is None:
            raise InvalidPredictionsError(
                "key_frame needs ids of several columns; received plain ids. Give ids= as a MultiIndex, a table or "
                "{column: values}."
            )
        return frame_of_key(ids)


def with_time(ids: np.ndarray, time: Any) -> np.ndarray:
    """Say which columns of the key of ids are the forecast origin and the date of the outcome; None for neither."""
    key = key_of(ids)
    names = () if time is None else tuple(time) if isinstance(time, list | tuple) else (time,)
    right = all(isinstance(name, str) for name in names) and len({*names}) == len(names) <= 2
    if key is None or not right or not {*names} <= {*key.names}:
        columns = "no key columns" if key is None else f"the key columns {shown(key.names)}"
        raise InvalidPredictionsError(
            f"time must name the key column of the forecast origin, or those of the origin and of the outcome; "
            f"received {shown(time)}, and ids with {columns}."
        )
    kinds = dict(zip(key.names, key.kinds, strict=True))
    texts = [name for name in names if kinds[name] == "text"]
    if texts or len({kinds[name] == "int" for name in names}) > 1:
        raise InvalidPredictionsError(
            f"time must name key columns of dates, or of whole numbers; received "
            f"{shown({name: kinds[name] for name in names})}. Turn text into dates: pd.to_datetime(...)."
        )
    if len(names) == 2 and len(ids):
        origin, outcome = (key_values(ids, name)[name] for name in names)
        if (outcome < origin).all():
            raise InvalidPredictionsError(
                f"time must name the column of the forecast origin first, then that of the outcome; received "
                f"{shown(names)}, and in every row {names[1]!r} is before {names[0]!r}, in the first {outcome[0]} and "
                f"{origin[0]}. Turn them round: time={shown((names[1], names[0]))}."
            )
    return readonly(with_key(ids, replace(key, time=names)))


def frame_of_key(ids: np.ndarray) -> pd.DataFrame:
    """Make a table of the columns of a key, a categorical-free one with plain types."""
    import pyarrow as pa

    return pa.table(key_arrays(ids)).to_pandas(date_as_object=False)


def _ids(rows: Any) -> np.ndarray:
    return rows.ids
