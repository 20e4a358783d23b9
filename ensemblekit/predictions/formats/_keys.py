"""Ids of several columns in files: each column apart, in its own type, called ``id:`` and its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import InvalidPredictionsError
from .._key_texts import encoded, key_arrays, key_part, typed_column
from ..keys import Key, key_of, with_key
from ..names import text_array

__all__ = [
    "KEY_PREFIX",
    "cells_of_ids",
    "columns_of_ids",
    "id_columns",
    "ids_of_columns",
    "is_key",
    "key_ids",
    "key_metadata",
    "read_key_text",
]

KEY_PREFIX = "id:"
"""Beginning of the name of a key column in a file of `Predictions.save`."""
KINDS = ("text", "int", "date", "time")


def key_metadata(ids: np.ndarray) -> dict[str, Any]:
    """Collect what the metadata say about a key; nothing for plain ids."""
    key = key_of(ids)
    if key is None:
        return {}
    said: dict[str, Any] = {"key": [list(pair) for pair in zip(key.names, key.kinds, strict=True)]}
    return said | ({"key_time": list(key.time)} if key.time else {})


def is_key(value: Any) -> bool:
    """Tell whether the metadata say what the columns of a key are."""
    if not isinstance(value, list) or not value:
        return False
    pairs: list[Any] = value
    right = all(
        isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and pair[1] in KINDS for pair in pairs
    )
    return right and len({name for name, _ in pairs}) == len(pairs)


def id_columns(meta: dict[str, Any]) -> list[str]:
    """List the columns of the ids: ``id``, or those of the key."""
    return [f"{KEY_PREFIX}{name}" for name, _ in meta["key"]] if "key" in meta else ["id"]


def key_of_metadata(meta: dict[str, Any]) -> Key:
    """Read the key that the metadata say."""
    names, kinds = zip(*meta["key"], strict=True)
    return Key(names, kinds, tuple(meta.get("key_time", ())))


def columns_of_ids(ids: np.ndarray) -> dict[str, Any]:
    """Give ids as the Arrow columns of a file."""
    return {f"{KEY_PREFIX}{name}": column for name, column in key_arrays(ids).items()}


def cells_of_ids(ids: np.ndarray) -> list[Any]:
    """Write the columns of a key as cells: dates as text, whole numbers as they are."""
    import pyarrow as pa

    own = key_of(ids)
    assert own is not None  # noqa: S101 - for the type checker
    return [
        column if kind == "int" else column.cast(pa.string()) if kind == "text" else pa.array(key_part(ids, name))
        for kind, (name, column) in zip(own.kinds, key_arrays(ids).items(), strict=True)
    ]


def ids_of_columns(columns: dict[str, Any], meta: dict[str, Any], edited: str) -> np.ndarray:
    """Join the columns of a key that were saved.

    Parameters
    ----------
    columns : dict
        Name of the key column -> Arrow array; text is read as what the metadata say.
    meta : dict
        Metadata of the file.
    edited : str
        End of an error about a file that was changed.

    Returns
    -------
    KeyedIds
    """
    import pyarrow as pa

    key = key_of_metadata(meta)
    if not all(map(len, columns.values())):
        return with_key(text_array([]), key)
    try:
        typed = {name: read_key_text(columns[name], kind) for name, kind in zip(key.names, key.kinds, strict=True)}
    except pa.ArrowInvalid as error:
        raise InvalidPredictionsError(
            f"key columns must be of the kinds that the metadata say ({error}): {edited}"
        ) from None
    ids = encoded(typed, "ids")
    found = key_of(ids)
    assert found is not None  # noqa: S101 - for the type checker
    for name, one, other in zip(key.names, key.kinds, found.kinds, strict=True):
        if one != other and (one, other) != ("time", "date"):
            raise InvalidPredictionsError(
                f"key columns must be of the kinds that the metadata say; {name!r} is {other} and not {one}: {edited}"
            )
    return with_key(ids, key)


def key_ids(columns: Mapping[str, Sequence[str]]) -> np.ndarray:
    """Join cells of text to ids with a key, as a text file is read: whole numbers and dates are what they look like."""
    import pyarrow as pa

    return encoded({name: typed_column(pa.array(cells, pa.string())) for name, cells in columns.items()}, "ids")


def read_key_text(column: Any, kind: str) -> Any:
    """Read a column of text as values of a kind; leave one of another type as it is."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if kind == "text" or not (kinds.is_string(column.type) or kinds.is_large_string(column.type)):
        return column
    return column.cast({"int": pa.int64(), "date": pa.timestamp("us"), "time": pa.timestamp("ns")}[kind])
