"""
"Our stack is right in every row"
=================================

A stack learns how to combine models from their predictions. On rows that the models were fitted on, a tree that has
learned the rows by heart is always right, so the stack trusts it alone. The figure on the same rows is perfect, and
the figure on new rows is worse than that of the other model.
"""

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from ensemblekit import LeakageError, as_member, collect, combine, fit_combiner
from ensemblekit.evaluation import score_table
from ensemblekit.plots import plot_scores

x, y = make_classification(1500, 20, n_informative=6, flip_y=0.2, random_state=1)
labels = np.array(["no", "yes"])[y]
ids = np.array([f"row {k}" for k in range(len(x))])
train, held_out, new = slice(0, 500), slice(500, 1000), slice(1000, None)
members = [
    as_member(model.fit(x[train], labels[train]), name=name, fit_ids=ids[train])
    for name, model in {"line": LogisticRegression(), "tree": DecisionTreeClassifier(random_state=0)}.items()
]
on_train, on_held_out, on_new = (
    collect(members, (ids[part], x[part], labels[part])) for part in (train, held_out, new)
)

# %%
# The wrong way
# -------------
# The members say what they were fitted on, so a stack on these rows is refused:

try:
    fit_combiner(on_train, "stacking")
except LeakageError as error:
    print(error)

# %%
# Many tools do not ask. This is what they give:

leaked = fit_combiner(on_train, "stacking", allow_leakage=True)

# %%
# The right way
# -------------
# The stack learns from rows that no member has seen. Out-of-fold predictions do as well.

honest = fit_combiner(on_held_out, "stacking")

# %%
# What the figures say
# --------------------
# ``in_sample`` counts the rows that a model was fitted on. A value with such rows says nothing about new ones.

seen = score_table({"leaked stack, its own rows": combine(on_train, leaked, allow_leakage=True)}, metrics="accuracy")
unseen = score_table(
    {
        "leaked stack, new rows": combine(on_new, leaked),
        "honest stack, new rows": combine(on_new, honest),
        "line, new rows": on_new["line"],
        "tree, new rows": on_new["tree"],
    },
    metrics="accuracy",
)
table = pd.concat([seen, unseen])[["model", "value", "low", "high", "in_sample"]]
print(table.round(3).to_string(index=False))
figure = plot_scores(table, value="value", low="low", high="high", label="accuracy")
figure.savefig("leaked_stack.png")

# %%
# See also :doc:`/first-steps` and :doc:`/folds`.
