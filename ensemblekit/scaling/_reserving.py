"""Reserve room for a large file before it is written, and begin early to bring it to the disk.

The first makes writing several times cheaper on some systems. After the second little is left for the end, which waits
for the disk.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

__all__ = ["reserve", "reserved"]

PIECE = 2**24
"""Bytes that are handed to the disk at once."""


def reserve(file: Any, n_bytes: int) -> None:
    """Reserve room from the beginning of an open file, where the system can; the file then has this size.

    Parameters
    ----------
    file : binary file
        Open for writing.
    n_bytes : int
        Expected size. If there is no room, writing tells it.
    """
    if n_bytes and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, n_bytes)
        except OSError:
            file.truncate(0)


class WrittenEarly:
    """A file whose content goes to the disk while more is written; the system decides when, and nobody waits.

    Parameters
    ----------
    file : binary file
        Open for writing, at its beginning.
    """

    def __init__(self, file: Any) -> None:
        self._file, self._n_bytes, self._given = file, 0, 0
        self._can = hasattr(os, "posix_fadvise")

    def write(self, content: Any) -> int:
        """Write; hand to the disk what was written before, once a piece is full."""
        written = self._file.write(content)
        self._n_bytes += memoryview(content).nbytes
        if self._can and self._n_bytes - self._given >= PIECE:
            self._file.flush()
            try:  # what is not on the disk yet is brought there, and stays in memory meanwhile
                os.posix_fadvise(self._file.fileno(), self._given, self._n_bytes - self._given, os.POSIX_FADV_DONTNEED)
            except OSError:
                self._can = False
            self._given = self._n_bytes
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def reserved(file: Any, n_bytes: int) -> Generator[Any]:
    """Reserve room for what is written in the context; what was not needed is given back.

    Parameters
    ----------
    file : binary file
        Open for writing, at its beginning. What is written must end at its position.
    n_bytes : int
        Expected size.

    Yields
    ------
    WrittenEarly
        What to write to.
    """
    reserve(file, n_bytes)
    try:
        yield WrittenEarly(file)
    finally:
        file.flush()
        file.truncate(file.tell())
