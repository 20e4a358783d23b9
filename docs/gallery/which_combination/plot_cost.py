"""
My best model is too expensive to ask for every row
===================================================

A forest of 200 trees is better than a linear model, and costs many times as much. Most rows are easy, and both say
the same. A cascade asks the forest only where the linear model is unsure.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression

from ensemblekit import collect, combine
from ensemblekit.cascading import cascade
from ensemblekit.evaluation import accuracy, score_table
from ensemblekit.plots import plot_cost

x, y = load_digits(return_X_y=True)
ids = np.array([f"digit {k}" for k in range(len(x))])
fitted, held_out, new = slice(0, 600), slice(600, 1100), slice(1100, None)
line = LogisticRegression(C=0.01, max_iter=300).fit(x[fitted] / 16, y[fitted])
trees = ExtraTreesClassifier(60, random_state=0).fit(x[fitted] / 16, y[fitted])
stages = [("line", line), ("trees", trees)]
costs = {"line": 1, "trees": 40}  # as measured, in any unit

# %%
# The wrong way
# -------------
# Average both for every row. That costs more than the forest alone, and the linear model makes it worse.

predictions = collect(stages, (ids[new], x[new] / 16, y[new]))
mean = combine(predictions, "mean")
print(f"trees alone: accuracy {accuracy(predictions['trees']):.3f} for 40; mean: {accuracy(mean):.3f} for 41")

# %%
# The right way
# -------------
# The threshold is set on held-out rows, with a promise: the cascade decides as the forest for 95 % of rows like
# these.

chain = cascade(stages, (ids[held_out], x[held_out] / 16), agreement=0.95, costs=costs)
print(chain.promise)
answers, stage = chain.answer((ids[new], x[new] / 16, y[new]))
share = float(np.mean(np.asarray(stage) == "trees"))
cost = costs["line"] + share * costs["trees"]
print(f"{share:.2f} of the new rows reach the trees; a row costs {cost:.1f} instead of 40")

# %%
# What the picture says
# ---------------------
# Accuracy against cost. The cascade is about as good as the forest, for a part of its cost.

models = {**{p.member: p for p in predictions}, "mean": mean, "cascade": answers}
table = score_table(models, metrics="accuracy").set_index("model")
print(table[["value", "low", "high"]].round(3).to_string())
figure = plot_cost(
    table["value"].to_dict(),
    {"line": 1, "trees": 40, "mean": 41, "cascade": cost},
    intervals={name: (row["low"], row["high"]) for name, row in table.iterrows()},
    unit="cost of a row",
)
figure.savefig("cost.png")

# %%
# See also :doc:`/fewer-models`: more than two stages, models in files, one network of several.
