"""Where `combine_files` keeps what does not fit in memory, and an output that is not whole yet."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..files import held_folder

__all__ = ["scratch_for"]


@contextmanager
def scratch_for(output: Path, folder: Path | None) -> Generator[tuple[Path, Path]]:
    """Make room for one run; what a killed one has left is removed.

    Parameters
    ----------
    output : Path
        What the run will write.
    folder : Path or None
        Where there is room; None for beside the output.

    Yields
    ------
    tuple of (Path, Path)
        Where the output is written until it is whole, and an empty folder.
    """
    beside = output.parent / f".{output.name}.joining"
    with held_folder(beside, output):
        scratch = beside / "scratch" if folder is None else folder / f".{output.name}.{_digest(output)}"
        try:
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            yield beside / output.name, scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            shutil.rmtree(beside, ignore_errors=True)


def _digest(output: Path) -> str:
    # Outputs of one name may share a folder.
    return hashlib.sha256(os.fsencode(output.absolute())).hexdigest()[:16]
