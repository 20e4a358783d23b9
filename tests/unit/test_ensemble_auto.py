"""``combiner="auto"``: the rule is chosen by the members' out-of-fold predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensemblekit import EnsembleClassifier, EnsembleRegressor, InvalidOptionError
from ensemblekit.choosing import Choice
from ensemblekit.store import load, save

OPTIONS = {"rules": ["weighted"], "seed": 1}


def iris() -> tuple[Any, Any]:
    x, y = load_iris(return_X_y=True)
    return x[::2], y[::2]


def auto(**params: Any) -> EnsembleClassifier:
    members = [("line", LogisticRegression(max_iter=1000)), ("bayes", GaussianNB())]
    options: dict[str, Any] = {"combiner": "auto", "combiner_options": OPTIONS, "cv": 3, **params}
    return EnsembleClassifier(members, **options)


def test_the_chosen_rule_is_the_combiner_and_the_choice_is_there(tmp_path: Any) -> None:
    x, y = iris()
    ensemble = auto().fit(x, y)
    assert isinstance(ensemble.choice_, Choice)
    assert ensemble.combiner_ is ensemble.choice_.combiner
    assert ensemble.choice_.n_candidates == 4
    save(ensemble, tmp_path / "saved")
    again: Any = load(tmp_path / "saved")
    assert np.array_equal(again.predict_proba(x), ensemble.predict_proba(x))
    assert not hasattr(again, "choice_")
    assert again.choice_sentence_ == ensemble.choice_.sentence
    assert again.choice_table_.equals(ensemble.choice_.table)
    fresh = clone(ensemble)
    assert fresh.get_params()["combiner"] == "auto"
    assert not hasattr(fresh, "choice_")
    ensemble.set_params(combiner="mean", combiner_options=None).fit(x, y)
    assert not hasattr(ensemble, "choice_")
    assert not hasattr(ensemble, "choice_sentence_")
    with pytest.raises(AttributeError, match="only if it was fitted with combiner='auto'"):
        _ = ensemble.choice_table_


def test_numbers_are_chosen_for_too() -> None:
    x, y = load_diabetes(return_X_y=True)
    members = [("ridge", Ridge(0.1)), ("tree", DecisionTreeRegressor(max_depth=1, random_state=0))]
    ensemble = EnsembleRegressor(members, combiner="auto", combiner_options={"rules": ["mean"]}, cv=3).fit(x, y)
    assert ensemble.choice_.best_member == "ridge"
    assert ensemble.predict(x[:3]).shape == (3,)


def test_groups_and_weights_reach_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    from ensemblekit.ensemble import _auto

    seen: dict[str, Any] = {}
    real = _auto.choose

    def choose(predictions: Any, **options: Any) -> Choice:
        seen.update(options, ids=predictions.ids)
        return real(predictions, **options)

    monkeypatch.setattr(_auto, "choose", choose)
    x, y = iris()
    groups, weight = np.arange(len(y)) // 3, np.linspace(1, 2, len(y))
    auto().fit(x, y, groups=groups, sample_weight=weight)
    assert seen["groups"] == dict(zip(seen["ids"].tolist(), groups[seen["ids"]].tolist(), strict=True))
    assert np.array_equal(seen["sample_weight"], weight[seen["ids"]])
    assert seen["rules"] == ["weighted"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"combiner_options": {"folds": 3}}, "combiner_options of combiner='auto' must be out of rules, metric"),
        ({"combiner_options": {"rules": ["no_rule"]}}, "No combiner is registered as 'no_rule'"),
        ({"combiner_options": {"metric": "no_metric"}}, "metric must be one of"),
        ({"passthrough": True}, "makes no use of X"),
        ({"combiner_options": {"costs": {"line": 1}}}, "costs must map each of the members"),
        ({"combiner_options": {"max_cost": 3}}, "max_cost needs costs="),
    ],
)
def test_what_cannot_be_chosen_is_refused_before_anything_is_fitted(params: Any, message: str) -> None:
    class Never(GaussianNB):
        def fit(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("a member is fitted")

    members = [("line", Never()), ("bayes", Never())]
    with pytest.raises(Exception, match=message):
        auto(**params).set_params(estimators=members).fit(*iris())


def test_one_member_is_no_choice() -> None:
    with pytest.raises(InvalidOptionError, match="needs two members or more"):
        auto().set_params(bayes="drop").fit(*iris())


def test_costs_reach_the_choice_and_a_dropped_member_takes_its_cost_along() -> None:
    x, y = iris()
    options = {**OPTIONS, "costs": {"line": 5.0, "bayes": 1.0}, "max_cost": 3.0}
    ensemble = auto(combiner_options=options).fit(x, y)
    assert ensemble.choice_.members == ("bayes",)
    assert ensemble.choice_.cost == 1
    assert np.array_equal(ensemble.predict(x), ensemble.named_estimators_["bayes"].predict(x))
    assert ensemble.member_importance(x, y).loc["line", "importance"] == 0
    ensemble.named_estimators_["line"].predict_proba = None  # a member that is not used is not asked
    assert ensemble.predict_proba(x).shape == (75, 3)
    members = [*auto().estimators, ("tree", DecisionTreeClassifier(max_depth=1, random_state=0)), ("gone", "drop")]
    options["costs"] = {"line": 5.0, "bayes": 1.0, "tree": 2.0, "gone": 9.0}
    ensemble = auto(combiner_options=options).set_params(estimators=members).fit(x, y)
    assert set(ensemble.choice_.members) <= {"bayes", "tree"}
