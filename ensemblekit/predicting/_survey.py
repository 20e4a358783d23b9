"""List the images of a run twice: before the run to count and check them, and during the run to notice changes."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..data import ImageSource
from ..data.listing import ImageFile, list_images
from ..data.reading import OTHER_SUFFIXES, SUFFIXES
from ..errors import DataError, ImageReadingWarning, InvalidOptionError

__all__ = ["Given", "Survey", "list_surveyed", "survey_images"]

Given = Sequence[str | os.PathLike[str]] | ImageSource
"""Folders and files, or images of a table or folder."""
SHOWN_OTHERS = 10


class Survey(NamedTuple):
    """Facts about the images of a run that are known before any image is read.

    Attributes
    ----------
    n_images : int
        Number of images.
    n_others : int
        Number of other files; these are left out.
    digest : str
        Digest of ids, sizes and modification times.
    ids_digest : str
        Digest of the ids alone.
    """

    n_images: int
    n_others: int
    digest: str
    ids_digest: str


def survey_images(images: Given, classes: Mapping[str, Hashable] | None, reader: Any = None) -> Survey:
    """Count the images, compute a digest of their ids, sizes and modification times, and check ids and labels.

    Parameters
    ----------
    images : sequence of path-like, or ImageSource
        As in `list_images`.
    classes : mapping of class folder to class, or None
        Given if each image must have a label by its folder.
    reader : ImageReader or callable, optional
        It may have more ``suffixes``.

    Returns
    -------
    Survey
        Survey of the images.

    Raises
    ------
    DataError
        If there is no image, or two images have the same id.
    InvalidOptionError
        If an image is not in a folder of ``classes``.

    Warns
    -----
    ImageReadingWarning
        If files in folders have no suffix of an image.
    """
    digest, ids = hashlib.sha256(), hashlib.sha256()
    n_images = n_others = 0
    others: list[str] = []

    def see_other(name: str) -> None:
        if len(others) < SHOWN_OTHERS:
            others.append(name)

    # Ids in one folder or table are unique, and their set would grow with the number of images.
    unique = isinstance(images, ImageSource) or (len(images) == 1 and Path(images[0]).is_dir())
    seen: set[str] | None = None if unique else set()
    for found in _list(images, reader, see_other):
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
        digest.update(name + _size_and_time(found.path))
        n_images += 1
    if not n_images:
        raise DataError(
            f"there must be at least one image ({', '.join(sorted(SUFFIXES | OTHER_SUFFIXES))}); found {n_others} "
            f"other files{', such as ' + repr(others[0]) if others else ''}."
        )
    if n_others:
        warnings.warn(
            f"files in folders must be images by their suffix; {n_others} {'is' if n_others == 1 else 'are'} none, and "
            f"left out: {', '.join(map(repr, others))}{', ...' if n_others > len(others) else ''}. If they are images, "
            "give reader=ImageReader(suffixes=[...]), on the command line --suffix.",
            ImageReadingWarning,
            stacklevel=4,
        )
    return Survey(n_images, n_others, digest.hexdigest(), ids.hexdigest())


def _list(images: Given, reader: Any, see_other: Callable[[str], object] | None = None) -> Generator[ImageFile | None]:
    if isinstance(images, ImageSource):
        for name, path in images.paths.items():
            yield ImageFile(name, path, None)
    else:
        yield from list_images(images, reader, see_other)


def list_surveyed(images: Given, survey: Survey, reader: Any = None) -> Generator[ImageFile]:
    """List the images again.

    Parameters
    ----------
    images, reader
        What `survey_images` was called with.
    survey : Survey
        Result of `survey_images`.

    Yields
    ------
    ImageFile
        Image files, in the same order.

    Raises
    ------
    DataError
        At the end, if files were added or removed in the meantime.
    """
    ids = hashlib.sha256()
    for found in _list(images, reader):
        if found is not None:
            ids.update(_as_bytes(found.id))
            yield found
    if ids.hexdigest() != survey.ids_digest:
        raise DataError(
            "images must stay while they are predicted; some came or went meanwhile. Begin again: --overwrite "
            "(overwrite=True)."
        )


def _as_bytes(name: str) -> bytes:
    return f"{name}\0".encode("utf-8", "surrogatepass")


def _size_and_time(path: Path) -> bytes:
    try:
        about = path.stat()
    except (OSError, ValueError):  # a dangling link, or a bad line of a list; it is reported when it is read
        return b"\n"
    return f"{about.st_size}\0{about.st_mtime_ns}\n".encode()
