"""Reading a saved folder once: what is checked is what is parsed, whoever writes there meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO

from ..errors import StoreError
from ..limits import RATIO, check_size
from ._manifest import FILE_NAME, MANIFEST

__all__ = ["Held", "hold"]

TRIES = 100
"""How often a folder that is replaced while it is read is read again."""

IN_MEMORY = 2**26
"""Bytes of a folder up to which it is held in memory; a larger one lies in a temporary file that has no name."""

CHUNK = 2**20


@dataclass
class Held:
    """A folder that was read: nothing that is written there later changes it."""

    manifest: dict[str, Any]
    digest: str
    """SHA-256 of the manifest's bytes."""
    files: dict[str, BinaryIO] = field(default_factory=dict[str, BinaryIO])


class _Part(io.RawIOBase):
    """One file of a folder, within the copy of all: however many there are, one file is open."""

    def __init__(self, whole: IO[bytes], name: str, start: int, size: int) -> None:
        super().__init__()
        self.name, self._whole, self._start, self._size, self._at = name, whole, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._whole.seek(self._start + self._at)
        n_read: int = self._whole.readinto(memoryview(buffer)[: max(0, self._size - self._at)])  # type: ignore[attr-defined]
        self._at += n_read
        return n_read


@contextlib.contextmanager
def hold(folder: Path, parse: Callable[[bytes], dict[str, Any]]) -> Generator[Held]:
    """Read the manifest and every file that it names, each once.

    All come from one directory, which is held by its descriptor; no link in it is followed. Where another folder took
    its place and it was emptied, all is read again from the new one.

    Parameters
    ----------
    folder : Path
        The folder, or a link to it.
    parse : callable
        Turns the manifest's bytes into a manifest, or raises a StoreError.

    Yields
    ------
    Held
        Its files are copies, open at their start, and gone at the end.

    Raises
    ------
    StoreError
        If there is none, a file is missing, no regular file, or not what the manifest says.
    """
    for _ in range(TRIES):
        with contextlib.ExitStack() as stack:
            try:
                place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except (OSError, ValueError) as error:
                raise StoreError(_none_at(folder, error)) from error
            stack.callback(os.close, place)
            try:
                held = _read(folder, place, parse, stack)
            except (StoreError, OSError) as error:
                if not _is_there(folder, place):
                    continue
                if isinstance(error, OSError):  # the disk of either, or no place left for the copy
                    raise StoreError(f"{os.fspath(folder)!r} cannot be read: {error}.") from error
                raise
            yield held
            return
    raise StoreError(f"{os.fspath(folder)!r} was replaced {TRIES} times while it was read. Load it when it is at rest.")


def _is_there(folder: Path, place: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(place))
    except OSError:
        return False


def _none_at(folder: Path, error: Exception) -> str:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return f"No saved ensemble at {os.fspath(folder)!r}: it has no {MANIFEST}."
    return f"{os.fspath(folder)!r} cannot be read: {error}."


def _read(folder: Path, place: int, parse: Callable[[bytes], dict[str, Any]], stack: contextlib.ExitStack) -> Held:
    with _opened(folder, place, MANIFEST) as (descriptor, size):
        if descriptor is None:
            raise StoreError(f"No saved ensemble at {os.fspath(folder)!r}: it has no {MANIFEST}.")
        # An object of JSON takes some 30 times the memory of its text.
        check_size(RATIO * size, f"the manifest {os.fspath(folder / MANIFEST)!r}", StoreError)
        text = b"".join(_chunks(descriptor, size))
    held = Held(parse(text), hashlib.sha256(text).hexdigest())
    whole = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115 - the stack closes it
    for name, digest in held.manifest["files"].items():
        if not FILE_NAME.fullmatch(name):
            raise StoreError(_outside(folder, name))
        with _opened(folder, place, name) as (descriptor, size):
            if descriptor is None:
                raise StoreError(f"{os.fspath(folder)!r}: the file {name} is missing.")
            start, found = whole.seek(0, os.SEEK_END), hashlib.sha256()
            if start + size > IN_MEMORY:
                whole.rollover()  # before it is written, not in the middle
            for chunk in _chunks(descriptor, size):
                found.update(chunk)
                whole.write(chunk)
        if found.hexdigest() != digest:
            raise StoreError(f"{os.fspath(folder)!r}: the file {name} was changed after it was saved. Save it again.")
        held.files[name] = io.BufferedReader(_Part(whole, name, start, size))
    return held


@contextlib.contextmanager
def _opened(folder: Path, place: int, name: str) -> Generator[tuple[int | None, int]]:
    # Not to wait for the other end of a pipe is to open it without waiting; it is refused then.
    how = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, how, dir_fd=place)
    except FileNotFoundError:
        yield None, 0
        return
    except OSError as error:
        raise StoreError(f"{_outside(folder, name)} It cannot be opened there: {error.strerror}.") from error
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            # Holes in a file take no place on disk; a copy would.
            check_size(status.st_size, f"the file {name}", StoreError, stored=512 * status.st_blocks)
            yield descriptor, status.st_size
        else:
            yield None, 0
    finally:
        os.close(descriptor)


def _chunks(descriptor: int, size: int) -> Generator[bytes]:
    while size > 0 and (chunk := os.read(descriptor, min(size, CHUNK))):
        size -= len(chunk)
        yield chunk


def _outside(folder: Path, name: object) -> str:
    return f"{os.fspath(folder)!r}: every file must lie in the folder itself; the manifest names {name!r}."
