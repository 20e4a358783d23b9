"""`FeatureBank`: features of frozen backbones on disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import typed
from ..errors import DataError, InvalidOptionError
from ..files import cache_folder
from ._files import SegmentFile, clear_shelves, other_names, read_about, segment_files
from ._segment import DamagedSegmentError, read_segment

__all__ = ["FeatureBank", "ShelfInfo"]


@dataclass(frozen=True)
class ShelfInfo:
    """What one shelf of a bank holds.

    Attributes
    ----------
    backbone : str
        Name of the backbone.
    fingerprint : str
        Of the backbone.
    input_shape : tuple of int
        ``(height, width, channels)``.
    precision : str
        What Keras computed in.
    augmentation : str or None
        What drew the views, as its ``repr``; None where the images are as they are.
    rows : int
        Rows of features: images, times views.
    columns : int
        Features a row.
    n_bytes : int
        Size on disk.
    last_used : float
        Seconds since 1970.
    folder : Path
        Where it is.
    """

    backbone: str
    fingerprint: str
    input_shape: tuple[int, ...]
    precision: str
    augmentation: str | None
    rows: int
    columns: int
    n_bytes: int
    last_used: float
    folder: Path


class FeatureBank:
    """Features of frozen backbones, kept on disk under the contents of the images.

    Parameters
    ----------
    folder : path-like, optional
        Where it is, or is to be made. By default ``ensemblekit/features`` in ``ENSEMBLEKIT_CACHE`` if that is set, else
        in ``XDG_CACHE_HOME``, else in the cache folder of the system.
    max_bytes : int, default=2 * 2**30
        How large it may become. What was used longest ago makes room.

    Raises
    ------
    InvalidOptionError
        If ``max_bytes`` is no whole number > 0.
    DataError
        If ``folder`` is there and is no folder.

    Notes
    -----
    Each backbone, input shape and augmentation has a folder of its own, a shelf. It holds segments: files that appear
    whole, never change, and carry a checksum that is compared when a process first reads them. Several processes may
    use one bank at once: one of them computes what is missing on a shelf, the others wait for it, and then read. A
    bank holds at most ``max_bytes`` after each write, and while one is written that many bytes more.

    Examples
    --------
    >>> import tempfile
    >>> from ensemblekit import FeatureBank
    >>> FeatureBank(tempfile.mkdtemp(), max_bytes=2**20).shelves()
    []
    """

    @typed(but=("max_bytes",))
    def __init__(self, folder: str | os.PathLike[str] | None = None, *, max_bytes: int = 2 * 2**30) -> None:
        if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes <= 0:
            raise InvalidOptionError(f"max_bytes must be a whole number > 0; received {max_bytes!r}.")
        self.folder = cache_folder() / "features" if folder is None else Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise DataError(f"a feature bank must be a folder; {str(self.folder)!r} is a file. Choose another.")
        self.max_bytes = max_bytes

    def __repr__(self) -> str:
        return f"FeatureBank({str(self.folder)!r}, max_bytes={self.max_bytes})"

    @property
    def n_bytes(self) -> int:
        """Size of its segments on disk."""
        return sum(file.n_bytes for file in segment_files(self.folder))

    def shelves(self) -> list[ShelfInfo]:
        """List what it holds.

        Returns
        -------
        list of ShelfInfo
            The last used first.
        """
        by_shelf: dict[Path, list[SegmentFile]] = {}
        for file in segment_files(self.folder):
            by_shelf.setdefault(file.path.parent, []).append(file)
        shelves = [_describe(folder, files) for folder, files in by_shelf.items()]
        return sorted(shelves, key=lambda shelf: shelf.last_used, reverse=True)

    def others(self) -> list[str]:
        """List what lies in its folder and is not its own: that is neither counted nor removed.

        Returns
        -------
        list of str
            Names.
        """
        return other_names(self.folder)

    def clear(self) -> int:
        """Remove all that it holds, and nothing else from its folder.

        A folder in it is a shelf only where its note, ``shelf.json``, is one of ours and of that very folder; of it
        only files are removed that the bank has made. A shelf with another file in it stays, and links stay.

        Returns
        -------
        int
            Bytes that are free now. What is mapped stays valid until it is closed, and a process that is computing
            goes on.

        Raises
        ------
        DataError
            If the folder cannot be written.
        """
        try:
            return clear_shelves(self.folder)
        except OSError as error:
            raise DataError(f"a feature bank must be writable to be cleared; this one is not: {error}.") from error


def _describe(folder: Path, files: list[SegmentFile]) -> ShelfInfo:
    about = read_about(folder)
    keys: list[np.ndarray] = []
    columns = 0
    for file in files:
        try:
            segment = read_segment(file.path)
        except (DamagedSegmentError, OSError):
            continue  # half written, or gone by now: to describe is not to repair
        keys.append(segment.keys)
        columns = segment.features.shape[1]
    return ShelfInfo(
        backbone=_text(about, "backbone") or "unknown",
        fingerprint=_text(about, "fingerprint") or "",
        input_shape=_shape(about),
        precision=_text(about, "precision") or "",
        augmentation=_text(about, "augmentation"),
        rows=len(np.unique(np.concatenate(keys))) if keys else 0,
        columns=columns,
        n_bytes=sum(file.n_bytes for file in files),
        last_used=max(file.last_used for file in files) / 1e9,
        folder=folder,
    )


def _text(about: dict[str, Any], key: str) -> str | None:
    """Give what a note says, where it is text: of notes that others wrote it may be anything."""
    said = about.get(key)
    # JSON can hold halves of a letter, which nothing can print.
    return said.encode("utf-8", "backslashreplace").decode() if isinstance(said, str) else None


def _shape(about: dict[str, Any]) -> tuple[int, ...]:
    said = about.get("input_shape")
    if not isinstance(said, list) or not all(isinstance(n, int) and 0 < n < 2**31 for n in said):
        return ()
    return tuple(said)
