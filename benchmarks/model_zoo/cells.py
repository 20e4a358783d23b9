"""What happens to the models of the zoo: a difference, a line of ensemblekit, or a fault."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .models import Entry

__all__ = ["CELLS", "is_kept", "run_entry", "run_keras_alone"]

CELLS = ("fuse", "saved", "Keras alone", "SavedModel", "ONNX", "LiteRT", "predict_images")
TOLERANCE, HALF = 1e-5, 2e-2

ALONE = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np
for folder in sys.argv[1:]:
    stored = np.load(folder + "/samples.npz")
    x = {k[2:]: stored[k] for k in stored if k.startswith("x_")}
    for key, values in x.items():
        if values.dtype.kind == "U":
            x[key] = keras.ops.convert_to_tensor(values.astype(object), dtype="string")
    try:
        model = keras.saving.load_model(folder + "/m.keras")
        given = x if len(x) > 1 else next(iter(x.values()))
        said = np.asarray(keras.ops.cast(model(given), "float64"))
        print(folder, abs(said - stored["expected"]).max())
    except Exception as error:
        print(folder, "RAW", type(error).__name__, str(error).split("\\n")[0])
"""


def run_entry(
    entry: Entry,
    folder: Path,
    *,
    only: tuple[str, ...] = CELLS,
    told: Callable[[str, str], object] = lambda cell, said: None,
) -> dict[str, str]:
    """Try each cell but ``Keras alone``, for which the file and the samples are left in ``folder``.

    ``told(cell, said)`` is called after each.
    """
    from ensemblekit import export_fused, fuse

    expected = np.mean([entry.said(model) for model in entry.members.values()], axis=0)
    found: dict[str, str] = {}
    fused: list[Any] = []
    apart: list[float] = []  # of the model in memory, which export_fused compares the files with

    def fusing() -> float:
        fused.append(fuse(entry.members, "mean", **entry.options))
        apart.append(_apart(_predicted(fused[0], entry.x), expected))
        return apart[0]

    def saving() -> float:
        (kept,) = export_fused(fused[0], to=folder / "m.keras", inputs=entry.x, tolerance=HALF)
        given = _by_name(fused[0], entry.x)
        np.savez(folder / "samples.npz", expected=expected, **{f"x_{k}": _plain(v) for k, v in given.items()})
        return kept.max_difference + apart[0]

    def exporting(name: str) -> Callable[[], float]:
        def export() -> float:
            (kept,) = export_fused(fused[0], to=folder / name, inputs=entry.x, tolerance=HALF)
            return kept.max_difference + apart[0]

        return export

    def predicting() -> float:
        return _of_image_files(folder, entry, expected)

    steps = {"fuse": fusing, "saved": saving, "SavedModel": exporting("served"), "ONNX": exporting("m.onnx"),
             "LiteRT": exporting("m.tflite"), "predict_images": predicting}  # fmt: skip
    for name, step in steps.items():
        if name in only or name == "fuse":
            found[name] = _cell(step)
            told(name, found[name])
            if name == "fuse" and not fused:
                break  # what is not fused has no files
    return found


def run_keras_alone(folders: dict[str, Path], *, limit: float | None = None) -> dict[str, str]:
    """Load all files in one process that imports Keras and not ensemblekit, within ``limit`` seconds."""
    ready = {name: path for name, path in folders.items() if (path / "samples.npz").is_file()}
    if not ready:
        return {}
    # PYTHONPATH is left out, as the child needs no ensemblekit.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", ALONE, *map(str, ready.values())], capture_output=True, text=True, check=True,
            env=environment, timeout=limit,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return dict.fromkeys(ready, f"given up after {limit:g} s.")
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    found = {name: said[str(path)] for name, path in ready.items()}
    return {name: line if line.startswith("RAW") else f"{float(line):.0e}" for name, line in found.items()}


def is_kept(cell: str, *, half: bool = False) -> bool:
    """Tell whether a cell is a small difference, or a line of ensemblekit; what was given up is neither."""
    if cell.startswith(("RAW", "given up")):
        return False
    try:
        return float(cell) <= (HALF if half else TOLERANCE)
    except ValueError:
        return True


def _cell(step: Callable[[], float]) -> str:
    from ensemblekit import EnsembleKitError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return f"{step():.0e}"
    except EnsembleKitError as error:
        return str(error) if "\n" not in str(error) else f"RAW lines: {error}"
    except Exception as error:
        return f"RAW {type(error).__name__}: {str(error).splitlines()[:1]}"


def _plain(values: Any) -> np.ndarray:
    array = np.asarray(values)
    return array.astype(str) if array.dtype == object else array


def _by_name(model: Any, x: Any) -> dict[str, Any]:
    names = [tensor.name for tensor in model.inputs]
    if isinstance(x, dict):
        return {key: x[key] for key in (model.input if isinstance(model.input, dict) else names)}
    return dict(zip(names, x if isinstance(x, tuple) else [x], strict=True))


def _predicted(model: Any, x: Any) -> np.ndarray:
    import keras

    given = {k: keras.ops.convert_to_tensor(v) for k, v in _by_name(model, x).items()}
    return np.asarray(keras.ops.cast(model(given if len(given) > 1 else next(iter(given.values()))), "float64"))


def _apart(said: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(said - expected).max()) if said.shape == expected.shape else float("inf")


def _of_image_files(folder: Path, entry: Entry, expected: np.ndarray) -> float:
    from PIL import Image

    from ensemblekit import Predictions, fuse
    from ensemblekit.predicting import predict_images

    pictures = folder / "pictures"
    pictures.mkdir()
    if isinstance(entry.x, np.ndarray) and entry.x.ndim == 4:
        for number, pixels in enumerate(entry.x.astype(np.uint8)):
            Image.fromarray(pixels.squeeze()).save(pictures / f"{number}.png")
    else:
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(pictures / "0.png")
    if (folder / "m.keras").is_file():
        shutil.copy(folder / "m.keras", folder / "of_images.keras")
    else:
        fuse(entry.members, "mean", **entry.options).save(folder / "of_images.keras")
    with contextlib.redirect_stdout(None):
        predict_images(folder / "of_images.keras", pictures, folder / "out.parquet")
    found = Predictions.load(folder / "out.parquet")
    return _apart(found.probas, expected)
