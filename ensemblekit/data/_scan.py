"""List the files of a data set by split and class folder, and read and decode each file once."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError, FolderNotFoundError, UnreadableImageError
from ..limits import largest
from ..regular import read_regular
from ._hashes import SIDE, digest_pixels, make_thumbnail
from .listing import RANKS, children, walk
from .reading import OTHER_SUFFIXES, SUFFIXES, ImageReader, decode, in_threads, is_image_name, read_pixels, reason_of

__all__ = ["File", "Scan", "list_files", "scan_files"]

Visit = Callable[[str, np.ndarray], object]


class File(NamedTuple):
    """One file of a data set."""

    id: str
    path: Path
    split: str
    folder: str | None
    """Its class folder; None if it is in none."""


class Scan(NamedTuple):
    """The contents of one file, or the reason why it cannot be read."""

    file: File
    digest: str
    """SHA-256 of its bytes; empty if it cannot be read."""
    n_bytes: int
    pixels: str
    """SHA-256 of its size and decoded pixels."""
    mode: str
    format: str
    size: tuple[int, int]
    """Height and width."""
    thumbnail: np.ndarray
    problem: str
    """Why it is no readable image; empty if it is one."""
    note: str = ""
    """What of it is lost by the way it is read; empty if nothing is."""


def list_files(root: Path, splits: Sequence[str] | None) -> tuple[dict[str, list[str]], list[File]]:
    """List the class folders of each split, and every file in them that is not hidden.

    Parameters
    ----------
    root : Path
        Holds one folder per split, or is the only split itself.
    splits : sequence of str, optional
        Which folders are splits, in order; if empty, ``root`` is the only split. By default found by their names.

    Returns
    -------
    folders : dict of str to list of str
        Split -> its class folders; splits in order.
    files : list of File
        By split, then by id.
    """
    if not root.is_dir():
        raise FolderNotFoundError(f"a folder of images must be there; nothing is at {os.fspath(root)!r}.")
    root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would replace a link with its target
    folders = _folders_of(root)
    if splits is None:
        known = any(name.casefold() in RANKS for name in folders)
        splits = sorted(folders, key=lambda name: RANKS.get(name.casefold(), 3)) if known else ()
    absent = [name for name in splits if not (root / name).is_dir()]
    if absent:
        raise FolderNotFoundError(
            f"a folder of splits must hold {', '.join(splits)}; {os.fspath(root)!r} lacks {', '.join(absent)}. It "
            f"holds the folders {folders}."
        )
    places = {name: root / name for name in splits} or {root.name: root}
    files = [file for name, folder in places.items() for file in _files_of(folder, name)]
    if not files:
        raise DataError(f"a folder of images must hold files; {os.fspath(root)!r} holds none.")
    return {name: _folders_of(folder) for name, folder in places.items()}, files


def _folders_of(folder: Path) -> list[str]:
    return sorted(p.name for p in children(folder) if p.is_dir() and not p.name.startswith("."))


def _files_of(folder: Path, split: str) -> list[File]:
    files: list[File] = []
    for child in children(folder):
        if child.name.startswith("."):
            continue
        inside = sorted(p for p in walk(child) if not p.name.startswith(".")) if child.is_dir() else [child]
        files += [
            File(f"{split}/{p.relative_to(folder).as_posix()}", p, split, None if p == child else child.name)
            for p in inside
        ]
    return files


def scan_files(
    files: Sequence[File],
    visit: Visit | None = None,
    progress: Callable[[int, int], object] | None = None,
    reader: Any = None,
    any_name: bool = False,
) -> Iterator[Scan]:
    """Read and decode files in two threads before the caller asks for them; yield their contents in order.

    Parameters
    ----------
    files : sequence of File
        The files to read.
    visit : callable, optional
        Called in one of the threads with the id and the decoded pixels of each readable image.
    progress : callable, optional
        Called with the number of files done and of all files.
    reader : ImageReader or callable, optional
        How they are read.
    any_name : bool, default=False
        Whether files are images whatever their names say.
    """
    work = partial(_scan, visit, reader, any_name)
    with warnings.catch_warnings(), closing(in_threads(work, files, 64)) as scans:
        # Pillow warns about unusual tags and large pictures. Files that it cannot decode are reported as unreadable.
        warnings.simplefilter("ignore")
        for done, scan in enumerate(scans, start=1):
            yield scan
            if progress:
                progress(done, len(files))


def _scan(visit: Visit | None, reader: Any, any_name: bool, file: File) -> Scan:
    content, digest, own = b"", "", not isinstance(reader, ImageReader | None)
    try:
        _check_kind(file, reader, any_name)
        content = read_regular(file.path, largest())
        digest = hashlib.sha256(content).hexdigest()
        pixels, mode, form, note = read_pixels(file.path, reader) if own else decode(io.BytesIO(content), reader)
    except OSError as error:
        reason = reason_of(error.__cause__ or error) if own else reason_of(error)
        return Scan(file, digest, len(content), "", "", "", (0, 0), np.zeros((SIDE, SIDE), np.uint8), reason)
    if visit:
        visit(file.id, pixels)
    size = (pixels.shape[0], pixels.shape[1])
    return Scan(file, digest, len(content), digest_pixels(pixels), mode, form, size, make_thumbnail(pixels), "", note)


def _check_kind(file: File, reader: Any, any_name: bool) -> None:
    if file.path.is_symlink() and not file.path.exists():
        raise UnreadableImageError(f"a link to {os.fspath(file.path.readlink())!r}, where nothing is")
    if file.path.is_dir():
        raise UnreadableImageError("a link to a folder, which is not followed")
    if not file.path.is_file():
        raise UnreadableImageError("no file, but a pipe, a socket or a device")
    if not any_name and not is_image_name(file.path.name, reader):
        raise UnreadableImageError(
            f"its name has no ending of an image ({', '.join(sorted(SUFFIXES | OTHER_SUFFIXES))})"
        )
