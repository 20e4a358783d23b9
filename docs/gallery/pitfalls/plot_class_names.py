"""
"The second model takes Barolo for Grignolino"
==============================================

Averaged with a second model, a good classifier becomes worse. The second model is good, too. One training script
sorted the names of the classes, the other listed them as the data sheet does, so that column 0 is not the same class
in both.
"""

import numpy as np
from sklearn.datasets import load_wine
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ensemblekit import AlignmentError, Predictions, align, combine
from ensemblekit.evaluation import accuracy, confusion_matrix
from ensemblekit.plots import plot_confusion

x, codes = load_wine(return_X_y=True)
rows = np.arange(len(x))
train, test = rows % 2 == 0, rows % 2 == 1
labels = np.array(["Barolo", "Grignolino", "Barbera"])[codes]

linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[train], labels[train])
trees = ExtraTreesClassifier(50, random_state=0).fit(x[train], codes[train])
print("columns of the linear model:", *linear.classes_)
print("columns of the trees:", *trees.classes_)

# %%
# The wrong way
# -------------
# Average the two arrays, and read the columns by the names of the first model:

fields = {"ids": rows[test], "labels": labels[test]}
averaged = (linear.predict_proba(x[test]) + trees.predict_proba(x[test])) / 2
by_position = Predictions(averaged, classes=list(linear.classes_), member="by position", **fields)
print(f"averaged by position: accuracy {accuracy(by_position):.2f}")
print(confusion_matrix(by_position))

# %%
# The right way
# -------------
# Each model says its own names. Those of the trees are in the notes of whoever trained them, in small letters. Names
# that differ are refused, with what can be pasted where the match is clear:

from_linear = Predictions(linear.predict_proba(x[test]), classes=list(linear.classes_), member="linear", **fields)
from_trees = Predictions(
    trees.predict_proba(x[test]), ids=rows[test], classes=["barolo", "grignolino", "barbera"], member="trees"
)
try:
    align([from_linear, from_trees])
except AlignmentError as error:
    print(error)

# %%

same = {"barolo": "Barolo", "grignolino": "Grignolino", "barbera": "Barbera"}
by_name = combine([from_linear, from_trees], "mean", aliases=same)
print(f"matched by name: accuracy {accuracy(by_name):.2f}")

# %%
# What the picture says
# ---------------------
# Errors that all go from one class to one other are a reason to look at the names before the model.

figure = plot_confusion({"by position": by_position, "by name": by_name})
figure.savefig("class_names.png")

# %%
# See also :doc:`/predictions-and-alignment`.
