"""
My models forecast quantiles
============================

Three models say for each day: with probability 0.1 the number is below this, with 0.9 below that. Each is too sure,
and wrong in another direction. The mean of their quantiles stays as narrow as they are; the mixture of their
distributions says that they disagree.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from ensemblekit import Predictions, align, combine
from ensemblekit.evaluation import score_table
from ensemblekit.quantiles import quantile_coverage

# %%
# The forecasts
# -------------
# Visitors of a museum on 300 days. Each model has an error of its own that lasts for weeks.

rng = np.random.default_rng(0)
n = 300
day = np.arange(n)
expected = 500 + 120 * np.sin(day / 365 * 2 * np.pi) + 80 * (day % 7 >= 5)
visitors = expected + rng.normal(0, 40, n)
levels = np.array([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
fields = {"ids": day, "classes": levels.tolist(), "labels": visitors, "task": "quantile"}


def model(name, seed):
    """Return quantiles of a model that is off by an error that lasts."""
    drift = np.repeat(np.random.default_rng(seed).normal(0, 45, n // 20), 20)
    quantiles = (expected + drift)[:, None] + 30 * norm.ppf(levels)
    return Predictions(quantiles, member=name, **fields)


members = align([model("season", 1), model("week", 2), model("network", 3)])

# %%
# The wrong way
# -------------
# The mean of the quantiles, and trust in its 90 % interval:

mean = combine(members, "mean")


def covered(predictions):
    """Return how often the number was in the interval from 0.05 to 0.95."""
    return np.mean((predictions.probas[:, 0] <= visitors) & (visitors <= predictions.probas[:, -1]))


print(f"the 90 % interval of the mean of quantiles held {covered(mean):.2f} of the days")

# %%
# The right way
# -------------
# ``linear_pool`` is the mixture of the three distributions. Both are judged by the weighted interval score, which
# counts misses and width.

pool = combine(members, "linear_pool")
print(f"that of the mixture held {covered(pool):.2f}")
table = score_table({**{p.member: p for p in members}, "mean": mean, "linear_pool": pool}, metrics="wis")
print(table[["model", "value", "low", "high"]].round(1).to_string(index=False))

# %%
# How often each level was kept:

kept = quantile_coverage(pool)
print(kept.round(2).to_string(index=False))

# %%
# What the picture says
# ---------------------
# Forty days, and both intervals. Where the models differ, the mixture is wide.

shown = slice(180, 220)
figure, axes = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
for predictions, colour, name in ((pool, "#b8480a", "mixture, 90 %"), (mean, "#0067a5", "mean of quantiles, 90 %")):
    low, high = predictions.probas[shown, 0], predictions.probas[shown, -1]
    axes.fill_between(day[shown], low, high, color=colour, alpha=0.3, step="mid", label=name)
axes.plot(day[shown], visitors[shown], "ko", markersize=3, label="observed")
axes.set(xlabel="day", ylabel="visitors")
figure.legend(fontsize=8, ncols=3, loc="outside upper center", frameon=False)
figure.savefig("forecasts.png")

# %%
# See also :doc:`/distributions`: tables of forecasting hubs, weights that follow time, recalibration.
