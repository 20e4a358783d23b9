"""How these folders were made: by ensemblekit 0.1.0, on the lowest versions that it supports.

``git worktree add /tmp/before 679baa6``, then in this folder, with ``.venv-lowest`` of ``make test-lowest``::

    PYTHONPATH=/tmp/before:/tmp/before/plugins .venv-lowest/bin/python make.py

The version that is tested must not make them again: they show that what an earlier one saved still loads.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier

from ensemblekit import EnsembleClassifier, EnsembleRegressor, Predictions, combine, fit_combiner, load_plugins
from ensemblekit.store import save

HERE = Path(__file__).parent
MEMBERS = ("cnn", "svm", "tree")
WEIGHTS = {"cnn": 2.0, "svm": 1.0, "tree": 1.0}
RULES = {
    "multiclass": {
        "bayesian_model_averaging": {"temperature": 4.0},
        "borda": {"weights": WEIGHTS},
        "calibrated": {"inner": "weighted", "method": "vector", "cv": 3},
        "calibrated-isotonic": {"inner": "voting", "method": "isotonic", "order": "after"},
        "calibrated-stacking": {"inner": "stacking", "cv": 3},
        "dawid_skene": {},
        "dempster_shafer": {"reliability": {"cnn": 0.9, "svm": 0.5, "tree": 0.7}},
        "geometric_mean": {"weights": WEIGHTS, "temperature": 2.0},
        "greedy_selection": {"n_rounds": 5},
        "knora_e": {},
        "knora_u": {"voting": "hard"},
        "maximum": {},
        "mean": {},
        "median": {},
        "meta_des": {"n_neighbors": 3, "n_profiles": 2},
        "minimum": {},
        "product": {},
        "rank_average": {"n_quantiles": 8},
        "stacking": {},
        "stacking-dense": {"final_estimator": "dense", "epochs": 1, "seed": 0},
        "stacking-tree": {"final_estimator": DecisionTreeClassifier(max_depth=2, random_state=0)},
        "super_learner": {},
        "trimmed_mean": {"proportion": 0.4},
        "voting": {},
        "voting-soft": {"kind": "soft", "weights": WEIGHTS},
        "weighted": {"weights": WEIGHTS},
        "weighted-brier": {"metric": "brier"},
        "weighted-learned": {},
        "weighted-per_class": {"per_class": True},
        "winsorised_mean": {"proportion": 0.4},
    },
    "multilabel": {
        "calibrated": {"method": "sigmoid"},
        "geometric_mean": {},
        "rank_average": {},
        "stacking": {},
        "weighted-learned": {},
    },
    "regression": {
        "greedy_selection": {"metric": "absolute_error", "n_rounds": 5},
        "median": {},
        "stacking": {},
        "super_learner": {},
    },
}


def draw(task, seed, n_rows=12, n_classes=3):
    """Draw labels, and what each member says."""
    rng = np.random.default_rng(seed)
    if task == "regression":
        labels = rng.normal(size=(n_rows, 2))
        return labels, labels + rng.normal(size=(3, n_rows, 2))
    if task == "multilabel":
        labels = rng.integers(0, 2, (n_rows, 2))
        return labels, np.clip(0.3 + 0.4 * labels + 0.3 * rng.normal(size=(3, n_rows, 2)), 0.01, 0.99)
    labels = np.arange(n_rows) % n_classes
    values = rng.random((3, n_rows, n_classes)) + np.eye(n_classes)[labels]
    return labels, values / values.sum(axis=-1, keepdims=True)


def predictions_of(labels, probas, task):
    """Name what was drawn."""
    fields = {"ids": [f"row{i:02}" for i in range(len(labels))], "labels": labels, "task": task}
    fields["classes"] = list(range(probas.shape[-1]))
    return [Predictions(values, member=name, **fields) for name, values in zip(MEMBERS, probas, strict=True)]


def ensembles():
    """Fit ensembles of scikit-learn members, and of the heads whose classes are ours."""
    x, codes = load_iris(return_X_y=True)
    # So many columns that neighbours are sought without a tree, which is compiled.
    x, y = np.tile(x[::5], 4), load_iris().target_names[codes[::5]]
    plugins = load_plugins()
    heads = [(n, plugins.create_head(n).build((16,), 3)) for n in ("neighbours_head", "svm_head")]
    line = ("line", LogisticRegression(max_iter=500))
    tree = ("tree", DecisionTreeClassifier(max_depth=2, random_state=0))
    calibrated = plugins.create_combiner("calibrated", inner="weighted")
    yield "classifier-heads", EnsembleClassifier(heads, combiner="mean", cv=3).fit(x, y), x[::3]
    yield "classifier-tree", EnsembleClassifier([line, tree], combiner=calibrated, cv=3).fit(x, y), x[::3]
    ridge = [("ridge", Ridge())]
    yield "regressor", EnsembleRegressor(ridge, combiner="weighted", cv=3).fit(x[:, :3], x[:, 3]), x[::3, :3]


def main():
    """Write all folders, with what went in and what came out."""
    given, expected = {}, {}
    for seed, (task, rules) in enumerate(RULES.items()):
        labels, probas = draw(task, seed)
        given[task] = draw(task, seed + 100)[1][:, :6]
        new = predictions_of(labels[:6], given[task], task)
        for name, options in rules.items():
            combiner = load_plugins().create_combiner(name.partition("-")[0], **options)
            if "learns" in combiner.traits:
                combiner = fit_combiner(combiner, predictions_of(labels, probas, task))
            case = f"{task}-{name}"
            save(combiner, HERE / case)
            expected[case] = combine(new, combiner).probas
    for name, fitted, x in ensembles():
        save(fitted, HERE / name)
        given[name] = x
        expected[name] = fitted.predict(x) if name == "regressor" else fitted.predict_proba(x)
    np.savez_compressed(HERE / "given.npz", **given)
    np.savez_compressed(HERE / "expected.npz", **expected)


if __name__ == "__main__":
    main()
