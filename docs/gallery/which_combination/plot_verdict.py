"""
Is my ensemble really better than my best model?
================================================

"92 % against 90 %" is an answer for these test rows. A verdict is an answer for rows like these. It needs the
difference, its interval, and the smallest difference that matters.
"""

import textwrap

import numpy as np
import pandas as pd

from ensemblekit import Predictions
from ensemblekit.evaluation import compare_with_reference
from ensemblekit.plots import plot_scores


def predictions(name, share_right, n, seed):
    """Return a model of two classes that is right in this share of ``n`` rows; rows hard for one are hard for all."""
    hard = np.random.default_rng(0).random(n)
    own = np.random.default_rng(seed).random(n)
    right = 0.7 * hard + 0.3 * own
    right = right <= np.quantile(right, share_right)
    return Predictions(
        np.where(right[:, None], [0.8, 0.2], [0.2, 0.8]),
        ids=np.arange(n),
        classes=["cat", "dog"],
        labels=["cat"] * n,
        member=name,
    )


# %%
# The wrong way
# -------------
# Two accuracies on 100 rows, and the larger one wins:

small = {"ensemble": predictions("ensemble", 0.92, 100, 1), "best model": predictions("best model", 0.90, 100, 2)}
for name, p in small.items():
    print(f"{name}: {np.mean(p.predicted == p.labels):.2f}")

# %%
# The right way
# -------------
# Compare them row by row. ``verdict`` is a word, ``sentence`` says the same with its figures:

told = compare_with_reference(small, "best model", metrics="accuracy").iloc[0]
print(told["verdict"])
print(textwrap.fill(told["sentence"], 100))

# %%
# The words
# ---------
# The same two models with more rows, another ensemble, and one that differs too little to matter (``smallest=0.02``):

cases = {
    "4 rows, 100 % and 75 %": (1.0, 0.75, 4, None),
    "100 rows, 92 % and 90 %": (0.92, 0.90, 100, None),
    "2000 rows, 92 % and 90 %": (0.92, 0.90, 2000, None),
    "2000 rows, 88 % and 90 %": (0.88, 0.90, 2000, None),
    "2000 rows, 90.5 % and 90 %": (0.905, 0.90, 2000, 0.02),
}
lines = []
for name, (ours, theirs, n, smallest) in cases.items():
    pair = {"ensemble": predictions("ensemble", ours, n, 1), "best model": predictions("best model", theirs, n, 2)}
    row = compare_with_reference(pair, "best model", metrics="accuracy", smallest=smallest).iloc[0]
    lines.append({"case": f"{name}: {row['verdict']}", **row[["difference", "low", "high"]]})
table = pd.DataFrame(lines)
print(table.round(3).to_string(index=False))

# %%
# What the picture says
# ---------------------
# An interval that holds 0 means: one cannot tell, not that the models are equal. That they are as good is only said
# if the whole interval is within ``smallest``.

figure = plot_scores(
    table.iloc[1:],
    name="case",
    value="difference",
    low="low",
    high="high",
    reference=0,
    label="difference in accuracy",
    width=6.4,
)
figure.savefig("verdict.png")

# %%
# Choose the best member on other rows than those of the comparison: ``compare_with_best_member`` does. See also
# :doc:`/honest-figures`.
