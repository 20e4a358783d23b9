"""Which images are predicted, under which ids, and with which labels: listed lazily, folder by folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple

from ..data._layout import RANKS
from ..data._read import SUFFIXES
from ..data._walk import children, is_folder
from ..errors import DataError, FolderNotFoundError, InvalidOptionError
from ..regular import open_regular

__all__ = ["ImageFile", "Listing", "list_again", "list_images", "split_of", "survey"]

LIST = ".txt"
LONGEST = 2**16
"""Letters of a line in a list: no path has more."""
"""What the name of a file ends in that is no image but a list of them."""


class ImageFile(NamedTuple):
    """One image: its id, where it is, and the class folder that it lies in."""

    id: str
    path: Path
    folder: str | None

    @property
    def shown(self) -> str:
        """The id as it can be written anywhere: what is no Unicode in it as an escape."""
        return self.id.encode("utf-8", "backslashreplace").decode()


class Listing(NamedTuple):
    """All images of a run, before one is read.

    Attributes
    ----------
    n_images : int
        How many there are.
    n_others : int
        Files of other kinds, which are left out.
    digest : str
        Of ids, sizes and times of change.
    ids : str
        Digest of the ids alone.
    """

    n_images: int
    n_others: int
    digest: str
    ids: str


def list_images(images: Sequence[str | os.PathLike[str]]) -> Generator[ImageFile | None]:
    """Walk through folders and files, in order; None for a file that is no image by its name.

    A folder with a split folder in it (``train``, ``valid``, ``test``) is a data root, and ids are paths from there;
    any other is a split itself, whose name begins the ids, as in `image_folder`. Links to folders are followed where
    `image_folder` follows them: down to class folders. A ``.txt`` file is a list of images, a path a line.
    """
    for given in images:
        path = Path(os.path.abspath(given))  # noqa: PTH100 - resolve() would give a link the name of what it leads to
        if path.is_dir():
            yield from _walk(path, path if _holds_splits(path) else path.parent)
        elif path.is_file() and path.suffix.lower() == LIST:
            yield from _read_list(path)
        elif path.is_file():
            yield ImageFile(Path(given).as_posix(), path, None)
        else:
            raise FolderNotFoundError(f"images must be folders or files that are there; nothing is at {str(given)!r}.")


def _walk(start: Path, root: Path) -> Generator[ImageFile | None]:
    waiting = _inside(start)
    while waiting:
        path = waiting.pop()
        parts, is_inner = path.relative_to(root).parts, is_folder(path)
        linked = len(parts) > 2 and path.is_symlink()
        if is_inner and not linked:
            waiting += _inside(path)
        elif path.suffix.lower() in SUFFIXES or (linked and is_inner):
            yield ImageFile("/".join(parts), path, parts[1] if len(parts) > 2 else None)
        else:
            yield None


def _inside(folder: Path) -> list[Path]:
    """List what is in a folder, the last first: what is taken from the end of a list comes in order."""
    return [path for path in reversed(children(folder)) if not path.name.startswith(".")]


def _read_list(path: Path) -> Generator[ImageFile]:
    with open_regular(path) as file, TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape") as lines:
        for line in iter(lambda: lines.readline(LONGEST + 1), ""):
            if len(line) > LONGEST:
                raise DataError(f"a list of images must have a path a line; {os.fspath(path)!r} has a longer one.")
            if name := line.rstrip("\r\n"):
                yield ImageFile(Path(name).as_posix(), path.parent / name, None)


def split_of(images: Sequence[str | os.PathLike[str]]) -> str | None:
    """Name the split, where one folder is given that holds no splits but is one."""
    path = Path(os.path.abspath(images[0]))  # noqa: PTH100 - as above
    return path.name if len(images) == 1 and path.is_dir() and not _holds_splits(path) else None


def _holds_splits(folder: Path) -> bool:
    return any(path.name.casefold() in RANKS and path.is_dir() for path in _inside(folder))


def survey(images: Sequence[str | os.PathLike[str]], classes: Mapping[str, str] | None) -> Listing:
    """Count the images and digest their names, sizes and times; check that each has a label where labels are wanted.

    Parameters
    ----------
    images : sequence of path-like
        As in `list_images`.
    classes : mapping of class folder to class, or None
        Where labels are wanted.
    """
    digest, ids = hashlib.sha256(), hashlib.sha256()
    n_images = n_others = 0
    # In one folder the ids rise; only in lists, and where several are given, can one come twice.
    seen: set[str] | None = None if len(images) == 1 and Path(images[0]).is_dir() else set()
    for found in list_images(images):
        if found is None:
            n_others += 1
            continue
        if seen is not None:
            if found.id in seen:
                raise DataError(f"ids must be unique; {found.id!r} comes twice. Give each folder or file once.")
            seen.add(found.id)
        if classes is not None and found.folder not in classes:
            raise InvalidOptionError(
                f"labels are the names of class folders; {found.id!r} lies in {found.folder!r}, which is none of "
                f"{sorted(set(classes))}. Give --alias OLD=NEW, or leave --labels out."
            )
        name = _as_bytes(found.id)
        ids.update(name)
        digest.update(name + _state(found.path))
        n_images += 1
    if not n_images:
        raise DataError(
            f"there must be at least one image ({', '.join(sorted(SUFFIXES))}); found {n_others} other files."
        )
    return Listing(n_images, n_others, digest.hexdigest(), ids.hexdigest())


def list_again(images: Sequence[str | os.PathLike[str]], listing: Listing) -> Generator[ImageFile]:
    """Walk as `survey` did; where files came or went meanwhile, that is an error at the end."""
    ids = hashlib.sha256()
    for found in list_images(images):
        if found is not None:
            ids.update(_as_bytes(found.id))
            yield found
    if ids.hexdigest() != listing.ids:
        raise DataError(
            "images must stay while they are predicted; some came or went meanwhile. Begin again: --overwrite "
            "(overwrite=True)."
        )


def _as_bytes(name: str) -> bytes:
    return f"{name}\0".encode("utf-8", "surrogatepass")


def _state(path: Path) -> bytes:
    try:
        about = path.stat()
    except (OSError, ValueError):  # a link to nowhere, or a line of a list: told when it is read
        return b"\n"
    return f"{about.st_size}\0{about.st_mtime_ns}\n".encode()
