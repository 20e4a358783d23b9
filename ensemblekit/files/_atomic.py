"""Files and folders that appear whole or not at all."""

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
from ._workplace import NEW, OLD, workplace

__all__ = ["Replaceable", "atomic_folder", "atomic_path", "atomic_write", "check_file", "check_folder", "write_text"]


def check_file(path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
    """Refuse a place for a file before anything is computed.

    Parameters
    ----------
    path : path-like
        What is to be written.
    overwrite : bool, default=True
        Whether it may replace a file.

    Raises
    ------
    OutputExistsError
        If there is a file and ``overwrite`` is False; or a folder, a pipe, a device, which no file replaces.
    """
    try:
        state = Path(path).stat()
    except FileNotFoundError:  # so is a link to nowhere: the file comes to be where it leads
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
    """Give a temporary path with the suffix of ``path``, for a writer that opens files itself; rename it at the end.

    Parameters
    ----------
    path : path-like
        What the file is called once all is written. A link stays, and what it leads to is replaced.
    overwrite : bool, default=True
        Whether a file of that name is replaced, also one that comes meanwhile.

    Yields
    ------
    Path
        Of no file yet, in a hidden folder beside the file to be. After an error it is removed, and ``path`` is as it
        was.

    Raises
    ------
    OutputExistsError
        If there is what cannot be replaced; see `check_file`.
    """
    check_file(path, overwrite=overwrite)
    path = Path(os.path.realpath(path))
    with workplace(path) as place:
        temporary = place / f"{NEW}{path.suffix}"
        yield temporary
        _keep_rights(temporary, path)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        check_file(path, overwrite=overwrite)
        if overwrite or not _linked(temporary, path):
            temporary.replace(path)


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], *, overwrite: bool = True) -> Generator[BinaryIO]:
    """Open a file that replaces ``path`` only when everything was written; see `atomic_path`."""
    with atomic_path(path, overwrite=overwrite) as temporary, temporary.open("xb") as file:
        yield file


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with atomic_write(path) as file:
        file.write(text.encode())


class Replaceable(NamedTuple):
    """Which folders may be replaced, and what is theirs.

    Attributes
    ----------
    what : str
        What they are, for an error.
    files : callable
        Given a `Folder`, lists the files that we wrote there, as in `Folder.others`; None if it is none of ours.
    """

    what: str
    files: Callable[[Folder], Collection[str] | None]


def check_folder(path: str | os.PathLike[str], replaces: Replaceable | None) -> Collection[str]:
    """Refuse a place for a folder before anything is computed.

    Parameters
    ----------
    path : path-like
        What is to be made.
    replaces : Replaceable or None
        What may be replaced there; None for nothing.

    Returns
    -------
    collection of str
        The files of ours that are there.

    Raises
    ------
    OutputExistsError
        If something is there that is not ours, or more than that.
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
    """Give a temporary folder to be filled with files; give it its name at the end.

    Parameters
    ----------
    path : path-like
        What the folder is called once all is written.
    replaces : Replaceable, optional
        What folder it may take the place of; that is then removed. By default none.

    Yields
    ------
    Path
        In a hidden folder beside it. After an error it is removed, and ``path`` is as it was.

    Raises
    ------
    OutputExistsError
        If something is there that is not to be replaced; see `check_folder`.
    """
    path = Path(path)
    check_folder(path, replaces)
    with workplace(path) as place:
        temporary = place / NEW
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
        for made in (temporary, *temporary.rglob("*")):
            _keep_rights(made, path / made.relative_to(temporary))
        _exchange(temporary, path)
        # Under the temporary name there is now what was there before.
        try:
            files = check_folder(temporary, replaces)
        except OutputExistsError:  # somebody has put something there at the last moment
            _exchange(temporary, path)
            raise
        with open_folder(temporary) as folder:
            folder.remove_files(files)


def _keep_rights(made: Path, path: Path) -> None:
    """Give what was made the rights of what it replaces; else it has those of any new file."""
    with contextlib.suppress(FileNotFoundError):
        made.chmod(stat.S_IMODE(path.stat().st_mode))


def _linked(temporary: Path, path: Path) -> bool:
    """Give a file its name unless another has it; False where the file system has no such step."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        check_file(path, overwrite=False)
        raise
    except OSError:
        return False
    return True


def _exchange(first: Path, second: Path) -> None:
    # Python has no call for it; Linux and macOS do it in one step, so that the name is never without a folder.
    names = os.fsencode(first), os.fsencode(second)
    libc = ctypes.CDLL(None)
    here, swap = -2 if sys.platform == "darwin" else -100, 2
    renamed = -1
    with contextlib.suppress(AttributeError):
        swap_names = libc.renameatx_np if sys.platform == "darwin" else libc.renameat2
        renamed = swap_names(here, names[0], here, names[1], swap)
    if renamed == 0:
        return
    # Some file systems cannot. Then the old folder steps aside first; it comes back if the new one cannot come.
    aside = first.with_name(OLD)
    second.rename(aside)
    first.rename(second)
    aside.rename(first)
