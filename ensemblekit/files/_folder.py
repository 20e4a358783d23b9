"""Folders that are opened by descriptor, so that no link is followed; folders with our marker; and the user's cache."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Collection, Generator
from pathlib import Path

__all__ = [
    "MARKER",
    "Folder",
    "cache_folder",
    "is_at",
    "is_marked",
    "mark",
    "marker_for",
    "open_folder",
    "open_folder_descriptor",
    "size_on_disk",
]

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a pipe would wait for its writer.
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

MARKER = ".ensemblekit"
"""Name of the file that marks a folder as made by ensemblekit; its content names the purpose of the folder."""


class Folder:
    """An open folder. All methods act on this folder, even if its path now leads to another one.

    Parameters
    ----------
    descriptor : int
        Descriptor of the folder. The code that opened it must close it.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def names(self) -> list[str]:
        """List the names of the files and folders in it.

        Returns
        -------
        list of str
            Sorted.
        """
        return sorted(os.listdir(self.descriptor))  # noqa: PTH208 - a Path has no descriptor

    def state(self, name: str) -> os.stat_result | None:
        """Return the state of a regular file.

        Parameters
        ----------
        name : str
            Name of the file.

        Returns
        -------
        os.stat_result or None
            None if there is no such file, or it is a link, a folder, a pipe or a device.
        """
        try:
            state = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except OSError:
            return None
        return state if stat.S_ISREG(state.st_mode) else None

    def is_folder(self, name: str) -> bool:
        """Tell whether a name belongs to a folder.

        Parameters
        ----------
        name : str
            Any name.

        Returns
        -------
        bool
            False for a link to a folder.
        """
        try:
            return stat.S_ISDIR(os.stat(name, dir_fd=self.descriptor, follow_symlinks=False).st_mode)
        except OSError:
            return False

    def read(self, name: str, most: int = 2**26) -> bytes | None:
        """Read a regular file.

        Parameters
        ----------
        name : str
            Name of the file.
        most : int, default=2**26
            Largest size in bytes that is read.

        Returns
        -------
        bytes or None
            None if there is no such file, or it is larger.
        """
        try:
            descriptor = os.open(name, FILE_FLAGS, dir_fd=self.descriptor)
        except OSError:
            return None
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode) or state.st_size > most:
                return None
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(state.st_size)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def inner(self, name: str) -> Generator[Folder]:
        """Open a folder in it; a link to a folder is refused.

        Parameters
        ----------
        name : str
            Name of the folder.

        Yields
        ------
        Folder
            Closed at the end.

        Raises
        ------
        OSError
            If there is no such folder.
        """
        with open_folder(name, dir_fd=self.descriptor) as folder:
            yield folder

    def remove(self, name: str) -> bool:
        """Remove a regular file, and nothing else.

        Parameters
        ----------
        name : str
            Name of the file.

        Returns
        -------
        bool
            Whether there was such a file.
        """
        if self.state(name) is None:
            return False
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)
        return True

    def remove_tree(self, name: str) -> None:
        """Remove a file, or a folder with its contents. Links in it are removed, not followed.

        Parameters
        ----------
        name : str
            Name of the file or folder.
        """
        if self.remove(name):
            return
        if self.is_folder(name):
            shutil.rmtree(name, ignore_errors=True, dir_fd=self.descriptor)

    def others(self, files: Collection[str]) -> list[str]:
        """List its contents at any depth, except for the given files and the folders that contain them.

        Parameters
        ----------
        files : collection of str
            Paths from here, with ``/``. One that ends in ``/`` is a folder that may be empty.

        Returns
        -------
        list of str
            Paths from here, sorted.
        """
        folders = {name[:place] for name in files for place, letter in enumerate(name) if letter == "/"}
        found: list[str] = []
        for root, inner, names, descriptor in os.fwalk(".", dir_fd=self.descriptor):
            prefix = "" if root == "." else f"{root[2:]}/"
            found += [prefix + name for name in inner if prefix + name not in folders or _is_link(name, descriptor)]
            found += [
                prefix + name for name in names if prefix + name not in files or Folder(descriptor).state(name) is None
            ]
        return sorted(found)

    def remove_files(self, files: Collection[str]) -> None:
        """Remove files, and the folders that are then empty.

        Parameters
        ----------
        files : collection of str
            As in `others`.
        """
        for root, inner, names, descriptor in os.fwalk(".", topdown=False, dir_fd=self.descriptor):
            prefix = "" if root == "." else f"{root[2:]}/"
            for name in names:
                if prefix + name in files:
                    Folder(descriptor).remove(name)
            for name in inner:
                with contextlib.suppress(OSError):  # it is not empty
                    os.rmdir(name, dir_fd=descriptor)


