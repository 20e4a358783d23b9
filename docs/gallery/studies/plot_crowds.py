"""
Which rule for which crowd?
===========================

The page :doc:`/crowds` compares the rules with another library on simulated crowds. Here three kinds of crowds are
drawn again, smaller: annotators of different skill, some who answer without looking, some who answer the opposite.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ensemblekit import Votes, aggregate_votes

RULES = ("majority", "one_coin", "dawid_skene", "mace", "kos")
N_ITEMS, N_RATERS, N_VOTES = 400, 30, 5


def crowd(kind, seed):
    """Return the votes of a crowd on items with two classes, and the true classes."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(2, size=N_ITEMS)
    skill = rng.uniform(0.6, 0.95, N_RATERS)
    careless = np.arange(N_RATERS) < 12
    if kind == "a third answers the opposite":
        skill[:10] = rng.uniform(0.05, 0.2, 10)
    rater = np.argsort(rng.random((N_ITEMS, N_RATERS)), axis=1)[:, :N_VOTES]
    answer = np.where(rng.random(rater.shape) < skill[rater], truth[:, None], 1 - truth[:, None])
    if kind == "two fifths press the first key":
        answer = np.where(careless[rater], 0, answer)
    names = np.array(["a", "b"])
    item = np.repeat(np.arange(N_ITEMS), N_VOTES)
    table = pd.DataFrame({"item": item, "rater": rater.ravel(), "label": names[answer].ravel()})
    return Votes(table, classes=["a", "b"]), names[truth]


# %%
# Six crowds of each kind
# -----------------------

KINDS = ("different skill", "two fifths press the first key", "a third answers the opposite")
lines = []
for kind in KINDS:
    for seed in range(6):
        votes, truth = crowd(kind, seed)
        for rule in RULES:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                labels = aggregate_votes(votes, rule).predictions
            right = np.mean(labels.predicted == truth[labels.ids.astype(int)])
            lines.append({"crowd": kind, "rule": rule, "accuracy": right, "warned": len(told)})
trials = pd.DataFrame(lines)
table = trials.groupby(["crowd", "rule"])["accuracy"].agg(["mean", "sem"])
print(table["mean"].unstack().loc[list(KINDS), list(RULES)].round(3).to_string())

# %%
# Where many press the same key, a rule without known labels can put everything into one class. ensemblekit warns of
# this (``VanishedClassWarning``). So many of the six crowds had the warning:

print(trials.groupby(["crowd", "rule"])["warned"].sum().unstack().loc[list(KINDS), list(RULES)].to_string())

# %%
# What the picture says
# ---------------------
# The wrong conclusion from the first crowd: "a majority vote is as good as anything". It is, as long as all
# annotators try. ``dawid_skene`` learns what each answer of each annotator is worth, and gains much in the other two
# crowds. Rules with one number an annotator fail where many press the same key. The lines are two standard errors
# over the six crowds.

figure, axes = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
markers, colours = "os^Dv", ("#0067a5", "#b8480a", "#00795a", "#a3417f", "#6a5acd")
for place, rule in enumerate(RULES):
    found = table.xs(rule, level="rule").loc[list(KINDS)]
    height = np.arange(len(KINDS)) + 0.14 * (place - 2)
    axes.errorbar(found["mean"], height, xerr=2 * found["sem"], fmt=markers[place], color=colours[place], label=rule)
axes.set_yticks(
    range(len(KINDS)), [kind.replace(" press", "\npress").replace(" answers", "\nanswers") for kind in KINDS]
)
axes.invert_yaxis()
axes.set(xlabel="accuracy of the labels")
figure.legend(fontsize=8, ncols=5, loc="outside upper center", frameon=False, handletextpad=0.1, columnspacing=0.8)
figure.savefig("crowds.png")
