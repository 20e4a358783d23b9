"""Keys of several columns: the columns, taken out of whatever holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InvalidPredictionsError
from ._columns import has, has_index, is_table
from ._shown import shown

__all__ = ["check_key_names", "from_tuples", "is_key_columns", "is_multi_index", "key_columns", "one_array"]


def is_multi_index(data: Any) -> bool:
    """Tell whether data are a pandas MultiIndex."""
    return has(data, "levels", "codes", "get_level_values")


def is_key_columns(data: Any) -> bool:
    """Tell whether data are columns of a key: a MultiIndex, a table, or a mapping of column name to values."""
    if isinstance(data, Mapping):
        return bool(data) and all(
            not isinstance(value, str | bytes | Mapping)
            and hasattr(value, "__len__")
            and getattr(value, "ndim", 1) == 1
            for value in data.values()
        )
    return is_multi_index(data) or (has_index(data) and has(data, "columns")) or is_table(data)


def key_columns(data: Any, what: str) -> dict[str, Any]:
    """Take the columns of a key out of what holds them, as Arrow arrays."""
    if is_multi_index(data):
        return _levels(data, what)
    if isinstance(data, Mapping):
        columns = [*data.items()]
    elif has(data, "column_names"):
        columns = [(name, data.column(name)) for name in data.column_names]
    else:
        columns = [(name, data[name]) for name in data.columns]
    check_key_names([name for name, _ in columns], what)
    return {name: _arrow(values, name, what) for name, values in columns}


def from_tuples(tuples: Any, names: tuple[str, ...], what: str) -> dict[str, Any]:
    """Make columns of one tuple a row."""
    rows = [*tuples]
    if wrong := next((row for row in rows if len(row) != len(names)), None):
        raise InvalidPredictionsError(
            f"{what} must have the parts {shown(names)} in each tuple; received {shown(wrong)}."
        )
    return {name: _arrow([row[place] for row in rows], name, what) for place, name in enumerate(names)}


def check_key_names(names: list[Any], what: str) -> None:
    """Refuse columns without names of their own."""
    wrong = [name for name in names if not isinstance(name, str) or not name]
    if wrong or len({*names}) != len(names) or not names:
        raise InvalidPredictionsError(
            f"{what} of several columns must name each of them, by different text; received {shown(names)}. Name the "
            "levels of an index with index.set_names([...]), the columns of a table with table.rename(columns=...)."
        )


def _levels(index: Any, what: str) -> dict[str, Any]:
    import pyarrow as pa

    names = [*index.names]
    check_key_names(names, f"the index of {what}" if what != "ids" and not what.startswith("the index") else what)
    out: dict[str, Any] = {}
    for name, level, codes in zip(names, index.levels, index.codes, strict=True):
        codes = np.asarray(codes)
        places = pa.array(codes.astype(np.int64), mask=codes < 0 if len(codes) and codes.min() < 0 else None)
        out[name] = pa.DictionaryArray.from_arrays(places, one_array(_arrow(level, name, what)))
    return out


def _arrow(values: Any, name: str, what: str) -> Any:
    import pyarrow as pa

    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if has(values, "__arrow_c_stream__") and not has_index(values):
        return pa.chunked_array(values)
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()
    if isinstance(values, np.ndarray) and values.dtype.kind == "U" and not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if isinstance(values, np.ndarray) and values.dtype.kind == "T":
        values = values.astype(object)
    if not hasattr(values, "dtype"):
        values = [value.item() if isinstance(value, np.generic) else value for value in values]
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        kinds = sorted({type(value).__name__ for value in values})
        raise InvalidPredictionsError(
            f"{what} must hold text, whole numbers or dates, one of them in each column; column {name!r} has "
            f"{', '.join(kinds)}. Turn it into one kind, e.g. text: .astype(str)."
        ) from None


def one_array(column: Any) -> Any:
    """Put the chunks of an Arrow column together."""
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column
