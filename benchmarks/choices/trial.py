"""One trial: half of the rows to choose on, the other half untouched until the end."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemblekit import Predictions, PredictionSet, align, choose, combine, fit_combiner
from ensemblekit.evaluation import find_metrics

from .sets import CLASSES, Table

__all__ = ["RULES", "Trial", "run_trial"]

RULES = ("choose", "best_member", "mean", "stacking", "greedy_selection")


@dataclass(frozen=True)
class Trial:
    """What was promised on the rows to choose on, and what came on the others.

    ``losses`` are those of the untouched rows, divided by the loss of the constant answer, so that 1 is no use at all.
    ``expected`` is the gain with the confidence interval of the expected gain, ``promised`` with the prediction
    interval for as many rows as are untouched, and ``came`` the gain on these, all in the metric itself.
    """

    set_name: str
    repeat: int
    name: str
    losses: dict[str, float]
    expected: tuple[float, float, float]
    promised: tuple[float, float, float]
    came: float
    scale: float
    n_rows: int


def run_trial(table: Table, repeat: int) -> Trial:
    """Fit the members, choose on their out-of-fold predictions, and judge on the other half of the rows."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(table.y))
    strata = table.y if table.kind == CLASSES and np.bincount(table.y).min() > 1 else None
    fitted_on, untouched = train_test_split(rows, test_size=0.5, random_state=repeat, stratify=strata)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of members that have not converged, as people have them
        held, test = _members(table, np.sort(fitted_on), np.sort(untouched), repeat)
    metric = find_metrics(None, held[held.members[0]])[0]
    choice = choose(held, seed=repeat)
    rules: dict[str, Any] = {
        "choose": choice.combiner,
        "best_member": fit_combiner(held, "weighted", weights=_only(choice.best_member, held)),
        **{rule: fit_combiner(held, rule) for rule in ("mean", "stacking", "greedy_selection")},
    }
    labels: Any = test.label_codes
    losses = {name: metric.score(labels, combine(test, rule).probas) for name, rule in rules.items()}
    scale = metric.score(labels, _constant(held, len(labels)))
    return Trial(
        table.name,
        repeat,
        choice.name,
        {name: loss / scale for name, loss in losses.items()},
        (choice.gain, choice.gain_low, choice.gain_high),
        (choice.gain, *choice.promise(len(untouched))),
        losses["best_member"] - losses["choose"],
        scale,
        len(fitted_on),
    )


def _only(member: str, held: PredictionSet) -> Mapping[str, float]:
    return {name: float(name == member) for name in held.members}


def _constant(held: PredictionSet, n: int) -> np.ndarray:
    labels: Any = held.label_codes
    if held.task == CLASSES:
        share = np.bincount(labels, minlength=len(held.classes)) / len(labels)
    else:
        share = labels.mean(axis=0)
    return np.tile(share, (n, 1))


def _members(
    table: Table, fitted_on: np.ndarray, untouched: np.ndarray, seed: int
) -> tuple[PredictionSet, PredictionSet]:
    from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
    from threadpoolctl import threadpool_limits

    classifies = table.kind == CLASSES
    method = "predict_proba" if classifies else "predict"
    folds: Any = (StratifiedKFold if classifies else KFold)(5, shuffle=True, random_state=seed)
    held: list[Predictions] = []
    test: list[Predictions] = []
    x, y = table.x[fitted_on], table.y[fitted_on]
    target = y if classifies or y.shape[1] > 1 else y[:, 0]
    classes = [f"class {code}" for code in range(table.y.max() + 1)] if classifies else _outputs(table)
    for name, model in _models(classifies, y, seed).items():
        with threadpool_limits(1):
            out_of_fold = _probas(cross_val_predict(model, x, target, cv=folds, method=method), y, table)
            model.fit(x, target)
            fresh = _probas(getattr(model, method)(table.x[untouched]), y, table)
        for parts, probas, rows in ((held, out_of_fold, fitted_on), (test, fresh, untouched)):
            truth = [classes[code] for code in table.y[rows]] if classifies else table.y[rows]
            parts.append(
                Predictions(probas, ids=rows, classes=classes, labels=truth, task=table.kind, member=name)  # type: ignore[arg-type]
            )
    return align(held), align(test)


def _probas(answer: np.ndarray, fitted: np.ndarray, table: Table) -> np.ndarray:
    """Give a class that was not there to fit on a column of zeros."""
    if table.kind != CLASSES:
        return answer.reshape(len(answer), -1)
    probas = np.zeros((len(answer), int(table.y.max()) + 1))
    probas[:, np.unique(fitted)] = answer
    return probas


def _outputs(table: Table) -> list[str]:
    return [f"output {place}" for place in range(table.y.shape[1])]


def _models(classifies: bool, y: np.ndarray, seed: int) -> dict[str, Any]:
    """Make the members that people have: a forest, boosted trees, a linear model, neighbours, and a simple one."""
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeRegressor

    near = max(1, min(10, len(y) // 4))
    if classifies:
        return {
            "forest": RandomForestClassifier(100, random_state=seed),
            "boosted": HistGradientBoostingClassifier(max_iter=50, random_state=seed),
            "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
            "neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier(near)),
            "bayes": GaussianNB(),
        }
    boosted: Any = HistGradientBoostingRegressor(max_iter=50, random_state=seed)
    return {
        "forest": RandomForestRegressor(100, random_state=seed),
        "boosted": boosted if y.shape[1] == 1 else MultiOutputRegressor(boosted),
        "ridge": make_pipeline(StandardScaler(), RidgeCV()),
        "neighbours": make_pipeline(StandardScaler(), KNeighborsRegressor(near)),
        "tree": DecisionTreeRegressor(max_depth=5, random_state=seed),
    }
