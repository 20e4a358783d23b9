"""What an ensemble keeps after `fit`, and other combiners fitted on it without the members."""

from __future__ import annotations

import functools
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier
from sklearn.model_selection import KFold, RepeatedStratifiedKFold, StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB

from ensemblekit import EnsembleClassifier, EnsembleRegressor, InvalidOptionError, load_plugins
from ensemblekit.errors import NotFittedError
from ensemblekit.store import load, save


class Counted(GaussianNB):
    fits = 0

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        type(self).fits += 1
        return super().fit(*args, **kwargs)


def iris() -> tuple[Any, Any]:
    x, y = load_iris(return_X_y=True)
    return x[::2], y[::2]


@functools.cache
def stacked(**params: Any) -> EnsembleClassifier:
    members = [("line", LinearDiscriminantAnalysis()), ("bayes", Counted())]
    return EnsembleClassifier(members, combiner="stacking", cv=3, **params).fit(*iris())


def test_what_the_combiner_was_fitted_on_is_what_scikit_learn_predicts_out_of_fold() -> None:
    x, y = iris()
    kept = stacked().oof_predictions_
    assert kept.members == ("line", "bayes")
    assert kept.ids.tolist() == list(range(len(y)))
    assert np.array_equal(kept.labels, y)
    expected = cross_val_predict(GaussianNB(), x, y, cv=StratifiedKFold(3), method="predict_proba")
    np.testing.assert_allclose(kept["bayes"].probas, expected, atol=1e-12)
    folds = stacked().oof_folds_
    for number, (_, test) in enumerate(StratifiedKFold(3).split(x, y), 1):
        assert folds.index[folds == number].tolist() == test.tolist()


def test_rows_of_a_table_are_called_as_in_the_table() -> None:
    x, y = iris()
    table = pd.DataFrame(x, index=[f"flower {row:03}" for row in range(len(y))][::-1])
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    ensemble = EnsembleClassifier([("bayes", GaussianNB()), ("b", GaussianNB(var_smoothing=0.1))], combiner="stacking")
    ensemble.set_params(cv=folds).fit(table, pd.Series(y, index=table.index))
    assert ensemble.oof_predictions_.ids.tolist() == table.index.tolist()
    assert ensemble.oof_folds_.index.tolist() == table.index.tolist()
    again = ensemble.refit_combiner("stacking")
    assert np.array_equal(again.predict_proba(table), ensemble.predict_proba(table))


def test_a_row_that_two_folds_hold_out_is_listed_twice_and_kept_once() -> None:
    x, y = iris()
    cv = RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)
    ensemble = EnsembleClassifier([("bayes", GaussianNB())], combiner="stacking", cv=cv).fit(x, y)
    assert len(ensemble.oof_predictions_.ids) == len(y)
    assert ensemble.oof_folds_.groupby(level=0).size().eq(2).all()
    assert sorted(set(ensemble.oof_folds_)) == [1, 2, 3, 4]


def test_every_rule_is_as_if_it_had_been_fitted_anew_and_no_member_is_fitted_again() -> None:
    x, y = iris()
    fitted = stacked()
    before = Counted.fits
    rules = [name for name, factory in load_plugins().combiners.items() if "multiclass" in factory.tasks]
    refitted = {rule: fitted.refit_combiner(rule) for rule in rules}
    assert len(refitted) > 20
    assert Counted.fits == before
    assert fitted.combiner == "stacking"
    for rule in ("mean", "weighted", "greedy_selection"):
        anew = EnsembleClassifier(fitted.estimators, combiner=rule, cv=3).fit(x, y)
        assert np.array_equal(refitted[rule].predict_proba(x), anew.predict_proba(x))
        assert refitted[rule].get_params()["combiner"] == rule
        assert refitted[rule].named_estimators_["bayes"] is fitted.named_estimators_["bayes"]


def test_weights_groups_and_rows_reach_the_other_combiner() -> None:
    x, y = iris()
    weight, groups = np.linspace(1, 3, len(y)), np.arange(len(y)) % 25
    members = [("flat", GaussianNB(var_smoothing=0.1)), ("bayes", GaussianNB())]
    given: dict[str, Any] = {"sample_weight": weight, "groups": groups}
    fitted = EnsembleClassifier(members, combiner="weighted", cv=3).fit(x, y, **given)
    options = {"passthrough": True, "final_estimator": GaussianNB()}
    anew = EnsembleClassifier(members, combiner="stacking", combiner_options=options, cv=3).fit(x, y, **given)
    again = fitted.refit_combiner("stacking", combiner_options=options, X=x)
    assert np.array_equal(again.predict_proba(x), anew.predict_proba(x))
    plain = EnsembleClassifier(members, combiner="weighted", cv=3).fit(x, y, groups=groups)
    unweighted = plain.refit_combiner("stacking", combiner_options=options, X=x)
    assert not np.array_equal(unweighted.predict_proba(x), anew.predict_proba(x))
    with pytest.raises(InvalidOptionError, match="which the ensemble does not keep"):
        fitted.refit_combiner("stacking", combiner_options=options)
    with pytest.raises(InvalidOptionError, match="X must have the rows that fit was given"):
        fitted.refit_combiner("stacking", combiner_options=options, X=x[1:])


