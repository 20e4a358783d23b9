"""
I trained a network in five folds
=================================

Cross-validation leaves five networks. Each has seen four fifths of the rows, so all five together have seen every
row. Averaged on the training rows they look better than they are. This page needs TensorFlow: ``pip install
"ensemblekit[tensorflow,plots]"``.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.datasets import load_digits

from ensemblekit import collect, combine, fuse
from ensemblekit.evaluation import accuracy
from ensemblekit.folds import fit_folds
from ensemblekit.plots import plot_scores

# %%
# Noisy digits. The last rows are not used in training, and show how good the networks are.

keras.utils.set_random_seed(0)
data = load_digits()
rng = np.random.default_rng(0)
x = (data.data / 16 + rng.normal(0, 0.6, data.data.shape)).astype("float32")
labels = np.array([f"digit {k}" for k in data.target])
ids = np.array([f"image {k:04}" for k in range(len(x))])
train, new = slice(0, 500), slice(500, None)


def network():
    """Return a compiled network."""
    layers = [keras.layers.Dense(128, "relu"), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((64,)), *layers])
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    return model


bag = fit_folds(network, (ids[train], x[train], labels[train]), 5, name="network", options={"epochs": 15})

# %%
# The wrong way
# -------------
# Average the five networks on the rows that they were trained on:

on_train = collect(bag.members, (ids[train], x[train], labels[train]))
seen = combine(on_train, "mean")
print(f"five networks on the rows they were trained on: accuracy {accuracy(seen):.3f}")

# %%
# The right way
# -------------
# ``bag.oof`` has each row predicted by the one network that has not seen it. The score of each fold is a row of its
# own in ``bag.scores``.

print(f"each row by the network that has not seen it: accuracy {accuracy(bag.oof):.3f}")
table = bag.scores.query("metric == 'accuracy'")[["model", "value", "low", "high", "n"]]
print(table.round(3).to_string(index=False))

# %%
# New rows are predicted by all five. That is a little better than one network, as the folds of the table are single
# networks:

predicted = bag.predict((ids[new], x[new], labels[new]))
print(f"five networks on new rows: accuracy {accuracy(predicted):.3f}")

# %%
# One network that gives the same answers, for files and servers that take a single Keras model:

fused = fuse(bag.members, "mean")
same = np.allclose(fused.predict(x[new], verbose=0), predicted.probas, atol=1e-5)
print(f"{fused.count_params():,} parameters in one model; equal answers: {same}")

# %%
# What the picture says
# ---------------------
# Folds differ by chance. The last row is all rows together, and is the one to report.

figure = plot_scores(table, value="value", low="low", high="high", label="accuracy out of fold")
figure.savefig("network_folds.png")

# %%
# See also :doc:`/folds`, with patients that have several rows.
