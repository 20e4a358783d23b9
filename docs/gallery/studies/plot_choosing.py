"""
Is choosing a rule worth it?
============================

The page :doc:`/choose` answers for twenty data sets with all rules. This is the same trial for five data sets that
come with scikit-learn, with a few rules, so that it takes seconds: half of the rows to choose on, half untouched
until the end.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ensemblekit import Predictions, choose, combine
from ensemblekit.evaluation import log_loss

warnings.simplefilter("ignore")  # the linear models of small folds do not always converge
SETS = {
    "iris": load_iris,
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
    "digits": load_digits,
    "diabetes": load_diabetes,
}
CLASSIFIERS = {
    "forest": ExtraTreesClassifier(40, min_samples_leaf=2, random_state=0),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=100)),
    "bayes": make_pipeline(StandardScaler(), GaussianNB(var_smoothing=1e-2)),
}
REGRESSORS = {
    "forest": ExtraTreesRegressor(40, min_samples_leaf=3, random_state=0),
    "ridge": make_pipeline(StandardScaler(), Ridge()),
    "neighbours": make_pipeline(StandardScaler(), KNeighborsRegressor(9)),
}


def halves(x, y, regression):
    """Return each member's out-of-fold predictions of one half, and its predictions of the other half."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))[:600]
    first, second = np.array_split(order, 2)
    found = {"known": [], "new": []}
    for name, model in (REGRESSORS if regression else CLASSIFIERS).items():
        method = "predict" if regression else "predict_proba"
        oof = cross_val_predict(model, x[first], y[first], cv=4, method=method)
        later = getattr(model.fit(x[first], y[first]), method)(x[second])
        for part, rows, values in (("known", first, oof), ("new", second, later)):
            fields = {"ids": rows, "labels": y[rows], "member": name}
            if regression:
                found[part].append(Predictions(values[:, None], classes=["y"], task="regression", **fields))
            else:
                found[part].append(Predictions(values, classes=list(model.classes_), **fields))
    return found["known"], found["new"]


def loss_of(predictions):
    """Return the log loss, or for numbers the root mean squared error."""
    if predictions.task == "regression":
        return float(np.sqrt(np.mean((predictions.probas - predictions.labels) ** 2)))
    return log_loss(predictions)


# %%
# The trial
# ---------
# The gain over the best member: what ``choose`` promises for as many new rows, and what came. Both in parts of the
# loss of the best member, so that the sets can be compared.

lines = []
for name, load in SETS.items():
    x, y = load(return_X_y=True)
    regression = name == "diabetes"
    known, new = halves(x, y, regression)
    rules = ["mean", "median", "weighted"] if regression else ["mean", "geometric_mean", "weighted", "stacking"]
    choice = choose(known, rules=rules)
    best = {p.member: p for p in new}[choice.best_member]
    loss = loss_of(best)
    came = loss - loss_of(combine(new, choice.combiner))
    lines.append(
        {
            "set": name,
            "rows": len(known[0].ids),
            "chosen": choice.name,
            "promised": choice.gain / loss,
            "low": choice.promised_low / loss,
            "high": choice.promised_high / loss,
            "came": came / loss,
        }
    )
table = pd.DataFrame(lines)
print(table.round(3).to_string(index=False))
kept = ((table["low"] - 1e-9 <= table["came"]) & (table["came"] <= table["high"] + 1e-9)).sum()
print(f"the promise was kept in {kept} of {len(table)}")

# %%
# What the picture says
# ---------------------
# Lines are what was promised, crosses what came. The gains are small on most sets, and the promise says so before the
# test. Where the best member is returned, the promise is 0 and is kept by itself.

figure, axes = plt.subplots(figsize=(5.6, 3.0), layout="constrained")
places = np.arange(len(table))
axes.hlines(places, table["low"], table["high"], color="#0067a5", linewidth=3, alpha=0.5, label="promised")
axes.plot(table["promised"], places, "o", color="#0067a5")
axes.plot(table["came"], places, "X", color="#b8480a", markersize=8, label="came")
axes.axvline(0, color="black", linewidth=0.8)
axes.set_yticks(places, [f"{row.set}: {row.chosen}" for row in table.itertuples()])
axes.invert_yaxis()
axes.set(xlabel="gain over the best member, in parts of its loss")
axes.legend(fontsize=8, loc="lower right")
figure.savefig("choosing.png")

# %%
# All twenty sets and all rules: ``make bench-choosing``.
