"""Read a saved folder once, so that the bytes that are parsed are those that were checked, even if it is changed."""

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

__all__ = ["SavedFolder", "read_folder"]

TRIES = 100
"""Most attempts to read a folder that is replaced meanwhile."""

IN_MEMORY = 2**26
"""Bytes up to which the copy of a folder is in memory; a larger one is in an unnamed temporary file."""

CHUNK = 2**20


@dataclass
class SavedFolder:
    """A copy of a saved folder."""

    manifest: dict[str, Any]
    digest: str
    """SHA-256 of the manifest's bytes."""
    files: dict[str, BinaryIO] = field(default_factory=dict[str, BinaryIO])


class _Section(io.RawIOBase):
    """One file of a folder: a section of the file that holds the copies of all files."""

    def __init__(self, whole: IO[bytes], name: str, start: int, size: int) -> None:
        super().__init__()
        self.name, self._whole, self._start, self._size, self._position = name, whole, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = max(0, offset + (0, self._position, self._size)[whence])
        return self._position

    def readinto(self, buffer: Any) -> int:
        self._whole.seek(self._start + self._position)
        n_read: int = self._whole.readinto(memoryview(buffer)[: max(0, self._size - self._position)])  # type: ignore[attr-defined]
        self._position += n_read
        return n_read


@contextlib.contextmanager
def read_folder(folder: Path, parse: Callable[[bytes], dict[str, Any]]) -> Generator[SavedFolder]:
    """Copy the manifest and every file that it names; read each file once.

    The folder is opened once, and no link in it is followed. If it is replaced and emptied in the meantime, the new
    folder is read instead.

    Parameters
    ----------
    folder : Path
        The folder, or a link to it.
    parse : callable
        Parses the bytes of the manifest, or raises a StoreError.

    Yields
    ------
    SavedFolder
        Its files are open until the end of the context.

    Raises
    ------
    StoreError
        If there is no manifest; or if a file is missing, is not a regular file, or has another digest than in the
        manifest.
    """
    for _ in range(TRIES):
        with contextlib.ExitStack() as stack:
            try:
                place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except (OSError, ValueError) as error:
                raise StoreError(_none_at(folder, error)) from error
            stack.callback(os.close, place)
            try:
                saved = _read(folder, place, parse, stack)
            except (StoreError, OSError) as error:
                if not _is_same(folder, place):
                    continue
                if isinstance(error, OSError):  # an error of the disk, or no space for the copy
                    raise StoreError(f"{os.fspath(folder)!r} cannot be read: {error}.") from error
                raise
            yield saved
            return
    raise StoreError(f"{os.fspath(folder)!r} was replaced {TRIES} times while it was read. Load it when it is at rest.")


def _is_same(folder: Path, place: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(place))
    except OSError:
        return False


def _none_at(folder: Path, error: Exception) -> str:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return f"No saved ensemble at {os.fspath(folder)!r}: it has no {MANIFEST}."
    return f"{os.fspath(folder)!r} cannot be read: {error}."


def _read(
    folder: Path, place: int, parse: Callable[[bytes], dict[str, Any]], stack: contextlib.ExitStack
) -> SavedFolder:
    with _opened(folder, place, MANIFEST) as (descriptor, size):
        if descriptor is None:
            raise StoreError(f"No saved ensemble at {os.fspath(folder)!r}: it has no {MANIFEST}.")
        # Parsed JSON needs about 30 times the memory of its text.
        check_size(RATIO * size, f"the manifest {os.fspath(folder / MANIFEST)!r}", StoreError)
        text = b"".join(_chunks(descriptor, size))
    saved = SavedFolder(parse(text), hashlib.sha256(text).hexdigest())
    whole = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115 - the stack closes it
    for name, digest in saved.manifest["files"].items():
        if not FILE_NAME.fullmatch(name):
            raise StoreError(_outside(folder, name))
        with _opened(folder, place, name) as (descriptor, size):
            if descriptor is None:
                raise StoreError(f"{os.fspath(folder)!r}: the file {name} is missing.")
            start, sha256 = whole.seek(0, os.SEEK_END), hashlib.sha256()
            if start + size > IN_MEMORY:
                whole.rollover()  # to refuse it now, and not when half of this file is written
            for chunk in _chunks(descriptor, size):
                sha256.update(chunk)
                whole.write(chunk)
        if sha256.hexdigest() != digest:
            raise StoreError(f"{os.fspath(folder)!r}: the file {name} was changed after it was saved. Save it again.")
        saved.files[name] = io.BufferedReader(_Section(whole, name, start, size))
    return saved


@contextlib.contextmanager
def _opened(folder: Path, place: int, name: str) -> Generator[tuple[int | None, int]]:
    # With O_NONBLOCK, opening a pipe does not wait for a writer. The pipe is then refused.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=place)
    except FileNotFoundError:
        yield None, 0
        return
    except OSError as error:
        raise StoreError(f"{_outside(folder, name)} It cannot be opened there: {error.strerror}.") from error
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            # A sparse file takes less space on disk than its copy would.
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
