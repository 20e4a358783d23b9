"""
"The ensemble is no better than chance, so these models cannot be combined"
===========================================================================

Two models are each right in most rows. Their average is right in one row of ten. A study of chest CT images published
such a figure, and concluded that its ensemble failed. The models were fine: the rows of the second model were in
another order.
"""

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression

from ensemblekit import collect, combine
from ensemblekit.errors import DataError
from ensemblekit.evaluation import accuracy, accuracy_interval, score_table
from ensemblekit.plots import plot_scores

x, y = load_digits(return_X_y=True)
names = np.array([f"digit {k}" for k in range(10)])
x, labels, ids = x / 16, names[y], np.arange(len(x))
train, test = ids < 1000, ids >= 1000
models = {
    "logistic": LogisticRegression(C=0.1).fit(x[train], labels[train]),
    "trees": ExtraTreesClassifier(30, random_state=0).fit(x[train], labels[train]),
}

# %%
# The wrong way
# -------------
# A loader that shuffles gives a new order in each pass, as ``tf.data`` and ``DataLoader(shuffle=True)`` do. Each
# model predicts in a pass of its own, and one more pass collects the labels. No row is where it was before, and no
# error comes.

rng = np.random.default_rng(0)


def one_pass():
    """Return the test rows in a new order, as a shuffling loader does."""
    order = rng.permutation(np.flatnonzero(test))
    return x[order], labels[order]


averaged = sum(model.predict_proba(one_pass()[0]) for model in models.values()) / 2
_, labels_of_a_third_pass = one_pass()
n_right = int(np.sum(names[averaged.argmax(axis=1)] == labels_of_a_third_pass))
print(f"averaged by position: {n_right} of {test.sum()} right")

# %%
# The right way
# -------------
# Arrays without ids are refused, as nobody can tell which row is which:

try:
    collect(models, x[test])
except DataError as error:
    print(error)

# %%
# With ids the order does not matter. All models predict the same batch, and rows are matched by id:

order = rng.permutation(np.flatnonzero(test))
predictions = collect(models, (ids[order], x[order], labels[order]))
mean = combine(predictions, "mean")
print(f"the mean, matched by id: accuracy {accuracy(mean):.3f}")

# %%
# What the figures say
# --------------------
# The interval of the first figure holds 0.1, which is chance among ten digits. A figure at chance next to two good
# models is a reason to look at the rows, not at the models.

table = score_table({**{p.member: p for p in predictions}, "mean, by id": mean}, metrics="accuracy")
low, high = accuracy_interval(n_right, int(test.sum()))
by_position = {"model": "mean, by position", "value": n_right / test.sum(), "low": low, "high": high}
table = pd.concat([table[[*by_position]], pd.DataFrame([by_position])])
print(table.round(3).to_string(index=False))
figure = plot_scores(table, value="value", low="low", high="high", reference=0.1, label="accuracy (line: chance)")
figure.savefig("shuffled_rows.png")

# %%
# The same with Keras and a shuffled ``tf.data.Dataset`` is in ``examples/why_alignment.py`` of the repository; the
# published figures are in :doc:`/auto_gallery/studies/plot_ct_study`. See also :doc:`/predictions-and-alignment`.
