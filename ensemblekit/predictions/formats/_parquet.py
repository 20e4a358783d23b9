"""Parquet: one column per class (a fixed-size list for dense outputs); the metadata of the file hold the rest."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from ...errors import InvalidPredictionsError
from ...kinds import kind_of
from ..keys import key_of
from ..names import named_by, readonly
from ..tables import ReadOptions
from ._arrow import name_column, number_column, open_parquet, read_table, stacked, values_of_array
from ._digest import ContentDigest
from ._keys import KEY_PREFIX, columns_of_ids, ids_of_columns
from ._metadata import (
    EDITED,
    PredictionFields,
    check_columns,
    check_said,
    fields_of,
    label_columns,
    metadata_of,
    parse_metadata,
    row_columns,
)
from ._parts import Table
from ._plain_tables import fields_from_table

__all__ = [
    "TableWriter",
    "fields_from_arrow",
    "join_parquet",
    "parquet_names",
    "read_metadata",
    "read_parquet",
    "to_arrow",
    "update_digest",
    "write_parquet",
]

KEY = b"ensemblekit"
GROUP = 2**19
"""Least rows of a row group, but the last: small batches are collected."""
SAMPLE = 256
"""First rows of a file that tell how its columns are stored."""


def write_parquet(p: PredictionFields, file: BinaryIO) -> None:
    """Write predictions."""
    with TableWriter(file) as writer:
        writer.write(p)


def to_arrow(p: PredictionFields, *, fit_ids: bool = True) -> Any:
    """Convert predictions to an Arrow table in the layout of a Parquet file.

    Parameters
    ----------
    p : Predictions
        What to convert.
    fit_ids : bool, default=True
        Include ``fit_ids`` in the metadata; otherwise they are None.

    Returns
    -------
    pyarrow.Table
        Its schema holds all metadata except the digest, which `TableWriter` adds.
    """
    import pyarrow as pa

    def column(values: np.ndarray) -> Any:
        flat = _array(np.ascontiguousarray(values).reshape(-1))
        if values.ndim == 1:
            return flat
        return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(values.shape[1:])))

    codes = p.label_codes
    columns = {"id": _array(p.ids)} if key_of(p.ids) is None else columns_of_ids(p.ids)
    if codes is not None and p.kind == "multiclass":
        names = named_by(codes, p.classes)
        # A dictionary stores long names once, instead of in every row.
        is_long = names.dtype.kind == "O" and codes.ndim == 1
        columns["label"] = pa.DictionaryArray.from_arrays(codes, list(p.classes)) if is_long else column(names)
    elif codes is not None:
        columns |= {f"label:{name}": column(codes[..., place]) for place, name in enumerate(p.classes)}
    columns |= {name: pa.array(values) for name, values in _row_names(p).items()}
    columns |= {f"proba:{name}": column(p.probas[..., place]) for place, name in enumerate(p.classes)}
    return pa.table(columns).replace_schema_metadata({KEY: json.dumps(metadata_of(p, fit_ids=fit_ids)).encode()})


def _array(values: Any) -> Any:
    """Make an Arrow array. Numbers are not copied, and pandas is not imported, as `pyarrow.array` does for each."""
    import pyarrow as pa

    if values.dtype.kind not in "iuf" or not values.dtype.isnative or not values.flags.c_contiguous:
        return pa.array(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


def _row_names(p: PredictionFields) -> dict[str, np.ndarray]:
    """Collect the columns of groups and folds."""
    names = {"group": p.groups, "fold": None if p.fits is None else p.fits.folds}
    return {name: values for name, values in names.items() if values is not None}


class TableWriter:
    """Writer of a Parquet file of predictions in batches; use it in a ``with`` statement.

    The first batch sets the columns and the metadata. The digest is written at the end. Other programs that rewrite the
    file keep the metadata of the first batch and lose the digest.

    Parameters
    ----------
    file : binary file
        Output. Nothing is written to it if there is no batch.
    **changed
        Metadata that differ from those of the first batch, such as ``fit_ids``: an array, or None.
    """

    def __init__(self, file: BinaryIO, **changed: Any) -> None:
        self._file, self._changed = file, changed
        self._content = ContentDigest()
        self._writer: Any = None
        self._schema: Any = None
        self._meta: dict[str, Any] = {}
        self._waiting: list[Any] = []
        self._n_waiting = 0
        self.n_rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self.close()
        elif self._writer is not None:
            self._writer.close()

    def write(self, p: PredictionFields) -> None:
        """Append predictions with the columns of the first batch.

        Parameters
        ----------
        p : Predictions
            The next rows.
        """
        self._append(to_arrow(p, fit_ids="fit_ids" not in self._changed))
        names = _row_names(p)
        self._content.update(p.ids, p.probas, p.label_codes, groups=names.get("group"), folds=names.get("fold"))

    def write_table(self, table: Any) -> None:
        """Append rows that already have the layout of `to_arrow`.

        Parameters
        ----------
        table : pyarrow.Table
            Columns of the first batch, in the same order.
        """
        update_digest(self._content, self._append(table), self._meta)

    def _append(self, table: Any) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._writer is None:
            self._schema = table.schema
            self._meta = json.loads(table.schema.metadata[KEY])
            options = _options_for(table)
            self._writer = pq.ParquetWriter(self._file, self._schema, write_page_checksum=True, **options)
        table = pa.table(table.columns, schema=self._schema)
        self._waiting.append(table)
        self._n_waiting += len(table)
        self.n_rows += len(table)
        if self._n_waiting >= GROUP:
            self._write_group()
        return table

    def _write_group(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting))
            self._waiting, self._n_waiting = [], 0

    def close(self) -> None:
        """Write the metadata and the digest, and end the file."""
        if self._writer is None:
            return
        self._write_group()
        meta = self._meta | self._changed | {"n_samples": self.n_rows}
        digest = self._content.hexdigest(meta)
        if isinstance(meta["fit_ids"], np.ndarray):
            meta["fit_ids"] = meta["fit_ids"].tolist()
        self._writer.add_key_value_metadata({KEY: json.dumps(meta | {"sha256": digest}).encode()})
        self._writer.close()
        self._writer = None


def _options_for(table: Any) -> dict[str, Any]:
    """Choose how columns are stored by their first values.

    Building a dictionary takes most of the time of writing, and is of no use to ids and most probabilities. Compressing
    random numbers only costs time, also to who reads them, and their extremes tell nothing.
    """
    import pyarrow as pa

    repeated: list[str] = []
    with_extremes: list[str] = []
    compression: dict[str, str] = {}
    for field, column in zip(table.schema, table.slice(0, SAMPLE).columns, strict=True):
        is_list = pa.types.is_fixed_size_list(field.type)
        values = column.combine_chunks()
        values = values.flatten() if is_list else values
        if pa.types.is_float16(values.type):  # which Arrow 18 cannot count
            values = pa.array(values.to_numpy(zero_copy_only=False).view(np.uint16))
        path = f"{field.name}.list.{field.type.value_field.name}" if is_list else field.name
        is_repeated = pa.types.is_dictionary(field.type) or 2 * len(values.unique()) <= len(values)
        if is_repeated:
            repeated.append(path)
        is_random = pa.types.is_floating(values.type) and not is_repeated and _is_random(values)
        compression[path] = "none" if is_random else "snappy"
        if not is_random:
            with_extremes.append(path)
    return {"use_dictionary": repeated, "compression": compression, "write_statistics": with_extremes}


def _is_random(values: Any) -> bool:
    import pyarrow as pa

    raw = values_of_array(values).tobytes()
    return len(values) == SAMPLE and 10 * len(pa.compress(raw, "snappy", asbytes=True)) > 9 * len(raw)


def update_digest(content: ContentDigest, table: Any, meta: dict[str, Any]) -> None:
    """Add the rows of a table to a digest.

    Parameters
    ----------
    content : ContentDigest
        Updated in place.
    table : pyarrow.Table
        Rows with all columns.
    meta : dict
        Metadata of the file.
    """
    ids, probas, labels = _arrays(table, meta)
    names = {name: name_column(table, name) for name in row_columns(meta)}
    if labels is not None and kind_of(meta["task"]) == "multiclass":
        by_name = {name: code for code, name in enumerate(meta["classes"])}
        labels = np.array([by_name.get(name, -1) for name in labels.ravel().tolist()], np.int64).reshape(labels.shape)
    elif labels is not None:
        labels = labels.astype(bool if kind_of(meta["task"]) == "multilabel" else np.float64)
    content.update(ids, probas, labels, groups=names.get("group"), folds=names.get("fold"))


def join_parquet(parts: Iterable[PredictionFields], file: BinaryIO, n_samples: int) -> None:
    """Write predictions to one Parquet file part by part; the parts are never all in memory at once.

    Parameters
    ----------
    parts : iterable of Predictions
        With the same metadata.
    file : binary file
        Output.
    n_samples : int
        Expected number of rows in all parts.
    """
    with TableWriter(file) as writer:
        for p in parts:
            writer.write(p)
    if writer.n_rows != n_samples:
        raise InvalidPredictionsError(f"the parts must have {n_samples} rows; they have {writer.n_rows}.")


def read_metadata(file: Any) -> dict[str, Any] | None:
    """Read the metadata that `Predictions.save` wrote to a Parquet file.

    Parameters
    ----------
    file : pyarrow.parquet.ParquetFile
        Open file.

    Returns
    -------
    dict or None
        Validated metadata, with ``sha256`` from format 2 on; None for any other table.
    """
    raw = (file.metadata.metadata or {}).get(KEY)
    return None if raw is None else parse_metadata(raw)


def parquet_names(path: Path) -> tuple[list[str], str] | None:
    """Read the names of the columns of a Parquet table; None for a file of `Predictions.save`."""
    with open_parquet(path) as file:
        return None if read_metadata(file) is not None else (file.schema_arrow.names, "")


def read_parquet(path: Path, options: ReadOptions) -> Table:
    """Read the arguments of `Predictions`, and the metadata; None for a table without."""
    with open_parquet(path) as file:
        meta = read_metadata(file)
        table = read_table(file, path)
    if meta is not None:
        check_said(meta, options)
        return Table(fields_from_arrow(table, meta, options), meta)
    return fields_from_table(table, options)


def fields_from_arrow(table: Any, meta: dict[str, Any] | None, options: ReadOptions | None = None) -> dict[str, Any]:
    """Read the arguments of `Predictions` from an Arrow table.

    Parameters
    ----------
    table : pyarrow.Table
        Rows of a Parquet file.
    meta : dict or None
        Metadata, with the ``n_samples`` of this table; None for a table that `Predictions.save` did not write.
    options : ReadOptions, optional
        How to read it.

    Returns
    -------
    dict
        Keyword arguments of `Predictions`.
    """
    options = options or ReadOptions()
    if meta is None:
        return fields_from_table(table, options).fields
    check_columns(meta, table.column_names, edited=options.edited)
    ids, probas, labels = _arrays(table, meta)
    names = {name: name_column(table, name) for name in row_columns(meta)}
    edited = options.edited
    return fields_of(meta, ids, probas, labels, edited=edited, groups=names.get("group"), folds=names.get("fold"))


def _arrays(table: Any, meta: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    inner = tuple(meta["shape"][:-1])
    size = int(np.prod(inner, dtype=np.int64))
    dtype = np.dtype(meta["dtype"])

    def numbers(name: str) -> np.ndarray:
        return number_column(table, name, size if inner else None).reshape(len(table), *inner)

    ids = _ids(table, meta)
    if len(ids) and (ids.dtype.kind in "OU") != (meta["ids"] == "str"):
        raise InvalidPredictionsError(f"ids must be {meta['ids']}, as the metadata say: {EDITED}")
    columns = [numbers(f"proba:{name}") for name in meta["classes"]]
    if any(column.dtype != dtype for column in columns):
        raise InvalidPredictionsError(f"probabilities must be {dtype}, as the metadata say: {EDITED}")
    probas = readonly(stacked(columns, dtype))
    labels: np.ndarray | None = None
    if meta["labelled"] and kind_of(meta["task"]) == "multiclass":
        labels = name_column(table, "label", size if inner else None).reshape(len(table), *inner)
    elif meta["labelled"]:
        labels = np.stack([numbers(name) for name in label_columns(meta)], axis=-1)
    return ids, probas, labels


def _ids(table: Any, meta: dict[str, Any]) -> np.ndarray:
    if "key" not in meta:
        return name_column(table, "id")
    columns = {name: table.column(f"{KEY_PREFIX}{name}") for name, _ in meta["key"]}
    return ids_of_columns(columns, meta, EDITED)
