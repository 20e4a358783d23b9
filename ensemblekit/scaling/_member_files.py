"""The Parquet files of one member: their common columns, and their rows in batches."""

from __future__ import annotations

import copy
import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import AlignmentError, InvalidOptionError, InvalidPredictionsError
from ..predictions import Predictions
from ..predictions.formats import EDITED, check_said, column_names, fields_from_arrow, parts_of
from ..predictions.names import WIDEST, all_fit_ids, as_fit_ids, few
from ..predictions.tables import ReadOptions, split_columns
from .headers import RULE, FileHeader, key_refused, open_predictions, read_header

__all__ = ["MemberFiles", "open_members", "plain_schema"]

TEXT = 48
"""Assumed size of a short text in memory, in bytes."""
COMMON = ("classes", "task", "split", "dtype", "shape", "labelled")
"""Metadata that all files of one member must share."""


class MemberFiles:
    """The Parquet files of one member, read one after the other.

    Attributes
    ----------
    member : str
        Name of the member.
    headers : list of FileHeader
        Headers of the files. All have the same columns in the same order.
    options : ReadOptions
        How tables that `Predictions.save` did not write are read.
    where : str
        The paths, for errors.
    id : str
        Column of the ids.
    columns : list of str
        Names of the columns that are read.
    meta : dict or None
        Metadata that `Predictions.save` wrote; None for any other table.
    n_rows : int
        Number of rows in all files.
    text_ids : bool
        Whether ids are text; otherwise they are integers.
    fit_ids : ndarray or None
        Union of the ids that the member was fitted on, over all files.
    fit_ids_of_each : list of (ndarray or None)
        The same, for each file.
    edited : bool
        Whether files that were changed since they were saved are accepted.
    """

    def __init__(
        self, member: str | None, paths: Sequence[str | os.PathLike[str]], options: ReadOptions | None = None
    ) -> None:
        self.options = options = options or ReadOptions()
        self.edited = edited = options.edited
        paths, folder = _parts(paths)
        self.headers = [read_header(os.fsdecode(path), edited=edited) for path in paths]
        first = self.headers[0]
        self.meta = first.meta
        if self.meta is not None:
            with _naming(first.path):
                check_said(self.meta, options)
                if "key" in self.meta:
                    raise key_refused([name for name, _ in self.meta["key"]])
                if "folds" in self.meta:
                    raise InvalidPredictionsError(
                        "files that are combined batch by batch must be of one model each; received one of several "
                        f"folds, {few(self.meta['folds'])}. Use `combine`, which keeps what each row's model knew."
                    )
        names: list[str] = first.schema.names
        self.where = repr(first.path) + (f" and {len(self.headers) - 1} more" if len(self.headers) > 1 else "")
        for header in self.headers:
            if not (
                header.schema.names == names
                and header.schema.types == first.schema.types
                and _common(header.meta) == _common(first.meta)
            ):
                raise InvalidPredictionsError(
                    f"files of one member must have the same columns, classes, task and split; {header.path!r} has "
                    f"{few(header.schema.names)} {_common(header.meta)}, {first.path!r} {few(names)} "
                    f"{_common(first.meta)}."
                )
        if self.meta and any(header.meta and header.meta["missing"] == "renormalize" for header in self.headers):
            self.meta = self.meta | {"missing": "renormalize"}
        self.n_rows = sum(header.n_rows for header in self.headers)
        self.member = str(member or (self.meta or {}).get("member") or Path(folder or first.path).stem)
        # Columns that were added to a saved file are ignored.
        self.id, self.columns = ("id", column_names(self.meta)) if self.meta else self._plain_columns(names)
        self.text_ids = self._is_text(first.schema.field(self.id).type)
        self.fit_ids_of_each = [
            self._fit_ids(header.meta["fit_ids"]) if header.meta else None for header in self.headers
        ]
        self.fit_ids = all_fit_ids(self.fit_ids_of_each)

    def _plain_columns(self, names: list[str]) -> tuple[str, list[str]]:
        """Find the column of the ids, and all that are read, of a table that `Predictions.save` did not write."""
        with _naming(self.headers[0].path):
            found = split_columns(names, self.options)
        if found.votes is not None:
            raise InvalidPredictionsError(
                f"{self.where}: files that are combined batch by batch must have a column for each class; received "
                f"class names in {found.votes!r} alone, and the classes would be those of a batch. Use `combine`, or "
                "save them first: Predictions.load(path).save(path)."
            )
        if isinstance(found.id, tuple):
            raise InvalidPredictionsError(f"{self.where}: {key_refused(found.id)}")
        used = {found.id, found.label, *found.labels, *found.values}
        return found.id, [name for name in names if name in used]

    def _is_text(self, kind: Any) -> bool:
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
                f"{self.where}: ids must be of the kind that the metadata say, {self.meta['ids']}; received "
                f"{kind}: the file was edited."
            )
        return texts

    def _fit_ids(self, stored: Any) -> np.ndarray | None:
        if stored is None:
            return None
        first = next(self.batches(1, [self.id]), None)
        try:
            return as_fit_ids(stored, np.array([] if first is None else first.column(self.id).to_pylist()))
        except InvalidPredictionsError as error:
            raise InvalidPredictionsError(f"{self.where}: {error}") from None

    def one_by_one(self) -> list[MemberFiles]:
        """Make one object for each file."""
        return [
            self._with(headers=[header], fit_ids_of_each=[fit_ids], n_rows=header.n_rows)
            for header, fit_ids in zip(self.headers, self.fit_ids_of_each, strict=True)
        ]

    def for_workers(self) -> MemberFiles:
        """Make an object that reads the same files in other processes and on other machines."""
        headers = [
            # The number of a device is only valid on one machine.
            header._replace(path=os.fspath(Path(header.path).absolute()), state=(None, *header.state[1:]))
            for header in self.headers
        ]
        return self._with(headers=headers)

    def without_fit_ids(self) -> MemberFiles:
        """Make a small object that converts tables to predictions."""
        header = self.headers[0]._replace(meta=None)
        meta = None if self.meta is None else self.meta | {"fit_ids": None}
        return self._with(headers=[header], fit_ids_of_each=[None], fit_ids=None, meta=meta)

    def _with(self, **changes: Any) -> MemberFiles:
        new = copy.copy(self)
        new.__dict__.update(changes)
        return new

    @cached_property
    def schema(self) -> Any:
        """Schema of the tables that `batches` yields: plain ids and texts, without dictionaries and views."""
        import pyarrow as pa

        fields = [self.headers[0].schema.field(name) for name in self.columns]
        if not self.text_ids:
            fields = [pa.field(self.id, pa.int64()) if field.name == self.id else field for field in fields]
        return plain_schema(fields)

    @cached_property
    def row_bytes(self) -> int:
        """Approximate size of a row in memory, in bytes."""
        n_bytes = 8 + sum(_width(field.type) for field in self.schema)
        if self.text_ids:
            for table in self.batches(2**14, [self.id]):
                lengths = [len(text) for text in table.column(self.id).to_pylist()]
                # Up to a certain width, a NumPy array of text uses the memory of the longest text for every text.
                length = max(lengths) if max(lengths) <= WIDEST else sum(lengths) // len(lengths)
                return n_bytes + max(0, length * 4 // 3 - TEXT)
        return n_bytes

    def predictions(self, table: Any) -> Predictions:
        """Convert rows with all columns to predictions; an error names the file.

        ``fit_ids`` are left out, as they would be repeated in every batch.
        """
        meta = None if self.meta is None else self.meta | {"n_samples": len(table), "fit_ids": None}
        try:
            return Predictions(**fields_from_arrow(table, meta, self.options)).rename(self.member)
        except InvalidPredictionsError as error:
            raise InvalidPredictionsError(f"{self.where}: {error}") from None
        except Exception as error:  # edited metadata raise errors of many types
            raise InvalidPredictionsError(f"{RULE}; {self.where} cannot be read: {error}") from error

    def no_rows(self) -> Any:
        """Make a table without rows; the one that a schema of Arrow makes imports pandas first."""
        import pyarrow as pa

        return pa.Table.from_arrays([pa.nulls(0, field.type) for field in self.schema], schema=self.schema)

    def batches(self, size: int, columns: list[str] | None = None) -> Generator[Any]:
        """Yield Arrow tables of ``size`` rows, the last one shorter.

        Checksums of pages are verified in files without a digest, with which the rows of others are compared.
        """
        import pyarrow as pa

        waiting: list[Any] = []
        n_waiting = 0
        for header in self.headers:
            for batch in self._read(header, size, columns or self.columns):
                waiting.append(batch)
                n_waiting += len(batch)
                if n_waiting >= size:
                    table = pa.concat_tables(waiting)
                    yield table.slice(0, size)
                    rest = table.slice(size)
                    waiting, n_waiting = ([rest], len(rest)) if len(rest) else ([], 0)
        if n_waiting:
            yield pa.concat_tables(waiting)

    def check_pages(self) -> None:
        """Read all files with their checksums verified; an error names the file that is damaged."""
        for header in self.headers:
            with open_predictions(header.path, header.state) as (file, _):
                for _ in file.iter_batches(batch_size=2**16):
                    pass

    def _read(self, header: FileHeader, size: int, columns: list[str]) -> Generator[Any]:
        import pyarrow as pa

        some = None if columns == header.schema.names else columns
        n_rows = 0
        # What the digest covers needs no checksum beside it; `check_pages` tells afterwards what is damaged.
        checksums = self.edited or not header.has_digest
        with open_predictions(header.path, header.state, checksums=checksums) as (file, _):
            for batch in file.iter_batches(batch_size=size, columns=some, use_threads=False):
                table = pa.Table.from_batches([batch]).select(columns)
                if self.id in columns:
                    self._check_ids(table.column(self.id), header.path, n_rows)
                n_rows += len(table)
                yield self._cast(table, header.path)
            if n_rows != header.n_rows:
                raise InvalidPredictionsError(
                    f"{header.path!r}: a file of {header.n_rows} predictions must have as many rows; it has {n_rows}: "
                    f"{EDITED}"
                )

    def _check_ids(self, ids: Any, path: str, n_rows: int) -> None:
        if ids.null_count:
            row = n_rows + ids.is_null().index(True).as_py()
            raise InvalidPredictionsError(f"{path!r}: each row must have an id; row {row} has none.")
        if self.text_ids:
            ids.validate(full=True)  # refuse invalid UTF-8 here, because the name of the file is known here

    def _cast(self, table: Any, path: str) -> Any:
        import pyarrow as pa

        for place, name in enumerate(table.column_names):
            field, column = self.schema.field(name), table.column(place)
            if column.type != field.type:
                try:
                    table = table.set_column(place, field, column.cast(field.type))
                except pa.ArrowInvalid:
                    if name != self.id:
                        raise
                    raise InvalidPredictionsError(
                        f"{path!r}: ids must fit in 64 signed bits; received larger ones."
                    ) from None
        return table


def open_members(files: Any, options: ReadOptions | None = None) -> list[MemberFiles]:
    """Read the headers of the files of each member, given as paths or as a mapping of member to path or paths.

    Parameters
    ----------
    files : sequence of path-like, or mapping of member to path-like or sequence of path-like
        As in `combine_files`.
    options : ReadOptions, optional
        How tables that `Predictions.save` did not write are read.

    Returns
    -------
    list of MemberFiles
        One per member.
    """
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
    members = [MemberFiles(name, given, options) for name, given in pairs]
    names = [member.member for member in members]
    if len(set(names)) != len(names):
        raise AlignmentError(
            f"member names must be different; received {names}. Name them: combine_files({{'name': path, ...}}, ...)."
        )
    kinds = {member.text_ids for member in members}
    if len(kinds) > 1:
        text = next(m.member for m in members if m.text_ids)
        number = next(m.member for m in members if not m.text_ids)
        raise AlignmentError(
            f"ids must be of one kind; those of member {text!r} are text, those of member {number!r} whole numbers. "
            "Name the rows in one way."
        )
    return members


def _parts(paths: Sequence[str | os.PathLike[str]]) -> tuple[list[str | os.PathLike[str]], Path | None]:
    """List the files, and those in folders; also return the folder if there is one and nothing else."""
    files: list[str | os.PathLike[str]] = []
    for path in paths:
        if Path(path).is_dir():
            with _naming(path):
                files += parts_of(Path(path), [".parquet"])
        else:
            files.append(path)
    return files, Path(paths[0]) if len(paths) == 1 and Path(paths[0]).is_dir() else None


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Generator[None]:
    """Name the file or folder in an error."""
    try:
        yield
    except InvalidPredictionsError as error:
        raise InvalidPredictionsError(f"{os.fspath(path)!r}: {error}") from None


def _width(kind: Any) -> int:
    size = getattr(kind, "list_size", 1)
    try:
        return size * (kind.value_type if hasattr(kind, "list_size") else kind).bit_width // 8
    except ValueError:
        return TEXT


def plain_schema(fields: Any) -> Any:
    """Find a schema for the same values, as far as ids, labels and numbers go, that `RecordLayout` can lay out.

    Parameters
    ----------
    fields : pyarrow.Schema or sequence of pyarrow.Field
        Columns.

    Returns
    -------
    pyarrow.Schema
        Without dictionaries, views and decimals; with the metadata of the schema.
    """
    import pyarrow as pa

    plain = [pa.field(field.name, _plain(field.type)) for field in fields]
    return pa.schema(plain, metadata=getattr(fields, "metadata", None))


def _plain(kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return pa.large_string()  # in one array of short text there is room for 2 GiB
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain(kind.value_type), kind.list_size)
    # `Predictions` reads these as floats, too.
    return pa.float64() if pa.types.is_decimal(kind) or pa.types.is_null(kind) else kind


def _common(meta: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if meta is None else {name: meta[name] for name in COMMON}
