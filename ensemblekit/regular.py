"""Regular files of a user's, opened to be read: a pipe, a device, a socket or a folder in their place is refused."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from .errors import NotAFileError

__all__ = ["bytes_on_disk", "open_regular", "read_regular"]


def open_regular(path: str | os.PathLike[str], *, most: int | None = None) -> BufferedReader:
    """Open a file to be read, without waiting for whoever would write into it.

    Parameters
    ----------
    path : path-like
        Of the file; links are followed.
    most : int, optional
        Bytes that it may have.

    Returns
    -------
    BufferedReader
        The file. It is the one that was looked at, whatever takes its name meanwhile.

    Raises
    ------
    NotAFileError
        If there is no regular file, or a larger one.
    OSError
        If nothing is there, or it cannot be read.
    """
    # An open alone can change a device, or wake who waits at a pipe; a look alone can be outrun. So: look, open, look.
    _check(path, _looked_at(path), most)
    # Where something else came meanwhile, O_NONBLOCK keeps the open from waiting.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _check(path, os.fstat(descriptor), most)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | os.PathLike[str], most: int) -> bytes:
    """Read what a file has when it is opened.

    Parameters
    ----------
    path : path-like
        Of the file; links are followed.
    most : int
        Bytes that it may have.

    Returns
    -------
    bytes
        As many as its size says: none of what the kernel makes up without end, as in ``/proc``.

    Raises
    ------
    NotAFileError
        If there is no regular file, or a larger one.
    OSError
        If nothing is there, or it cannot be read.
    """
    with open_regular(path, most=most) as file:
        # None: the kernel makes it up as it is read, and has nothing to give just now.
        return file.read(os.fstat(file.fileno()).st_size) or b""


def bytes_on_disk(file: BinaryIO) -> int:
    """Count the bytes that an open file really has: holes, which take no place on disk, are none.

    Parameters
    ----------
    file : BinaryIO
        Opened by `open_regular`, or in memory.

    Returns
    -------
    int
        Bytes.
    """
    try:
        about = os.fstat(file.fileno())
    except OSError:  # it lies in memory
        place = file.tell()
        n_bytes = file.seek(0, os.SEEK_END)
        file.seek(place)
        return n_bytes
    return min(about.st_size, 512 * about.st_blocks)


def _looked_at(path: str | os.PathLike[str]) -> os.stat_result:
    try:
        return Path(path).stat()
    except ValueError as error:  # a NUL in it, or what no name of a file can hold
        raise NotAFileError(
            f"a name of a file must be one that a file can have; {os.fspath(path)!r} is none."
        ) from error


def _check(path: str | os.PathLike[str], found: os.stat_result, most: int | None) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NotAFileError(f"a regular file must be there; {os.fspath(path)!r} is {_kind(found.st_mode)}.")
    if most is not None and found.st_size > most:
        raise NotAFileError(f"a file here may have {most} bytes; {os.fspath(path)!r} has {found.st_size}.")


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "something else")
