"""The header of a Parquet file of predictions: columns, metadata and number of rows, without reading the rows."""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import EnsembleKitError, InvalidPredictionsError
from ..predictions.formats import EDITED, check_columns, read_metadata, stored_digest
from ..predictions.names import few

__all__ = ["RULE", "FileHeader", "key_refused", "open_predictions", "open_unchanged", "read_header"]

RULE = "files to combine are Parquet files of predictions, as Predictions.save writes them, or tables with a column id"
"""Beginning of an error about a file that is none."""
BUFFER = 2**20
"""Size of the read buffer of a column in a large file, in bytes."""
SMALL = 2**22
"""Size up to which the columns of a file are read whole, in bytes."""


class FileHeader(NamedTuple):
    """Columns and metadata of a Parquet file of predictions.

    Attributes
    ----------
    path : str
        Path of the file.
    schema : pyarrow.Schema
        Columns.
    meta : dict or None
        Metadata that `Predictions.save` wrote; None for any other table.
    n_rows : int
        Number of rows.
    state : tuple of (int or None)
        Device, inode, size and modification time. They change when the file is replaced or written to. None is not
        compared.
    """

    path: str
    schema: Any
    meta: dict[str, Any] | None
    n_rows: int
    state: tuple[int | None, ...]

    @property
    def has_digest(self) -> bool:
        """Whether the file says a digest of its content."""
        return self.meta is not None and self.meta.get("sha256") is not None


@contextmanager
def open_predictions(
    path: str, state: tuple[int | None, ...] | None = None, *, fault: str = "cannot be read", checksums: bool = True
) -> Generator[tuple[Any, tuple[int, ...]]]:
    """Open a Parquet file; any exception in the context becomes an error that names the file.

    Parameters
    ----------
    path : str
        Path of the file.
    state : tuple of (int or None), optional
        Expected `FileHeader.state`; a file in another state is refused.
    fault : str
        What the error says about the file.
    checksums : bool, default=True
        Verify the checksums of pages.

    Yields
    ------
    tuple of (pyarrow.parquet.ParquetFile, tuple of int)
        The file, and its state.
    """
    import pyarrow.parquet as pq

    try:
        with open_unchanged(path, state) as (file, now), _as_arrow(file) as source:
            # Without these options pyarrow keeps everything that it has read in memory. A buffered reader allocates
            # whatever size a damaged page header states (2 GB for a file of 2 KB), so small files are read unbuffered.
            options: Any = {"pre_buffer": False, "buffer_size": BUFFER if now[2] > SMALL else 0}
            with pq.ParquetFile(source, page_checksum_verification=checksums, **options) as parquet:
                yield parquet, now
    except EnsembleKitError:
        raise
    except FileNotFoundError:
        raise FileNotFoundError(f"No file of predictions at {path!r}.") from None
    except Exception as error:  # damaged files raise errors of many types
        raise InvalidPredictionsError(f"{RULE}; {path!r} {fault}: {error}") from error


@contextmanager
def open_unchanged(path: str, state: tuple[int | None, ...] | None) -> Generator[tuple[Any, tuple[int, ...]]]:
    """Open a regular file for reading; refuse it if its `FileHeader.state` is another one."""
    # O_NONBLOCK keeps a pipe from blocking.
    with open(path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
        found = os.fstat(file.fileno())
        now = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if not stat.S_ISREG(found.st_mode):
            raise InvalidPredictionsError(f"{RULE}; {path!r} is no regular file.")
        if state is not None and any(a not in (None, b) for a, b in zip(state, now, strict=True)):
            raise InvalidPredictionsError(
                f"{path!r} must stay as it is while it is read; it was replaced or written to meanwhile."
            )
        yield file, now


def _as_arrow(file: Any) -> Any:
    """Let Arrow read an open file without the interpreter, where the system gives open files a path.

    Arrow would read some paths as URIs, and the file could be another one meanwhile.
    """
    import pyarrow as pa

    path = f"/proc/self/fd/{file.fileno()}"
    return pa.OSFile(path) if sys.platform == "linux" and Path(path).exists() else nullcontext(file)


def read_header(path: str, *, edited: bool = False) -> FileHeader:
    """Read columns, metadata and number of rows of a Parquet file of predictions.

    Parameters
    ----------
    path : str
        Path of the file.
    edited : bool, default=False
        Accept a file that was changed since it was saved.

    Returns
    -------
    FileHeader
        Validated metadata; the rows are not read.

    Raises
    ------
    InvalidPredictionsError
        If it is not such a file.
    FileNotFoundError
        If there is no file.
    """
    with open_predictions(path, fault="is none") as (parquet, state):
        schema, n_rows = parquet.schema_arrow, parquet.metadata.num_rows
        try:
            meta = read_metadata(parquet)
            _check_metadata(meta, schema.names, n_rows, edited)
            return FileHeader(path, schema, meta, n_rows, state)
        except InvalidPredictionsError as error:
            raise InvalidPredictionsError(f"{RULE}; {path!r} is none: {error}") from None


def _check_metadata(meta: dict[str, Any] | None, names: list[str], n_rows: int, edited: bool) -> None:
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise InvalidPredictionsError(f"columns must have different names; repeated: {few(repeated)}.")
    if meta is not None:
        check_columns(meta, names, edited=edited)
        if meta["n_samples"] != n_rows and not edited:
            raise InvalidPredictionsError(
                f"a file of {meta['n_samples']} predictions must have as many rows; it has {n_rows}: {EDITED}"
            )
        if not edited:
            stored_digest(meta)  # refuses a missing digest; its value is compared when the rows are read


def key_refused(names: Sequence[str]) -> InvalidPredictionsError:
    """Make the error for files whose ids are keys of several columns."""
    return InvalidPredictionsError(
        f"files that are combined batch by batch must have one column of ids; received the key columns {few(names)}. "
        "Use `combine`, which keeps the key."
    )
