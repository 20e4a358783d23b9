"""Folders for the intermediate files of an output. Their names are fixed, so that the next run finds them."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Collection, Generator
from pathlib import Path

from ..errors import OutputExistsError
from ._folder import MARKER, Folder, is_marked, mark, marker_for
from ._locks import open_locked
from ._staging import LEFTOVER, remove_leftovers

__all__ = ["LockedFolder", "locked_folder"]

NO_NAME = re.compile(r"(?!)")


class LockedFolder(Folder):
    """A marked folder that this process has locked.

    Attributes
    ----------
    path : Path
        Path of the folder.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        super().__init__(descriptor)
        self.path = path


@contextlib.contextmanager
def locked_folder(
    path: Path,
    output: Path,
    kind: str,
    *,
    own: re.Pattern[str] = NO_NAME,
    own_folders: Collection[str] = (),
    earlier: Callable[[Folder], bool] = lambda folder: False,
) -> Generator[LockedFolder]:
    """Create or reuse the folder for the intermediate files of an output, and lock it against other processes.

    An existing folder is only reused if it has our marker and holds only files of ours.

    Parameters
    ----------
    path : Path
        The folder. At the end it is removed if it is empty.
    output : Path
        The output; its name is in the marker and in errors.
    kind : str
        Purpose of the folder; it is in the marker.
    own : re.Pattern
        Matches the whole name of each file that a run creates in the folder; by default a run creates no files.
    own_folders : collection of str, default=()
        Names of the folders that a run creates in it.
    earlier : callable, optional
        Tells whether an earlier version of ensemblekit created a folder that has no marker.

    Yields
    ------
    LockedFolder
        The folder, marked and locked; files that killed processes left in it are removed.

    Raises
    ------
    OutputExistsError
        If another process has locked it, or it is not ours.
    """
    marker = marker_for(kind, output.name)
    descriptor = _create_or_reuse(path, output)
    folder = LockedFolder(path, descriptor)
    try:
        if not is_marked(folder, marker) and not earlier(folder):
            raise _not_ours(path, output)
        others = [name for name in folder.names() if not _is_own(folder, name, own, own_folders)]
        if others:
            raise OutputExistsError(
                f"{os.fspath(path)!r} is for what comes before {output.name!r}, and must hold nothing else; it holds "
                f"{', '.join(map(repr, others[:3]))}{', ...' if len(others) > 3 else ''}. Move that elsewhere."
            )
        mark(folder, marker)
        remove_leftovers(path)
        yield folder
    finally:
        if folder.names() == [MARKER] and is_marked(folder, marker):
            folder.remove(MARKER)
            with contextlib.suppress(OSError):
                path.rmdir()
        os.close(descriptor)


def _is_own(folder: Folder, name: str, own: re.Pattern[str], own_folders: Collection[str]) -> bool:
    if name in own_folders or LEFTOVER.fullmatch(name):
        return folder.is_folder(name)
    return (name.startswith(MARKER) or own.fullmatch(name) is not None) and folder.state(name) is not None


def _create_or_reuse(path: Path, output: Path) -> int:
    while True:
        try:
            with contextlib.suppress(FileExistsError):
                path.mkdir()
        except OSError as error:
            error.filename = os.fspath(output)  # the user does not know of the folder
            raise
        try:
            descriptor = open_locked(path)
        except BlockingIOError:
            raise OutputExistsError(
                f"an output must be one run's alone; another is at work on {os.fspath(output)!r}. Wait for its end, or "
                "take another name."
            ) from None
        except (NotADirectoryError, PermissionError):
            raise _not_ours(path, output) from None
        if descriptor is not None:
            return descriptor
        # The process that had locked it has ended in the meantime, and removed it.


def _not_ours(path: Path, output: Path) -> OutputExistsError:
    return OutputExistsError(
        f"what comes before {output.name!r} is kept in {os.fspath(path)!r}, and something is there that ensemblekit "
        "did not make. Move it elsewhere, or take another name for the output."
    )
