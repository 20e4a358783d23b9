"""What a combiner has learned, by member; logarithms and decisions, as scikit-learn's stacking has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB

from ensemblekit import EnsembleClassifier, EnsembleRegressor

MEMBERS = [("line", LinearDiscriminantAnalysis()), ("bayes", GaussianNB())]
HEAD: dict[str, Any] = {"final_estimator": LogisticRegression()}


def iris(n_classes: int = 3) -> tuple[Any, Any]:
    x, y = load_iris(return_X_y=True)
    return x[y < n_classes][::2, :2], np.array(["c", "a", "b"])[y[y < n_classes]][::2]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_decisions_are_those_of_scikit_learn(n_classes: int) -> None:
    x, y = iris(n_classes)
    options = {**HEAD, "drop_first": "if_binary"}
    ours = EnsembleClassifier(MEMBERS, combiner="stacking", combiner_options=options, cv=3)
    assert hasattr(ours, "decision_function")
    ours.fit(x, y)
    theirs = StackingClassifier(MEMBERS, **HEAD, cv=3).fit(x, y)
    np.testing.assert_allclose(ours.decision_function(x), theirs.decision_function(x), atol=1e-3)
    np.testing.assert_allclose(np.exp(ours.predict_log_proba(x)), ours.predict_proba(x))


def test_there_are_no_decisions_without_a_head_that_decides() -> None:
    x, y = iris()
    for combiner, options in (("mean", None), ("stacking", {"final_estimator": GaussianNB()})):
        ensemble = EnsembleClassifier(MEMBERS, combiner=combiner, combiner_options=options, cv=3)
        assert not hasattr(ensemble, "decision_function")
        assert not hasattr(ensemble.fit(x, y), "decision_function")
    decided = EnsembleClassifier(MEMBERS, combiner="stacking", thresholds={"a": 1, "b": 2, "c": 1})
    assert not hasattr(decided, "decision_function")


def test_a_probability_of_0_has_no_finite_logarithm() -> None:
    x, y = iris()
    votes = EnsembleClassifier(MEMBERS, combiner="voting").fit(x, y)
    assert np.isneginf(votes.predict_log_proba(x)).any()


def test_weights_are_by_member_in_the_order_given() -> None:
    x, y = iris()
    learned = EnsembleClassifier(MEMBERS, combiner="weighted", cv=3).fit(x, y)
    table = learned.member_weights_
    assert table.index.tolist() == ["line", "bayes"]
    place = learned.combiner_.members_.index("line")
    assert table.loc["line", "weight"] == learned.combiner_.weights_[place]
    options = {"weights": {"bayes": 1, "line": 3}}
    given = EnsembleClassifier(MEMBERS, combiner="weighted", combiner_options=options).fit(x, y)
    assert given.member_weights_["weight"].to_dict() == {"line": 3, "bayes": 1}
    with pytest.raises(AttributeError, match="only with a combiner that has weights of members"):
        _ = EnsembleClassifier(MEMBERS).fit(x, y).member_weights_


def test_coefficients_are_by_member_class_and_column() -> None:
    x, y = iris()
    table = pd.DataFrame(x, columns=["long", "wide"])
    members = [*MEMBERS, ("plane", RidgeClassifier())]
    options = {**HEAD, "passthrough": True, "drop_first": True}
    ensemble = EnsembleClassifier(members, combiner="stacking", combiner_options=options, cv=3).fit(table, y)
    weights = ensemble.head_weights_
    assert weights.columns.tolist() == ["a", "b", "c"]
    assert weights.index.tolist() == [
        ("bayes", "b"), ("bayes", "c"), ("line", "b"), ("line", "c"), ("plane", "plane_a"), ("plane", "plane_b"),
        ("plane", "plane_c"), ("X", "long"), ("X", "wide"),
    ]  # fmt: skip
    # A larger probability of c by the member must speak for c.
    assert weights.loc[("line", "c"), "c"] > 0
    with pytest.raises(AttributeError, match="only with stacking on a linear final estimator"):
        _ = EnsembleClassifier(MEMBERS).fit(x, y).head_weights_


def test_coefficients_of_numbers_are_those_of_scikit_learn() -> None:
    x, y = load_diabetes(return_X_y=True)
    members = [("ridge", Ridge(1.0)), ("line", LinearRegression())]
    head = {"final_estimator": Ridge(0.1)}
    ours = EnsembleRegressor(members, combiner="stacking", combiner_options=head, cv=3).fit(x, y).head_weights_
    theirs = StackingRegressor(members, **head, cv=3).fit(x, y).final_estimator_.coef_
    np.testing.assert_allclose([ours.loc[(name, "value"), "value"] for name in ("ridge", "line")], theirs)
