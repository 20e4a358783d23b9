"""
My comments have six toxicity labels
====================================

A comment can be toxic, obscene and an insult at once, or nothing of it. The labels are no classes of which one is
true: the probabilities of a row do not sum to 1, and ``argmax`` names a label for the friendliest comment.
"""

import numpy as np

from ensemblekit import Predictions, align, combine
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import score_table
from ensemblekit.plots import plot_scores

# %%
# The predictions
# ---------------
# Three models of 1500 made-up comments. Threats are rare, as they are in real data.

names = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
rng = np.random.default_rng(0)
n = 1500
anger = rng.normal(size=(n, 1))
needed = np.array([1.0, 2.0, 1.5, 2.6, 1.6, 2.3])
truth = (anger + 0.6 * rng.normal(size=(n, 6)) > needed).astype(int)
print("share of comments with each label:", dict(zip(names, truth.mean(axis=0).round(3).tolist(), strict=True)))


def model(name, seed, noise):
    """Return probabilities of six labels."""
    heard = np.random.default_rng(seed).normal(size=(n, 6))
    score = 2.5 * truth - 2.5 + noise * heard + 0.8 * anger
    fields = {"ids": range(n), "classes": names, "labels": truth, "task": "multilabel"}
    return Predictions(1 / (1 + np.exp(-score)), member=name, **fields)


members = align([model("words", 1, 1.5), model("letters", 2, 1.8), model("network", 3, 1.2)])

# %%
# The wrong way
# -------------
# As classes of which one is true, such values are refused:

try:
    Predictions(members["words"].probas, ids=range(n), classes=names)
except InvalidPredictionsError as error:
    print(error)

# %%
# Who takes ``argmax`` of them anyway gives every comment a label:

mean = combine(members, "mean")
harmless = truth.sum(axis=1) == 0
print(f"comments without any label: {harmless.mean():.2f}; argmax would give a label to all of them")
print(f"the task multilabel gives one to {(mean.probas[harmless] >= 0.5).any(axis=1).mean():.2f} of these")

# %%
# The right way
# -------------
# The task is ``multilabel``, and the metric is the mean over labels of the area under the ROC curve, as in
# competitions.

models = {**{p.member: p for p in members}, "mean": mean}
table = score_table(models, metrics="macro_auroc")[["model", "value", "low", "high"]]
print(table.round(3).to_string(index=False))

# %%
# What the figures say
# --------------------
# The mean is better than each of the three models: their errors differ.

figure = plot_scores(table, value="value", low="low", high="high", label="area under the ROC curve, mean of six labels")
figure.savefig("toxicity.png")

# %%
# See also :doc:`/tasks` and :doc:`/metrics`.
