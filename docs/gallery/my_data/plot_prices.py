"""
My models predict prices
========================

Five models predict the prices of houses. One of them was trained on thousands of dollars, and one missed a few houses
by far. A plain mean takes both at their word.
"""

import numpy as np

from ensemblekit import Predictions, align, combine, fit_combiner
from ensemblekit.evaluation import score_table
from ensemblekit.plots import plot_scores

# %%
# The predictions
# ---------------
# Made-up prices of 800 houses. Half of them have been sold, so that their prices are known.

rng = np.random.default_rng(0)
n = 800
area = rng.lognormal(4.6, 0.3, n)
price = 2200 * area * rng.lognormal(0, 0.15, n)
ids = [f"house {k}" for k in range(n)]
values = {
    name: price * np.random.default_rng(seed).lognormal(bias, noise, n)
    for seed, (name, bias, noise) in enumerate(
        [("boosted", 0, 0.12), ("forest", 0.02, 0.16), ("line", -0.02, 0.2), ("network", 0, 0.14)]
    )
}
values["network"][rng.choice(n, 12, replace=False)] *= 6  # a few wild answers
values["in thousands"] = price * rng.lognormal(0, 0.13, n) / 1000

# %%
# The wrong way
# -------------

averaged = np.mean([*values.values()], axis=0)
print(f"plain mean of five columns: misses by {np.mean(np.abs(averaged - price)):,.0f} dollars on average")

# %%
# The right way
# -------------
# The task is ``regression``. A model in another unit has no place in a mean; look at each model by itself first.

members = align(
    [
        Predictions(column[:, None], ids=ids, classes=["price"], labels=price, task="regression", member=name)
        for name, column in values.items()
    ]
)
print(score_table(members, metrics="mae")[["model", "value", "low", "high"]].round(0).to_string(index=False))

# %%
# The unit is mended, and the rules are judged on the houses that were not used to learn anything. ``median`` and
# ``trimmed_mean`` ignore wild answers. ``least_squares`` learns weights.

mended = align(
    [
        Predictions(
            column[:, None] * (1000 if name == "in thousands" else 1),
            ids=ids,
            classes=["price"],
            labels=price,
            task="regression",
            member=name,
        )
        for name, column in values.items()
    ]
)
known = [p.take(ids[: n // 2]) for p in mended]
new = [p.take(ids[n // 2 :]) for p in mended]
rules = {
    "mean": combine(new, "mean"),
    "median": combine(new, "median"),
    "trimmed_mean": combine(new, "trimmed_mean"),
    "least_squares": combine(new, fit_combiner(known, "least_squares")),
}

# %%
# What the figures say
# --------------------
# Every rule here beats the best model. The wild answers of one model pull the mean, whose interval is wide. The
# trimmed mean leaves out the lowest and the highest answer for each house.

table = score_table({**{p.member: p for p in new}, **rules}, metrics="mae")[["model", "value", "low", "high"]]
print(table.round(0).to_string(index=False))
table[["value", "low", "high"]] /= 1000
figure = plot_scores(table, value="value", low="low", high="high", label="mean absolute error, thousands of dollars")
figure.savefig("prices.png")

# %%
# See also :doc:`/combiners` and :doc:`/ordinary-tables`.
