"""One member's Parquet files: what their columns are, and rows of them as `Predictions`."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import AlignmentError, InvalidOptionError, InvalidPredictionsError
from ..predictions import Predictions
from ..predictions._files import fields_of_table

__all__ = ["Source", "sources_of"]

RULE = "files to combine are Parquet files of predictions, as Predictions.save writes them, or tables with a column id"


class Source:
    """The Parquet files of one member, one after the other.

    Attributes
    ----------
    member : str
        Its name.
    paths : list of str
        Of one kind: the same columns, in the same order.
    columns : list of str
        Names of the columns.
    meta : dict or None
        What `Predictions.save` wrote beside the rows; None for a table of others.
    n_rows : int
        In all files.
    """

    def __init__(self, member: str | None, paths: Sequence[str | os.PathLike[str]]) -> None:
        import pyarrow.parquet as pq

        self.paths = [os.fspath(path) for path in paths]
        schemas: list[Any] = []
        self.n_rows = 0
        for path in self.paths:
            if not Path(path).is_file():
                raise FileNotFoundError(f"No file of predictions at {path!r}.")
            try:
                with pq.ParquetFile(path) as file:
                    schemas.append(file.schema_arrow)
                    self.n_rows += file.metadata.num_rows
            except (OSError, ValueError) as error:
                raise InvalidPredictionsError(f"{RULE}; {path!r} is none: {error}") from error
        self.columns: list[str] = schemas[0].names
        raw = (schemas[0].metadata or {}).get(b"ensemblekit")
        self.meta: dict[str, Any] | None = None if raw is None else json.loads(raw)
        for path, schema in zip(self.paths, schemas, strict=True):
            if schema.names != self.columns or schema.types != schemas[0].types:
                raise InvalidPredictionsError(
                    f"files of one member must have the same columns; {path!r} has {schema.names}, {self.paths[0]!r} "
                    f"{self.columns}."
                )
        if "id" not in self.columns:
            raise InvalidPredictionsError(f"{RULE}; {self.paths[0]!r} has the columns {self.columns}.")
        self.schema = schemas[0]
        self.member = str(member or (self.meta or {}).get("member") or Path(self.paths[0]).stem)
        kind = str(schemas[0].field("id").type)
        self.text_ids = "int" not in kind
        self.row_bytes = 8 + sum(_width(field.type) for field in schemas[0])

    def predictions(self, table: Any) -> Predictions:
        """Turn rows, with all columns and in any number, into predictions; an error names the file."""
        meta = None if self.meta is None else self.meta | {"n_samples": len(table), "fit_ids": None}
        try:
            return Predictions(**fields_of_table(table, meta)).rename(self.member)
        except InvalidPredictionsError as error:
            raise InvalidPredictionsError(f"{self.paths[0]!r}: {error}") from None

    def batches(self, size: int) -> Generator[Any]:
        """Yield Arrow tables of exactly ``size`` rows, the last one of fewer."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        waiting: list[Any] = []
        n_waiting = 0
        for path in self.paths:
            # Without these two the reader keeps what it has read: in the end the whole file.
            options: Any = {"pre_buffer": False, "buffer_size": 2**20}
            with pq.ParquetFile(path, page_checksum_verification=True, **options) as file:
                for batch in file.iter_batches(batch_size=size):
                    waiting.append(pa.Table.from_batches([batch]))
                    n_waiting += len(batch)
                    if n_waiting >= size:
                        table = pa.concat_tables(waiting)
                        yield table.slice(0, size)
                        rest = table.slice(size)
                        waiting, n_waiting = ([rest], len(rest)) if len(rest) else ([], 0)
        if n_waiting:
            yield pa.concat_tables(waiting)

    @property
    def names(self) -> list[str]:
        """Quote the paths for DuckDB."""
        return ["'" + path.replace("'", "''") + "'" for path in self.paths]


def sources_of(files: Any) -> list[Source]:
    """Read what a user gave: paths, or member to path or paths."""
    pairs = list(files.items()) if isinstance(files, Mapping) else [(None, path) for path in files]
    if isinstance(files, (str, os.PathLike)) or not pairs:
        raise InvalidOptionError(
            f"files must be a sequence of paths, or {{member: path or paths}}; received {files!r}."
        )
    sources = [Source(name, [given] if isinstance(given, (str, os.PathLike)) else list(given)) for name, given in pairs]
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
        return 48  # text
