"""
Which of all these rules should I use?
======================================

Eight rules, 120 labelled rows: try them all, and take the one with the best figure. That figure is too good. The rule
was taken because it was lucky on these rows, and rules that learn were judged on the rows that they learned from.
"""

import textwrap

import numpy as np

from ensemblekit import Predictions, align, choose, combine, fit_combiner
from ensemblekit.evaluation import log_loss
from ensemblekit.plots import plot_scores

# %%
# Four models of a problem with three classes; 120 rows to choose on, and 4000 new ones that show how it went.

rng = np.random.default_rng(4)
classes = ["low", "middle", "high"]
codes = rng.integers(3, size=4120)
hard = rng.normal(size=(4120, 3))


def model(name, skill, noise, seed):
    """Return a model that sees the true class, what is hard for all models, and noise of its own."""
    score = skill * np.eye(3)[codes] + hard + noise * np.random.default_rng(seed).normal(size=(4120, 3))
    score = np.exp(score - score.max(axis=1, keepdims=True))
    fields = {"ids": np.arange(4120), "classes": classes, "labels": np.array(classes)[codes]}
    return Predictions(score / score.sum(axis=1, keepdims=True), member=name, **fields)


skills = {"forest": (1.8, 0.9), "boosted": (1.7, 1.0), "line": (1.5, 1.1), "bayes": (1.2, 1.8)}
members = align([model(name, *skill, seed) for seed, (name, skill) in enumerate(skills.items(), start=1)])
rows = [p.take(np.arange(120)) for p in members]
new = [p.take(np.arange(120, 4120)) for p in members]
rules = ["mean", "median", "geometric_mean", "product", "weighted", "stacking", "greedy_selection", "super_learner"]

# %%
# The wrong way
# -------------
# Fit each rule on the rows, judge it on the same rows, take the best:

LEARNS = ("weighted", "stacking", "greedy_selection", "super_learner")
combiners = {rule: fit_combiner(rows, rule) if rule in LEARNS else rule for rule in rules}
losses = {rule: log_loss(combine(rows, combiner)) for rule, combiner in combiners.items()}
best = min(losses, key=lambda rule: losses[rule])
best_member = min(rows, key=log_loss).member
single = {p.member: p for p in new}[best_member]
promised = min(log_loss(p) for p in rows) - losses[best]
came = log_loss(single) - log_loss(combine(new, combiners[best]))
print(f"{best}: seems to gain {promised:.3f} over {best_member}; on new rows it gains {came:.3f}")

# %%
# The right way
# -------------
# ``choose`` judges each rule on rows that it did not see, takes the simplest that no other beats for sure, and
# corrects the gain for the choice:

choice = choose(rows, rules=rules)
print(textwrap.fill(choice.sentence, 100))
came = log_loss(single) - log_loss(combine(new, choice.combiner))
print(f"on 4000 new rows it gains {came:.3f}")

# %%
# What the picture says
# ---------------------
# The intervals of the rules overlap: with 120 rows most of them cannot be told apart, and the simplest is a good
# choice.

table = choice.table.dropna(subset=["value"])
figure = plot_scores(table, name="candidate", value="value", low="low", high="high", label="log loss, less is better")
figure.savefig("choose.png")

# %%
# See also :doc:`/choose`, and :doc:`/auto_gallery/studies/plot_choosing` for how often the promise is kept.
