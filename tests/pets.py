"""Images of three pets with odd names, and a fused model of two small networks that tells them apart at random."""

import numpy as np
from PIL import Image

from ensemblekit import export_fused
from tests.backends import BACKEND

CLASSES = ("cat", "dog", "owl")
FORMATS = ["keras", "onnx"] if BACKEND == "tensorflow" else ["keras"]
"""Suffixes of the files of the fused model."""


def net(seed, side=16):
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((side, side, 3))
    x = layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(1 / 255)(pixels))
    return keras.Model(pixels, layers.Dense(3, "softmax")(layers.GlobalMaxPooling2D()(x)), name="net")


def make_models(folder):
    """Write a fused model in two formats; give its folder and its members."""
    members = [("a", net(1)), ("b c", net(2))]
    x = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3)).astype("float32")
    export_fused(members, "mean", classes=CLASSES, to=[folder / f"m.{suffix}" for suffix in FORMATS], inputs=x)
    return folder, members


def draw_pets(root):
    """Draw six images of train and fifteen of test."""
    draw = np.random.default_rng(0)
    for split, n in (("train", 2), ("test", 5)):
        for name in CLASSES:
            (root / split / name).mkdir(parents=True)
            for k in range(n):
                pixels = draw.integers(0, 255, (20, 18, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{k} ü.png")
    return root
