"""Open input files; refuse pipes, devices, sockets and folders instead of blocking on them."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from .errors import NotAFileError

__all__ = ["bytes_on_disk", "open_regular", "read_regular"]


def open_regular(path: str | os.PathLike[str], *, most: int | None = None) -> BufferedReader:
    """Open a regular file for reading, without ever blocking on a pipe or device.

    Parameters
    ----------
    path : path-like
        Path of the file; links are followed.
    most : int, optional
        Largest size in bytes.

    Returns
    -------
    BufferedReader
        The open file. Its type and size were checked after it was opened.

    Raises
    ------
    NotAFileError
        If the path is not a regular file, or the file is larger than ``most``.
    OSError
        If the file does not exist or cannot be read.
    """
    # The path is checked first, as opening a device can change it and opening a pipe wakes its writer. The open file is
    # checked again, as the path may have been replaced in the meantime; with O_NONBLOCK this open does not wait.
    _check(path, _stat(path), most)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _check(path, os.fstat(descriptor), most)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | os.PathLike[str], most: int) -> bytes:
    """Read a regular file; parameters and errors as in `open_regular`.

    Parameters
    ----------
    path : path-like
        As in `open_regular`.
    most : int
        As in `open_regular`.

    Returns
    -------
    bytes
        As many as the size of the file states: a file of ``/proc``, whose size is 0, is empty.
    """
    with open_regular(path, most=most) as file:
        # A non-blocking read of a file of /proc can return None.
        return file.read(os.fstat(file.fileno()).st_size) or b""


def bytes_on_disk(file: BinaryIO) -> int:
    """Count the bytes that an open file occupies: the holes of a sparse file do not count.

    Parameters
    ----------
    file : BinaryIO
        A file of `open_regular`, or a buffer in memory.

    Returns
    -------
    int
        Number of bytes.
    """
    try:
        about = os.fstat(file.fileno())
    except OSError:  # a buffer in memory has no descriptor
        place = file.tell()
        n_bytes = file.seek(0, os.SEEK_END)
        file.seek(place)
        return n_bytes
    return min(about.st_size, 512 * about.st_blocks)


def _stat(path: str | os.PathLike[str]) -> os.stat_result:
    try:
        return Path(path).stat()
    except ValueError as error:  # the path contains a NUL character
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
