"""How good each member is, and what it is worth to the ensemble: numbers only."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from ..errors import InvalidOptionError
from ..predictions import Predictions, PredictionSet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["leaderboard", "member_importance"]


class _Answer(BaseEstimator):
    """A fitted estimator that gives one answer, whatever it is asked: so that scorers can score it."""

    def __init__(self, answer: Any, predicted: Any, classes: Any = None) -> None:
        self.answer, self.predicted = answer, predicted
        if classes is not None:
            self.classes_ = classes

    def predict(self, X: Any) -> Any:
        return self.predicted

    def __sklearn_is_fitted__(self) -> bool:
        return True


class _Class(ClassifierMixin, _Answer):
    def predict_proba(self, X: Any) -> Any:
        return self.answer


class _Value(RegressorMixin, _Answer):
    pass


def leaderboard(ensemble: Any, X: Any, y: np.ndarray, *, scoring: Any, sample_weight: Any) -> pd.DataFrame:
    """Score the ensemble and its members; see `EnsembleClassifier.leaderboard`."""
    import pandas as pd

    scorers = _scorers(ensemble, scoring)
    speaker, ids = ensemble._speaker(), np.arange(X.shape[0])
    rows: list[dict[str, Any]] = []
    said: list[Predictions] = []
    whole = time.perf_counter()
    for name, member in ensemble.named_estimators_.items():
        started = time.perf_counter()
        said.append(speaker.ask(name, member, X, ids))
        rows.append({"model": name, "predict_seconds": time.perf_counter() - started})
    predictions = ensemble._line_up(said)
    combined = ensemble._combine(predictions, X)
    rows.append({"model": "ensemble", "predict_seconds": time.perf_counter() - whole})
    answers = [*predictions.member_probas, combined]
    for row, answer in zip(rows, answers, strict=True):
        judged = _answer(ensemble, answer, decided=row["model"] == "ensemble")
        row |= {score: _score(scorer, judged, X, y, sample_weight) for score, scorer in scorers.items()}
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
    """Shuffle one member after the other; see `EnsembleClassifier.member_importance`."""
    import pandas as pd
    from sklearn.utils import check_random_state

    if not isinstance(n_repeats, (int, np.integer)) or isinstance(n_repeats, bool) or n_repeats < 1:
        raise InvalidOptionError(f"n_repeats must be a whole number >= 1; received {n_repeats!r}.")
    default = "neg_log_loss" if ensemble._kind == "classifier" else "r2"
    scorers = _scorers(ensemble, default if scoring is None else scoring)
    if len(scorers) != 1:
        raise InvalidOptionError(f"scoring must be one scorer here; received {scoring!r}.")
    (scorer,) = scorers.values()
    predictions = ensemble._say(X)
    random = check_random_state(random_state)
    orders = [random.permutation(len(predictions.ids)) for _ in range(n_repeats)]

    def score(cube: np.ndarray) -> float:
        combined = ensemble._combine(_with_probas(predictions, cube), X)
        return _score(scorer, _answer(ensemble, combined, decided=True), X, y, sample_weight)

    whole = score(predictions.member_probas)
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(predictions.members):
        falls: list[float] = []
        for order in orders:
            cube = predictions.member_probas.copy()
            cube[place] = cube[place][order]
            falls.append(whole - score(cube))
        rows.append({"member": name, "importance": np.mean(falls), "deviation": np.std(falls)})
    return pd.DataFrame(rows).set_index("member").sort_values("importance", ascending=False, kind="stable")


def _with_probas(predictions: PredictionSet, cube: np.ndarray) -> PredictionSet:
    fields = {name: getattr(predictions, name) for name in PredictionSet.__slots__}
    return PredictionSet(**fields | {"member_probas": cube})


def _answer(ensemble: Any, answer: np.ndarray, *, decided: bool) -> Any:
    if ensemble._kind == "regressor":
        return _Value(answer[:, 0], answer[:, 0])
    classes = ensemble.classes_
    # scikit-learn's metrics warn of float32 rows that sum to 1 but for rounding.
    answer = answer.astype(np.float64)
    answer /= answer.sum(axis=1, keepdims=True)
    return _Class(answer, ensemble._decide(answer) if decided else classes[answer.argmax(axis=1)], classes)


def _score(scorer: Any, said: Any, X: Any, y: np.ndarray, sample_weight: Any) -> float:
    return float(scorer(said, X, y, **({} if sample_weight is None else {"sample_weight": sample_weight})))


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

    if given == "neg_log_loss":
        # Else it would fail on rows that lack one of the classes.
        return make_scorer(
            log_loss, response_method="predict_proba", greater_is_better=False, labels=list(ensemble.classes_)
        )
    return get_scorer(given)
