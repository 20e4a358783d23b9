"""One Parquet file of predictions: opened without anybody's reading of its path, and what it says before its rows."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..errors import EnsembleKitError, InvalidPredictionsError
from ..predictions._files import said_in
from ..predictions._files._metadata import EDITED, check_columns, said_digest
from ..predictions.names import few

__all__ = ["RULE", "Head", "opened", "read_head"]

RULE = "files to combine are Parquet files of predictions, as Predictions.save writes them, or tables with a column id"


BUFFER = 2**20
"""Bytes to read at once of a column of a large file."""
SMALL = 2**22
"""Bytes of a file whose columns are read whole."""


class Head(NamedTuple):
    """What a file says of itself.

    Attributes
    ----------
    path : str
        Where it is.
    schema : pyarrow.Schema
        Its columns.
    meta : dict or None
        What `Predictions.save` wrote beside the rows; None for a table of others.
    n_rows : int
        How many rows it says that it has.
    state : tuple of int
        Of the file: another one means that it was replaced or written to.
    """

    path: str
    schema: Any
    meta: dict[str, Any] | None
    n_rows: int
    state: tuple[int, ...]


@contextmanager
def opened(
    path: str, state: tuple[int, ...] | None = None, *, fault: str = "cannot be read"
) -> Generator[tuple[Any, tuple[int, ...]]]:
    """Open a file, and raise whatever goes wrong inside as an error that names it.

    Parameters
    ----------
    path : str
        Where it is.
    state : tuple of int, optional
        Of the file that is meant; another one is refused.
    fault : str
        What the error says of the file.

    Yields
    ------
    tuple of (pyarrow.parquet.ParquetFile, tuple of int)
        The file, whose pages are checked by their checksums; and its state.
    """
    import pyarrow.parquet as pq

    try:
        # A path that Arrow opens may be a URI to it. What is no file must not be waited for.
        with open(path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
            found = os.fstat(file.fileno())
            now = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            if not stat.S_ISREG(found.st_mode):
                raise InvalidPredictionsError(f"{RULE}; {path!r} is no regular file.")
            if state not in (None, now):
                raise InvalidPredictionsError(
                    f"{path!r} must stay as it is while it is read; it was replaced or written to meanwhile."
                )
            # Without the first two the reader keeps what it has read: in the end the whole file. With a buffer it makes
            # room for any size that a page claims: 2 GB of a file of 2 KB. So small files are read whole.
            options: Any = {"pre_buffer": False, "buffer_size": BUFFER if found.st_size > SMALL else 0}
            with pq.ParquetFile(file, page_checksum_verification=True, **options) as parquet:
                yield parquet, now
    except EnsembleKitError:
        raise
    except FileNotFoundError:
        raise FileNotFoundError(f"No file of predictions at {path!r}.") from None
    except Exception as error:  # of many kinds, where bytes were changed
        raise InvalidPredictionsError(f"{RULE}; {path!r} {fault}: {error}") from error


def read_head(path: str, *, edited: bool = False) -> Head:
    """Read the columns of a file, what `Predictions.save` wrote beside them, and how many rows it has."""
    with opened(path, fault="is none") as (parquet, state):
        schema, n_rows = parquet.schema_arrow, parquet.metadata.num_rows
        try:
            return Head(path, schema, _checked(said_in(parquet), schema.names, n_rows, edited), n_rows, state)
        except InvalidPredictionsError as error:
            raise InvalidPredictionsError(f"{RULE}; {path!r} is none: {error}") from None


def _checked(meta: dict[str, Any] | None, names: list[str], n_rows: int, edited: bool) -> dict[str, Any] | None:
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise InvalidPredictionsError(f"columns must have different names; repeated: {few(repeated)}.")
    if meta is not None:
        check_columns(meta, names, edited=edited)
        if meta["n_samples"] != n_rows and not edited:
            raise InvalidPredictionsError(
                f"a file of {meta['n_samples']} predictions must have as many rows; it has {n_rows}: {EDITED}"
            )
        if not edited:
            said_digest(meta)  # to be there is all that it can be asked before rows are read
    return meta
