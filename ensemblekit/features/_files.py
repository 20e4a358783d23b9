"""The folder of a bank: a folder a shelf, with a note of what it holds, a lock, and segments."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import write_text
from ._segment import SUFFIX

__all__ = [
    "SegmentFile",
    "clear_shelves",
    "make_room",
    "read_about",
    "segment_files",
    "shelf_folder",
    "write_about",
    "writing",
]

FORMAT = 1
"""Of the folder: raised whenever what is kept under the same name would come to be something else."""

_IDENTITY = ("fingerprint", "input_shape", "precision", "augmentation_fingerprint")
_ABOUT, _LOCK = "shelf.json", ".lock"


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
    """Note what a shelf holds, for people."""
    if not (shelf / _ABOUT).exists():
        write_text(shelf / _ABOUT, json.dumps(about | {"format": FORMAT}, indent=2, ensure_ascii=False) + "\n")


def read_about(shelf: Path) -> dict[str, Any]:
    """Read that note; empty where it is not there, or not to be read."""
    try:
        about = json.loads((shelf / _ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


@contextlib.contextmanager
def writing(shelf: Path) -> Generator[None]:
    """Make the folder of a shelf, and let one process at a time write there; the others wait.

    The kernel gives the lock back when a process ends, however it ends.
    """
    while True:
        shelf.mkdir(parents=True, exist_ok=True)
        with (shelf / _LOCK).open("ab") as file:
            with contextlib.suppress(OSError):  # a file system without locks: both compute, and nothing breaks
                fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_at(file.fileno(), shelf / _LOCK):
                continue  # the bank was cleared meanwhile, and the lock is nobody's
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_UN)
            return


def segment_files(bank: Path) -> list[SegmentFile]:
    """List the segments of all shelves, those included that a process is writing, or has left half written."""
    found: list[SegmentFile] = []
    for shelf in _shelves(bank):
        with contextlib.suppress(OSError), os.scandir(shelf) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX):
                    with contextlib.suppress(FileNotFoundError):
                        stat = entry.stat()
                        used = max(stat.st_atime_ns, stat.st_mtime_ns)
                        found.append(SegmentFile(Path(entry.path), stat.st_size, used))
    return found


def make_room(bank: Path, max_bytes: int) -> None:
    """Remove the segments that were used longest ago, until the rest has at most so many bytes."""
    files = sorted(segment_files(bank), key=lambda file: file.last_used)
    excess = sum(file.n_bytes for file in files) - max_bytes
    for file in files:
        if excess <= 0:
            break
        file.path.unlink(missing_ok=True)
        excess -= file.n_bytes


def clear_shelves(bank: Path) -> int:
    """Remove every shelf, but for the folders of those that are being written; give the bytes that are free now."""
    freed = 0
    for file in segment_files(bank):
        if not file.path.name.startswith("."):
            with contextlib.suppress(FileNotFoundError):
                file.path.unlink()
                freed += file.n_bytes
    for shelf in _shelves(bank):
        try:
            with (shelf / _LOCK).open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                freed += sum(path.stat().st_size for path in shelf.glob(f".*{SUFFIX}"))
                shutil.rmtree(shelf)
        except OSError:  # a process is at work there: it goes on, and finds its folder
            continue
    return freed


def _shelves(bank: Path) -> list[Path]:
    if not bank.is_dir():
        return []
    # Whatever else is in the folder is not ours.
    return [path for path in bank.iterdir() if (path / _ABOUT).exists() or (path / _LOCK).exists()]


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
