"""A saved folder with a model of Keras's, forged. TensorFlow is imported before the first case begins."""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np

from ensemblekit import load_plugins
from ensemblekit.store import save
from tests.fuzz.store_cases import FORGERS, attempt, watched

FOLDER = Path(tempfile.mkdtemp()) / "saved"
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
combiner = load_plugins().create_combiner("weighted", weights={"a": 1.0, "b": 2.0})
combiner.held_, combiner.array_ = model, np.arange(12.0)
save(combiner, FOLDER)
watched()


def forged(number: int) -> str | None:
    """Do what a stranger could, with right digests."""
    return attempt([FOLDER], FORGERS[number % len(FORGERS)], number)
