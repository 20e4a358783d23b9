"""
No combination beats my best model
==================================

Boosted trees, and three weaker models that were at hand. The mean of all four is worse than the trees. That is no
bug: a mean gives each model the same say. It helps if the models are about as good as each other and err in different
rows.
"""

import textwrap

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from ensemblekit import choose, collect, combine
from ensemblekit.evaluation import diversity, score_table
from ensemblekit.plots import plot_scores

x, y = make_classification(3200, 16, n_informative=10, n_clusters_per_class=6, class_sep=1.2, random_state=5)
ids, labels = np.arange(len(x)), np.array(["no", "yes"])[y]
fitted, held_out, new = slice(0, 1200), slice(1200, 2000), slice(2000, None)
models = {
    "boosted": HistGradientBoostingClassifier(max_iter=60, random_state=0),
    "line": LogisticRegression(),
    "bayes": GaussianNB(),
    "stump": DecisionTreeClassifier(max_depth=1),
}
for model in models.values():
    model.fit(x[fitted], labels[fitted])

# %%
# The wrong way
# -------------
# "An ensemble is always better": take the mean.

on_new = collect(models, (ids[new], x[new], labels[new]))
mean = combine(on_new, "mean")
table = score_table({**{p.member: p for p in on_new}, "mean": mean}, metrics="log_loss")
print(table[["model", "value", "low", "high"]].round(3).to_string(index=False))

# %%
# The right way
# -------------
# Ask ``choose`` on held-out rows. It may answer: none. ``combiner`` is then a mean that gives the best model all the
# weight, so the code after it stays as it is.

on_held_out = collect(models, (ids[held_out], x[held_out], labels[held_out]))
choice = choose(on_held_out, rules=["mean", "geometric_mean", "weighted", "greedy_selection"])
print(textwrap.fill(choice.sentence, 100))
chosen = combine(on_new, choice.combiner)

# %%
# Why
# ---
# How often each pair is wrong in the same rows tells what there is to gain. ``double_fault`` is the share of rows in
# which both are wrong:

pairs = diversity(on_held_out)[["first", "second", "disagreement", "correlation", "double_fault"]]
print(pairs.round(3).to_string(index=False))

# %%
# What the picture says
# ---------------------
# Better than to combine weak models: another model that is about as good as the best one, and differs from it.

table = score_table({**{p.member: p for p in on_new}, "mean": mean, "choice": chosen}, metrics="log_loss")
figure = plot_scores(table, value="value", low="low", high="high", label="log loss on new rows, less is better")
figure.savefig("best_member_wins.png")

# %%
# See also :doc:`/choose` and :doc:`/uncertainty-and-diversity`.
