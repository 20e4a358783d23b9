"""Convert Arrow columns to NumPy arrays of the same kind, and read Parquet files within the memory limit."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InvalidPredictionsError
from ...limits import check_size, largest
from .._columns import text_column

__all__ = [
    "is_text_type",
    "name_column",
    "number_column",
    "open_parquet",
    "read_table",
    "stacked",
    "text_column",
    "values_of_array",
]

WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 8, "FLOAT": 4, "DOUBLE": 8}
"""Bytes of a value in memory, by physical type of Parquet. A value of another type is an index into a dictionary."""


@contextlib.contextmanager
def open_parquet(path: Path) -> Generator[Any]:
    """Open a Parquet file with checksums verified; dictionary-encoded text columns stay dictionaries."""
    import pyarrow.parquet as pq

    with path.open("rb") as raw, pq.ParquetFile(raw, page_checksum_verification=True) as first:
        _read_first_rows(first)
        texts = [
            column.path
            for column in map(first.schema.column, range(len(first.schema)))
            if column.physical_type == "BYTE_ARRAY"
            and "." not in column.path
            and _is_dictionary_encoded(first.metadata, column.path)
        ]
        if not texts:
            yield first
            return
        raw.seek(0)
        with pq.ParquetFile(
            raw, metadata=first.metadata, page_checksum_verification=True, read_dictionary=texts
        ) as file:
            yield file


def _column_chunks(metadata: Any) -> Generator[tuple[Any, int]]:
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            yield group.column(place), group.num_rows


def _read_first_rows(file: Any) -> None:
    """Read one row of each row group, so that damaged column metadata raise an exception.

    Other methods of pyarrow abort the interpreter on such a file.
    """
    for number in range(file.metadata.num_row_groups):
        next(file.iter_batches(batch_size=1, row_groups=[number]), None)


def _is_dictionary_encoded(metadata: Any, path: str) -> bool:
    return any(
        chunk.path_in_schema == path and {"RLE_DICTIONARY", "PLAIN_DICTIONARY"} & {*chunk.encodings}
        for chunk, _ in _column_chunks(metadata)
    )


def read_table(file: Any, path: Path) -> Any:
    """Read a whole file of `open_parquet`, if it fits within the memory limit."""
    import pyarrow as pa

    stored = path.stat().st_size
    n_bytes, prefixed = file.metadata.num_rows, 0
    for chunk, n_rows in _column_chunks(file.metadata):
        width = WIDTHS.get(chunk.physical_type)
        n_bytes += max(chunk.num_values, n_rows) * (width or 4) + (0 if width else chunk.total_uncompressed_size)
        if "DELTA_BYTE_ARRAY" in chunk.encodings:
            prefixed = max(prefixed, chunk.total_uncompressed_size)
    check_size(n_bytes, "its columns", InvalidPredictionsError, stored=stored)
    if not prefixed:
        return file.read()
    # The batches are small because DELTA_BYTE_ARRAY repeats prefixes: each text may be as long as its chunk.
    batches: list[Any] = []
    n_bytes = 0
    for batch in file.iter_batches(batch_size=max(1, min(2**16, largest() // prefixed))):
        n_bytes += batch.nbytes
        check_size(n_bytes, "its columns", InvalidPredictionsError, stored=stored)
        batches.append(batch)
    return pa.Table.from_batches(batches, schema=file.schema_arrow if not batches else batches[0].schema)


def _column(table: Any, name: str, size: int | None) -> Any:
    column = table.column(name).combine_chunks()
    found = getattr(column.type, "list_size", None)
    if found != size:
        raise InvalidPredictionsError(
            f"column {name!r} must have {'one value' if size is None else f'a list of {size}'} a row; received "
            f"{column.type}."
        )
    return column if size is None else column.flatten()


def name_column(table: Any, name: str, size: int | None = None) -> np.ndarray:
    """Convert a column of ids or class names; refuse nulls.

    Parameters
    ----------
    table : pyarrow.Table
        Rows.
    name : str
        Name of the column.
    size : int, optional
        Length of the list in each row of a list column.

    Returns
    -------
    ndarray of object, int or bool
        Text is an array of str; integers and booleans keep their type.
    """
    import pyarrow as pa
    import pyarrow.types as kinds

    column = _column(table, name, size)
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if column.null_count:
        row = column.is_null().index(True).as_py() // max(1, size or 1)
        raise InvalidPredictionsError(
            f"each row of column {name!r} must have a name; row {row} has none. Give it one, or leave the row out."
        )
    kind = column.type
    if kinds.is_dictionary(kind) and is_text_type(kind.value_type):
        texts = np.array([*column.dictionary.to_pylist(), None], dtype=object)[:-1]
        return texts[column.indices.to_numpy(zero_copy_only=False)]
    if kinds.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if is_text_type(kind):
        return np.array([*column.to_pylist(), None], dtype=object)[:-1]
    if kinds.is_integer(kind) or kinds.is_boolean(kind):
        return values_of_array(column)
    raise InvalidPredictionsError(f"column {name!r} must hold text or whole numbers; received {kind}.")


def is_text_type(kind: Any) -> bool:
    """Tell whether an Arrow type is text."""
    import pyarrow.types as kinds

    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def number_column(table: Any, name: str, size: int | None = None) -> np.ndarray:
    """Convert a column of numbers, with NaN for nulls; parameters as in `name_column`."""
    import pyarrow as pa
    import pyarrow.types as kinds

    column = _column(table, name, size)
    kind = column.type
    if kinds.is_decimal(kind) or kinds.is_null(kind) or (column.null_count and not kinds.is_floating(kind)):
        if not (kinds.is_decimal(kind) or kinds.is_null(kind) or kinds.is_integer(kind) or kinds.is_boolean(kind)):
            raise InvalidPredictionsError(f"column {name!r} must hold numbers; received {kind}.")
        column = column.cast(pa.float64())
    elif not (kinds.is_floating(kind) or kinds.is_integer(kind) or kinds.is_boolean(kind)):
        raise InvalidPredictionsError(f"column {name!r} must hold numbers; received {kind}.")
    return values_of_array(column) if isinstance(column, pa.Array) else column.to_numpy()


def values_of_array(array: Any) -> np.ndarray:
    """Convert an Arrow array as its method does, which imports pandas first; numbers without nulls do not need it."""
    import pyarrow.types as kinds

    if array.null_count or not (kinds.is_integer(array.type) or kinds.is_floating(array.type)):
        return array.to_numpy(zero_copy_only=False)
    dtype = np.dtype(array.type.to_pandas_dtype())
    _, values = array.buffers()
    # An empty array may have no buffer.
    return np.frombuffer(values, dtype, len(array), array.offset * dtype.itemsize) if len(array) else np.empty(0, dtype)


ROWS = 2**12
"""Rows that are copied at once from columns to rows, so that both stay in the cache of the CPU."""


def stacked(columns: Sequence[np.ndarray], dtype: np.dtype[Any]) -> np.ndarray:
    """Copy columns side by side.

    Parameters
    ----------
    columns : sequence of ndarray of shape (n_rows,) or (n_rows, ...)
        One per class.
    dtype : dtype
        Of the result.

    Returns
    -------
    ndarray of shape (n_rows, ..., n_columns)
    """
    out = np.empty((*columns[0].shape, len(columns)), dtype=dtype)
    with np.errstate(over="ignore"):  # an edited value may not fit; it becomes infinite and is refused
        for start in range(0, len(out), ROWS):
            for place, column in enumerate(columns):
                out[start : start + ROWS, ..., place] = column[start : start + ROWS]
    return out
