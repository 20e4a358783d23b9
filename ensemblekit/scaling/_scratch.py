"""Where `combine_files` keeps what does not fit in memory, and how it keeps other runs from its output."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..files import locked_folder

__all__ = ["scratch_for"]


@contextmanager
def scratch_for(output: Path, folder: Path | None) -> Generator[Path]:
    """Make room for one run; what a killed one has left is removed.

    Parameters
    ----------
    output : Path
        What the run will write.
    folder : Path or None
        Where there is room; None for beside the output.

    Yields
    ------
    Path
        An empty folder.
    """
    real = Path(os.path.realpath(output))
    beside = real.parent / f".{real.name}.joining"
    with locked_folder(beside, real, "joining", own_folders=["scratch"]) as held, ExitStack() as also:
        held.remove_tree("scratch")
        if folder is not None:
            # Outputs of one name may share a folder.
            name = f".{real.name}.{hashlib.sha256(os.fsencode(real)).hexdigest()[:16]}"
            held = also.enter_context(locked_folder(folder / name, real, "scratch", own_folders=["scratch"]))
        held.remove_tree("scratch")
        scratch = held.path / "scratch"
        scratch.mkdir()
        try:
            yield scratch
        finally:
            held.remove_tree("scratch")