def test_numbers_are_kept_too_and_the_best_rule_of_a_list_is_found_on_them() -> None:
    x, y = load_diabetes(return_X_y=True)
    members = [("line", LinearRegression()), ("ridge", Ridge(1.0))]
    fitted = EnsembleRegressor(members, combiner="super_learner", cv=KFold(3)).fit(x, y)
    np.testing.assert_allclose(
        fitted.oof_predictions_["ridge"].probas[:, 0], cross_val_predict(Ridge(1.0), x, y, cv=KFold(3))
    )
    chosen = fitted.refit_combiner(["mean", "super_learner"])
    assert {"mean", "super_learner"} <= set(chosen.choice_table_["candidate"])
    assert not hasattr(fitted, "choice_")


def test_prefit_members_have_predictions_but_no_folds() -> None:
    x, y = iris()
    members = [("line", LinearDiscriminantAnalysis().fit(x[::2], y[::2])), ("bayes", GaussianNB().fit(x, y))]
    ensemble = EnsembleClassifier(members, combiner="stacking", cv="prefit").fit(x[1::2], y[1::2])
    assert len(ensemble.oof_predictions_.ids) == len(y[1::2])
    assert len(ensemble.oof_folds_) == 0
    assert ensemble.refit_combiner("mean").predict(x[:2]).shape == (2,)


def test_what_was_not_kept_is_refused_with_the_remedy(tmp_path: Any) -> None:
    x, y = iris()
    members = [("line", LinearDiscriminantAnalysis()), ("bayes", GaussianNB())]
    mean = EnsembleClassifier(members).fit(x, y)
    assert not hasattr(mean, "oof_predictions_")
    assert mean.refit_combiner("voting").predict(x).shape == y.shape
    for ensemble in (mean, EnsembleClassifier(members)):
        with pytest.raises(NotFittedError, match="Call fit first, with a combiner that learns"):
            ensemble.refit_combiner("stacking")
    save(EnsembleClassifier(members, combiner="weighted", cv=3).fit(x, y), tmp_path / "saved")
    loaded: Any = load(tmp_path / "saved")
    with pytest.raises(NotFittedError, match="a saved ensemble does not keep them"):
        loaded.refit_combiner("stacking")
    with pytest.raises(AttributeError, match="not since it was loaded"):
        _ = loaded.oof_folds_
    copied = pickle.loads(pickle.dumps(stacked()))  # noqa: S301 - our own bytes
    assert np.array_equal(copied.oof_predictions_.member_probas, stacked().oof_predictions_.member_probas)
    again = EnsembleClassifier(members, combiner="weighted", cv=3).fit(x, y).set_params(combiner="mean").fit(x, y)
    assert not hasattr(again, "oof_predictions_")


@pytest.mark.parametrize(
    "estimators", [{"bayes": "drop"}, {"estimators": [("line", LinearDiscriminantAnalysis()), ("other", GaussianNB())]}]
)
def test_members_that_were_set_since_the_fit_are_refused(estimators: Any) -> None:
    members = [("line", LinearDiscriminantAnalysis()), ("bayes", GaussianNB())]
    for combiner in ("mean", "weighted"):
        fitted = EnsembleClassifier(members, combiner=combiner, cv=3).fit(*iris()).set_params(**estimators)
        with pytest.raises(InvalidOptionError, match=r"must be those that fit has fitted.*'line', 'bayes'"):
            fitted.refit_combiner(combiner)


def test_answers_that_are_no_probabilities_are_kept_as_they_are() -> None:
    x, y = iris()
    members = [("plane", RidgeClassifier()), ("bayes", GaussianNB())]
    head = {"final_estimator": GaussianNB()}
    fitted = EnsembleClassifier(members, combiner="stacking", cv=3).fit(x, y)
    anew = EnsembleClassifier(members, combiner="stacking", combiner_options=head, cv=3).fit(x, y)
    again = fitted.refit_combiner("stacking", combiner_options=head)
    assert np.array_equal(again.predict_proba(x), anew.predict_proba(x))
    with pytest.raises(InvalidOptionError, match="has no predict_proba"):
        fitted.refit_combiner("mean")
    both = [("trees", LinearDiscriminantAnalysis()), ("bayes", GaussianNB())]
    asked = EnsembleClassifier(both, combiner="stacking", response_method={"trees": "decision_function"}, cv=3)
    with pytest.raises(InvalidOptionError, match="must get the answers that were kept"):
        asked.fit(x, y).set_params(response_method="auto").refit_combiner("weighted")
