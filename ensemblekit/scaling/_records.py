"""Rows of an Arrow table as NumPy records of one width: one copy moves a row, instead of one for each column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["RecordLayout", "Rows", "hashes_of", "part_numbers", "text_bounds"]

NULL = np.uint32(2**32 - 1)
"""Length of a text that is null."""


class Rows(NamedTuple):
    """Rows in the layout of `RecordLayout`.

    Attributes
    ----------
    records : ndarray
        Structured: a number, a key, and what has one width.
    texts : list of pyarrow.Array
        Columns of text, flat.
    """

    records: np.ndarray
    texts: list[Any]


class _Column(NamedTuple):
    name: str
    kind: Any
    size: int | None
    is_text: bool
    has_valid: bool


class RecordLayout:
    """Which field of a record holds which column.

    Ids must not be null. Floats that are null become NaN. Of other columns it is kept which values are null.

    Parameters
    ----------
    schema : pyarrow.Schema
        Columns: text, numbers and booleans, and fixed-size lists of these.
    """

    def __init__(self, schema: Any) -> None:
        import pyarrow as pa

        self.schema = schema
        self.columns: list[_Column] = []
        fields: list[tuple[Any, ...]] = [("number", np.int64), ("key", np.uint64)]
        for place, field in enumerate(schema):
            is_list = pa.types.is_fixed_size_list(field.type)
            kind = field.type.value_type if is_list else field.type
            size = field.type.list_size if is_list else None
            shape = () if size is None else ((size,),)
            is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
            has_valid = not is_text and not pa.types.is_floating(kind) and field.name != "id"
            self.columns.append(_Column(field.name, kind, size, is_text, has_valid))
            if field.name == "id" and not is_text:
                continue  # it is its own key
            dtype = np.uint32 if is_text else np.uint8 if pa.types.is_boolean(kind) else kind.to_pandas_dtype()
            fields.append((f"value {place}", dtype, *shape))
            if has_valid:
                fields.append((f"valid {place}", np.bool_, *shape))
        packed = np.dtype(sorted(fields, key=lambda field: -np.dtype(field[1]).itemsize))
        width = next((width for width in (16, 32) if packed.itemsize <= width), -(-packed.itemsize // 8) * 8)
        self.dtype = np.dtype(
            {
                "names": packed.names,
                "formats": [packed[name] for name in packed.names or ()],
                "offsets": [(packed.fields or {})[name][1] for name in packed.names or ()],
                "itemsize": width,  # NumPy moves 16 and 32 bytes faster than other widths
            }
        )
        self.text_ids = any(column.is_text and column.name == "id" for column in self.columns)
        self.text_columns = [column for column in self.columns if column.is_text]
        self.n_texts = len(self.text_columns)

    def pack(self, table: Any, numbers: np.ndarray, keys: np.ndarray) -> Rows:
        """Turn a table into records; ``keys`` are the ids, or the hashes of ids that are text."""
        records = np.zeros(len(table), self.dtype) if _has_gaps(self.dtype) else np.empty(len(table), self.dtype)
        records["number"], records["key"] = numbers, keys.view(np.uint64)
        texts: list[Any] = []
        for place, (column, values) in enumerate(zip(self.columns, table.columns, strict=True)):
            array = _flat(values, column.size)
            shape = (len(table),) if column.size is None else (len(table), column.size)
            if column.is_text:
                records[f"value {place}"] = _lengths(array).reshape(shape)
                texts.append(array)
            elif column.name != "id":
                if column.has_valid:
                    records[f"valid {place}"] = _numpy(array.is_valid()).reshape(shape)
                    array = array.fill_null(False if _is_bool(column.kind) else 0)
                records[f"value {place}"] = _numpy(array).reshape(shape)
        return Rows(records, texts)

    def take(self, rows: Rows, order: np.ndarray) -> Rows:
        """Take rows by position."""
        import pyarrow as pa

        taken: list[Any] = []
        for column, texts in zip(self.text_columns, rows.texts, strict=True):
            places = order if column.size is None else (order[:, None] * column.size + np.arange(column.size)).ravel()
            taken.append(texts.take(pa.array(places)))
        return Rows(rows.records.take(order), taken)

    def table(self, rows: Rows) -> Any:
        """Turn records back into the table."""
        import pyarrow as pa

        texts = iter(rows.texts)
        arrays: list[Any] = []
        for place, column in enumerate(self.columns):
            if column.is_text:
                flat = next(texts)
            elif column.name == "id":
                flat = pa.array(np.ascontiguousarray(rows.records["key"]).view(np.int64))
            else:
                values = np.ascontiguousarray(rows.records[f"value {place}"]).ravel()
                valid = rows.records[f"valid {place}"].ravel() if column.has_valid else None
                mask = None if valid is None or valid.all() else ~valid
                flat = pa.array(values.view(np.bool_) if _is_bool(column.kind) else values, column.kind, mask=mask)
            kind = self.schema.field(place).type
            arrays.append(flat if column.size is None else pa.FixedSizeListArray.from_arrays(flat, type=kind))
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def read_texts(self, records: np.ndarray, bytes_of: Sequence[Any]) -> list[Any]:
        """Make the columns of text from their lengths, which the records hold, and their bytes."""
        import pyarrow as pa

        texts: list[Any] = []
        for place, column in enumerate(self.columns):
            if column.is_text:
                lengths = np.ascontiguousarray(records[f"value {place}"]).ravel()
                valid = lengths != NULL
                offsets = np.zeros(len(lengths) + 1, np.int64)
                np.cumsum(np.where(valid, lengths, 0), out=offsets[1:])
                bitmap = None if valid.all() else pa.array(valid).buffers()[1]
                starts = offsets if pa.types.is_large_string(column.kind) else offsets.astype(np.int32)
                buffers = [bitmap, pa.py_buffer(starts), pa.py_buffer(bytes_of[len(texts)])]
                texts.append(pa.Array.from_buffers(column.kind, len(lengths), buffers))
        return texts


def text_bounds(array: Any, places: np.ndarray) -> tuple[np.ndarray, Any]:
    """Compute where texts begin in the bytes of a column, and those bytes.

    Parameters
    ----------
    array : pyarrow.Array
        Texts.
    places : ndarray of int
        Positions of texts; the number of all is one too.

    Returns
    -------
    tuple of (ndarray of int64, memoryview)
        Offsets and bytes.
    """
    offsets, data = _buffers(array)
    return offsets[places] - offsets[0], memoryview(data)[int(offsets[0]) : int(offsets[-1])]


def hashes_of(ids: Any) -> np.ndarray:
    """Hash a column of ids, integers or text, to 64 bits each."""
    import pyarrow as pa

    array = _flat(ids, None)
    if pa.types.is_integer(array.type):
        return _mixed(array.to_numpy().astype(np.uint64))
    offsets, data = _buffers(array)
    starts, lengths = offsets[:-1] - offsets[0], np.diff(offsets)
    n_bytes = int(offsets[-1] - offsets[0])
    raw = np.zeros(n_bytes + 8, np.uint8)  # so that eight bytes can be read wherever a text begins or ends
    raw[:n_bytes] = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]] if n_bytes else 0
    words = np.lib.stride_tricks.as_strided(raw[:8].view("<u8"), shape=(n_bytes + 1,), strides=(1,))
    hashes = _mixed(lengths.astype(np.uint64))
    rows: np.ndarray | None = None
    while len(starts):
        word = words[starts]
        if (lengths < 8).any():
            # Bytes of the text that follows do not count.
            n_bits = np.uint64(8) * np.minimum(lengths, 7).astype(np.uint64)
            word &= np.where(lengths < 8, (np.uint64(1) << n_bits) - np.uint64(1), ~np.uint64(0))
        if rows is None:
            hashes = _mixed(hashes ^ word)
        else:
            hashes[rows] = _mixed(hashes[rows] ^ word)
        longer = lengths > 8
        if not longer.all():
            rows = np.flatnonzero(longer) if rows is None else rows[longer]
            starts, lengths = starts[longer], lengths[longer]
        starts, lengths = starts + 8, lengths - 8
    return hashes


def part_numbers(hashes: np.ndarray, n_parts: int) -> np.ndarray:
    """Map hashes to numbers of parts, by their upper bits."""
    return (hashes >> np.uint64(32)) * np.uint64(n_parts) >> np.uint64(32)


def _mixed(values: np.ndarray) -> np.ndarray:
    """Mix the bits of integers (splitmix64). Different integers stay different."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


