"""
"The nearest neighbour is our best model"
=========================================

Some test images are copies of training images. A nearest neighbour has learned those by heart and gets them right,
and so it wins the comparison. On images that are no copies the other model is better.
"""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from ensemblekit import audit_images, collect, image_splits
from ensemblekit.evaluation import score_table
from ensemblekit.plots import plot_copies

# %%
# The folder
# ----------
# Noisy pictures of digits. Half of the 80 test images of each digit are training images that were saved again.

data = load_digits()
rng = np.random.default_rng(0)
noisy = np.clip(data.images * 12 + rng.normal(0, 55, data.images.shape), 0, 255).astype(np.uint8)
root = Path(tempfile.mkdtemp())
for digit in (3, 8, 9):
    rows = np.flatnonzero(data.target == digit)
    places = {"train": rows[:80], "test": [*rows[80:120], *rows[:40]]}
    for split, members in places.items():
        folder = root / split / f"digit {digit}"
        folder.mkdir(parents=True)
        for number, row in enumerate(members):
            Image.fromarray(noisy[row]).resize((32, 32), 0).save(folder / f"{number:03}.png")

# %%
# The wrong way
# -------------
# Fit, predict, compare:

splits = image_splits(root, splits=("train", "test"), size=(32, 32))
_, train_pixels, train_labels = splits["train"].load()


def grey(images):
    """Return the pixels of the original digits, one row an image."""
    return images[:, ::4, ::4, 0].reshape(len(images), -1) / 255


models = {
    "neighbour": KNeighborsClassifier(1).fit(grey(train_pixels), train_labels),
    "logistic": LogisticRegression(C=0.02, max_iter=500).fit(grey(train_pixels), train_labels),
}
callables = {name: lambda images, model=model: model.predict_proba(grey(images)) for name, model in models.items()}
test = collect(callables, splits["test"], classes=sorted(set(train_labels)))
print(score_table(test, metrics="accuracy")[["model", "value", "low", "high"]].round(3).to_string(index=False))

# %%
# The right way
# -------------
# Look for copies first. ``ensemblekit audit DIR --fail-on-leaks`` does this on the command line.

audit = audit_images(root)
print(*audit.summary, sep="\n")
leaked = set(audit.leaked["test"])
clean = {p.member: p.take([i for i in p.ids if i not in leaked]) for p in test}
print(score_table(clean, metrics="accuracy")[["model", "value", "low", "high"]].round(3).to_string(index=False))

# %%
# What was found
# --------------
# Each pair has one image of each split. The page :doc:`/audit` says what counts as a copy, and how copies are kept in
# one fold.

figure = plot_copies(audit.equal_groups, lambda i: np.asarray(Image.open(root / i)), most=4)
figure.savefig("copies.png")
