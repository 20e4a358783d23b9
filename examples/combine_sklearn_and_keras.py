"""Combine a scikit-learn forest and a Keras network that have their classes in different orders."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from ensemblekit import as_member, collect, combine, fit_combiner

NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


def main() -> dict[str, float]:
    """Train both models, fit stacking on held-out rows, score on test rows, and return the accuracies."""
    keras.utils.set_random_seed(0)
    x, y = load_digits(return_X_y=True)
    x = x / 16
    ids = np.array([f"digit-{row}" for row in range(len(x))])
    fit_rows, rest = train_test_split(np.arange(len(x)), test_size=0.7, random_state=0, stratify=y)
    held_out, test = train_test_split(rest, test_size=0.6, random_state=0, stratify=y[rest])

    # scikit-learn sorts classes by name; the network has them in the order of the training codes.
    forest = RandomForestClassifier(30, random_state=0).fit(x[fit_rows], NAMES[y[fit_rows]])
    network = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(10, "softmax")])
    network.compile("adam", "sparse_categorical_crossentropy")
    network.fit(x[fit_rows], y[fit_rows], epochs=60, verbose=0)

    members = [
        as_member(forest, name="forest", fit_ids=ids[fit_rows]),
        as_member(network, name="network", classes=NAMES, fit_ids=ids[fit_rows]),
    ]
    # Fitting on rows that a member was fitted on would raise a LeakageError.
    stacking = fit_combiner(collect(members, (ids[held_out], x[held_out], NAMES[y[held_out]])), "stacking")

    predictions = collect(members, (ids[test], x[test], NAMES[y[test]]))
    answers = {p.member: p for p in predictions}
    answers |= {"mean": combine(predictions, "mean"), "stacking": combine(predictions, stacking)}
    accuracies = {str(name): float(np.mean(p.predicted == p.labels)) for name, p in answers.items()}
    for name, accuracy in accuracies.items():
        print(f"{name}: accuracy {accuracy:.3f} on {len(test)} digits")
    return accuracies


if __name__ == "__main__":
    main()
