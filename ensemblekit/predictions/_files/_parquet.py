"""Parquet: a column a class (a fixed-size list for dense outputs), the rest in the metadata of the file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ...errors import InvalidPredictionsError
from .._digest import ContentDigest
from .._predictions import Predictions
from ..names import named_by, readonly
from ._arrow import names_of, numbers_of, open_parquet, read_table
from ._metadata import EDITED, check_columns, fields_of, label_names, metadata, parsed
from ._tables import plain_fields

__all__ = ["TableWriter", "fields_of_table", "read_parquet", "rewrite_parquet", "said_in", "table_of", "write_parquet"]

KEY = b"ensemblekit"


def write_parquet(p: Predictions, file: BinaryIO) -> None:
    """Write predictions."""
    table = table_of(p)
    writer = TableWriter(file, table.schema)
    writer.write(table, p)
    writer.close()


def table_of(p: Predictions) -> Any:
    """Lay predictions out as an Arrow table; its metadata say all but the digest, which a `TableWriter` adds."""
    import pyarrow as pa

    def column(values: np.ndarray) -> Any:
        flat = pa.array(np.ascontiguousarray(values).reshape(-1))
        if values.ndim == 1:
            return flat
        return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(values.shape[1:])))

    codes = p.label_codes
    columns = {"id": pa.array(p.ids)}
    if codes is not None and p.task == "multiclass":
        names = named_by(codes, p.classes)
        # Long names are kept once, and not with each row.
        is_long = names.dtype.kind == "O" and codes.ndim == 1
        columns["label"] = pa.DictionaryArray.from_arrays(codes, list(p.classes)) if is_long else column(names)
    elif codes is not None:
        columns |= {f"label:{name}": column(codes[..., place]) for place, name in enumerate(p.classes)}
    columns |= {f"proba:{name}": column(p.probas[..., place]) for place, name in enumerate(p.classes)}
    return pa.table(columns).replace_schema_metadata({KEY: json.dumps(metadata(p)).encode()})


class TableWriter:
    """A Parquet file of predictions that grows by batches; what is said beside them is written at its end.

    Whoever reads and writes it with other programs keeps what is said of the first batch, and loses the digest.

    Parameters
    ----------
    file : binary file
        To write to.
    schema : pyarrow.Schema
        Of the first table of `table_of`: the columns, and what is said of all rows.
    """

    def __init__(self, file: BinaryIO, schema: Any) -> None:
        import pyarrow.parquet as pq

        self._meta = json.loads(schema.metadata[KEY])
        self._schema = schema
        self._content = ContentDigest()
        self._writer = pq.ParquetWriter(file, self._schema, write_page_checksum=True)
        self.n_rows = 0

    def write(self, table: Any, p: Predictions | None = None) -> None:
        """Append rows.

        Parameters
        ----------
        table : pyarrow.Table
            With the columns of the schema, in their order.
        p : Predictions, optional
            What the table is made of: else it is read out of it again for the digest.
        """
        import pyarrow as pa

        table = pa.table(table.columns, schema=self._schema)
        if p is None:
            add_table(self._content, table, self._meta)
        else:
            self._content.update(p.ids, p.probas, p.label_codes)
        self._writer.write_table(table)
        self.n_rows += len(table)

    def close(self, **said: Any) -> None:
        """Say what there is to say beside the rows, and end the file.

        Parameters
        ----------
        **said
            What is otherwise than in the first table, such as ``fit_ids``: an array, or None.
        """
        meta = self._meta | said | {"n_samples": self.n_rows}
        digest = self._content.hexdigest(meta)
        if isinstance(meta["fit_ids"], np.ndarray):
            meta["fit_ids"] = meta["fit_ids"].tolist()
        self._writer.add_key_value_metadata({KEY: json.dumps(meta | {"sha256": digest}).encode()})
        self._writer.close()


def add_table(content: ContentDigest, table: Any, meta: dict[str, Any]) -> None:
    """Add rows to a digest as they stand in a table.

    Parameters
    ----------
    content : ContentDigest
        To add to.
    table : pyarrow.Table
        Rows with all columns.
    meta : dict
        What is said beside them.
    """
    ids, probas, labels = _arrays(table, meta)
    if labels is not None and meta["task"] == "multiclass":
        by_name = {name: code for code, name in enumerate(meta["classes"])}
        labels = np.array([by_name.get(name, -1) for name in labels.ravel().tolist()], np.int64).reshape(labels.shape)
    elif labels is not None:
        labels = labels.astype(bool if meta["task"] == "multilabel" else np.float64)
    content.update(ids, probas, labels)


def rewrite_parquet(parts: Sequence[Path], file: BinaryIO, n_samples: int) -> None:
    """Join Parquet files of one kind, one after the other, without holding more than one of them.

    Parameters
    ----------
    parts : sequence of Path
        Written by `save`, with the same classes and columns; each is compared with its digest.
    file : binary file
        To write to.
    n_samples : int
        How many rows there are in all.
    """
    writer: TableWriter | None = None
    for part in parts:
        p = Predictions.load(part)
        table = table_of(p)
        writer = writer or TableWriter(file, table.schema)
        writer.write(table, p)
    if writer is not None:
        writer.close()
        if writer.n_rows != n_samples:
            raise InvalidPredictionsError(f"the parts must have {n_samples} rows; they have {writer.n_rows}.")


def said_in(file: Any) -> dict[str, Any] | None:
    """Read what is said beside the rows of a file.

    Parameters
    ----------
    file : pyarrow.parquet.ParquetFile
        Open.

    Returns
    -------
    dict or None
        As `metadata` says it, with ``sha256`` in files of format 2; None for a table of others.
    """
    raw = (file.metadata.metadata or {}).get(KEY)
    return None if raw is None else parsed(raw)


def read_parquet(path: Path, edited: bool) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Read the arguments of `Predictions`, and what is said beside the rows."""
    with open_parquet(path) as file:
        meta = said_in(file)
        table = read_table(file, path)
    return fields_of_table(table, meta, edited=edited), meta


