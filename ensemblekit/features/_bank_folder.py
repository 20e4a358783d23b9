"""The folder of a bank. It has one folder per collection, with a note that describes it, a lock file, and segments."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import Folder, atomic_write, is_at, is_leftover, locked_file, open_folder, remove_leftovers
from ._segment import SUFFIX

__all__ = [
    "SegmentFile",
    "clear_collections",
    "collection_folder",
    "evict",
    "lock_collection",
    "other_names",
    "read_note",
    "remove_segments",
    "remove_staging",
    "remove_unfinished",
    "segment_files",
    "segment_names",
    "write_note",
]

FORMAT = 1
"""Of the folder. A change of what is stored under the same names must raise it."""

_IDENTITY = ("fingerprint", "input_shape", "precision", "augmentation_fingerprint")
_NOTE, _LOCK = "shelf.json", ".lock"
_COLLECTION = re.compile(r"[0-9a-f]{32}")
_SEGMENT = re.compile(rf"[0-9a-f]{{32}}{re.escape(SUFFIX)}")
_UNFINISHED = re.compile(rf"\.[0-9a-f]{{32}}\.[a-z0-9_]{{8}}{re.escape(SUFFIX)}")
"""Segments that earlier versions did not finish."""


@dataclass(frozen=True)
class SegmentFile:
    """The file of a segment."""

    path: Path
    n_bytes: int
    last_used: int  # nanoseconds since 1970


def collection_folder(bank: Path, about: dict[str, Any]) -> Path:
    """Return the folder of a collection; its name is a digest of all that the features depend on."""
    identity = {key: about[key] for key in _IDENTITY} | {"format": FORMAT}
    return bank / hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


def write_note(path: Path, about: dict[str, Any]) -> None:
    """Write the note of a collection to its folder; the note also shows that the folder belongs to the bank.

    Raises
    ------
    FileExistsError
        If the folder holds files that the bank did not write.
    """
    with open_folder(path) as folder:
        if _is_collection(path, _note(folder)):
            return
        for name in folder.names():
            state = folder.state(name)
            is_lock = name == _LOCK and state is not None and state.st_size == 0
            if not is_lock and not is_leftover(path / name):
                raise FileExistsError(errno.EEXIST, "it holds what is not the bank's", os.fspath(path / name))
    with atomic_write(path / _NOTE, overwrite=False) as file:  # a different note is not ours
        file.write((json.dumps(about | {"format": FORMAT}, indent=2, ensure_ascii=False) + "\n").encode())


def read_note(path: Path) -> dict[str, Any]:
    """Read the note of a folder; return an empty note if there is none, or it cannot be read."""
    try:
        with open_folder(path) as folder:
            return _note(folder)
    except OSError:
        return {}


@contextlib.contextmanager
def lock_collection(path: Path) -> Generator[None]:
    """Create the folder of a collection, and wait until this process is the only one that writes there."""
    while True:
        path.mkdir(parents=True, exist_ok=True)
        with open_folder(path) as folder, locked_file(folder, _LOCK, wait=True) as is_current:
            if not is_current or not is_at(folder.descriptor, path):
                continue  # the bank was cleared in the meantime: other processes lock a new file
            yield
            return


def segment_files(bank: Path) -> list[SegmentFile]:
    """List the segments of all collections."""
    found: list[SegmentFile] = []
    for path in _collections(bank):
        with contextlib.suppress(OSError), open_folder(path) as folder:
            for name in filter(_SEGMENT.fullmatch, folder.names()):
                if state := folder.state(name):
                    last_used = max(state.st_atime_ns, state.st_mtime_ns)
                    found.append(SegmentFile(path / name, state.st_size, last_used))
    return found


def segment_names(path: Path) -> set[str]:
    """List the segments of a collection; the list is empty if the folder does not belong to the bank."""
    with contextlib.suppress(OSError), open_folder(path) as folder:
        if _is_collection(path, _note(folder)):
            return {name for name in folder.names() if _SEGMENT.fullmatch(name) and folder.state(name)}
    return set()


def remove_segments(path: Path, names: Iterable[str]) -> None:
    """Remove segments from a collection; remove nothing if the folder does not belong to the bank."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), open_folder(path) as folder:
        if _is_collection(path, _note(folder)):
            for name in filter(_SEGMENT.fullmatch, names):
                folder.remove(name)


def remove_staging(path: Path) -> None:
    """Remove the staging folders of killed processes from a collection; a process at work has its own one locked."""
    with contextlib.suppress(OSError), open_folder(path) as folder:
        if _is_collection(path, _note(folder)):
            remove_leftovers(path)


def remove_unfinished(path: Path) -> None:
    """Remove the segments of a collection that killed processes did not finish."""
    remove_staging(path)
    with open_folder(path) as folder:
        if _is_collection(path, _note(folder)):
            for name in filter(_UNFINISHED.fullmatch, folder.names()):
                folder.remove(name)


def evict(bank: Path, max_bytes: int) -> None:
    """Remove the least recently used segments until the others have at most ``max_bytes``."""
    files = sorted(segment_files(bank), key=lambda file: file.last_used)
    excess = sum(file.n_bytes for file in files) - max_bytes
    for file in files:
        if excess <= 0:
            break
        remove_segments(file.path.parent, [file.path.name])
        excess -= file.n_bytes


def clear_collections(bank: Path) -> int:
    """Remove all segments, and the folders that no process has locked; return the number of bytes that were freed."""
    freed = 0
    for path in _collections(bank):
        with contextlib.suppress(FileNotFoundError), open_folder(path) as folder:
            for name in filter(_SEGMENT.fullmatch, folder.names()):
                state = folder.state(name)
                if state and folder.remove(name):
                    freed += state.st_size
            # An error means that another process has the lock, or that the folder holds other files.
            with contextlib.suppress(OSError), locked_file(folder, _LOCK, wait=False):
                remove_unfinished(path)
                # The lock file is removed last: a process that starts in the meantime then locks a new file, and does
                # not find a note that is about to be removed.
                for name in (_NOTE, _LOCK):
                    folder.remove(name)
                path.rmdir()
    return freed


def other_names(bank: Path) -> list[str]:
    """List the files and folders in the folder of a bank that are not collections."""
    if not bank.is_dir():
        return []
    return sorted({path.name for path in bank.iterdir()} - {path.name for path in _collections(bank)})


def _collections(bank: Path) -> list[Path]:
    if not bank.is_dir():
        return []
    return [
        path for path in bank.iterdir() if _COLLECTION.fullmatch(path.name) and _is_collection(path, read_note(path))
    ]


def _is_collection(path: Path, note: dict[str, Any]) -> bool:
    """Say whether a note belongs to the folder that it is in: the name of the folder is a digest of the note."""
    try:
        return note.get("format") == FORMAT and collection_folder(path.parent, note).name == path.name
    except (KeyError, TypeError, ValueError, RecursionError):
        return False


def _note(folder: Folder) -> dict[str, Any]:
    try:
        note = json.loads(folder.read(_NOTE, 2**20) or b"")
    except (ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}
