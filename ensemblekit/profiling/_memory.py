"""Measure the size of a model on disk, and its memory in a separate process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Generator, Hashable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import ProfileWarning

__all__ = ["on_disk", "peak_memory"]

MEMORY = """
import sys
import numpy as np
from ensemblekit import open_model
if not sys.argv[1].endswith(".onnx"):
    import keras
def size(key):
    return int([line for line in open("/proc/self/status") if line.startswith(key)][0].split()[1]) * 1024
try:
    open("/proc/self/clear_refs", "w").write("5")  # reset the peak, which the imports have raised
except OSError:
    pass
before = size("VmRSS")
classes = [int(c[1:]) if c[0] == "i" else c[1:] for c in sys.argv[3:]]
model = open_model(sys.argv[1], classes=classes or None)
for _ in range(3):
    model.predict(np.zeros((int(sys.argv[2]), *model.input_shape), "float32"))
print(size("VmHWM") - before)
"""


@contextmanager
def on_disk(model: Any, path: Path | None) -> Generator[Path]:
    """Yield the path of a model; save a model in memory to a temporary file.

    Parameters
    ----------
    model : keras.Model
        Saved if ``path`` is None.
    path : Path or None
        Path of a model on disk.

    Yields
    ------
    Path
        Path of a file or folder.
    """
    if path is not None:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model.keras"
        model.save(saved)
        yield saved


def peak_memory(path: Path, batch: int, classes: Sequence[Hashable] | None) -> int | None:
    """Measure the memory that a model uses, in a separate process.

    Parameters
    ----------
    path : Path
        Path of the model.
    batch : int
        Number of images that it predicts at a time.
    classes : sequence of str or int, optional
        Names of the outputs, if the model has none.

    Returns
    -------
    int or None
        Peak of the resident memory in bytes, minus the memory before the model was opened. None if the system has no
        ``/proc``, and, with a warning, if the process fails.
    """
    if not Path("/proc/self/status").is_file():
        return None
    names = [f"i{c}" if isinstance(c, int) else f"s{c}" for c in classes or ()]
    command = [sys.executable, "-c", MEMORY, os.fspath(path), str(batch), *names]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - our own interpreter and code
    if done.returncode == 0 and done.stdout.split():
        return int(done.stdout.split()[-1])
    lines = done.stderr.strip().splitlines()
    reason = lines[-1] if done.returncode > 0 and lines else f"it was ended by signal {-done.returncode}"
    warnings.warn(
        f"the memory of a model is measured in a process of its own, at batch {batch}, which failed: {reason}. "
        "All other figures stand. Give smaller batch sizes if memory is short.",
        ProfileWarning,
        stacklevel=3,
    )
    return None
