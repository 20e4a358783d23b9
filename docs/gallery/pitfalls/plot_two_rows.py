"""
"Both test images are right, so the model is perfect"
=====================================================

Two rows, two right answers, 100 %: the figure is true and says almost nothing. A model that is right in one row of
six has such a test once in 36 times. An interval that is made by resampling the two rows has no width at all, and
looks like certainty.
"""

import textwrap

import matplotlib.pyplot as plt
import numpy as np

from ensemblekit import Predictions
from ensemblekit.evaluation import compare_with_reference, score_table


def model(name, certainty, n):
    """Return a model that is right in each of ``n`` rows."""
    return Predictions(
        np.tile([certainty, 1 - certainty], (n, 1)),
        ids=[f"image {k}" for k in range(n)],
        classes=["cat", "dog"],
        labels=["cat"] * n,
        member=name,
    )


# %%
# The wrong way
# -------------
# Resample the rows and take the middle 95 % of the accuracies:

rng = np.random.default_rng(0)
right = np.array([1.0, 1.0])
resampled = [rng.choice(right, 2).mean() for _ in range(1000)]
print("bootstrap interval:", np.percentile(resampled, [2.5, 97.5]))

# %%
# The right way
# -------------
# ``score_table`` has the exact interval for a share of rows. For metrics that are no share, two rows tell nothing:
# ``enough`` is False.

two = model("cnn", 0.9, 2)
table = score_table(two, metrics=["accuracy", "brier_score"])
print(table[["metric", "value", "low", "high", "enough"]].round(2).to_string(index=False))

# %%
# The same for a comparison with another model:

told = compare_with_reference({"cnn": two, "svm": model("svm", 0.6, 2)}, "svm", metrics="brier_score")
print("verdict:", told["verdict"].item())
print(textwrap.fill(told["sentence"].item(), 100))

# %%
# How many rows are needed
# ------------------------
# The lower end of the interval, if all rows are right:

sizes = [2, 5, 10, 20, 50, 100, 200, 500]
lows = [score_table(model("cnn", 0.9, n), metrics="accuracy")["low"].item() for n in sizes]
figure, axes = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
axes.fill_between(sizes, lows, 1, alpha=0.2, label="95 % interval of the accuracy")
axes.plot(sizes, np.ones(len(sizes)), "o-", label="accuracy in the test")
axes.set(xscale="log", xlabel="test rows, all of them right", ylabel="accuracy", ylim=(0, 1.05))
axes.set_xticks(sizes, sizes)
axes.legend(loc="lower right")
figure.savefig("two_rows.png")
for n, low in zip(sizes, lows, strict=True):
    print(f"{n:4} rows: the accuracy may be as low as {low:.2f}")

# %%
# See also :doc:`/honest-figures`.
