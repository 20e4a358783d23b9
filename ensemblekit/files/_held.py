"""Folders of predictable names, for what comes before an output: taken up by the next run, held by one at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Callable, Collection, Generator
from pathlib import Path

from ..errors import OutputExistsError
from ._folder import Folder, is_at, opened
from ._marker import MARKER, is_marked, mark, marker_for
from ._workplace import LEFTOVER, remove_leftovers

__all__ = ["HeldFolder", "held_folder"]


NOTHING = re.compile(r"(?!)")


class HeldFolder(Folder):
    """A folder that is ours, and that other processes are kept out of.

    Attributes
    ----------
    path : Path
        Where it is.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        super().__init__(descriptor)
        self.path = path


@contextlib.contextmanager
def held_folder(
    path: Path,
    output: Path,
    kind: str,
    *,
    own: re.Pattern[str] = NOTHING,
    own_folders: Collection[str] = (),
    earlier: Callable[[Folder], bool] = lambda folder: False,
) -> Generator[HeldFolder]:
    """Make a folder for what comes before an output, or take up one that is there; other processes are kept out.

    The kernel gives the lock back when a process ends, however it ends. A folder that is there is taken up only with
    our marker in it, and with nothing in it that is not ours.

    Parameters
    ----------
    path : Path
        The folder. At the end it is removed if there is nothing in it any more.
    output : Path
        What will come of it: named in the marker and in errors.
    kind : str
        What it is for: named in the marker.
    own : re.Pattern
        Matches all of the name of a file that a run makes in it; by default it makes none.
    own_folders : collection of str, default=()
        Names of the folders that a run makes in it.
    earlier : callable, optional
        Says of a folder without a marker whether an earlier version of ensemblekit made it.

    Yields
    ------
    HeldFolder
        Marked, and locked.

    Raises
    ------
    OutputExistsError
        If another process has it, or it is not ours.
    """
    marker = marker_for(kind, output.name)
    descriptor = _locked(path, output)
    folder = HeldFolder(path, descriptor)
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


def _not_ours(path: Path, output: Path) -> OutputExistsError:
    return OutputExistsError(
        f"what comes before {output.name!r} is kept in {os.fspath(path)!r}, and something is there that ensemblekit "
        "did not make. Move it elsewhere, or take another name for the output."
    )


def _locked(path: Path, output: Path) -> int:
    while True:
        try:
            with contextlib.suppress(FileExistsError):
                path.mkdir()
        except OSError as error:
            error.filename = os.fspath(output)  # what the user knows of
            raise
        try:
            descriptor = opened(path)
        except FileNotFoundError:
            continue  # who had it has ended meanwhile, and removed it
        except (NotADirectoryError, PermissionError):
            raise _not_ours(path, output) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise OutputExistsError(
                f"an output must be one run's alone; another is at work on {os.fspath(output)!r}. Wait for its end, or "
                "take another name."
            ) from None
        except OSError:  # a file system without locks
            return descriptor
        if is_at(descriptor, path):
            return descriptor
        os.close(descriptor)
