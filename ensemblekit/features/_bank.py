"""`FeatureBank`: the features of frozen backbones, stored on disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import typed
from ..deprecation import warn_deprecated
from ..errors import DataError, InvalidOptionError
from ..files import cache_folder
from ._bank_folder import SegmentFile, clear_collections, other_names, read_note, segment_files
from ._segment import DamagedSegmentError, read_segment

__all__ = ["CollectionInfo", "FeatureBank"]


@dataclass(frozen=True)
class CollectionInfo:
    """Description of one collection of a bank.

    Attributes
    ----------
    backbone : str
        Name of the backbone.
    fingerprint : str
        Fingerprint of the backbone.
    input_shape : tuple of int
        ``(height, width, channels)``.
    precision : str
        Keras's dtype policy when the features were computed.
    augmentation : str or None
        ``repr`` of the augmentation that drew the views; None if the images were used unchanged.
    rows : int
        Number of rows of features: one per image and view.
    columns : int
        Number of features per row.
    n_bytes : int
        Size on disk.
    last_used : float
        Seconds since 1970.
    folder : Path
        Folder of the collection in the bank.
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
    """A cache of the features of frozen backbones, on disk; the key of an image is a hash of its pixels.

    Parameters
    ----------
    folder : path-like, optional
        The folder of the bank; it is created when something is stored. By default ``ensemblekit/features`` in
        ``ENSEMBLEKIT_CACHE`` if that is set, else in ``XDG_CACHE_HOME``, else in the cache folder of the system.
    max_bytes : int, default=2 * 2**30
        Largest size in bytes. If the bank is larger, the least recently used features are removed.

    Raises
    ------
    InvalidOptionError
        If ``max_bytes`` is not a whole number > 0.
    DataError
        If ``folder`` exists and is not a folder.

    Notes
    -----
    The features of one backbone, input shape and augmentation are a collection, with a folder of its own. The folder
    holds segments: files that appear only when they are complete, never change, and have a checksum, which a process
    verifies when it first reads them. Several processes may use one bank at once: one of them computes the features
    that a collection lacks; the others wait for it, and then read them. A bank holds at most ``max_bytes`` after each
    write, and during a write at most twice as many.

    Examples
    --------
    >>> import tempfile
    >>> from ensemblekit import FeatureBank
    >>> FeatureBank(tempfile.mkdtemp(), max_bytes=2**20).collections()
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
        """Size on disk, in bytes."""
        return sum(file.n_bytes for file in segment_files(self.folder))

    def collections(self) -> list[CollectionInfo]:
        """List the collections of the bank.

        Returns
        -------
        list of CollectionInfo
            Most recently used first.
        """
        by_folder: dict[Path, list[SegmentFile]] = {}
        for file in segment_files(self.folder):
            by_folder.setdefault(file.path.parent, []).append(file)
        found = [_describe(folder, files) for folder, files in by_folder.items()]
        return sorted(found, key=lambda collection: collection.last_used, reverse=True)

    def shelves(self) -> list[CollectionInfo]:
        """Deprecated name of `collections`, which it calls.

        Returns
        -------
        list of CollectionInfo
            Most recently used first.
        """
        warn_deprecated("FeatureBank.shelves()", "FeatureBank.collections()")
        return self.collections()

    def others(self) -> list[str]:
        """List the files and folders in the bank's folder that the bank did not write; they are not counted or removed.

        Returns
        -------
        list of str
            Names.
        """
        return other_names(self.folder)

    def clear(self) -> int:
        """Remove all features, and nothing else, from the bank's folder.

        A folder in it is a collection only if it holds a note, ``shelf.json``, and the folder's name is a digest of the
        note. Only files that the bank wrote are removed. The folder of a collection stays if it holds another file.
        Links stay.

        Returns
        -------
        int
            Number of bytes freed. Memory maps stay valid until they are closed, and other processes can continue to
            compute.

        Raises
        ------
        DataError
            If the folder cannot be written.
        """
        try:
            return clear_collections(self.folder)
        except OSError as error:
            raise DataError(f"a feature bank must be writable to be cleared; this one is not: {error}.") from error


def _describe(folder: Path, files: list[SegmentFile]) -> CollectionInfo:
    about = read_note(folder)
    keys: list[np.ndarray] = []
    columns = 0
    for file in files:
        try:
            segment = read_segment(file.path)
        except (DamagedSegmentError, OSError):
            continue  # the segment is damaged or was removed; only `extract_features` repairs the bank
        keys.append(segment.keys)
        columns = segment.features.shape[1]
    return CollectionInfo(
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
    """Return a value of a note if it is text; a note that the bank did not write may hold anything."""
    value = about.get(key)
    # JSON can hold lone surrogates, which cannot be printed.
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else None


def _shape(about: dict[str, Any]) -> tuple[int, ...]:
    shape = about.get("input_shape")
    if not isinstance(shape, list) or not all(isinstance(n, int) and 0 < n < 2**31 for n in shape):
        return ()
    return tuple(shape)
