"""Files and folders that appear whole or not at all, and the folder for what can be made again."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from .errors import OutputExistsError

__all__ = ["atomic_folder", "atomic_path", "atomic_write", "cache_folder", "held_folder", "size_on_disk", "write_text"]


def cache_folder() -> Path:
    """Give the folder that ensemblekit keeps in the cache of the user.

    Returns
    -------
    Path
        ``ensemblekit`` in ``ENSEMBLEKIT_CACHE`` if that is set, else in ``XDG_CACHE_HOME``, else in the cache folder of
        the system.
    """
    if cache := os.environ.get("ENSEMBLEKIT_CACHE") or os.environ.get("XDG_CACHE_HOME"):
        base = Path(cache).expanduser()
    else:
        base = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return base / "ensemblekit"


def size_on_disk(path: Path) -> int:
    """Count the bytes of a file, or of all files of a folder.

    Parameters
    ----------
    path : Path
        Of either.

    Returns
    -------
    int
        Bytes.
    """
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Generator[Path]:
    """Give a temporary path with the suffix of ``path``, for a writer that opens files itself; rename it at the end.

    Parameters
    ----------
    path : path-like
        What the file is called once all is written.

    Yields
    ------
    Path
        In the same folder. After an error it is removed, and ``path`` is as it was.
    """
    path = Path(path)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes files for the owner alone; what comes of them has the rights of any new file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Generator[BinaryIO]:
    """Open a file that replaces ``path`` only when everything was written."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        yield file


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with atomic_write(path) as file:
        file.write(text.encode())


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str], *, overwrite: bool = False) -> Generator[Path]:
    """Give a temporary folder to be filled with files; give it its name at the end.

    Parameters
    ----------
    path : path-like
        What the folder is called once all is written.
    overwrite : bool, default=False
        Let it take the place of a folder of that name, which is then removed.

    Yields
    ------
    Path
        In the same parent. After an error it is removed, and ``path`` is as it was.
    """
    path = Path(path)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with file.open("rb") as written:
                    os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o777 & ~umask)
        if overwrite and path.exists():
            _exchange(temporary, path)
            # Under the temporary name there is now what was there before.
            shutil.rmtree(temporary)
        else:
            temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextlib.contextmanager
def held_folder(path: Path, output: Path) -> Generator[bool]:
    """Make a folder for what comes before an output, or take up one that is there; other processes are kept out.

    The kernel gives the lock back when a process ends, however it ends.

    Parameters
    ----------
    path : Path
        The folder. It stays at the end, unless it is removed.
    output : Path
        What will come of it: named in the error.

    Yields
    ------
    bool
        Whether the folder is new; else a process that had it was killed.

    Raises
    ------
    OutputExistsError
        If another process has it.
    """
    lock, is_new = _lock(path, output)
    try:
        yield is_new
    finally:
        os.close(lock)


def _lock(path: Path, output: Path) -> tuple[int, bool]:
    while True:
        is_new = not path.exists()
        path.mkdir(exist_ok=True)
        lock = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise OutputExistsError(
                f"an output must be one run's alone; another is at work on {os.fspath(output)!r}. Wait for its end, or "
                "take another name."
            ) from None
        except OSError:  # a file system without locks
            return lock, is_new
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), path.stat()):
                return lock, is_new
        os.close(lock)  # who had it has ended meanwhile, and removed it


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
    # Some file systems cannot. Then the old folder steps aside first, and back again if the new one cannot come.
    aside = Path(tempfile.mkdtemp(prefix=f".{second.name}.", dir=second.parent))
    second.rename(aside)
    try:
        first.rename(second)
    except BaseException:
        aside.rename(second)
        raise
    aside.rename(first)
