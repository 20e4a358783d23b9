"""The study on a few small images with a small backbone: in seconds, as often as needed."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ensemblekit import Predictions

CTSCAN = Path(__file__).resolve().parents[1] / "benchmarks" / "ctscan.py"
SAME = {"cat": "cat", "dog": "dog", "owl": "owl"}


def draw(folder, names=SAME, splits=("train", "valid", "test"), n=9):
    """Three classes of images that differ in colour, in folders that test may call otherwise."""
    rng = np.random.default_rng(0)
    for split in splits:
        for channel, name in enumerate(("cat", "dog", "owl")):
            here = folder / split / (names[name] if split == "test" else name)
            here.mkdir(parents=True)
            for k in range(n):
                pixels = rng.integers(0, 120, (40, 36, 3), dtype=np.uint8)
                pixels[..., channel] += 100
                Image.fromarray(pixels).save(here / f"{k}.png")
    return folder


def small_arguments(folder, keras):
    """Draw images, save a backbone, and give the arguments of a run on both."""
    layers = keras.layers
    keras.utils.set_random_seed(0)
    pixels = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=4, activation="relu")(layers.Rescaling(1 / 255)(pixels))
    keras.Model(pixels, layers.GlobalMaxPooling2D()(x)).save(folder / "small.keras")
    return [
        "--data", draw(folder / "pets", n=4), "--backbone", "keras_file", "--weights", folder / "small.keras",
        "--image-size", "32", "--epochs", "2", "--views", "2", "--precision", "float32", "--deterministic",
    ]  # fmt: skip


def command(given, out, *more):
    return [sys.executable, str(CTSCAN), *map(str, ("--bank", out.parent / f"{out.name}.bank", *given, "--out", out)),
            *map(str, more)]  # fmt: skip


def ctscan(given, out, *more, **options):
    return subprocess.run(command(given, out, *more), capture_output=True, text=True, timeout=300, **options)


def assert_same(out, unbroken):
    assert (out / "results.csv").read_bytes() == (unbroken / "results.csv").read_bytes()
    names = sorted(p.name for p in (unbroken / "predictions").iterdir())
    assert sorted(p.name for p in (out / "predictions").iterdir()) == names
    for name in names:
        assert (out / "predictions" / name).read_bytes() == (unbroken / "predictions" / name).read_bytes(), name
    for name in ("first_model", "second_model", "chained_model"):
        history = Path("histories") / f"{name}.csv"
        assert (out / history).read_bytes() == (unbroken / history).read_bytes(), name
    assert not list(out.rglob(".*"))


def assert_whole(out):
    """Every record holds, and whatever has a final name can be read. Gives the finished pieces."""
    finished = list(out.glob("**/pieces/[!.]*.json"))
    for path in finished:
        for name, about in json.loads(path.read_text())["files"].items():
            content = (path.parent.parent / name).read_bytes()
            assert len(content) == about["bytes"], name
            assert hashlib.sha256(content).hexdigest() == about["sha256"], name
    readers = {
        ".json": lambda p: json.loads(p.read_text()),
        ".csv": pd.read_csv,
        ".parquet": Predictions.load,
        ".keras": lambda p: zipfile.ZipFile(p).testzip(),
    }
    for path in out.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(out).parts)
        if path.suffix in readers and not hidden:
            assert readers[path.suffix](path) is None or path.suffix != ".keras", path
    return [path.stem for path in finished]
