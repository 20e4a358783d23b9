"""A network of ``keras.applications`` in a process of its own, with a time limit for each cell."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path

from .cells import CELLS, run_entry, run_keras_alone

__all__ = ["run_application"]

ROOT = Path(__file__).resolve().parents[2]
STARTING = 120.0
ENDED = "ended"


def run_application(
    name: str, folder: Path, *, limit: float, only: tuple[str, ...] = CELLS, starting: float = STARTING
) -> dict[str, str]:
    """Try each cell of one network; the process ends with the network, and so does its memory.

    Parameters
    ----------
    name : str
        A key of `APPLICATIONS`.
    folder : Path
        An empty folder.
    limit : float
        Seconds of wall time for each cell. A cell that takes longer is given up, and those behind it are tried in a new
        process.
    only : tuple of str
        Cells to try.
    starting : float
        Seconds for the start of the process and for making the network, besides those of the first cell.

    Returns
    -------
    dict of str to str
        By cell, as `run_entry`.
    """
    found: dict[str, str] = {}
    waiting = [cell for cell in CELLS if cell in only and cell != "Keras alone"]
    while waiting:
        part = folder / str(len(waiting))
        part.mkdir()
        found |= _tried(name, part, waiting, limit, starting)
        if not found["fuse"][:1].isdigit():
            break
        waiting = [cell for cell in waiting if cell not in found]
    ready = [samples.parent for samples in folder.glob("*/samples.npz")]
    if "Keras alone" in only and ready and found["saved"][:1].isdigit():
        found["Keras alone"] = run_keras_alone({name: ready[0]}, limit=limit)[name]
    return found


def _tried(name: str, folder: Path, cells: list[str], limit: float, starting: float) -> dict[str, str]:
    """Try cells in one process, up to the one that takes too long or that ends the process."""
    lines: queue.Queue[str] = queue.Queue()
    started = [sys.executable, "-m", "benchmarks.model_zoo.alone", name, str(folder), *cells]
    found: dict[str, str] = {}
    with subprocess.Popen(started, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:  # noqa: S603 - our own code

        def read() -> None:
            for line in process.stdout or ():
                lines.put(line)
            lines.put(ENDED)

        reader = threading.Thread(target=read)
        reader.start()
        left = ["fuse", *(cell for cell in cells if cell != "fuse")]
        while left:
            try:
                line = lines.get(timeout=limit + (0 if found else starting))
            except queue.Empty:
                process.kill()
                found[left[0]] = f"given up after {limit:g} s."
                break
            if line == ENDED:
                if found.get("fuse", "0")[:1].isdigit():  # what is not fused has no other cells
                    found[left[0]] = f"RAW the process ended with {process.wait()}."
                break
            if line.startswith("{"):
                said = json.loads(line)
                found |= said
                left = [cell for cell in left if cell not in said]
        reader.join()
    return found


def _main(name: str, folder: str, *cells: str) -> None:
    from ensemblekit.assembly import quiet_tensorflow

    with quiet_tensorflow():
        import keras  # noqa: F401
    from .models import application

    run_entry(application(name), Path(folder), only=cells,
              told=lambda cell, said: print(json.dumps({cell: said}), flush=True))  # fmt: skip


if __name__ == "__main__":
    _main(*sys.argv[1:])
