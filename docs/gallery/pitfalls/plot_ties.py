"""
"Class A is predicted most, so most of our data are of class A"
===============================================================

Four models vote. In many rows two say A and two say B. ``argmax`` takes the first of equal counts, so every tie goes
to the class that comes first in the alphabet. Rename the classes, and the answer changes.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ensemblekit import Predictions, align, combine

rng = np.random.default_rng(3)
n = 2000
truth = rng.integers(2, size=n)


def members(classes):
    """Return four models that are right in two rows of three, with the given names of the two classes."""
    draw = np.random.default_rng(0)
    found = []
    for k in range(4):
        score = np.where(draw.random(n) < 0.67, truth, 1 - truth)
        sure = draw.uniform(0.5, 0.95, n)
        p = np.where(score == 1, sure, 1 - sure)
        found.append(
            Predictions(
                np.column_stack([1 - p, p]),
                ids=range(n),
                classes=classes,
                labels=np.array(classes)[truth],
                member=f"model {k}",
            )
        )
    return align(found)


voters = members(["A", "B"])
print(f"share of A in the data: {np.mean(truth == 0):.2f}")

# %%
# The wrong way
# -------------
# Count votes, take the largest count:


def by_hand(names):
    """Return the share of rows in which a counted vote names the class that is 0 in ``truth``."""
    predictions = members(names)
    counts = pd.DataFrame({c: np.sum([p.predicted == c for p in predictions], axis=0) for c in sorted(names)})
    return float(np.mean(counts.idxmax(axis=1) == names[0])), float(np.mean(counts[names[0]] == 2))


share, ties = by_hand(["A", "B"])
renamed, _ = by_hand(["Z", "B"])
print(f"votes that are tied: {ties:.2f}")
print(f"the first class, named A: predicted in {share:.2f} of the rows; named Z: in {renamed:.2f}")

# %%
# The right way
# -------------
# ``voting`` has a tie rule that no name decides: of the tied classes it takes the one to which the members give the
# higher probability. The mean of the probabilities hardly ever has ties.

rows = []
for names in (["A", "B"], ["Z", "B"]):
    predictions = members(names)
    for rule in ("voting", "mean"):
        combined = combine(predictions, rule)
        rows.append(
            {
                "rule": rule,
                "first class is named": names[0],
                "its share": np.mean(combined.predicted == names[0]),
                "accuracy": np.mean(combined.predicted == combined.labels),
            }
        )
rows += [
    {"rule": "counted by hand", "first class is named": name, "its share": value}
    for name, value in (("A", share), ("Z", renamed))
]
table = pd.DataFrame(rows)
print(table.round(3).to_string(index=False))

# %%
# What the picture says
# ---------------------
# Counted by hand, the share of a class depends on its name by twice the share of ties. Each rule's tie rule is on the
# page :doc:`/combiners`.

figure, axes = plt.subplots(figsize=(5.6, 2.8), layout="constrained")
wide = table.pivot(index="rule", columns="first class is named", values="its share")
wide.columns = [f"class is named {name}" for name in wide.columns]
wide.plot.barh(ax=axes, color=["#0067a5", "#b8480a"])
axes.axvline(np.mean(truth == 0), color="black", linestyle="--", label="share in the data")
axes.set(xlabel="share of rows predicted as the first class", ylabel="", xlim=(0, 1))
axes.legend(loc="lower right", fontsize=8)
figure.savefig("ties.png")
