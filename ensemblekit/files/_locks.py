"""Locks of files and folders. The kernel releases a lock when its process ends in any way, so that no lock is stale.

The functions lock a descriptor that they opened, and not a path as ``filelock.FileLock`` does: between two steps that
use a path, another process may replace the file or folder, or put a link in its place.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Generator
from pathlib import Path

from ._folder import Folder, is_at, open_folder_descriptor

__all__ = ["locked_file", "open_locked"]


def open_locked(path: Path, *, must_lock: bool = False) -> int | None:
    """Open a folder and lock it, unless another process has locked it.

    Parameters
    ----------
    path : Path
        Path of the folder; a link to a folder is refused.
    must_lock : bool, default=False
        Whether a file system without locks is an error. By default the folder is then opened without a lock.

    Returns
    -------
    int or None
        Descriptor of the folder. None if it was removed or replaced in the meantime.

    Raises
    ------
    BlockingIOError
        If another process has locked it.
    OSError
        If it is not a folder, or cannot be opened.
    """
    try:
        descriptor = open_folder_descriptor(path)
    except FileNotFoundError:
        return None
    try:
        if not _lock(descriptor, must_lock=must_lock):
            raise BlockingIOError(errno.EWOULDBLOCK, "another process has locked it", os.fspath(path))
        if is_at(descriptor, path):
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


@contextlib.contextmanager
def locked_file(folder: Folder, name: str, *, wait: bool, must_lock: bool | None = None) -> Generator[bool]:
    """Hold the lock of a file in a folder; create the file if it does not exist.

    Parameters
    ----------
    folder : Folder
        The folder.
    name : str
        Name of the file; a link is refused.
    wait : bool
        Wait while another process has locked it.
    must_lock : bool, optional
        Whether a file system without locks is an error; by default unless ``wait`` is True.

    Yields
    ------
    bool
        Whether the locked file still has its name.

    Raises
    ------
    OSError
        If it cannot be opened, or ``wait`` is False and it cannot be locked.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o666, dir_fd=folder.descriptor)
    try:
        if not _lock(descriptor, wait=wait, must_lock=not wait if must_lock is None else must_lock):
            raise BlockingIOError(errno.EWOULDBLOCK, "another process has locked it", name)
        yield is_at(descriptor, name, folder.descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, wait: bool = False, must_lock: bool = False) -> bool:
    from filelock import lock_descriptor  # only needed when something is written

    try:
        return lock_descriptor(descriptor, blocking=wait)
    except OSError:  # a file system without locks
        if must_lock:
            raise
        return True
