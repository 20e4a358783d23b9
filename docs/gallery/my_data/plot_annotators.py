"""
My labels come from annotators, and each saw a few items
========================================================

Forty annotators, four answers an item. Some of them answer without looking. In a table with a column an annotator
most cells are empty, and an average that takes an empty cell for "no" is wrong from the start.
"""

import textwrap

import numpy as np
import pandas as pd

from ensemblekit import Votes, aggregate_votes
from ensemblekit.crowd import krippendorff_alpha, rater_table
from ensemblekit.plots import plot_scores

# %%
# The votes
# ---------
# Is there an animal on the picture? Of the forty annotators fifteen press "yes" or "no" at random.

rng = np.random.default_rng(0)
n_items, n_raters = 500, 40
truth = rng.random(n_items) < 0.4
skill = np.where(np.arange(n_raters) < 15, 0.5, rng.uniform(0.8, 0.97, n_raters))
rater = np.argsort(rng.random((n_items, n_raters)), axis=1)[:, :4]
right = rng.random(rater.shape) < skill[rater]
answer = np.where(right, truth[:, None], ~truth[:, None])
table = pd.DataFrame(
    {
        "item": np.repeat([f"picture {k}" for k in range(n_items)], 4),
        "rater": [f"annotator {k}" for k in rater.ravel()],
        "label": np.where(answer.ravel(), "yes", "no"),
    }
)
print(table.head(4).to_string(index=False))
true_label = pd.Series(np.where(truth, "yes", "no"), index=[f"picture {k}" for k in range(n_items)])

# %%
# The wrong way
# -------------
# A wide table with 0 for what is empty, and its mean:

wide = table.assign(yes=table["label"] == "yes").pivot(index="item", columns="rater", values="yes")
share = wide.astype(float).fillna(0).mean(axis=1)
found = share > 0.5
print(f"mean of a table filled with 0: 'yes' for {found.sum()} pictures; there are {truth.sum()}")

# %%
# The right way
# -------------
# ``Votes`` keeps the votes that there are. ``majority`` counts them; ``one_coin`` also learns how good each annotator
# is, without any known label.

votes = Votes(table)
print(votes)
results = {rule: aggregate_votes(votes, rule) for rule in ("majority", "one_coin", "dawid_skene", "mace")}
for rule, result in results.items():
    labels = result.predictions
    print(f"{rule:12} {np.mean(labels.predicted == true_label[labels.ids].to_numpy()):.3f} of the labels are right")

# %%
# What the figures say
# --------------------
# Agreement beyond chance is low, because fifteen annotators guess:

print(textwrap.fill(krippendorff_alpha(votes).sentence, 100))

# %%
# Who guesses is seen from the agreement of each annotator with the others. Those near the line at 0.5 agree with them
# as often as a coin.

raters = rater_table(votes, "one_coin").reset_index().sort_values("agreement")
shown = pd.concat([raters.head(12), raters.tail(6)])
guessing = {f"annotator {k}" for k in range(15)}
print(f"of the 15 annotators with the lowest agreement, {len(guessing & set(raters['rater'].head(15)))} guess")
figure = plot_scores(
    shown, name="rater", value="agreement", low="low", high="high", reference=0.5, label="agreement with the others"
)
figure.savefig("annotators.png")

# %%
# See also :doc:`/crowds`, and :doc:`/auto_gallery/studies/plot_crowds` for which rule when.
