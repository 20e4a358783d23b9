"""One member's Parquet files: what their columns are, and rows of them as `Predictions`."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import AlignmentError, InvalidOptionError, InvalidPredictionsError
from ..predictions import Predictions
from ..predictions._checks import all_fit_ids, as_fit_ids
from ..predictions._files import fields_of_table, said_in

__all__ = ["Source", "sources_of"]

RULE = "files to combine are Parquet files of predictions, as Predictions.save writes them, or tables with a column id"
TEXT = 48
"""Bytes of a short text."""
SAID = ("classes", "task", "split", "dtype", "shape", "labelled")
"""What the files of one member must agree on."""


class Source:
    """The Parquet files of one member, one after the other.

    Attributes
    ----------
    member : str
        Its name.
    paths : list of str
        Of one kind: the same columns, in the same order.
    where : str
        The paths, for errors.
    columns : list of str
        Names of the columns.
    meta : dict or None
        What `Predictions.save` wrote beside the rows; None for a table of others.
    n_rows : int
        In all files.
    text_ids : bool
        Whether ids are text; else they are whole numbers.
    fit_ids : ndarray or None
        What the member was fitted on, in all that the files say of it.
    """

    def __init__(self, member: str | None, paths: Sequence[str | os.PathLike[str]]) -> None:
        import pyarrow.types as kinds

        self.paths = [os.fspath(path) for path in paths]
        found = [_head(path) for path in self.paths]
        self.schema, self.meta, _ = found[0]
        self.columns: list[str] = self.schema.names
        self.n_rows = sum(n_rows for _, _, n_rows in found)
        for path, (schema, meta, _) in zip(self.paths, found, strict=True):
            if schema.names != self.columns or schema.types != self.schema.types or _said(meta) != _said(self.meta):
                raise InvalidPredictionsError(
                    f"files of one member must have the same columns, classes, task and split; {path!r} has "
                    f"{schema.names} {_said(meta)}, {self.paths[0]!r} {self.columns} {_said(self.meta)}."
                )
        if self.meta and any((meta or {}).get("missing") == "renormalize" for _, meta, _ in found):
            self.meta = self.meta | {"missing": "renormalize"}
        if "id" not in self.columns:
            raise InvalidPredictionsError(f"{RULE}; {self.paths[0]!r} has the columns {self.columns}.")
        self.member = str(member or (self.meta or {}).get("member") or Path(self.paths[0]).stem)
        self.where = repr(self.paths[0]) + (f" and {len(found) - 1} more" if len(found) > 1 else "")
        kind = self.schema.field("id").type
        if kinds.is_dictionary(kind):
            kind = kind.value_type
        self.text_ids = bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))
        if not (self.text_ids or kinds.is_integer(kind)):
            raise InvalidPredictionsError(
                f"{self.where}: ids must be all str or all int; received {kind}. Turn them into one kind, e.g. "
                "[str(i) for i in ids]."
            )

        self.fit_ids = all_fit_ids(self._fit_ids(meta["fit_ids"]) for _, meta, _ in found if meta)

    def _fit_ids(self, said: Any) -> np.ndarray | None:
        if said is None:
            return None
        first = next(self.batches(1, ["id"]), None)
        try:
            return as_fit_ids(said, np.array([] if first is None else first.column("id").to_pylist()))
        except InvalidPredictionsError as error:
            raise InvalidPredictionsError(f"{self.where}: {error}") from None

    @cached_property
    def stored(self) -> Any:
        """Columns of the tables that `batches` yields."""
        import pyarrow as pa

        place = self.columns.index("id")
        return self.schema.set(place, pa.field("id", pa.string() if self.text_ids else pa.int64()))

    @cached_property
    def row_bytes(self) -> int:
        """Bytes that a row takes in memory, about."""
        n_bytes = 8 + sum(_width(field.type) for field in self.schema)
        if self.text_ids:
            # In NumPy every text is as wide as the longest.
            for table in self.batches(2**14, ["id"]):
                longest = max(len(text) for text in table.column("id").to_pylist())
                return n_bytes + max(0, longest * 4 // 3 - TEXT)
        return n_bytes

    def predictions(self, table: Any) -> Predictions:
        """Turn rows, with all columns and in any number, into predictions; an error names the file.

        They do not say what the member was fitted on: that is as long in each batch as in all rows.
        """
        meta = None if self.meta is None else self.meta | {"n_samples": len(table), "fit_ids": None}
        try:
            return Predictions(**fields_of_table(table, meta)).rename(self.member)
        except InvalidPredictionsError as error:
            raise InvalidPredictionsError(f"{self.where}: {error}") from None
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidPredictionsError(f"{RULE}; {self.where} cannot be read: {error}") from error

    def batches(self, size: int, columns: list[str] | None = None) -> Generator[Any]:
        """Yield Arrow tables of exactly ``size`` rows, the last one of fewer; every page is checked by its checksum."""
        import pyarrow as pa

        waiting: list[Any] = []
        n_waiting = 0
        for path in self.paths:
            for batch in self._read(path, size, columns):
                waiting.append(pa.Table.from_batches([batch]))
                n_waiting += len(batch)
                if n_waiting >= size:
                    table = pa.concat_tables(waiting)
                    yield table.slice(0, size)
                    rest = table.slice(size)
                    waiting, n_waiting = ([rest], len(rest)) if len(rest) else ([], 0)
        if n_waiting:
            yield pa.concat_tables(waiting)

    def _read(self, path: str, size: int, columns: list[str] | None) -> Generator[Any]:
        import pyarrow.parquet as pq

        # Without these two the reader keeps what it has read: in the end the whole file.
        options: Any = {"pre_buffer": False, "buffer_size": 2**20}
        start = 0
        try:
            with pq.ParquetFile(path, page_checksum_verification=True, **options) as file:
                for batch in file.iter_batches(batch_size=size, columns=columns):
                    yield self._with_ids(batch, path, start)
                    start += len(batch)
        except InvalidPredictionsError:
            raise
        except (OSError, ValueError) as error:
            raise InvalidPredictionsError(f"{RULE}; {path!r} cannot be read: {error}") from error

    def _with_ids(self, batch: Any, path: str, start: int) -> Any:
        import pyarrow as pa

        place = batch.schema.get_field_index("id")
        ids = batch.column(place)
        if ids.null_count:
            row = start + ids.is_null().index(True).as_py()
            raise InvalidPredictionsError(f"{path!r}: each row must have an id; row {row} has none.")
        kind = self.stored.field("id").type
        if ids.type == kind:
            return batch
        try:
            return batch.set_column(place, pa.field("id", kind), ids.cast(kind))
        except pa.ArrowInvalid:
            raise InvalidPredictionsError(f"{path!r}: ids must fit in 64 signed bits; received larger ones.") from None


def sources_of(files: Any) -> list[Source]:
    """Read what a user gave: paths, or member to path or paths."""
    rule = f"files must be a sequence of paths, or {{member: path or paths}}; received {files!r}."
    if isinstance(files, (str, os.PathLike)) or not isinstance(files, Iterable):
        raise InvalidOptionError(rule)
    pairs: list[tuple[Any, Any]] = (
        list(files.items()) if isinstance(files, Mapping) else [(None, [path]) for path in files]
    )
    pairs = [(name, [given] if isinstance(given, (str, os.PathLike)) else given) for name, given in pairs]
    if not pairs or not all(
        isinstance(given, Sequence) and given and all(isinstance(path, (str, os.PathLike)) for path in given)
        for _, given in pairs
    ):
        raise InvalidOptionError(rule)
    sources = [Source(name, given) for name, given in pairs]
    names = [source.member for source in sources]
    if len(set(names)) != len(names):
        raise AlignmentError(
            f"member names must be different; received {names}. Name them: combine_files({{'name': path, ...}}, ...)."
        )
    kinds = {source.text_ids for source in sources}
    if len(kinds) > 1:
        text = next(s.member for s in sources if s.text_ids)
        number = next(s.member for s in sources if not s.text_ids)
        raise AlignmentError(
            f"ids must be of one kind; those of member {text!r} are text, those of member {number!r} whole numbers. "
            "Name the rows in one way."
        )
    return sources


def _width(kind: Any) -> int:
    size = getattr(kind, "list_size", 1)
    try:
        return size * (kind.value_type if hasattr(kind, "list_size") else kind).bit_width // 8
    except ValueError:
        return TEXT


def _head(path: str) -> tuple[Any, dict[str, Any] | None, int]:
    """Read the columns of a file, what `Predictions.save` wrote beside them, and how many rows it has."""
    import pyarrow.parquet as pq

    if not Path(path).is_file():
        raise FileNotFoundError(f"No file of predictions at {path!r}.")
    try:
        with pq.ParquetFile(path) as file:
            schema, n_rows, meta = file.schema_arrow, file.metadata.num_rows, said_in(file)
    except (OSError, ValueError) as error:
        raise InvalidPredictionsError(f"{RULE}; {path!r} is none: {error}") from error
    if meta is not None and meta["n_samples"] != n_rows:
        raise InvalidPredictionsError(
            f"{path!r}: a file of {meta['n_samples']} predictions must have as many rows; it has {n_rows}: it was cut "
            "or edited. Save it again."
        )
    return schema, meta, n_rows


def _said(meta: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if meta is None else {name: meta[name] for name in SAID}
