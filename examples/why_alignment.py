"""Repeat the mistake of the study on small models, and show how ensemblekit refuses and avoids it.

A shuffled ``tf.data.Dataset`` has a new order in each pass. Two members predict it in one pass each, and a third pass
collects the labels. Row i is then a different sample in each of the three arrays, but nothing raises an error.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from ensemblekit import EnsembleKitError, collect, combine

DIGITS = [str(digit) for digit in range(10)]


def small_model(units: int, x: np.ndarray, y: np.ndarray) -> keras.Model:
    """Train a small network on the digits."""
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=20, verbose=0)
    return model


def main() -> dict[str, float]:
    """Score the ensemble by hand and with ensemblekit; return both accuracies."""
    keras.utils.set_random_seed(0)
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x / 16, y, random_state=0)
    members = {"small": small_model(16, x_train, y_train), "large": small_model(32, x_train, y_train)}

    # By hand, as the study did.
    dataset = tf.data.Dataset.from_tensor_slices((x_test, y_test)).shuffle(1000).batch(32)
    averaged = (members["small"].predict(dataset, verbose=0) + members["large"].predict(dataset, verbose=0)) / 2
    labels = np.concatenate([batch_labels for _, batch_labels in dataset])
    by_hand = float(np.mean(averaged.argmax(axis=1) == labels))
    print(f"averaged by hand from a shuffled dataset: accuracy {by_hand:.2f}. Chance is 0.10; nothing was raised.\n")

    # ensemblekit raises an error, because the dataset has no ids.
    try:
        collect(members, dataset, classes=DIGITS)
    except EnsembleKitError as error:
        print(f"ensemblekit: {type(error).__name__}: {error}\n")

    # With ids the same shuffled data are safe: ids, inputs and labels of all members come from the same batch.
    ids = np.arange(len(x_test))
    names = np.asarray(DIGITS)[y_test]
    with_ids = tf.data.Dataset.from_tensor_slices((ids, x_test, names)).shuffle(1000).batch(32)
    result = combine(collect(members, with_ids, classes=DIGITS), "mean")
    aligned = float(np.mean(result.predicted == result.labels))
    print(f"collected with ids and combined by name, just as shuffled: accuracy {aligned:.2f}.")
    return {"by_hand": by_hand, "aligned": aligned}


if __name__ == "__main__":
    main()
