"""Staging folders: the output is written to a hidden folder beside its path, and then renamed to its path.

A killed process leaves its staging folder behind. The next process that writes the same output finds that the folder is
not locked, and removes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Generator
from itertools import count
from pathlib import Path

from ._folder import MARKER, Folder, mark, marker_for, open_folder
from ._locks import open_locked

__all__ = ["LEFTOVER", "NEW", "OLD", "is_leftover", "remove_leftovers", "staging_folder", "staging_prefix"]

LEFTOVER = re.compile(r"\.ensemblekit-[0-9a-f]{16}")
"""Names of staging folders."""
NEW, OLD = "new", "old"
"""Names in a staging folder: of the new output, and of the output that it replaces while they are exchanged."""
_KIND = "output"
_OWN = re.compile(rf"{NEW}(\..*)?|{OLD}", re.DOTALL)
_UNFINISHED = re.compile(rf"{re.escape(MARKER)}\.[0-9a-f]{{32}}")


def is_leftover(path: Path) -> bool:
    """Tell whether a path is a staging folder, by its name and marker.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    bool
        True for a folder in use, and for one that a killed process left behind.
    """
    if not LEFTOVER.fullmatch(path.name):
        return False
    try:
        with open_folder(path) as folder:
            return _output_name(folder, path) is not None
    except OSError:
        return False


@contextlib.contextmanager
def staging_folder(output: Path) -> Generator[Path]:
    """Create a staging folder for an output, and remove it at the end; first remove those of killed processes.

    Processes that write one output at the same time have separate folders.

    Parameters
    ----------
    output : Path
        The output that is written in the folder.

    Yields
    ------
    Path
        A folder for files called ``new``, ``new.`` with a suffix, and ``old``. Other users cannot read it.
    """
    path, descriptor = _create(output)
    try:
        mark(Folder(descriptor), marker_for(_KIND, output.name))
        yield path
    finally:
        _remove(Folder(descriptor), path, output)
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove the staging folders of killed processes, of all outputs, from a folder.

    Parameters
    ----------
    folder : Path
        Only its direct contents are removed.
    """
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - names are enough
        if LEFTOVER.fullmatch(name):
            _remove_stale(folder / name)


def staging_prefix(name: str) -> str:
    """Return the beginning of the names of an output's staging folders; four hexadecimal digits follow it."""
    return f".ensemblekit-{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}"


def _create(output: Path) -> tuple[Path, int]:
    created: tuple[Path, int] | None = None
    # Numbers are used from 0 on, so that no folder can be left behind after the first free number.
    for number in count():
        path = output.parent / f"{staging_prefix(output.name)}{number:04x}"
        if created is not None and not os.path.lexists(path):
            return created
        if _remove_stale(path) and created is None:
            created = _create_locked(path, output)
    raise AssertionError


def _create_locked(path: Path, output: Path) -> tuple[Path, int] | None:
    try:
        path.mkdir(0o700)
    except FileExistsError:
        return None
    except OSError as error:
        error.filename = os.fspath(output)  # the user does not know of the folder
        raise
    try:
        descriptor = open_locked(path)
    except BlockingIOError:  # another process thinks that a killed process left it, and removes it
        return None
    return None if descriptor is None else (path, descriptor)


def _remove_stale(path: Path) -> bool:
    """Remove a staging folder that no process has locked; tell whether the path is free."""
    with contextlib.suppress(OSError):  # it is locked, is not a folder, or cannot be opened or locked
        descriptor = open_locked(path, must_lock=True)
        if descriptor is not None:
            try:
                folder = Folder(descriptor)
                name = _output_name(folder, path)
                if name is not None and os.fstat(descriptor).st_uid == os.geteuid():
                    _remove(folder, path, path.parent / name)
            finally:
                os.close(descriptor)
    return not os.path.lexists(path)


def _output_name(folder: Folder, path: Path) -> str | None:
    """Name the output of a staging folder; empty if it has no marker yet, None if it is not a staging folder."""
    content = folder.read(MARKER)
    if content is None:
        is_new = all(_UNFINISHED.fullmatch(name) and folder.state(name) for name in folder.names())
        return "" if is_new else None
    try:
        name = json.loads(content)["of"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    is_staging = isinstance(name, str) and content == marker_for(_KIND, name)
    return name if is_staging and path.name.startswith(staging_prefix(name)) else None


def _remove(folder: Folder, path: Path, output: Path) -> None:
    with contextlib.suppress(OSError):
        # A process was killed between the two steps of a swap: the previous output is restored.
        if OLD in folder.names() and not os.path.lexists(output):
            os.rename(OLD, output, src_dir_fd=folder.descriptor)
        for name in folder.names():
            if any(own.fullmatch(name) for own in (_OWN, _UNFINISHED, LEFTOVER)):
                folder.remove_tree(name)
        if folder.names() in ([MARKER], []):  # otherwise it holds files of the user
            folder.remove(MARKER)
            path.rmdir()
