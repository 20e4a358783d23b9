"""The folder of a bank: a folder a shelf, with a note of what it holds, a lock, and segments."""

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
    "clear_shelves",
    "make_room",
    "other_names",
    "read_about",
    "remove_partial",
    "remove_segments",
    "segment_files",
    "segment_names",
    "shelf_folder",
    "write_about",
    "writing",
]

FORMAT = 1
"""Of the folder: raised whenever what is kept under the same name would come to be something else."""

_IDENTITY = ("fingerprint", "input_shape", "precision", "augmentation_fingerprint")
_ABOUT, _LOCK = "shelf.json", ".lock"
_SHELF = re.compile(r"[0-9a-f]{32}")
_SEGMENT = re.compile(rf"[0-9a-f]{{32}}{re.escape(SUFFIX)}")
_PARTIAL = re.compile(rf"\.[0-9a-f]{{32}}\.[a-z0-9_]{{8}}{re.escape(SUFFIX)}")
"""What earlier versions left of a segment that they did not live to finish."""


@dataclass(frozen=True)
class SegmentFile:
    """A segment on disk, or one that a process is writing."""

    path: Path
    n_bytes: int
    last_used: int  # nanoseconds since 1970


def shelf_folder(bank: Path, about: dict[str, Any]) -> Path:
    """Name the folder of what ``about`` describes, by its fields but for those that are for people."""
    identity = {key: about[key] for key in _IDENTITY} | {"format": FORMAT}
    return bank / hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


def write_about(shelf: Path, about: dict[str, Any]) -> None:
    """Note what a shelf holds: for people, and as the proof that the folder is ours."""
    with open_folder(shelf) as folder:
        if _is_shelf(shelf, _about(folder)):
            return
        for name in folder.names():
            state = folder.state(name)
            is_lock = name == _LOCK and state is not None and state.st_size == 0
            if not is_lock and not is_leftover(shelf / name):
                raise FileExistsError(errno.EEXIST, "it holds what is not the bank's", os.fspath(shelf / name))
    with atomic_write(shelf / _ABOUT, overwrite=False) as file:  # what is there is somebody else's
        file.write((json.dumps(about | {"format": FORMAT}, indent=2, ensure_ascii=False) + "\n").encode())


def read_about(shelf: Path) -> dict[str, Any]:
    """Read that note; empty where it is not there, or not to be read."""
    try:
        with open_folder(shelf) as folder:
            return _about(folder)
    except OSError:
        return {}


@contextlib.contextmanager
def writing(shelf: Path) -> Generator[None]:
    """Make the folder of a shelf, and let one process at a time write there; the others wait.

    The kernel gives the lock back when a process ends, however it ends.
    """
    while True:
        shelf.mkdir(parents=True, exist_ok=True)
        with open_folder(shelf) as folder, locked_file(folder, _LOCK, wait=True) as is_the_lock:
            if not is_the_lock or not is_at(folder.descriptor, shelf):
                continue  # the bank was cleared meanwhile, and the lock is nobody's
            yield
            return


def segment_files(bank: Path) -> list[SegmentFile]:
    """List the segments of all shelves."""
    found: list[SegmentFile] = []
    for shelf in _shelves(bank):
        with contextlib.suppress(OSError), open_folder(shelf) as folder:
            for name in filter(_SEGMENT.fullmatch, folder.names()):
                if state := folder.state(name):
                    used = max(state.st_atime_ns, state.st_mtime_ns)
                    found.append(SegmentFile(shelf / name, state.st_size, used))
    return found


def segment_names(shelf: Path) -> set[str]:
    """Name the segments in a folder that is a shelf of ours; in any other there are none."""
    with contextlib.suppress(OSError), open_folder(shelf) as folder:
        if _is_shelf(shelf, _about(folder)):
            return {name for name in folder.names() if _SEGMENT.fullmatch(name) and folder.state(name)}
    return set()


def remove_segments(shelf: Path, names: Iterable[str]) -> None:
    """Remove segments from a folder that is a shelf of ours; from any other nothing."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), open_folder(shelf) as folder:
        if _is_shelf(shelf, _about(folder)):
            for name in filter(_SEGMENT.fullmatch, names):
                folder.remove(name)


def remove_partial(shelf: Path) -> None:
    """Remove from a shelf what processes have left that did not live to give it its name."""
    remove_leftovers(shelf)
    with open_folder(shelf) as folder:
        if _is_shelf(shelf, _about(folder)):
            for name in filter(_PARTIAL.fullmatch, folder.names()):
                folder.remove(name)


def make_room(bank: Path, max_bytes: int) -> None:
    """Remove the segments that were used longest ago, until the rest has at most so many bytes."""
    files = sorted(segment_files(bank), key=lambda file: file.last_used)
    excess = sum(file.n_bytes for file in files) - max_bytes
    for file in files:
        if excess <= 0:
            break
        remove_segments(file.path.parent, [file.path.name])
        excess -= file.n_bytes


def clear_shelves(bank: Path) -> int:
    """Remove every shelf, but for the folders of those that are being written; give the bytes that are free now."""
    freed = 0
    for shelf in _shelves(bank):
        with contextlib.suppress(FileNotFoundError), open_folder(shelf) as folder:
            for name in filter(_SEGMENT.fullmatch, folder.names()):
                state = folder.state(name)
                if state and folder.remove(name):
                    freed += state.st_size
            with (
                contextlib.suppress(OSError),
                locked_file(folder, _LOCK, wait=False),
            ):  # else a process is at work there
                remove_partial(shelf)
                # The lock last: who comes meanwhile makes a new one, and finds no note that is about to go.
                for name in (_ABOUT, _LOCK):
                    folder.remove(name)
                shelf.rmdir()
    return freed


def other_names(bank: Path) -> list[str]:
    """List what is in the folder of a bank that is no shelf of ours."""
    if not bank.is_dir():
        return []
    return sorted({path.name for path in bank.iterdir()} - {shelf.name for shelf in _shelves(bank)})


def _shelves(bank: Path) -> list[Path]:
    if not bank.is_dir():
        return []
    # Whatever else is in the folder is not ours.
    return [path for path in bank.iterdir() if _SHELF.fullmatch(path.name) and _is_shelf(path, read_about(path))]


def _is_shelf(path: Path, about: dict[str, Any]) -> bool:
    """Say whether a note is of the folder that it lies in: its name is a digest of what the note says."""
    try:
        return about.get("format") == FORMAT and shelf_folder(path.parent, about).name == path.name
    except (KeyError, TypeError, ValueError, RecursionError):
        return False


def _about(folder: Folder) -> dict[str, Any]:
    try:
        about = json.loads(folder.read(_ABOUT, 2**20) or b"")
    except (ValueError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}
