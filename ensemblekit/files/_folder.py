"""A folder by its descriptor: what is done in it is done there, wherever its name leads, and no link is followed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Collection, Generator

__all__ = ["Folder", "is_at", "open_folder", "opened"]

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK the opening of a pipe would wait for who writes to it.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Folder:
    """An open folder.

    Parameters
    ----------
    descriptor : int
        Of the folder; who opened it closes it.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def names(self) -> list[str]:
        """List what is in it, in order."""
        return sorted(os.listdir(self.descriptor))  # noqa: PTH208 - a Path has no descriptor

    def state(self, name: str) -> os.stat_result | None:
        """Give the state of a regular file; None where there is none, or a link, a folder, a pipe, a device."""
        try:
            state = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except OSError:
            return None
        return state if stat.S_ISREG(state.st_mode) else None

    def is_folder(self, name: str) -> bool:
        """Say whether there is a folder of that name, and no link to one."""
        try:
            return stat.S_ISDIR(os.stat(name, dir_fd=self.descriptor, follow_symlinks=False).st_mode)
        except OSError:
            return False

    def read(self, name: str, most: int = 2**26) -> bytes | None:
        """Read a regular file of at most so many bytes; None where there is none."""
        try:
            descriptor = os.open(name, FILE, dir_fd=self.descriptor)
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
        """Open a folder in it, which must be one and no link to one."""
        with open_folder(name, dir_fd=self.descriptor) as folder:
            yield folder

    def remove(self, name: str) -> bool:
        """Remove a regular file; say whether it was there. What is no regular file stays."""
        if self.state(name) is None:
            return False
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)
        return True

    def remove_tree(self, name: str) -> None:
        """Remove a folder of ours with all that is in it, or a file; links in it are removed and not followed."""
        if self.remove(name):
            return
        if self.is_folder(name):
            shutil.rmtree(name, ignore_errors=True, dir_fd=self.descriptor)

    def others(self, files: Collection[str]) -> list[str]:
        """List what is in it, at any depth, besides these files and the folders that they lie in.

        Parameters
        ----------
        files : collection of str
            Paths from here, with ``/``. One that ends in ``/`` is a folder that may be empty.
        """
        folders = {name[:place] for name in files for place, letter in enumerate(name) if letter == "/"}
        found: list[str] = []
        for root, inner, names, descriptor in os.fwalk(".", dir_fd=self.descriptor):
            here = "" if root == "." else f"{root[2:]}/"
            found += [here + name for name in inner if here + name not in folders or _is_link(name, descriptor)]
            found += [
                here + name for name in names if here + name not in files or Folder(descriptor).state(name) is None
            ]
        return sorted(found)

    def remove_files(self, files: Collection[str]) -> None:
        """Remove these files, as in `others`, and the folders that are empty then."""
        for root, inner, names, descriptor in os.fwalk(".", topdown=False, dir_fd=self.descriptor):
            here = "" if root == "." else f"{root[2:]}/"
            for name in names:
                if here + name in files:
                    Folder(descriptor).remove(name)
            for name in inner:
                with contextlib.suppress(OSError):  # it is not empty
                    os.rmdir(name, dir_fd=descriptor)


@contextlib.contextmanager
def open_folder(path: str | os.PathLike[str], *, dir_fd: int | None = None) -> Generator[Folder]:
    """Open a folder, which must be one and no link to one.

    Parameters
    ----------
    path : path-like
        Of the folder.
    dir_fd : int, optional
        Descriptor of the folder that the path begins in.

    Yields
    ------
    Folder
        Open until the end.

    Raises
    ------
    OSError
        If there is none, or something else.
    """
    descriptor = opened(path, dir_fd=dir_fd)
    try:
        yield Folder(descriptor)
    finally:
        os.close(descriptor)


def opened(path: str | os.PathLike[str], *, dir_fd: int | None = None) -> int:
    """Give the descriptor of a folder that is no link."""
    try:
        return os.open(path, FOLDER, dir_fd=dir_fd)
    except OSError as error:
        if error.errno == errno.ELOOP:  # what some systems say of a link
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(path)) from None
        raise


def is_at(descriptor: int, path: str | os.PathLike[str], dir_fd: int | None = None) -> bool:
    """Say whether what is open is what is at this path, and not a link to it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, dir_fd=dir_fd, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _is_link(name: str, descriptor: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)
