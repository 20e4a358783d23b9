"""
I have out-of-fold CSV files of three models, and want one submission
=====================================================================

Each model left two files: ``oof_NAME.csv`` with predictions of the training rows, each made by the fold model that
had not seen the row, and ``test_NAME.csv`` for the submission. The question is how to combine the test files, and
whether the combination will be better than the best model.
"""

import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import GaussianNB

from ensemblekit import Predictions, choose, combine
from ensemblekit.evaluation import log_loss
from ensemblekit.plots import plot_scores

# %%
# The files
# ---------
# Three models of a made-up customer survey. The test files are in another order, as files of different programs often
# are.

folder = Path(tempfile.mkdtemp())
x, y = make_classification(900, 12, n_informative=6, n_classes=3, flip_y=0.1, random_state=0)
names = np.array(["leaves", "stays", "unsure"])
train, test = slice(0, 600), slice(600, 900)
ids = np.array([f"customer {k:04}" for k in range(900)])
models = {
    "line": LogisticRegression(max_iter=500),
    "trees": ExtraTreesClassifier(40, min_samples_leaf=3, random_state=0),
    "bayes": GaussianNB(),
}
for seed, (name, model) in enumerate(models.items()):
    oof = cross_val_predict(model, x[train], y[train], cv=5, method="predict_proba")
    later = model.fit(x[train], y[train]).predict_proba(x[test])
    for kind, rows, probas in (("oof", train, oof), ("test", test, later)):
        table = pd.DataFrame(probas.round(5), columns=names).assign(id=ids[rows])
        if kind == "oof":
            table["label"] = names[y[rows]]
        table.sample(frac=1, random_state=seed).to_csv(folder / f"{kind}_{name}.csv", index=False)
print(pd.read_csv(folder / "oof_line.csv").head(3).to_string(index=False))
print(pd.read_csv(folder / "test_line.csv").head(3).to_string(index=False))

# %%
# The wrong way
# -------------
# Average the columns of the test files as they stand. Rows of three different customers are averaged:

tables = [pd.read_csv(folder / f"test_{name}.csv") for name in models]
by_position = sum(table[names].to_numpy() for table in tables) / 3
truth = pd.Series(names[y], index=ids)
wrong = Predictions(by_position, ids=tables[0]["id"].to_numpy(), classes=list(names), labels=truth)
print(f"mean by position: log loss {log_loss(wrong):.3f}")

# %%
# The right way
# -------------
# ``choose`` learns from the out-of-fold files which rule to use. Rows are matched by id.

choice = choose({name: folder / f"oof_{name}.csv" for name in models}, rules=["mean", "weighted", "stacking"])
print(textwrap.fill(choice.sentence, 100))

# %%
# The rule, applied to the test files, gives the submission:

submission = combine({name: folder / f"test_{name}.csv" for name in models}, choice.combiner)
submission.save(folder / "submission.csv", form="table", id="id")
print(pd.read_csv(folder / "submission.csv").head(3).to_string(index=False))


def loss_of(predictions):
    """Return the log loss on the rows of the submission, whose labels nobody had."""
    return log_loss(Predictions(predictions.probas, ids=predictions.ids, classes=predictions.classes, labels=truth))


best = Predictions.load(folder / f"test_{choice.best_member}.csv")
print(f"log loss of {choice.name} on the rows of the submission: {loss_of(submission):.3f}")
print(f"that of the best model, {choice.best_member}: {loss_of(best):.3f}")

# %%
# What the table says
# -------------------
# Every candidate on the out-of-fold rows. The chosen one is the simplest that no other beats for sure.

table = choice.table.dropna(subset=["value"])
print(table[["candidate", "value", "low", "high"]].round(3).to_string(index=False))
figure = plot_scores(
    table, name="candidate", value="value", low="low", high="high", label="log loss out of fold, less is better"
)
figure.savefig("out_of_fold_files.png")

# %%
# The same on the command line: ``ensemblekit choose oof_*.csv -o choice``, then
# ``ensemblekit combine test_*.csv --load choice/combiner -o submission.csv``. See also :doc:`/choose`.
