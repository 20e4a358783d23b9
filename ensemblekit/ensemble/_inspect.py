"""Scores of an ensemble and of its members, and the importance of each member."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from ..errors import InvalidOptionError
from ..predictions import Predictions, PredictionSet
from ._columns import AnsweredSet, columns_in
from ._members import ids_for
from ._outputs import label_log_loss

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["leaderboard", "member_importance"]


class _Constant(BaseEstimator):
    """A fitted estimator with fixed predictions, which the scorers of scikit-learn can score."""

    def __init__(self, probas: Any, predicted: Any, classes: Any = None) -> None:
        self.probas, self.predicted = probas, predicted
        if classes is not None:
            self.classes_ = classes

    def predict(self, X: Any) -> Any:
        return self.predicted

    def __sklearn_is_fitted__(self) -> bool:
        return True


class _ConstantClassifier(ClassifierMixin, _Constant):
    def predict_proba(self, X: Any) -> Any:
        return self.probas


class _ConstantRegressor(RegressorMixin, _Constant):
    pass


def leaderboard(ensemble: Any, X: Any, y: np.ndarray, *, scoring: Any, sample_weight: Any) -> pd.DataFrame:
    """Score the ensemble and its members; see `EnsembleClassifier.leaderboard`."""
    import pandas as pd

    scorers = _scorers(ensemble, scoring)
    predictor, ids = ensemble._predictor(), ids_for(ensemble.named_estimators_, X)
    rows: list[dict[str, Any]] = []
    predictions: list[Predictions] = []
    columns: dict[str, np.ndarray] = {}
    whole = time.perf_counter()
    for name, member in ensemble.named_estimators_.items():
        started = time.perf_counter()
        predictions.append(predictor.predict(name, member, X, ids, columns))
        rows.append({"model": name, "predict_seconds": time.perf_counter() - started})
    aligned = AnsweredSet.of(ensemble._align(predictions), columns)
    combined = ensemble._combine(aligned, X)
    rows.append({"model": "ensemble", "predict_seconds": time.perf_counter() - whole})
    for row, probas in zip(rows, [*aligned.member_probas, combined], strict=True):
        model = _constant(ensemble, probas, by_threshold=row["model"] == "ensemble")
        judged = predictor.asking.columns.get(row["model"], "decisions") == "decisions"
        row |= {
            score: _score(scorer, model, X, y, sample_weight) if judged else np.nan for score, scorer in scorers.items()
        }
        row["fit_seconds"] = ensemble.fit_seconds_[row["model"]]
    table: Any = pd.DataFrame(rows).set_index("model")[[*scorers, "fit_seconds", "predict_seconds"]]
    return table.sort_values(by=next(iter(scorers)), ascending=False, kind="stable")


def member_importance(
    ensemble: Any,
    X: Any,
    y: np.ndarray,
    *,
    n_repeats: int,
    random_state: Any,
    scoring: Any,
    sample_weight: Any,
) -> pd.DataFrame:
    """Shuffle the predictions of each member in turn; see `EnsembleClassifier.member_importance`."""
    import pandas as pd
    from sklearn.utils import check_random_state

    if not isinstance(n_repeats, (int, np.integer)) or isinstance(n_repeats, bool) or n_repeats < 1:
        raise InvalidOptionError(f"n_repeats must be a whole number >= 1; received {n_repeats!r}.")
    default = "neg_log_loss" if ensemble._kind == "classifier" else "r2"
    scorers = _scorers(ensemble, default if scoring is None else scoring)
    if len(scorers) != 1:
        raise InvalidOptionError(f"scoring must be one scorer here; received {scoring!r}.")
    (scorer,) = scorers.values()
    predictions = ensemble._predict_members(X)
    random = check_random_state(random_state)
    orders = [random.permutation(len(predictions.ids)) for _ in range(n_repeats)]

    def score(cube: np.ndarray, columns: Mapping[str, np.ndarray]) -> float:
        combined = ensemble._combine(AnsweredSet.of(_with_probas(predictions, cube), columns), X)
        return _score(scorer, _constant(ensemble, combined, by_threshold=True), X, y, sample_weight)

    given = columns_in(predictions)
    whole = score(predictions.member_probas, given)
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(predictions.members):
        falls: list[float] = []
        for order in orders:
            cube = predictions.member_probas.copy()
            cube[place] = cube[place][order]
            own = {name: given[name][order]} if name in given else {}
            falls.append(whole - score(cube, {**given, **own}))
        rows.append({"member": name, "importance": np.mean(falls), "deviation": np.std(falls)})
    return pd.DataFrame(rows).set_index("member").sort_values("importance", ascending=False, kind="stable")


def _with_probas(predictions: PredictionSet, cube: np.ndarray) -> PredictionSet:
    fields = {name: getattr(predictions, name) for name in PredictionSet.__slots__}
    return PredictionSet(**fields | {"member_probas": cube})


def _constant(ensemble: Any, probas: np.ndarray, *, by_threshold: bool) -> Any:
    if ensemble._kind == "regressor":
        values = probas[:, 0] if probas.shape[1] == 1 else probas
        return _ConstantRegressor(values, values)
    classes = ensemble.classes_
    # scikit-learn's metrics warn if the rounding errors of float32 keep a row from summing to 1.
    probas = probas.astype(np.float64)
    if ensemble.task == "multilabel":
        return _ConstantClassifier(probas, ensemble._decide(probas) if by_threshold else (probas >= 0.5) * 1, classes)
    probas /= probas.sum(axis=1, keepdims=True)
    predicted = ensemble._decide(probas) if by_threshold else classes[probas.argmax(axis=1)]
    return _ConstantClassifier(probas, predicted, classes)


def _score(scorer: Any, model: Any, X: Any, y: np.ndarray, sample_weight: Any) -> float:
    return float(scorer(model, X, y, **({} if sample_weight is None else {"sample_weight": sample_weight})))


def _scorers(ensemble: Any, scoring: Any) -> dict[str, Any]:
    if scoring is None:
        scoring = (
            ["accuracy", "neg_log_loss"] if ensemble._kind == "classifier" else ["r2", "neg_root_mean_squared_error"]
        )
    if isinstance(scoring, str) or callable(scoring):
        scoring = {scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score"): scoring}
    elif not isinstance(scoring, Mapping):
        scoring = {name: name for name in scoring}
    if not scoring:
        raise InvalidOptionError("scoring must name at least one scorer; received none.")
    return {name: _scorer(ensemble, given) for name, given in scoring.items()}


def _scorer(ensemble: Any, given: Any) -> Any:
    from sklearn.metrics import get_scorer, log_loss, make_scorer

    if given == "neg_log_loss" and ensemble.task == "multilabel":  # scikit-learn's takes one class a row
        return make_scorer(label_log_loss, response_method="predict_proba", greater_is_better=False)
    if given == "neg_log_loss":
        # Without labels=, the scorer fails if the rows lack a class.
        return make_scorer(
            log_loss, response_method="predict_proba", greater_is_better=False, labels=list(ensemble.classes_)
        )
    return get_scorer(given)
