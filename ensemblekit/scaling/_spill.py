"""Keep rows that do not fit in memory in a temporary file, partitioned by a number for each row."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from ._records import RecordLayout, Rows, text_bounds

__all__ = ["MOST_PARTS", "Pieces", "Spill", "Spilled", "read_at", "read_rows"]

MOST_PARTS = 2**14
"""Upper limit, so that a file whose header states a huge number of rows does not cause as many parts."""


class Pieces(NamedTuple):
    """Where in a file the rows of one part are.

    Attributes
    ----------
    file : int or str
        Descriptor of an open file, or the path of a file.
    bounds : ndarray of int64, shape (n_chunks, 1 + n_texts, 2)
        First and last byte of the records, and of the bytes of each column of text.
    """

    file: int | str
    bounds: np.ndarray


class Spilled(NamedTuple):
    """Where in a file the rows of each part are.

    Attributes
    ----------
    file : int or str
        As in `Pieces`.
    bounds : ndarray of int64, shape (n_chunks, 1 + n_texts, n_parts + 1)
        Where the parts begin, and where the last one ends.
    """

    file: int | str
    bounds: np.ndarray

    def pieces(self, part: int) -> Pieces:
        """Tell where the rows of one part are."""
        return Pieces(self.file, self.bounds[:, :, part : part + 2].copy())


class Spill:
    """Rows in a temporary file; use it in a ``with`` statement.

    Parameters
    ----------
    folder : Path
        Folder of the file.
    layout : RecordLayout
        Columns of the rows.
    n_parts : int
        Number of parts.
    named : bool, default=False
        Give the file a name, so that other processes can read it, and keep it. Without a name, the operating system
        removes it with the process.
    """

    def __init__(self, folder: Path, layout: RecordLayout, n_parts: int, *, named: bool = False) -> None:
        self.n_parts, self._layout, self._folder = n_parts, layout, folder
        self._chunks: list[np.ndarray] = []
        self._end = 0
        if named:
            number, self.path = tempfile.mkstemp(dir=folder)
            self._file: Any = os.fdopen(number, "wb")
        else:
            self.path = None
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a file without a name disappears."""
        self._file.close()

    def add(self, rows: Rows, parts: np.ndarray) -> None:
        """Append rows with the part number of each."""
        # NumPy radix-sorts integers of 8 and 16 bits.
        parts = parts.astype(np.uint8 if self.n_parts <= 2**8 else np.uint16)
        ordered = self._layout.take(rows, np.argsort(parts, kind="stable"))
        ends = np.concatenate([[0], np.cumsum(np.bincount(parts, minlength=self.n_parts))])
        bounds = [self._write(ends * ordered.records.itemsize, ordered.records.view(np.uint8))]
        for column, array in zip(self._layout.text_columns, ordered.texts, strict=True):
            bounds.append(self._write(*text_bounds(array, ends * (column.size or 1))))
        self._chunks.append(np.stack(bounds))

    def spilled(self) -> Spilled:
        """End the writing, and tell where the rows are. A file without a name can be read until it is closed."""
        self._file.flush()
        empty = np.zeros((0, 1 + self._layout.n_texts, self.n_parts + 1), np.int64)
        return Spilled(self.path or self._file.fileno(), np.array(self._chunks) if self._chunks else empty)

    def _write(self, bounds: np.ndarray, content: Any) -> np.ndarray:
        start = self._end
        try:
            self._file.write(content)
        except OSError as error:
            raise OSError(error.errno, os.strerror(error.errno or 0), str(self._folder)) from error
        self._end += memoryview(content).nbytes
        return bounds + start


def read_rows(layout: RecordLayout, pieces: Sequence[Pieces]) -> Rows:
    """Read the rows of one part in the order in which they were added, from one file after the other.

    Parameters
    ----------
    layout : RecordLayout
        Columns of the rows.
    pieces : sequence of Pieces
        Where the rows are.

    Returns
    -------
    Rows
        All of them.
    """
    sizes = np.zeros(1 + layout.n_texts, np.int64)
    for _, bounds in pieces:
        sizes += np.diff(bounds, axis=2).sum(axis=(0, 2))
    contents = [np.empty(size, np.uint8) for size in sizes]
    places = [0] * len(contents)
    for file, bounds in pieces:
        number = os.open(file, os.O_RDONLY) if isinstance(file, str) else file
        try:
            for chunk in bounds.tolist():
                for column, (start, end) in enumerate(chunk):
                    place = places[column]
                    places[column] += end - start
                    read_at(number, contents[column][place : places[column]], start)
        finally:
            if isinstance(file, str):
                os.close(number)
    records = contents[0].view(layout.dtype)
    return Rows(records, layout.read_texts(records, contents[1:]))


def read_at(file: int, into: Any, start: int) -> None:
    """Fill an array of bytes from a temporary file, from this byte on."""
    left = memoryview(into)
    while len(left):
        n_read = os.preadv(file, [left], start)
        if not n_read:
            raise OSError(f"a temporary file was cut while it was in use; it has no byte {start}.")
        left, start = left[n_read:], start + n_read
