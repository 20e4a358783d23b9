"""Which images are predicted, under which ids, and with which labels: listed lazily, folder by folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..data.listing import ImageFile, list_images
from ..data.reading import SUFFIXES
from ..errors import DataError, InvalidOptionError

__all__ = ["Listing", "list_again", "survey"]


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
