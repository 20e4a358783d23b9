"""The folder of the set: where it is, and how it is made once, whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ensemblekit.errors import DataError, MissingDependencyError, OutputExistsError
from ensemblekit.files import cache_folder

from .plan import COUNTS, Phantom, plan

__all__ = ["VERSION", "default_folder", "make_phantoms"]

VERSION = 1
"""Of the drawing: raised with every change of a pixel or a name, so that no old cache is taken for the new set."""

_MARKER = "phantoms.json"


def default_folder() -> Path:
    """Give the folder of the set in the user's cache.

    Returns
    -------
    Path
        ``phantoms-VERSION`` in `ensemblekit.files.cache_folder`.
    """
    return cache_folder() / f"phantoms-{VERSION}"


def make_phantoms(folder: Path, *, progress: Callable[[int, int], None] | None = None) -> Path:
    """Draw the set into a folder, unless it is already there.

    Parameters
    ----------
    folder : Path
        Where it is, or will be: absent, empty, or made by this function.
    progress : callable, optional
        Called with the number of images drawn and their total.

    Returns
    -------
    Path
        The folder, complete: ``train``, ``valid`` and ``test``, each with a folder a class.

    Raises
    ------
    OutputExistsError
        If the folder holds anything but the complete set of this version.
    DataError
        If it cannot be written.
    MissingDependencyError
        If Pillow is not installed.

    Notes
    -----
    The pixels are the same on every machine, the bytes of the files wherever Pillow's compressor is the same. Two
    processes may make one folder at once: both draw, and one of the two, which are the same, stays.
    """
    return _make(folder, COUNTS, progress)


def _make(
    folder: Path, counts: Mapping[str, Mapping[str, int]], progress: Callable[[int, int], None] | None = None
) -> Path:
    phantoms = plan(counts)
    if _is_complete(folder, phantoms):
        return folder
    _check_empty(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as draft:
            # A folder within, for that of tempfile is closed to other users.
            whole = Path(draft) / folder.name
            _draw_all(whole, phantoms, progress)
            (whole / _MARKER).write_text(json.dumps(_mark(phantoms)), encoding="utf-8")
            try:
                whole.rename(folder)
            except OSError:
                # Another process may have been first.
                if not _is_complete(folder, phantoms):
                    raise
    except OSError as error:
        raise DataError(
            f"the phantoms need a folder that can be written; {str(folder)!r} is not: {error}. Free it, or set "
            "ENSEMBLEKIT_CACHE to another."
        ) from error
    return folder


def _mark(phantoms: list[Phantom]) -> dict[str, int]:
    return {"version": VERSION, "images": len(phantoms)}


def _is_complete(folder: Path, phantoms: list[Phantom]) -> bool:
    """Tell whether the folder has the mark of this set and a file for every image, and no other."""
    try:
        if json.loads((folder / _MARKER).read_text(encoding="utf-8")) != _mark(phantoms):
            return False
    except (OSError, ValueError):
        return False
    there = {path.relative_to(folder).as_posix() for path in folder.glob("*/*/*")}
    return there == {phantom.name for phantom in phantoms}


def _check_empty(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise OutputExistsError(
            f"the folder of the phantoms must be absent, empty or complete; {str(folder)!r} holds something else, or a "
            "part of them. Delete it, or set ENSEMBLEKIT_CACHE to another."
        )


def _draw_all(folder: Path, phantoms: list[Phantom], progress: Callable[[int, int], None] | None) -> None:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError(
            'Drawing the phantoms needs Pillow, which is not installed: pip install "ensemblekit[images]".'
        ) from error
    from .pictures import draw

    def save(phantom: Phantom) -> None:
        Image.fromarray(draw(phantom)).save(folder / phantom.name, compress_level=1)

    for parent in {(folder / phantom.name).parent for phantom in phantoms}:
        parent.mkdir(parents=True)
    # NumPy and Pillow do most of it outside of Python's lock, so threads pay.
    pool = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1))
    try:
        jobs = [pool.submit(save, phantom) for phantom in phantoms]
        for done, job in enumerate(as_completed(jobs), start=1):
            job.result()
            if progress:
                progress(done, len(phantoms))
    finally:
        pool.shutdown(cancel_futures=True)
