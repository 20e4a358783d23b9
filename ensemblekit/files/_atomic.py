"""Atomic writing: a file or folder appears under its name only when it is complete."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable, Collection, Generator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import OutputExistsError
from ._folder import Folder, open_folder
from ._staging import NEW, OLD, staging_folder

__all__ = ["Replaceable", "atomic_folder", "atomic_path", "atomic_write", "check_file", "check_folder", "write_text"]


def check_file(path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
    """Refuse a path to which no file can be written, before anything is computed.

    Parameters
    ----------
    path : path-like
        Path of the file.
    overwrite : bool, default=True
        Whether it may replace a file.

    Raises
    ------
    OutputExistsError
        If there is a file and ``overwrite`` is False; or if there is a folder, a pipe or a device, which is never
        replaced.
    """
    try:
        state = Path(path).stat()
    except FileNotFoundError:  # also for a dangling link: the file is written to its target
        return
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise OutputExistsError(f"{os.fspath(path)!r} is a link that leads in a circle. Take another name.") from None
    if not stat.S_ISREG(state.st_mode):
        kind = "a folder" if stat.S_ISDIR(state.st_mode) else "no file, but a pipe, a socket or a device"
        raise OutputExistsError(f"a file replaces only a file; {os.fspath(path)!r} is {kind}. Take another name.")
    if not overwrite:
        raise OutputExistsError(
            f"{os.fspath(path)!r} is there already. Take another name, or give overwrite=True (--overwrite)."
        )


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], *, overwrite: bool = True) -> Generator[Path]:
    """Yield a temporary path for a writer that opens files itself, and rename the file to ``path`` at the end.

    Parameters
    ----------
    path : path-like
        Path of the finished file. If it is a link, the link stays and its target is replaced.
    overwrite : bool, default=True
        Whether to replace a file at ``path``, also one that another process writes in the meantime.

    Yields
    ------
    Path
        A path with the suffix of ``path``, in a hidden folder beside it; it does not exist yet. After an error the
        temporary file is removed, and ``path`` is unchanged.

    Raises
    ------
    OutputExistsError
        If something is there that cannot be replaced; see `check_file`.
    """
    check_file(path, overwrite=overwrite)
    path = Path(os.path.realpath(path))
    with staging_folder(path) as staging:
        temporary = staging / f"{NEW}{path.suffix}"
        yield temporary
        _keep_permissions(temporary, path)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        check_file(path, overwrite=overwrite)
        if overwrite or not _link(temporary, path):
            temporary.replace(path)


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], *, overwrite: bool = True) -> Generator[BinaryIO]:
    """Open a temporary file that replaces ``path`` when everything is written.

    Parameters
    ----------
    path, overwrite
        As in `atomic_path`.

    Yields
    ------
    BinaryIO
        Open for writing.
    """
    with atomic_path(path, overwrite=overwrite) as temporary, temporary.open("xb") as file:
        yield file


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, atomically.

    Parameters
    ----------
    path : path-like
        Path of the file; an existing file is replaced.
    text : str
        Its content.
    """
    with atomic_write(path) as file:
        file.write(text.encode())


class Replaceable(NamedTuple):
    """A kind of folder that may be replaced.

    Parameters
    ----------
    what : str
        Its name in errors.
    files : callable
        Lists the files that we wrote to a `Folder`, in the form that `Folder.others` takes; None for any other folder.
    """

    what: str
    files: Callable[[Folder], Collection[str] | None]


def check_folder(path: str | os.PathLike[str], replaces: Replaceable | None) -> Collection[str]:
    """Refuse a path to which no folder can be written, before anything is computed.

    Parameters
    ----------
    path : path-like
        Of the folder.
    replaces : Replaceable or None
        The kind of folder that it may replace; None if it may not replace any.

    Returns
    -------
    collection of str
        The files at the path that we wrote.

    Raises
    ------
    OutputExistsError
        If there is another kind of folder, a file, or a folder that also holds other files.
    """
    if not os.path.lexists(path):
        return ()
    name = os.fspath(path)
    if replaces is None:
        raise OutputExistsError(f"{name!r} is there already. Give overwrite=True to replace it.")
    try:
        with open_folder(path) as folder:
            files = replaces.files(folder)
            others = [] if files is None else folder.others(files)
    except NotADirectoryError:
        files, others = None, []
    if files is None:
        raise OutputExistsError(f"overwrite=True replaces {replaces.what} only; {name!r} is none. Take another folder.")
    if others:
        raise OutputExistsError(
            f"overwrite=True replaces {replaces.what} only; {name!r} holds also "
            f"{', '.join(map(repr, others[:3]))}{', ...' if len(others) > 3 else ''}. Move that elsewhere, or take "
            "another folder."
        )
    return files


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str], *, replaces: Replaceable | None = None) -> Generator[Path]:
    """Create a temporary folder for files, and rename it to ``path`` at the end.

    Parameters
    ----------
    path : path-like
        Path of the finished folder.
    replaces : Replaceable, optional
        The kind of folder that it may replace; the replaced folder is removed. By default it replaces no folder.

    Yields
    ------
    Path
        A folder in a hidden folder beside ``path``. After an error it is removed, and ``path`` is unchanged.

    Raises
    ------
    OutputExistsError
        If something is there that may not be replaced; see `check_folder`.
    """
    path = Path(path)
    check_folder(path, replaces)
    with staging_folder(path) as staging:
        temporary = staging / NEW
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with file.open("rb") as written:
                    os.fsync(written.fileno())
        check_folder(path, replaces)
        if not os.path.lexists(path):
            temporary.rename(path)
            return
        for new in (temporary, *temporary.rglob("*")):
            _keep_permissions(new, path / new.relative_to(temporary))
        _exchange(temporary, path)
        # The old folder now has the temporary name.
        try:
            files = check_folder(temporary, replaces)
        except OutputExistsError:  # a user's file was added at the last moment
            _exchange(temporary, path)
            raise
        with open_folder(temporary) as folder:
            folder.remove_files(files)


def _keep_permissions(new: Path, path: Path) -> None:
    """Copy to a new file or folder the permissions of the one that it replaces, if there is one."""
    with contextlib.suppress(FileNotFoundError):
        new.chmod(stat.S_IMODE(path.stat().st_mode))


def _link(temporary: Path, path: Path) -> bool:
    """Rename a file unless another file has the new name; False if the file system has no hard links."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        check_file(path, overwrite=False)
        raise
    except OSError:
        return False
    return True


def _exchange(first: Path, second: Path) -> None:
    # Linux and macOS can swap two names in one step, so that a folder exists at any time. Python has no function for
    # it.
    names = os.fsencode(first), os.fsencode(second)
    libc = ctypes.CDLL(None)
    current_folder, swap = -2 if sys.platform == "darwin" else -100, 2
    renamed = -1
    with contextlib.suppress(AttributeError):
        swap_names = libc.renameatx_np if sys.platform == "darwin" else libc.renameat2
        renamed = swap_names(current_folder, names[0], current_folder, names[1], swap)
    if renamed == 0:
        return
    # Some file systems cannot swap names. After a kill between these two steps, the next run moves the old folder back.
    aside = first.with_name(OLD)
    second.rename(aside)
    first.rename(second)
    aside.rename(first)