def fields_of_table(table: Any, meta: dict[str, Any] | None, *, edited: bool = False) -> dict[str, Any]:
    """Read the arguments of `Predictions` out of an Arrow table.

    Parameters
    ----------
    table : pyarrow.Table
        Rows of a Parquet file.
    meta : dict or None
        What is said beside them, ``n_samples`` of this table; None for a table of others.
    edited : bool, default=False
        Whether it may be otherwise than it was saved.
    """
    if meta is None:
        return plain_fields(table, edited=edited)
    check_columns(meta, table.column_names, edited=edited)
    ids, probas, labels = _arrays(table, meta)
    return fields_of(meta, ids, probas, labels, edited=edited)


def _arrays(table: Any, meta: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    inner = tuple(meta["shape"][:-1])
    size = int(np.prod(inner, dtype=np.int64))
    dtype = np.dtype(meta["dtype"])

    def numbers(name: str) -> np.ndarray:
        return numbers_of(table, name, size if inner else None).reshape(len(table), *inner)

    ids = names_of(table, "id")
    if len(ids) and (ids.dtype.kind == "O") != (meta["ids"] == "str"):
        raise InvalidPredictionsError(f"ids must be {meta['ids']}, as is said beside the rows: {EDITED}")
    columns = [numbers(f"proba:{name}") for name in meta["classes"]]
    if any(column.dtype != dtype for column in columns):
        raise InvalidPredictionsError(f"probabilities must be {dtype}, as is said beside the rows: {EDITED}")
    probas = readonly(np.stack(columns, axis=-1))
    labels: np.ndarray | None = None
    if meta["labelled"] and meta["task"] == "multiclass":
        labels = names_of(table, "label", size if inner else None).reshape(len(table), *inner)
    elif meta["labelled"]:
        labels = np.stack([numbers(name) for name in label_names(meta)], axis=-1)
    return ids, probas, labels
