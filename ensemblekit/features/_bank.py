"""`FeatureBank`: features of frozen backbones on disk."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, InvalidOptionError
from ..files import write_text
from ._segment import SUFFIX
from ._shelf import LOCK, Shelf

__all__ = ["FeatureBank", "ShelfInfo", "cache_folder"]

FORMAT = 1
_ABOUT = "shelf.json"


@dataclasses.dataclass(frozen=True)
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
    augmentation : str or None
        Fingerprint of the augmentation; None where the images are as they are.
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
    use one bank at once: one of them computes what is missing on a shelf, the others wait for it, and then read.

    Examples
    --------
    >>> import tempfile
    >>> from ensemblekit import FeatureBank
    >>> FeatureBank(tempfile.mkdtemp(), max_bytes=2**20).shelves()
    []
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, *, max_bytes: int = 2 * 2**30) -> None:
        if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes <= 0:
            raise InvalidOptionError(f"max_bytes must be a whole number > 0; received {max_bytes!r}.")
        self.folder = cache_folder() / "features" if folder is None else Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise DataError(f"a feature bank is a folder; {str(self.folder)!r} is a file. Choose another.")
        self.max_bytes = max_bytes

    def __repr__(self) -> str:
        return f"FeatureBank({str(self.folder)!r}, max_bytes={self.max_bytes})"

    @property
    def n_bytes(self) -> int:
        """Size on disk of all its segments."""
        return sum(size for _, size, _ in self._files())

    def shelves(self) -> list[ShelfInfo]:
        """List what it holds.

        Returns
        -------
        list of ShelfInfo
            The last used first.
        """
        found: list[ShelfInfo] = []
        by_shelf: dict[Path, list[tuple[Path, int, int]]] = {}
        for path, size, used in self._files():
            by_shelf.setdefault(path.parent, []).append((path, size, used))
        for folder, files in by_shelf.items():
            about = _read_about(folder)
            segments = Shelf(folder)
            segments.refresh()
            found.append(
                ShelfInfo(
                    backbone=str(about.get("backbone", "?")),
                    fingerprint=str(about.get("fingerprint", "?")),
                    input_shape=tuple(about.get("input_shape", ())),
                    augmentation=about.get("augmentation"),
                    rows=segments.n_rows,
                    columns=segments.n_columns,
                    n_bytes=sum(size for _, size, _ in files),
                    last_used=max(used for _, _, used in files) / 1e9,
                    folder=folder,
                )
            )
        return sorted(found, key=lambda shelf: shelf.last_used, reverse=True)

    def clear(self) -> int:
        """Remove all that it holds.

        Returns
        -------
        int
            Bytes that are free now. Maps that are open stay valid until they are closed.
        """
        freed = 0
        for path, size, _ in self._files():
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                freed += size
        for folder in self._shelf_folders():
            shutil.rmtree(folder, ignore_errors=True)
        return freed

    def shelf(self, about: dict[str, Any]) -> Shelf:
        """Give the shelf of a backbone, input shape and augmentation; it need not be there yet."""
        identity = {k: v for k, v in about.items() if k != "backbone"} | {"format": FORMAT}
        name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
        shelf = Shelf(self.folder / name)
        shelf.refresh()
        return shelf

    def prepare(self, shelf: Shelf, about: dict[str, Any]) -> None:
        """Make the folder of a shelf, and note what is kept there."""
        shelf.folder.mkdir(parents=True, exist_ok=True)
        if not (shelf.folder / _ABOUT).exists():
            write_text(shelf.folder / _ABOUT, json.dumps({"format": FORMAT, **about}, indent=2) + "\n")

    def keep(self, shelf: Shelf, keys: np.ndarray, features: np.ndarray) -> None:
        """Write rows to a shelf, and make room for them."""
        shelf.append(keys, features)
        files = sorted(self._files(), key=lambda file: file[2])
        excess = sum(size for _, size, _ in files) - self.max_bytes
        for path, size, _ in files:
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size

    def _shelf_folders(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [path for path in self.folder.iterdir() if (path / _ABOUT).exists() or (path / LOCK).exists()]

    def _files(self) -> list[tuple[Path, int, int]]:
        """List its segments with their sizes and when they were last used, in nanoseconds."""
        found: list[tuple[Path, int, int]] = []
        for folder in self._shelf_folders():
            with contextlib.suppress(FileNotFoundError):
                for entry in os.scandir(folder):
                    if entry.name.endswith(SUFFIX):
                        with contextlib.suppress(FileNotFoundError):
                            stat = entry.stat()
                            found.append((Path(entry.path), stat.st_size, max(stat.st_atime_ns, stat.st_mtime_ns)))
        return found


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


def _read_about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}
