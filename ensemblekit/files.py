"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

__all__ = ["atomic_path", "atomic_write", "write_text"]


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Generator[Path]:
    """Give a temporary path with the suffix of ``path``, for a writer that opens files itself; rename it at the end.

    Parameters
    ----------
    path : path-like
        What the file is called once all is written.

    Yields
    ------
    Path
        In the same folder. After an error it is removed, and ``path`` is as it was.
    """
    path = Path(path)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes files for the owner alone; what comes of them has the rights of any new file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Generator[BinaryIO]:
    """Open a file that replaces ``path`` only when everything was written."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        yield file


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with atomic_write(path) as file:
        file.write(text.encode())
