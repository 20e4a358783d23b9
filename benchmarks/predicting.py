"""Predicting many image files: throughput compared with the model alone and with decoding alone, and memory over time.

``python benchmarks/predicting.py`` draws 20,000 JPEG files and fuses two small networks; all of it is removed again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ensemblekit.assembly import quiet_tensorflow
from ensemblekit.report import print_table

SIDE = 96
RUN = """
import json, sys, time
import numpy as np
from ensemblekit import open_model, predict_images
from ensemblekit.data import read_image
from ensemblekit.data.reading import in_threads
from pathlib import Path

def rss():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

model = open_model(sys.argv[1])
files = sorted(Path(sys.argv[2]).rglob("*.jpg"))[:4000]
height, width, _ = model.input_shape

def decoding():
    start = time.perf_counter()
    for _ in in_threads(lambda path: read_image(path, (height, width)), files, 64):
        pass
    return len(files) / (time.perf_counter() - start)

def bare():
    x = np.random.default_rng(0).uniform(0, 255, (32, *model.input_shape)).astype("float32")
    model.predict(x)
    start = time.perf_counter()
    for _ in range(125):
        model.predict(x)
    return 4000 / (time.perf_counter() - start)

decode, alone = decoding(), bare()
seen = []
done = predict_images(model, sys.argv[2], sys.argv[3], progress=lambda n, total: seen.append((n, rss())))
after = [size for n, size in seen if n >= 1000]
decode, alone = (decode + decoding()) / 2, (alone + bare()) / 2
print(json.dumps({"images": done.n_images, "rate": done.images_per_second, "decode": decode, "bare": alone,
                  "rss": after[0], "grown": max(after) / after[0]}))
"""


def main(
    images: Annotated[int, typer.Option(help="How many image files.", min=2000)] = 20_000,
    width: Annotated[int, typer.Option(help="Filters of the networks: how much the model has to do.", min=1)] = 16,
) -> None:
    """Draw, predict, and compare the rate with those of the model alone and of decoding alone."""
    with quiet_tensorflow():
        import keras  # noqa: F401
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fuse_networks(folder / "model.keras", width)
        draw(folder / "test", images)
        command = [
            sys.executable,
            "-c",
            RUN,
            str(folder / "model.keras"),
            str(folder / "test"),
            str(folder / "p.parquet"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        found = json.loads(done.stdout.splitlines()[-1])
    # Two threads decode and the model computes on the same cores: the limit is the sum of both times.
    limit = 1 / (1 / found["decode"] + 1 / found["bare"])
    rows = [
        {"what": "predict_images, images a second", "value": found["rate"]},
        {"what": "the bare model on images in memory", "value": found["bare"]},
        {"what": "decoding alone, two threads", "value": found["decode"]},
        {"what": "both, one after the other on the same cores", "value": limit},
        {"what": "of the bare model", "value": found["rate"] / found["bare"]},
        {"what": "of decoding alone", "value": found["rate"] / found["decode"]},
        {"what": "of both together", "value": found["rate"] / limit},
        {"what": "memory after 1,000 images, MB", "value": found["rss"] / 1e6},
        {"what": "largest later, times that", "value": found["grown"]},
    ]
    title = f"{found['images']:,} files of {SIDE} x {SIDE} pixels, {os.cpu_count()} cores"
    print_table(pd.DataFrame(rows), title=title, console=Console())


def fuse_networks(path: Path, width: int) -> None:
    """Save two networks as one."""
    import keras

    from ensemblekit import fuse

    def network(kernel: int) -> object:
        pixels = keras.Input((SIDE, SIDE, 3))
        x = keras.layers.Rescaling(1 / 255)(pixels)
        for filters in (width, 2 * width, 4 * width):
            x = keras.layers.Conv2D(filters, kernel, strides=2, activation="relu")(x)
        return keras.Model(pixels, keras.layers.Dense(4, "softmax")(keras.layers.GlobalMaxPooling2D()(x)))

    fuse([("fine", network(3)), ("coarse", network(5))], "mean", classes=["a", "b", "c", "d"]).save(path)


def draw(folder: Path, n: int) -> None:
    """Draw a hundred smooth pictures, and link each under many names."""
    from PIL import Image

    random = np.random.default_rng(0)
    for k in range(n):
        path = folder / f"{k // 1000:03d}" / f"{k:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if k < 100:
            coarse = Image.fromarray(random.integers(0, 255, (12, 12, 3), dtype=np.uint8))
            coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path, quality=90)
        else:
            os.link(folder / "000" / f"{k % 100:06d}.jpg", path)


if __name__ == "__main__":
    typer.run(main)
