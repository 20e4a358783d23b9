"""List the images in folders, files and lists of paths: lazily, to any depth, in a fixed order."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DataError, FolderNotFoundError
from ..regular import open_regular
from .reading import is_image_name

__all__ = ["RANKS", "ImageFile", "children", "is_folder", "list_images", "split_of", "walk"]

RANKS = {"train": 0, "training": 0, "dev": 1, "val": 1, "valid": 1, "validation": 1, "test": 2, "testing": 2}
"""Names of folders that are splits -> their place in the order of splits; models are fitted on the first."""
LIST_SUFFIX = ".txt"
"""Suffix of a file that lists images."""
LONGEST_LINE = 2**16
"""In characters, of such a list: no path is longer."""


class ImageFile(NamedTuple):
    """One image file.

    Parameters
    ----------
    id : str
        Its path from the data root, or as it was given.
    path : Path
        Path of the file.
    folder : str or None
        The class folder that it is in; None if it is not in a class folder.
    """

    id: str
    path: Path
    folder: str | None

    @property
    def printable_id(self) -> str:
        """The id as valid Unicode; bytes that are not valid are escaped."""
        return self.id.encode("utf-8", "backslashreplace").decode()


def children(folder: Path) -> list[Path]:
    """List the contents of a folder, sorted by name.

    Parameters
    ----------
    folder : Path
        A folder of data.

    Returns
    -------
    list of Path
        Files and folders, including hidden ones.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(
            f"a folder of data must be readable; {os.fspath(folder)!r} is not: {error.strerror or error}."
        ) from error


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder, or a link to one.

    Parameters
    ----------
    path : Path
        Any path; it need not exist.

    Returns
    -------
    bool
        False if nothing exists at the path.

    Raises
    ------
    DataError
        If the path is too long for the system.
    """
    try:
        return path.is_dir()
    except OSError as error:
        raise DataError(f"paths of data must be ones that can be opened; {error}.") from error


def walk(folder: Path, *, hidden: bool = True, follow: int = 0) -> Generator[Path]:
    """Yield all contents of a folder at any depth, except for the folders that are walked through.

    Parameters
    ----------
    folder : Path
        A folder of data.
    hidden : bool, default=True
        Include files and folders whose names begin with a dot.
    follow : int, default=0
        Number of levels below ``folder`` in which links to folders are walked through; deeper links are yielded.

    Yields
    ------
    Path
        In order: the contents of each folder are sorted by name, and come in the place of the folder.

    Raises
    ------
    DataError
        If a folder cannot be read.
    """

    def inside(parent: Path) -> list[Path]:
        return [path for path in reversed(children(parent)) if hidden or not path.name.startswith(".")]

    # A stack instead of recursion: folders may be nested deeper than Python's limit of calls.
    waiting = inside(folder)
    while waiting:
        path = waiting.pop()
        may_follow = len(path.parts) - len(folder.parts) <= follow
        if is_folder(path) and (may_follow or not path.is_symlink()):
            waiting += inside(path)
        else:
            yield path


def list_images(
    images: Sequence[str | os.PathLike[str]],
    reader: Any = None,
    see_other: Callable[[str], object] | None = None,
) -> Generator[ImageFile | None]:
    """List the images in folders and files, in order.

    Parameters
    ----------
    images : sequence of path-like
        A folder that holds a split folder (``train``, ``valid``, ``test``) is a data root; ids are paths from this
        root. Any other folder is a split, whose name begins the ids, as in `image_folder`. A ``.txt`` file lists
        images, one path per line. Any other file is an image.
    reader : ImageReader or callable, optional
        It may have more ``suffixes``, as in `is_image_name`.
    see_other : callable, optional
        Called with the name of each file in a folder that has no suffix of an image.

    Yields
    ------
    ImageFile or None
        None for a file in a folder if the file has no suffix of an image. Links to folders are followed as
        `image_folder` follows them, down to class folders; deeper ones are yielded as images, and reading them fails.

    Raises
    ------
    FolderNotFoundError
        If nothing exists at a path.
    DataError
        If a folder cannot be read, or a line of a list is too long.
    """
    for given in images:
        path = Path(os.path.abspath(given))  # noqa: PTH100 - resolve() would replace a link with its target
        if path.is_dir():
            yield from _list_folder(path, reader, see_other)
        elif path.is_file() and path.suffix.lower() == LIST_SUFFIX:
            yield from _read_list(path)
        elif path.is_file():
            yield ImageFile(Path(given).as_posix(), path, None)
        else:
            raise FolderNotFoundError(f"images must be folders or files that are there; nothing is at {str(given)!r}.")


def split_of(images: Sequence[str | os.PathLike[str]]) -> str | None:
    """Name the split that the images belong to.

    Parameters
    ----------
    images : sequence of path-like
        As in `list_images`.

    Returns
    -------
    str or None
        The name of the folder, if one folder is given and it is a split; else None.
    """
    path = Path(os.path.abspath(images[0]))  # noqa: PTH100 - as above
    return path.name if len(images) == 1 and path.is_dir() and not _holds_splits(path) else None


def _list_folder(folder: Path, reader: Any, see_other: Callable[[str], object] | None) -> Generator[ImageFile | None]:
    has_splits = _holds_splits(folder)
    root = folder if has_splits else folder.parent
    for path in walk(folder, hidden=False, follow=2 if has_splits else 1):
        parts = path.relative_to(root).parts
        if is_image_name(path.name, reader) or path.is_dir():
            yield ImageFile("/".join(parts), path, parts[1] if len(parts) > 2 else None)
        else:
            if see_other:
                see_other("/".join(parts))
            yield None


def _holds_splits(folder: Path) -> bool:
    return any(path.name.casefold() in RANKS and path.is_dir() for path in children(folder))


def _read_list(path: Path) -> Generator[ImageFile]:
    with open_regular(path) as file, TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape") as lines:
        for line in iter(lambda: lines.readline(LONGEST_LINE + 1), ""):
            if len(line) > LONGEST_LINE:
                raise DataError(f"a list of images must have a path a line; {os.fspath(path)!r} has a longer one.")
            if name := line.rstrip("\r\n"):
                yield ImageFile(Path(name).as_posix(), path.parent / name, None)
