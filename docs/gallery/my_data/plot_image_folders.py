"""
My data are folders of images
=============================

One folder for each class, in ``train`` and in ``test``. Two models are combined: one looks at the pixels, one at how
much ink there is in each row and column. The test folders have other names than the training folders, as they have in
a set of chest CT images that many people use.
"""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression

from ensemblekit import audit_images, collect, combine, image_splits
from ensemblekit.errors import EnsembleKitError
from ensemblekit.evaluation import score_table
from ensemblekit.plots import plot_disagreement

# %%
# The folders
# -----------

data = load_digits()
root = Path(tempfile.mkdtemp())
for split, rows, name in (("train", slice(0, 900), "digit {}"), ("test", slice(900, 1500), "digit {} (scanned)")):
    for number, (picture, digit) in enumerate(zip(data.images[rows], data.target[rows], strict=True)):
        if digit in (1, 3, 7, 8, 9):
            folder = root / split / name.format(digit)
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray((picture * 15).astype(np.uint8)).save(folder / f"{number:04}.png")
print(*sorted(f"{folder.parent.name}/{folder.name}" for folder in root.glob("*/*")), sep="\n")

# %%
# The wrong way
# -------------
# List the files, sort the folders, number the classes. It works here by luck. One more folder in ``test``, and every
# class after it has another number. Names that differ are refused, with the names to give:

try:
    image_splits(root, splits=("train", "test"), size=(8, 8))
except EnsembleKitError as error:
    print(error)

# %%
# The right way
# -------------
# Say which names are the same, and look for copies and broken files before anything is fitted:

same = {f"digit {k} (scanned)": f"digit {k}" for k in (1, 3, 7, 8, 9)}
splits = image_splits(root, splits=("train", "test"), size=(8, 8), aliases=same)
print(*audit_images(root, aliases=same).summary, sep="\n")

# %%
# ``load`` reads a split. A member is any function of a batch of images; ``collect`` shows each batch to all of them,
# and takes ids and labels from the same batch.


def pixels(images):
    """Return the grey values, one row an image."""
    return images[..., 0].reshape(len(images), -1) / 255


def ink(images):
    """Return the sums of the rows and columns of each image."""
    grey = images[..., 0] / 255
    return np.hstack([grey.sum(axis=1), grey.sum(axis=2)])


ids, images, labels = splits["train"].load()
line = LogisticRegression(C=0.1, max_iter=500).fit(ink(images), labels)
trees = ExtraTreesClassifier(20, max_depth=6, random_state=0).fit(pixels(images), labels)
models = {"ink": lambda x: line.predict_proba(ink(x)), "pixels": lambda x: trees.predict_proba(pixels(x))}
predictions = collect(models, splits["test"], classes=list(line.classes_))
mean = combine(predictions, "mean")
print("ids are paths:", *predictions.ids[:2])
table = score_table({**{p.member: p for p in predictions}, "mean": mean}, metrics="accuracy")
print(table[["model", "value", "low", "high"]].round(3).to_string(index=False))

# %%
# What the picture says
# ---------------------
# The images on which the two models differ most, with the answer of each.

ids_of_test, images_of_test, _ = splits["test"].load()
image_of = dict(zip(ids_of_test, images_of_test, strict=True))
figure = plot_disagreement(predictions, image_of.__getitem__, most=4)
figure.savefig("image_folders.png")

# %%
# With Keras models, a frozen backbone and 16-bit or DICOM files it is the same: see :doc:`/models` and
# :doc:`/images`.
