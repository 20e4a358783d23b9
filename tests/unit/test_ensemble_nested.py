"""Parameters of combiners as nested parameters, for scikit-learn's searches, clones and metadata routing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

from ensemblekit import EnsembleClassifier, EnsembleRegressor, InvalidOptionError
from ensemblekit_plugins.combiners.calibrated import Calibrated
from ensemblekit_plugins.combiners.stacking import Stacking

MEMBERS = [("line", LinearDiscriminantAnalysis()), ("bayes", GaussianNB())]


def iris() -> tuple[Any, Any]:
    x, y = load_iris(return_X_y=True)
    return x[::2], y[::2]


def of(combiner: Any, **options: Any) -> EnsembleClassifier:
    return EnsembleClassifier(MEMBERS, combiner=combiner, combiner_options=options or None, cv=3)


def test_a_search_over_the_final_estimator_finds_what_scikit_learn_finds() -> None:
    x, y = iris()
    grid = [0.001, 1.0]
    ours = of("stacking", final_estimator=LogisticRegression())
    theirs = StackingClassifier(MEMBERS, final_estimator=LogisticRegression(), cv=3)
    found = GridSearchCV(ours, {"combiner__final_estimator__C": grid}, cv=2).fit(x, y)
    peer = GridSearchCV(theirs, {"final_estimator__C": grid}, cv=2).fit(x, y)
    np.testing.assert_allclose(found.cv_results_["mean_test_score"], peer.cv_results_["mean_test_score"])
    assert found.best_params_["combiner__final_estimator__C"] == peer.best_params_["final_estimator__C"]
    assert peer.best_params_["final_estimator__C"] == found.best_estimator_.combiner_.final_estimator_.C
    assert ours.combiner_options["final_estimator"].C == 1.0


def test_parameters_of_a_name_are_its_options_with_defaults() -> None:
    params = of("stacking", drop_first=True, final_estimator=LogisticRegression(C=3)).get_params()
    assert params["combiner__drop_first"] is True
    assert params["combiner__inputs"] == "concatenation"
    assert params["combiner__final_estimator__C"] == 3
    assert "combiner__inputs" not in of("stacking").get_params(deep=False)
    assert not [name for name in of("no_rule").get_params() if name.startswith("combiner__")]


def test_only_what_was_given_or_set_becomes_an_option() -> None:
    ensemble = of("stacking", drop_first=True).set_params(combiner__final_estimator=LogisticRegression(), cv=4)
    ensemble.set_params(combiner__final_estimator__C=7)
    assert [*ensemble.combiner_options] == ["final_estimator", "drop_first"]
    assert ensemble.combiner_options["final_estimator"].C == 7
    assert ensemble.cv == 4


def test_an_object_is_made_anew_and_not_changed() -> None:
    given = Stacking(LogisticRegression())
    ensemble = of(given).set_params(combiner__passthrough=True, combiner__final_estimator__C=7)
    assert isinstance(ensemble.combiner, Stacking)
    assert ensemble.combiner.final_estimator.C == 7
    assert "graphable" not in ensemble.combiner.traits  # which the constructor derives
    assert (given.final_estimator.C, given.passthrough) == (1.0, False)


def test_a_combiner_inside_of_a_combiner_is_reached() -> None:
    ensemble = of(Calibrated(Stacking(LogisticRegression())))
    ensemble.set_params(combiner__inner__final_estimator__C=7)
    assert ensemble.get_params()["combiner__inner__final_estimator__C"] == 7
    again = clone(ensemble)
    assert again.get_params()["combiner__inner__final_estimator__C"] == 7
    assert again.combiner is not ensemble.combiner


def test_a_combiner_and_its_parameter_are_set_at_once() -> None:
    ensemble = of("mean").set_params(combiner__kind="soft", combiner="voting")
    assert (ensemble.combiner, ensemble.combiner_options) == ("voting", {"kind": "soft"})
    assert of("auto").set_params(combiner__rules=["mean"]).get_params()["combiner__rules"] == ["mean"]


@pytest.mark.parametrize(
    ("combiner", "params", "message"),
    [
        (
            "stacking",
            {"combiner__C": 1},
            "combiner 'stacking' are final_estimator, inputs, .*received 'C'",
        ),
        ("stacking", {"combiner__final_estimator__C": 1}, "it is None. Set it first: combiner__final_estimator=..."),
        (Stacking(), {"combiner__inputs": "sum"}, "inputs must be"),
        ("auto", {"combiner__folds": 1}, "parameters of combiner 'auto' are rules, metric"),
        (["mean", "voting"], {"combiner__kind": 1}, "are set of a name or an object"),
    ],
    ids=["unknown", "none", "value", "auto", "list"],
)
def test_a_parameter_that_is_not_there_is_refused(combiner: Any, params: Any, message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        of(combiner).set_params(**params)


def test_a_list_of_rules_is_searched_out_of_fold() -> None:
    x, y = iris()
    ensemble = of(["mean", "weighted"], seed=1).fit(x, y)
    auto = of("auto", rules=["mean", "weighted"], seed=1).fit(x, y)
    assert ensemble.choice_sentence_ == auto.choice_sentence_
    assert np.array_equal(ensemble.predict_proba(x), auto.predict_proba(x))
    assert clone(ensemble).combiner == ["mean", "weighted"]
    for wrong, options in (([], {}), (["mean"], {"rules": ["mean"]})):
        with pytest.raises(InvalidOptionError, match="must name the rules to choose from, once"):
            of(wrong, **options).fit(x, y)


def test_metadata_routing_reaches_the_final_estimator() -> None:
    x, y = iris()
    weight = np.where(y == 0, 1.0, 50.0)
    with sklearn.config_context(enable_metadata_routing=True):
        fitted = {}
        for asks in (True, False):
            members = [("bayes", GaussianNB().set_fit_request(sample_weight=False))]
            head = GaussianNB().set_fit_request(sample_weight=asks)
            ensemble = EnsembleClassifier(
                members, combiner="stacking", combiner_options={"final_estimator": head}, cv=3
            )
            assert "sample_weight" in str(ensemble.get_metadata_routing()._route_mappings["combiner"])
            fitted[asks] = ensemble.fit(x, y, sample_weight=weight).combiner_.final_estimator_
    np.testing.assert_allclose(fitted[False].class_prior_, 1 / 3)
    assert fitted[True].class_prior_[0] < 0.1


class Tempered(GaussianNB):
    """Divides its log probabilities by a parameter of `predict_proba`."""

    def predict_proba(self, X: Any, temperature: float = 1.0) -> Any:
        logits = super().predict_joint_log_proba(X) / temperature
        return softmax(logits, axis=1)


def test_parameters_of_predict_go_to_the_members_that_request_them() -> None:
    x, y = iris()
    with sklearn.config_context(enable_metadata_routing=True):
        asks = Tempered().set_predict_proba_request(temperature=True)
        ensemble = EnsembleClassifier(
            [("asks", asks), ("not", Tempered().set_predict_proba_request(temperature=False))]
        )
        ensemble.fit(x, y)
        warm = ensemble.predict_proba(x, temperature=5.0)
        assert np.array_equal(ensemble.predict(x, temperature=5.0), warm.argmax(axis=1))
        with pytest.raises(TypeError, match="unexpected argument"):
            ensemble.predict(x, heat=5.0)
    one, other = (ensemble.named_estimators_["asks"].predict_proba(x, t) for t in (5.0, 1.0))
    np.testing.assert_allclose(warm, (one + other) / 2)
    assert not np.allclose(warm, ensemble.predict_proba(x))
    with pytest.raises(InvalidOptionError, match="predict_proba takes X; received also"):
        ensemble.predict_proba(x, temperature=5.0)


def test_parameters_of_predict_go_to_regressors_too() -> None:
    class Shifted(Ridge):
        def predict(self, X: Any, shift: float = 0.0) -> Any:
            return super().predict(X) + shift

    x, y = load_diabetes(return_X_y=True)
    with sklearn.config_context(enable_metadata_routing=True):
        members = [("asks", Shifted().set_predict_request(shift=True)), ("plain", Ridge())]
        ensemble = EnsembleRegressor(members).fit(x, y)
        np.testing.assert_allclose(ensemble.predict(x, shift=10.0), ensemble.predict(x) + 5)