def _flat(column: Any, size: int | None) -> Any:
    """Make one array of a column, and of the values of its lists."""
    import pyarrow as pa

    array = column
    if isinstance(column, pa.ChunkedArray):
        array = (
            column.chunk(0)
            if column.num_chunks == 1
            else pa.concat_arrays(column.chunks or [pa.array([], column.type)])
        )
    if size is None:
        return array
    if array.null_count:
        raise ValueError(f"each row must have a list of {size}; {array.null_count} rows have none")
    return array.flatten()


def _numpy(array: Any) -> np.ndarray:
    return array.to_numpy(zero_copy_only=False)


def _is_bool(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_boolean(kind)


def _has_gaps(dtype: np.dtype[Any]) -> bool:
    """Tell whether records have bytes that no field writes; they must not hold what memory held before."""
    return sum(dtype[name].itemsize for name in dtype.names or ()) < dtype.itemsize


def _buffers(array: Any) -> tuple[np.ndarray, Any]:
    import pyarrow as pa

    _, offsets, data = array.buffers()
    width = np.int64 if pa.types.is_large_string(array.type) else np.int32
    if offsets is None:
        return np.zeros(1, np.int64), b""
    starts = np.frombuffer(offsets, width)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    return (starts if len(starts) else np.zeros(1, np.int64)), data if data is not None else b""


def _lengths(array: Any) -> np.ndarray:
    lengths = np.diff(_buffers(array)[0]).astype(np.uint32)
    if array.null_count:
        lengths[_numpy(array.is_null())] = NULL
    return lengths