@contextlib.contextmanager
def open_folder(path: str | os.PathLike[str], *, dir_fd: int | None = None) -> Generator[Folder]:
    """Open a folder; a link to a folder is refused.

    Parameters
    ----------
    path : path-like
        Path of the folder.
    dir_fd : int, optional
        Descriptor of the folder that the path starts from.

    Yields
    ------
    Folder
        Closed at the end.

    Raises
    ------
    OSError
        If there is no folder.
    """
    descriptor = open_folder_descriptor(path, dir_fd=dir_fd)
    try:
        yield Folder(descriptor)
    finally:
        os.close(descriptor)


def open_folder_descriptor(path: str | os.PathLike[str], *, dir_fd: int | None = None) -> int:
    """Open a folder as `open_folder` does; the caller must close the descriptor."""
    try:
        return os.open(path, FOLDER_FLAGS, dir_fd=dir_fd)
    except OSError as error:
        if error.errno == errno.ELOOP:  # how some systems refuse a link
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(path)) from None
        raise


def is_at(descriptor: int, path: str | os.PathLike[str], dir_fd: int | None = None) -> bool:
    """Tell whether an open file or folder is the one at a path.

    Parameters
    ----------
    descriptor : int
        Descriptor of the open file or folder.
    path : path-like
        Path to compare with.
    dir_fd : int, optional
        Descriptor of the folder that the path starts from.

    Returns
    -------
    bool
        False if the path is a link to it.
    """
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, dir_fd=dir_fd, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _is_link(name: str, descriptor: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)


def marker_for(kind: str, of: str) -> bytes:
    """Return the content of a marker.

    Parameters
    ----------
    kind : str
        Purpose of the folder.
    of : str
        Name of the output that the folder is for.
    """
    about = {"format": 1, "kind": kind, "of": of, "ensemblekit": "a folder that ensemblekit made, and removes"}
    return (json.dumps(about, sort_keys=True) + "\n").encode()


def mark(folder: Folder, marker: bytes) -> None:
    """Write a marker, atomically."""
    unfinished = _unfinished_name(marker)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(unfinished, flags, 0o666, dir_fd=folder.descriptor)
    try:
        os.write(descriptor, marker)
    finally:
        os.close(descriptor)
    os.rename(unfinished, MARKER, src_dir_fd=folder.descriptor, dst_dir_fd=folder.descriptor)


def is_marked(folder: Folder, marker: bytes) -> bool:
    """Tell whether a folder has this marker, or the process that created it was killed before it wrote the marker."""
    if folder.read(MARKER, len(marker)) == marker:
        return True
    names = folder.names()
    # The name of an unfinished marker is a digest of its content, so that a user's file cannot have the same name.
    return not names or (names == [_unfinished_name(marker)] and folder.state(names[0]) is not None)


def _unfinished_name(marker: bytes) -> str:
    return f"{MARKER}.{hashlib.sha256(marker).hexdigest()[:32]}"


def cache_folder() -> Path:
    """Return the folder of ensemblekit in the user's cache.

    Returns
    -------
    Path
        ``ensemblekit`` in ``ENSEMBLEKIT_CACHE`` if that is set, else in ``XDG_CACHE_HOME``, else in the cache folder of
        the system.
    """
    # XDG_CACHE_HOME is used on every system. It may begin with "~" or be relative; platformdirs would ignore it then.
    if base := os.environ.get("ENSEMBLEKIT_CACHE") or os.environ.get("XDG_CACHE_HOME"):
        return Path(base).expanduser() / "ensemblekit"
    from platformdirs import user_cache_path

    return user_cache_path("ensemblekit", appauthor=False)


def size_on_disk(path: Path) -> int:
    """Count the bytes of a file, or of all files in a folder.

    Parameters
    ----------
    path : Path
        Path of a file or a folder.

    Returns
    -------
    int
        Bytes.
    """
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size
