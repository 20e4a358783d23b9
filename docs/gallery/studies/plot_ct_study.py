"""
The study whose ensemble was no better than a guess
===================================================

A published study classifies chest CT images into four classes. Its two networks are right in 51 % and 47 % of the
test images, its ensemble in 23 %. The images cannot be shipped, so this page takes the published figures, and asks
what they say.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ensemblekit import Predictions, combine
from ensemblekit.evaluation import accuracy, accuracy_interval

# %%
# The published table
# -------------------
# The test accuracies and losses, as they stand in ``benchmarks/published.json`` of the repository, with the exact
# intervals of 315 images, which the study does not give.

PUBLISHED = {
    "first_model": (0.514286, 1.17075),
    "second_model": (0.469841, 1.57829),
    "ensemble_model": (0.234921, 1.38834),
    "chained_model": (0.568254, 0.956217),
}
COUNTS = {"adenocarcinoma": 120, "large cell": 51, "normal": 54, "squamous cell": 90}
n = sum(COUNTS.values())
table = pd.DataFrame(
    [
        {"model": name, "test accuracy": value, "low": low, "high": high, "test loss": loss}
        for name, (value, loss) in PUBLISHED.items()
        for low, high in [accuracy_interval(round(value * n), n)]
    ]
)
print(table.round(3).to_string(index=False))

# %%
# The wrong conclusion
# --------------------
# "Combining these networks does not work." But two figures do not fit to that. The accuracy is at chance, although
# both networks know a lot; and the loss is that of a model that answers the same for every image:

print(f"loss of the answer 1/4 for each class: {np.log(4):.3f}; published: {PUBLISHED['ensemble_model'][1]:.3f}")

# %%
# The study read its images through a loader that shuffles in each pass. The rows of the two networks and the labels
# were then of different images. Does that explain the figure? We draw two networks with the published accuracies, and
# average them with their rows in order, and shuffled.

labels = np.repeat([*COUNTS], [*COUNTS.values()])
classes = sorted(COUNTS)
rng = np.random.default_rng(0)


def network(name, share_right):
    """Return a network that is right in this share of the images."""
    code = np.searchsorted(classes, labels)
    said = np.where(rng.random(n) < share_right, code, (code + rng.integers(1, 4, n)) % 4)
    sure = rng.uniform(0.4, 0.9, n)[:, None]
    probas = np.where(np.eye(4)[said] == 1, sure, (1 - sure) / 3)
    return Predictions(probas, ids=[f"test/{k}.png" for k in range(n)], classes=classes, labels=labels, member=name)


in_order, shuffled = [], []
for _ in range(400):
    pair = [network(name, PUBLISHED[name][0]) for name in ("first_model", "second_model")]
    in_order.append(accuracy(combine(pair, "mean")))
    first, second = (p.probas[rng.permutation(n)] for p in pair)
    said = np.array(classes)[((first + second) / 2).argmax(axis=1)]
    shuffled.append(np.mean(said == labels))
print(f"rows matched by id: {np.percentile(in_order, 2.5):.3f} to {np.percentile(in_order, 97.5):.3f}")
print(
    f"rows shuffled:      {np.percentile(shuffled, 2.5):.3f} to {np.percentile(shuffled, 97.5):.3f}; published: 0.235"
)

# %%
# What the picture says
# ---------------------
# The published figure is where shuffled rows put it, and far from where the same two networks are if their rows
# match.

figure, axes = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
bins = np.linspace(0.15, 0.65, 51)
axes.hist(shuffled, bins, color="#b8480a", alpha=0.8, label="mean, rows shuffled")
axes.hist(in_order, bins, color="#0067a5", alpha=0.8, hatch="///", edgecolor="white", label="mean, rows matched")
axes.axvline(PUBLISHED["ensemble_model"][0], color="black", linestyle="--", label="published ensemble")
axes.set(xlabel="test accuracy", ylabel="of 400 drawn pairs of networks")
figure.legend(fontsize=8, loc="outside upper center", ncols=3, frameon=False)
figure.savefig("ct_study.png")

# %%
# ``make ctscan`` trains the networks of the study again, on phantoms or on the images if you have them:
# :doc:`/ctscan-benchmark`.
