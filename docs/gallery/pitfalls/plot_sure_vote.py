"""
"All five models agree, so it is 100 % sure"
============================================

Each of five models is calibrated: of the rows to which it gives 0.7, seven in ten are right. The share of votes is
not a probability: where all five agree it says 1, and one row in eight is wrong all the same. A threshold on it
promises what it cannot keep.
"""

import numpy as np

from ensemblekit import Predictions, align, combine
from ensemblekit.evaluation import score_table
from ensemblekit.plots import plot_reliability

# %%
# Five models that see the same noisy signal and some noise of their own. Their probabilities are the true ones, given
# what each sees.

rng = np.random.default_rng(0)
n = 4000
truth = rng.choice([-1, 1], n)
shared = rng.normal(size=n)


def model(k):
    """Return the predictions of one calibrated model."""
    signal = truth + shared + 0.3 * np.random.default_rng(k + 1).normal(size=n)
    p = 1 / (1 + np.exp(-2 * signal / (1 + 0.09)))
    return Predictions(
        np.column_stack([1 - p, p]),
        ids=range(n),
        classes=["well", "ill"],
        labels=np.where(truth == 1, "ill", "well"),
        member=f"model {k}",
    )


models = align([model(k) for k in range(5)])

# %%
# The wrong way
# -------------
# The share of the votes as a probability:

vote = combine(models, "voting")
sure = vote.probas.max(axis=1) == 1
right = np.mean(vote.predicted[sure] == vote.labels[sure])
print(f"the vote says 1.00 in {sure.mean():.2f} of the rows; it is right in {right:.2f} of them")

# %%
# The right way
# -------------
# The mean of the probabilities has the same errors, and says how sure it is:

mean = combine(models, "mean")
table = score_table({"vote": vote, "mean": mean}, metrics=["accuracy", "calibration_error", "log_loss"])
print(table[["model", "metric", "value", "low", "high"]].round(3).to_string(index=False))

# %%
# What the picture says
# ---------------------
# A calibrated model is on the diagonal. Use votes to decide, and means where a number is read as a probability. If
# votes are all there is, ``calibrated`` learns on held-out rows what they mean: see :doc:`/combiners`.

figure = plot_reliability({"model 0": models["model 0"], "vote": vote, "mean": mean})
figure.savefig("sure_vote.png")
