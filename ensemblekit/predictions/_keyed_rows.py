"""Rows with a key of several columns: the columns, given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidPredictionsError
from ._key_columns import key_arrays, key_values
from ._keyed import key_of
from ._shown import shown

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


def frame_of_key(ids: np.ndarray) -> pd.DataFrame:
    """Make a table of the columns of a key, a categorical-free one with plain types."""
    import pyarrow as pa

    return pa.table(key_arrays(ids)).to_pandas(date_as_object=False)


def _ids(rows: Any) -> np.ndarray:
    return rows.ids
