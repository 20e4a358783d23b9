"""The folder for what can be made again, and how much room files take."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["cache_folder", "size_on_disk"]


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


def size_on_disk(path: Path) -> int:
    """Count the bytes of a file, or of all files of a folder.

    Parameters
    ----------
    path : Path
        Of either.

    Returns
    -------
    int
        Bytes.
    """
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size
