"""List the images of a run twice: before it, to count and check them, and during it, to notice changes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Hashable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..data.listing import ImageFile, list_images
from ..data.reading import SUFFIXES
from ..errors import DataError, InvalidOptionError

__all__ = ["Survey", "list_surveyed", "survey_images"]


class Survey(NamedTuple):
    """What is known of the images of a run before one is read.

    Attributes
    ----------
    n_images : int
        Number of images.
    n_others : int
        Number of other files, which are left out.
    digest : str
        Of ids, sizes and modification times.
    ids_digest : str
        Of the ids alone.
    """

    n_images: int
    n_others: int
    digest: str
    ids_digest: str


def survey_images(images: Sequence[str | os.PathLike[str]], classes: Mapping[str, Hashable] | None) -> Survey:
    """Count the images, digest their ids, sizes and modification times, and check their ids and labels.

    Parameters
    ----------
    images : sequence of path-like
        As in `list_images`.
    classes : mapping of class folder to class, or None
        Where each image must have a label.

    Returns
    -------
    Survey
        Of the images.

    Raises
    ------
    DataError
        If there is no image, or two have the same id.
    InvalidOptionError
        If an image is in no folder of ``classes``.
    """
    digest, ids = hashlib.sha256(), hashlib.sha256()
    n_images = n_others = 0
    # Ids in one folder are unique, and their set would grow with the number of images.
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
        digest.update(name + _size_and_time(found.path))
        n_images += 1
    if not n_images:
        raise DataError(
            f"there must be at least one image ({', '.join(sorted(SUFFIXES))}); found {n_others} other files."
        )
    return Survey(n_images, n_others, digest.hexdigest(), ids.hexdigest())


def list_surveyed(images: Sequence[str | os.PathLike[str]], survey: Survey) -> Generator[ImageFile]:
    """List the images again.

    Parameters
    ----------
    images : sequence of path-like
        As `survey_images` was given.
    survey : Survey
        Its result.

    Yields
    ------
    ImageFile
        In the same order.

    Raises
    ------
    DataError
        At the end, if files were added or removed meanwhile.
    """
    ids = hashlib.sha256()
    for found in list_images(images):
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
    except (OSError, ValueError):  # a dangling link, or a bad line of a list; reported when it is read
        return b"\n"
    return f"{about.st_size}\0{about.st_mtime_ns}\n".encode()
