"""
My files have one column, the probability of "yes"
==================================================

Submissions of binary competitions often have two columns: an id and ``target``. One of the models was trained with
the labels the other way round. Its column is the probability of "no", and nothing in the file says so.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ensemblekit import Predictions, align, combine
from ensemblekit.errors import EnsembleKitError
from ensemblekit.evaluation import score_table
from ensemblekit.plots import plot_scores

folder = Path(tempfile.mkdtemp())
x, y = load_breast_cancer(return_X_y=True)
malignant = y == 0
names = np.where(malignant, "malignant", "benign")
rows = np.arange(len(x))
train, test = rows % 3 == 0, rows % 3 != 0
line = make_pipeline(StandardScaler(), LogisticRegression(C=0.02)).fit(x[train], malignant[train])
bayes = GaussianNB().fit(x[train], ~malignant[train])
for name, model in {"line": line, "bayes": bayes}.items():
    table = pd.DataFrame({"image_id": rows[test], "target": model.predict_proba(x[test])[:, 1]})
    table.to_csv(folder / f"{name}.csv", index=False)

# %%
# The wrong way
# -------------
# Average the columns called ``target``:

both = [pd.read_csv(folder / f"{name}.csv") for name in ("line", "bayes")]
averaged = (both[0]["target"] + both[1]["target"]) / 2
by_hand = float(np.mean((averaged > 0.5).to_numpy() == malignant[test]))
print(f"averaged as they stand: accuracy {by_hand:.2f}")

# %%
# The right way
# -------------
# A file with one column of values is refused until somebody says what it is:

try:
    Predictions.load(folder / "line.csv")
except EnsembleKitError as error:
    print(str(error).replace(f"{folder}/", ""))

# %%
# Say it for each file: the class whose probability the column is, and the name of the other class.

truth = pd.Series(names[test], index=rows[test])
members = []
for name, pair in {"line": ("benign", "malignant"), "bayes": ("malignant", "benign")}.items():
    loaded = Predictions.load(folder / f"{name}.csv", positive=pair)
    members.append(Predictions(loaded.probas, ids=loaded.ids, classes=loaded.classes, labels=truth, member=name))
predictions = align(members)
mean = combine(predictions, "mean")
mean.save(folder / "submission.csv", form="table", id="image_id", columns={"target": "malignant"})
print((folder / "submission.csv").read_text()[:60])

# %%
# What the figures say
# --------------------
# A model of two classes with an accuracy far below 0.5 knows a lot: its column is the other one.

table = score_table({**{p.member: p for p in predictions}, "mean": mean}, metrics="accuracy")
wrong = pd.DataFrame([{"model": "averaged as they stand", "value": by_hand, "low": np.nan, "high": np.nan}])
table = pd.concat([table[list(wrong)], wrong])
print(table.round(3).to_string(index=False))
figure = plot_scores(table, value="value", low="low", high="high", label="accuracy")
figure.savefig("one_column.png")

# %%
# On the command line: ``ensemblekit combine line.csv other.csv -o out.csv --positive malignant``. See also
# :doc:`/ordinary-tables`.
