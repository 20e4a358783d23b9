"""Folders looked through to any depth: deeper ones than calls can be nested too."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

from ..errors import DataError

__all__ = ["children", "is_folder", "walk"]


def children(folder: Path) -> list[Path]:
    """List what is in a folder, by name.

    Parameters
    ----------
    folder : Path
        Of data.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(
            f"a folder of data must be readable; {os.fspath(folder)!r} is not: {error.strerror or error}."
        ) from error


def walk(folder: Path) -> Generator[Path]:
    """Give all that is in a folder, at any depth, in order; links to folders are given and not followed.

    Parameters
    ----------
    folder : Path
        Of data.

    Raises
    ------
    DataError
        If a folder in it cannot be read.
    """
    waiting = children(folder)[::-1]
    while waiting:
        path = waiting.pop()
        if is_folder(path) and not path.is_symlink():
            waiting += children(path)[::-1]
        yield path


def is_folder(path: Path) -> bool:
    """Say whether there is a folder, or a link to one.

    Raises
    ------
    DataError
        If the path is longer than the system can open.
    """
    try:
        return path.is_dir()
    except OSError as error:
        raise DataError(f"paths of data must be ones that can be opened; {error}.") from error
