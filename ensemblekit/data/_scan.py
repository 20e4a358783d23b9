"""Every file of a data set, read and decoded once."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import NamedTuple

import numpy as np

from ..errors import UnreadableImageError
from ..limits import largest
from ..regular import read_regular
from ._ahead import in_threads
from ._hashes import SIDE, digest_pixels, make_thumbnail
from ._layout import File
from ._read import SUFFIXES, decode, reason_of

__all__ = ["Scan", "scan_files"]

Visit = Callable[[str, np.ndarray], object]


class Scan(NamedTuple):
    """What one file holds."""

    file: File
    digest: str
    """SHA-256 of its bytes; empty where it could not be read."""
    n_bytes: int
    pixels: str
    """SHA-256 of its size and decoded pixels."""
    mode: str
    format: str
    size: tuple[int, int]
    """Height and width."""
    thumbnail: np.ndarray
    problem: str
    """Why it is no readable image; empty where it is one."""


def scan_files(
    files: Sequence[File], visit: Visit | None = None, progress: Callable[[int, int], object] | None = None
) -> Iterator[Scan]:
    """Read and decode files in two threads, a few ahead; yield what they hold, in their order.

    Parameters
    ----------
    files : sequence of File
        Which ones.
    visit : callable, optional
        Called, in a thread, with the id and the decoded pixels of each readable image.
    progress : callable, optional
        Called with the files done and in all.
    """
    with warnings.catch_warnings(), closing(in_threads(partial(_scan, visit), files, 64)) as scans:
        # Pillow warns of odd tags and large pictures: what it cannot decode is told as an error.
        warnings.simplefilter("ignore")
        for done, scan in enumerate(scans, start=1):
            yield scan
            if progress:
                progress(done, len(files))


def _scan(visit: Visit | None, file: File) -> Scan:
    content, digest = b"", ""
    try:
        _check_kind(file)
        content = read_regular(file.path, largest())
        digest = hashlib.sha256(content).hexdigest()
        pixels, mode, form = decode(io.BytesIO(content))
    except OSError as error:
        return Scan(file, digest, len(content), "", "", "", (0, 0), np.zeros((SIDE, SIDE), np.uint8), reason_of(error))
    if visit:
        visit(file.id, pixels)
    size = (pixels.shape[0], pixels.shape[1])
    return Scan(file, digest, len(content), digest_pixels(pixels), mode, form, size, make_thumbnail(pixels), "")


def _check_kind(file: File) -> None:
    if file.path.is_symlink() and not file.path.exists():
        raise UnreadableImageError(f"a link to {os.fspath(file.path.readlink())!r}, where nothing is")
    if file.path.is_dir():
        raise UnreadableImageError("a link to a folder, which is not followed")
    if not file.path.is_file():
        raise UnreadableImageError("no file, but a pipe, a socket or a device")
    if file.path.suffix.lower() not in SUFFIXES:
        raise UnreadableImageError(f"its name has no ending of an image ({', '.join(sorted(SUFFIXES))})")
