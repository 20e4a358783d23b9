"""Reading a saved folder once: what is checked is what is parsed, whoever writes there meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..errors import StoreError
from ._manifest import FILE_NAME, LARGEST_MANIFEST, MANIFEST

__all__ = ["Held", "hold"]

TRIES = 100
"""How often a folder that is replaced while it is read is read again."""

IN_MEMORY = 2**26
"""Bytes up to which a file is held in memory; a larger one lies in a temporary file that has no name."""

CHUNK = 2**20


@dataclass
class Held:
    """A folder that was read: nothing that is written there later changes it."""

    manifest: dict[str, Any]
    digest: str
    """SHA-256 of the manifest's bytes."""
    files: dict[str, IO[bytes]] = field(default_factory=dict[str, IO[bytes]])


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
        Its files are copies, open at their start, and gone at the end. A ``.keras`` file has a name, as Keras needs
        one, in a folder of this user alone.

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
            except StoreError:
                if _is_there(folder, place):
                    raise
                continue
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
        if size > LARGEST_MANIFEST:
            raise StoreError(
                f"{os.fspath(folder / MANIFEST)!r} must have at most {LARGEST_MANIFEST} bytes; it has {size}."
            )
        text = b"".join(_chunks(descriptor, size))
    held = Held(parse(text), hashlib.sha256(text).hexdigest())
    named = None
    for name, digest in held.manifest["files"].items():
        if not FILE_NAME.fullmatch(name):
            raise StoreError(_outside(folder, name))
        with _opened(folder, place, name) as (descriptor, size):
            if descriptor is None:
                raise StoreError(f"{os.fspath(folder)!r}: the file {name} is missing.")
            if name.endswith(".keras"):
                named = named or stack.enter_context(tempfile.TemporaryDirectory(prefix="ensemblekit."))
                copy = stack.enter_context((Path(named) / name).open("x+b"))
            else:
                copy = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115
            found = hashlib.sha256()
            for chunk in _chunks(descriptor, size):
                found.update(chunk)
                copy.write(chunk)
        if found.hexdigest() != digest:
            raise StoreError(f"{os.fspath(folder)!r}: the file {name} was changed after it was saved. Save it again.")
        copy.flush()
        copy.seek(0)
        held.files[name] = copy
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
