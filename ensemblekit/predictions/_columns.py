"""Columns of pandas, Arrow and polars as arrays of the same kind. Nulls are NaN among numbers, None elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arguments import as_array
from ..errors import InvalidPredictionsError

__all__ = [
    "WIDEST",
    "array_without_names",
    "arrow_columns",
    "has",
    "has_index",
    "is_table",
    "is_without_rows",
    "pandas_values",
    "text_column",
    "values_of_column",
]

WIDEST = 64
"""Names of up to this many characters are always kept as fixed-width NumPy text."""
EXACT = 2**53
"""Whole numbers up to this one are exact in float64."""


def has(data: Any, *names: str) -> bool:
    """Tell whether the type of data has these attributes; pandas objects themselves have those of their own names."""
    return all(hasattr(type(data), name) for name in names)


def has_index(data: Any) -> bool:
    """Tell whether data are a Series or DataFrame of pandas or the like."""
    # The ``index`` of a list or an ``array.array`` is a method.
    return has(data, "to_numpy", "index") and not callable(type(data).index)


def is_table(data: Any) -> bool:
    """Tell whether data are a table of Arrow, polars or the like, which has columns and no index."""
    return _is_arrow(data) and any(has(data, name) for name in ("column_names", "columns", "schema"))


def is_without_rows(data: Any, kind: str = "") -> bool:
    """Tell whether data are a pandas Index, Categorical or array, which has values and no index."""
    named = has(data, "isna", "dtype", "take") and not has(data, "index")
    return named and (not kind or kind in {base.__name__ for base in type(data).__mro__})


def _is_arrow(data: Any) -> bool:
    return has(data, "__arrow_c_stream__") or has(data, "__arrow_c_array__")


def array_without_names(what: str, data: Any) -> np.ndarray:
    """Convert data that have no names, but maybe a mask or nulls."""
    if type(data) is np.ndarray:
        return data
    if isinstance(data, np.ma.MaskedArray):
        return _unmasked(data)
    if is_without_rows(data):
        import pandas as pd

        return _pandas_column(pd.Series(data))
    if _is_arrow(data):
        import pyarrow as pa

        stream = has(data, "__arrow_c_stream__")
        return _arrow_column(pa.chunked_array(data) if stream else pa.chunked_array([pa.array(data)]))
    return as_array(what, data, error=InvalidPredictionsError)


def values_of_column(what: str, names: Any) -> Any:
    """Convert a column of pandas, polars or Arrow to an array of its values; return anything else unchanged."""
    if isinstance(names, np.ndarray | list | tuple) or getattr(names, "ndim", 1) != 1 or is_table(names):
        return names
    if has_index(names):
        return _pandas_column(names)
    return array_without_names(what, names) if is_without_rows(names) or _is_arrow(names) else names


def _unmasked(data: Any) -> np.ndarray:
    if not np.ma.is_masked(data):
        return np.asarray(data)
    if data.dtype.kind in "biuf":  # large whole numbers stay exact as objects
        large = data.dtype.kind in "iu" and max(-int(data.min()), int(data.max())) > EXACT
        if not large:
            return np.asarray(data.astype(np.result_type(data.dtype, np.float16)).filled(np.nan))
    return np.array(data.tolist(), dtype=object)


def pandas_values(data: Any, columns: Any = None) -> np.ndarray:
    """Convert a Series, or one or several columns of a DataFrame."""
    if columns is not None and (not isinstance(columns, list) or len(columns) != data.shape[1]):
        data = data[columns]
    if data.ndim == 1:
        return _pandas_column(data)
    if all(isinstance(dtype, np.dtype) for dtype in data.dtypes):
        return data.to_numpy()
    found = [_pandas_column(data.iloc[:, place]) for place in range(data.shape[1])]
    kind = np.result_type(*found) if all(column.dtype.kind in "biuf" for column in found) else np.dtype(object)
    return np.stack([column.astype(kind) for column in found], axis=1)


def _pandas_column(series: Any) -> np.ndarray:
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return series.to_numpy()
    null = np.asarray(series.isna(), dtype=bool)
    kind = getattr(dtype, "kind", "O")
    if hasattr(dtype, "categories") and not null.any():
        return np.asarray(series)
    if "decimal" in str(dtype):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if kind in "biuf" and not hasattr(dtype, "categories"):
        own = getattr(dtype, "numpy_dtype", None) or getattr(dtype, "subtype", None) or np.float64
        if not null.any():
            return series.to_numpy(dtype=own)
        whole = kind in "iu" and bool((series.dropna().abs() > EXACT).any())
        if not whole:
            return series.to_numpy(dtype=own if kind == "f" else np.float64, na_value=np.nan)
    values = series.to_numpy(dtype=object)
    if null.any():
        values = values.copy()
        values[null] = None
    return values


def arrow_columns(table: Any, columns: Any) -> np.ndarray:
    """Convert one or several columns of a table of Arrow, polars or the like."""
    import pyarrow as pa

    arrow = table if isinstance(table, pa.Table) else pa.table(table)
    if not isinstance(columns, list):
        return _arrow_column(arrow.column(columns))
    found = [_arrow_column(arrow.column(name)) for name in columns]
    if not found:
        return np.empty((arrow.num_rows, 0))
    kind = np.result_type(*found) if all(column.dtype.kind in "biuf" for column in found) else np.dtype(object)
    out = np.empty((arrow.num_rows, len(found)), dtype=kind)
    for place, column in enumerate(found):
        out[:, place] = column
    return out


def _arrow_column(column: Any) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.types as kinds

    kind = column.type
    if kinds.is_dictionary(kind):
        kind = pa.large_string() if kinds.is_string_view(kind.value_type) else kind.value_type
        chunks = [chunk.dictionary.cast(kind).take(chunk.indices) for chunk in column.chunks]
        column = pa.chunked_array(chunks, type=kind)
    if kinds.is_null(kind) or kinds.is_decimal(kind):
        return column.cast(pa.float64()).to_numpy()
    if kinds.is_fixed_size_list(kind) and not column.null_count:
        flat = column.combine_chunks().flatten()
        return _arrow_column(pa.chunked_array([flat])).reshape(len(column), kind.list_size)
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        return as_array("a column of lists", column.to_pylist(), error=InvalidPredictionsError)
    if column.null_count and (kinds.is_integer(kind) or kinds.is_boolean(kind)):
        try:
            return column.cast(pa.float64()).to_numpy()
        except pa.ArrowInvalid:  # larger than float64 holds
            return np.array(column.to_pylist(), dtype=object)
    if kinds.is_string_view(kind):
        column = column.cast(pa.large_string())
    return column.to_numpy()


def text_column(column: Any) -> np.ndarray:
    """Convert a column of text without nulls to fixed-width text, or to ``str`` objects if that saves memory."""
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute

    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())
    if not len(column):
        return np.empty(0, dtype=np.str_)
    longest = max(1, pc.max(pc.utf8_length(column)).as_py())
    has_nul = pc.any(pc.match_substring(column, "\0")).as_py()
    if longest > WIDEST or has_nul:
        return np.array([*column.to_pylist(), None], dtype=object)[:-1]
    # Each text is padded to the same number of characters, so that all of them are decoded at once.
    padded = pc.utf8_rpad(column.cast(pa.large_string()), longest, "\0")
    offsets = np.frombuffer(padded.buffers()[1], np.int64)[padded.offset : padded.offset + len(padded) + 1]
    text = str(memoryview(padded.buffers()[2])[offsets[0] : offsets[-1]], "utf-8")
    return np.frombuffer(text.encode("utf-32-le"), dtype=f"<U{longest}")
