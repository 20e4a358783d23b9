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
from ..predictions._files import fields_of_table
from ..predictions._files._metadata import EDITED, column_names
from ..predictions.names import WIDEST, all_fit_ids, as_fit_ids, few
from ._head import RULE, Head, opened, read_head

__all__ = ["Source", "sources_of"]

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
    heads : list of Head
        Of its files, which are of one kind: the same columns, in the same order.
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
    fit_ids_of_each : list of (ndarray or None)
        What each file says of it.
    edited : bool
        Whether the files may be otherwise than they were saved.
    """

    def __init__(self, member: str | None, paths: Sequence[str | os.PathLike[str]], *, edited: bool = False) -> None:
        self.edited = edited
        self.heads = [read_head(os.fsdecode(path), edited=edited) for path in paths]
        first = self.heads[0]
        self.meta = first.meta
        names: list[str] = first.schema.names
        self.where = repr(first.path) + (f" and {len(self.heads) - 1} more" if len(self.heads) > 1 else "")
        if "id" not in names:
            raise InvalidPredictionsError(f"{RULE}; {first.path!r} has no column 'id' among {few(names)}.")
        for head in self.heads:
            if not (
                head.schema.names == names
                and head.schema.types == first.schema.types
                and _said(head.meta) == _said(first.meta)
            ):
                raise InvalidPredictionsError(
                    f"files of one member must have the same columns, classes, task and split; {head.path!r} has "
                    f"{few(head.schema.names)} {_said(head.meta)}, {first.path!r} {few(names)} {_said(first.meta)}."
                )
        if self.meta and any(head.meta and head.meta["missing"] == "renormalize" for head in self.heads):
            self.meta = self.meta | {"missing": "renormalize"}
        self.n_rows = sum(head.n_rows for head in self.heads)
        self.member = str(member or (self.meta or {}).get("member") or Path(first.path).stem)
        # Of a file that was edited, columns beside those that were saved are none of its rows.
        self.columns = names if self.meta is None else column_names(self.meta)
        self.text_ids = self._are_texts(first.schema.field("id").type)
        self.fit_ids_of_each = [self._fit_ids(head.meta["fit_ids"]) if head.meta else None for head in self.heads]
        self.fit_ids = all_fit_ids(self.fit_ids_of_each)

    def _are_texts(self, kind: Any) -> bool:
        import pyarrow.types as kinds

        kind = kind.value_type if kinds.is_dictionary(kind) else kind
        texts = bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))
        if not (texts or kinds.is_integer(kind)):
            raise InvalidPredictionsError(
                f"{self.where}: ids must be all str or all int; received {kind}. Turn them into one kind, e.g. "
                "[str(i) for i in ids]."
            )
        if self.meta is not None and self.meta["ids"] != ("str" if texts else "int"):
            raise InvalidPredictionsError(
                f"{self.where}: ids must be of the kind that is said beside the rows, {self.meta['ids']}; received "
                f"{kind}: the file was edited."
            )
        return texts

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
        """Columns of the tables that `batches` yields: ids of one kind, and of texts only the plain kinds."""
        import pyarrow as pa

        schema = self.heads[0].schema
        fields = [schema.field(name) for name in self.columns]
        ids = pa.string() if self.text_ids else pa.int64()
        return pa.schema([pa.field(f.name, ids if f.name == "id" else _plain(f.type)) for f in fields])

    @cached_property
    def row_bytes(self) -> int:
        """Bytes that a row takes in memory, about."""
        n_bytes = 8 + sum(_width(field.type) for field in self.stored)
        if self.text_ids:
            for table in self.batches(2**14, ["id"]):
                lengths = [len(text) for text in table.column("id").to_pylist()]
                # In NumPy every text is as wide as the longest, up to some width.
                length = max(lengths) if max(lengths) <= WIDEST else sum(lengths) // len(lengths)
                return n_bytes + max(0, length * 4 // 3 - TEXT)
        return n_bytes

    def predictions(self, table: Any) -> Predictions:
        """Turn rows, with all columns and in any number, into predictions; an error names the file.

        They do not say what the member was fitted on: that is as long in each batch as in all rows.
        """
        meta = None if self.meta is None else self.meta | {"n_samples": len(table), "fit_ids": None}
        try:
            return Predictions(**fields_of_table(table, meta, edited=self.edited)).rename(self.member)
        except InvalidPredictionsError as error:
            raise InvalidPredictionsError(f"{self.where}: {error}") from None
        except Exception as error:  # of many kinds, where what is said beside the rows was edited
            raise InvalidPredictionsError(f"{RULE}; {self.where} cannot be read: {error}") from error

    def batches(self, size: int, columns: list[str] | None = None) -> Generator[Any]:
        """Yield Arrow tables of exactly ``size`` rows, the last one of fewer; every page is checked by its checksum."""
        import pyarrow as pa

        waiting: list[Any] = []
        n_waiting = 0
        for head in self.heads:
            for batch in self._read(head, size, columns or self.columns):
                waiting.append(batch)
                n_waiting += len(batch)
                if n_waiting >= size:
                    table = pa.concat_tables(waiting)
                    yield table.slice(0, size)
                    rest = table.slice(size)
                    waiting, n_waiting = ([rest], len(rest)) if len(rest) else ([], 0)
        if n_waiting:
            yield pa.concat_tables(waiting)

    def _read(self, head: Head, size: int, columns: list[str]) -> Generator[Any]:
        import pyarrow as pa

        some = None if columns == head.schema.names else columns
        n_rows = 0
        with opened(head.path, head.state) as (file, _):
            for batch in file.iter_batches(batch_size=size, columns=some):
                table = pa.Table.from_batches([batch]).select(columns)
                ids = table.column("id")
                if ids.null_count:
                    row = n_rows + ids.is_null().index(True).as_py()
                    raise InvalidPredictionsError(f"{head.path!r}: each row must have an id; row {row} has none.")
                if self.text_ids:
                    ids.validate(full=True)  # else bytes that are no UTF-8 are met wherever ids are read
                n_rows += len(table)
                yield self._cast(table, head.path)
            if n_rows != head.n_rows:
                raise InvalidPredictionsError(
                    f"{head.path!r}: a file of {head.n_rows} predictions must have as many rows; it has {n_rows}: "
                    f"{EDITED}"
                )

    def _cast(self, table: Any, path: str) -> Any:
        import pyarrow as pa

        for place, name in enumerate(table.column_names):
            field, column = self.stored.field(name), table.column(place)
            if column.type != field.type:
                try:
                    table = table.set_column(place, field, column.cast(field.type))
                except pa.ArrowInvalid:
                    if name != "id":
                        raise
                    raise InvalidPredictionsError(
                        f"{path!r}: ids must fit in 64 signed bits; received larger ones."
                    ) from None
        return table


def sources_of(files: Any, *, edited: bool = False) -> list[Source]:
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
    for name in files if isinstance(files, Mapping) else ():
        if not isinstance(name, str) or not name:
            raise InvalidOptionError(f"a member must have a name, which is text; received {name!r}.")
    sources = [Source(name, given, edited=edited) for name, given in pairs]
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


def _plain(kind: Any) -> Any:
    """Give the type that holds the same values and can be sorted and spilled: no dictionary, no views."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    return pa.large_string() if pa.types.is_string_view(kind) else kind


def _said(meta: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if meta is None else {name: meta[name] for name in SAID}
