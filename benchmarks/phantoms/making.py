"""The folder of the phantoms: its images, its place, and making it once, completely or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ensemblekit.errors import DataError, MissingDependencyError, OutputExistsError
from ensemblekit.files import cache_folder

from .drawing import CLASSES, Phantom, draw

VERSION = 2
"""Of the drawing: raised with every change of a pixel or a name, so that no old cache is taken for the new set."""

STAGES = ("_left.lower.lobe_T2_N0_M0_Ib", "_left.hilum_T2_N2_M0_IIIa", "", "_left.hilum_T1_N2_M0_IIIa")
"""Endings of the class folders, as in the real set: its train and valid have them, its test does not."""

COUNTS = {
    "train": dict(zip(CLASSES, (195, 115, 148, 155), strict=True)),
    "valid": dict(zip(CLASSES, (23, 21, 13, 15), strict=True)),
    "test": dict(zip(CLASSES, (120, 51, 54, 90), strict=True)),
}
"""Images of each class by split, as in the real set."""

_MARKER = "phantoms.json"


def default_folder() -> Path:
    """Return the folder of the set in the user's cache: ``phantoms-VERSION`` in `ensemblekit.files.cache_folder`."""
    return cache_folder() / f"phantoms-{VERSION}"


def plan(counts: Mapping[str, Mapping[str, int]] = COUNTS) -> list[Phantom]:
    """List the images of a set, split by split and class by class; a name has the same image in a set of any counts."""
    stages = dict(zip(CLASSES, STAGES, strict=True))
    return [
        Phantom(f"{split}/{label}{'' if split == 'test' else stages[label]}/phantom-{number:03d}.png", label)
        for split, classes in counts.items()
        for label, count in classes.items()
        for number in range(1, count + 1)
    ]


def make_phantoms(
    folder: Path,
    counts: Mapping[str, Mapping[str, int]] = COUNTS,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Draw the set into a folder that is absent or empty, unless it is already there complete; return the folder.

    Two processes may make the same folder at once: both draw, and the first to finish keeps its set, which is the same.
    """
    phantoms = plan(counts)
    if _is_complete(folder, phantoms):
        return folder
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise OutputExistsError(
            f"the folder of the phantoms must be absent, empty or complete; {str(folder)!r} holds something else, or a "
            "part of them. Delete it, or set ENSEMBLEKIT_CACHE to another."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as draft:
            complete = Path(draft) / folder.name  # a folder inside: tempfile's own is closed to other users
            _draw_all(complete, phantoms, progress)
            (complete / _MARKER).write_text(json.dumps(_marker(phantoms)), encoding="utf-8")
            try:
                complete.rename(folder)
            except OSError:
                if not _is_complete(folder, phantoms):  # else another process was first
                    raise
    except OSError as error:
        raise DataError(
            f"the phantoms need a folder that can be written; {str(folder)!r} is not: {error}. Free it, or set "
            "ENSEMBLEKIT_CACHE to another."
        ) from error
    return folder


def _marker(phantoms: list[Phantom]) -> dict[str, int]:
    return {"version": VERSION, "images": len(phantoms)}


def _is_complete(folder: Path, phantoms: list[Phantom]) -> bool:
    try:
        if json.loads((folder / _MARKER).read_text(encoding="utf-8")) != _marker(phantoms):
            return False
    except (OSError, ValueError):
        return False
    found = {path.relative_to(folder).as_posix() for path in folder.glob("*/*/*")}
    return found == {phantom.name for phantom in phantoms}


def _draw_all(folder: Path, phantoms: list[Phantom], progress: Callable[[int, int], None] | None) -> None:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError(
            'Drawing the phantoms needs Pillow, which is not installed: pip install "ensemblekit[images]".'
        ) from error

    def save(phantom: Phantom) -> None:
        Image.fromarray(draw(phantom)).save(folder / phantom.name, compress_level=1)

    for parent in {(folder / phantom.name).parent for phantom in phantoms}:
        parent.mkdir(parents=True)
    pool = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1))  # most of the work runs outside the GIL
    try:
        jobs = [pool.submit(save, phantom) for phantom in phantoms]
        for done, job in enumerate(as_completed(jobs), start=1):
            job.result()
            if progress:
                progress(done, len(phantoms))
    finally:
        pool.shutdown(cancel_futures=True)
