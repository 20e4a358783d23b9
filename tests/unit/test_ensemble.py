"""`EnsembleClassifier` and `EnsembleRegressor`: what they fit, on what, and what they tell."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensemblekit import (
    Combiner,
    EnsembleClassifier,
    EnsembleRegressor,
    InvalidOptionError,
    LeakageError,
    Predictions,
    combine,
    fit_combiner,
)
from ensemblekit.errors import MissingClassWarning

X, CODES = load_iris(return_X_y=True)
Y = load_iris().target_names[CODES]
FRAME = load_iris(as_frame=True).data
LINE = make_pipeline(StandardScaler(), LogisticRegression())
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
MEMBERS = [("line", LINE), ("tree", TREE), ("bayes", GaussianNB())]
VALUES_X, VALUES = load_diabetes(return_X_y=True)
REGRESSORS = [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=3, random_state=0))]


# Fitting.


def test_the_mean_is_the_mean_of_the_members():
    ensemble = EnsembleClassifier(MEMBERS).fit(X, Y)
    expected = np.mean([clone(member).fit(X, Y).predict_proba(X) for _, member in MEMBERS], axis=0)
    np.testing.assert_allclose(ensemble.predict_proba(X), expected, rtol=1e-12)
    assert ensemble.classes_.tolist() == sorted(set(Y))
    assert not hasattr(TREE, "tree_")


def test_a_combiner_that_learns_is_fitted_on_out_of_fold_predictions():
    ensemble = EnsembleClassifier(MEMBERS, combiner="stacking", cv=4).fit(X, Y)
    out_of_fold = {
        name: Predictions(
            cross_val_predict(clone(member), X, Y, cv=StratifiedKFold(4), method="predict_proba"),
            ids=np.arange(len(X)),
            classes=ensemble.classes_,
            labels=Y,
        )
        for name, member in MEMBERS
    }
    expected = fit_combiner(out_of_fold, "stacking")
    np.testing.assert_array_equal(ensemble.combiner_.final_estimator_.coef_, expected.final_estimator_.coef_)
    said = {
        n: Predictions(m.predict_proba(X), ids=range(150), classes=m.classes_)
        for n, m in ensemble.named_estimators_.items()
    }
    np.testing.assert_array_equal(ensemble.predict_proba(X), combine(said, expected).probas)


class Counting(ClassifierMixin, BaseEstimator):
    """Counts how often it is fitted, and on how many rows."""

    fits: list = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None):
        Counting.fits.append(len(y))
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.mark.parametrize(("combiner", "fits"), [("mean", [150]), ("voting", [150]), ("weighted", [150, 100, 100, 100])])
def test_a_combiner_that_learns_nothing_needs_no_folds(combiner, fits):
    Counting.fits.clear()
    EnsembleClassifier([("c", Counting())], combiner=combiner, cv=3).fit(X, Y)
    assert Counting.fits == fits


def test_a_combiner_may_be_an_object_and_stays_as_it_is():
    class First(Combiner):
        tasks = frozenset({"multiclass", "regression"})

        def combine(self, member_probas, *, xp=np):
            return member_probas[0]

    first = First()
    ensemble = EnsembleClassifier(MEMBERS, combiner=first).fit(X, Y)
    np.testing.assert_array_equal(ensemble.predict_proba(X), ensemble.named_estimators_["line"].predict_proba(X))
    assert vars(first) == {}
    with pytest.raises(InvalidOptionError, match="options go with a combiner given by name"):
        EnsembleClassifier(MEMBERS, combiner=first, combiner_options={"a": 1}).fit(X, Y)


def test_weights_go_by_name():
    options = {"weights": {"bayes": 0, "line": 1, "tree": 0}}
    ensemble = EnsembleClassifier(MEMBERS, combiner="weighted", combiner_options=options).fit(X, Y)
    np.testing.assert_array_equal(ensemble.predict_proba(X), ensemble.named_estimators_["line"].predict_proba(X))
    with pytest.raises(InvalidOptionError, match=r"weights by member name .* unknown \['lime'\]"):
        ensemble.set_params(combiner_options={"weights": {"lime": 1, "tree": 1, "bayes": 1}}).fit(X, Y)


def test_repeated_folds_are_averaged_and_rows_never_held_out_are_left_out():
    cv = RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)
    assert EnsembleClassifier(MEMBERS, combiner="weighted", cv=cv).fit(X, Y).score(X, Y) > 0.9
    rows = np.random.default_rng(0).permutation(150)
    ensemble = EnsembleClassifier(MEMBERS, combiner="weighted", cv=[(rows[:100], rows[100:])]).fit(X, Y)
    assert ensemble.combiner_.fit_ids_.tolist() == sorted(rows[100:])


def test_groups_are_kept_together():
    groups = np.arange(150) // 5
    by_number = EnsembleClassifier(MEMBERS, combiner="weighted", cv=3).fit(X, Y, groups=groups)
    assert by_number.score(X, Y) > 0.9
    splitter = EnsembleRegressor(REGRESSORS, combiner=Best(), cv=GroupKFold(3))
    splitter.fit(VALUES_X, VALUES, groups=np.arange(len(VALUES)) // 4)
    torn = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, Y))
    with pytest.raises(LeakageError, match=r"groups must not be divided by a fold; fold 1 of 3 .*Give cv a whole"):
        EnsembleClassifier(MEMBERS, combiner="weighted", cv=torn).fit(X, Y, groups=groups)


class Best(Combiner):
    """Regression: the member with the smallest squared error."""

    traits = frozenset({"learns"})
    tasks = frozenset({"regression"})

    def fit(self, predictions, *, sample_weight=None):
        errors = ((predictions.member_probas - predictions.label_codes) ** 2).mean(axis=(1, 2))
        self.best_ = int(errors.argmin())
        return self

    def combine(self, member_probas, *, xp=np):
        return member_probas[self.best_]


def test_a_fold_without_a_class_puts_the_others_in_their_columns():
    # The first 50 rows are all of one class: the fold that holds them out is fitted without it.
    cv = [(np.arange(50, 150), np.arange(50)), (np.arange(0, 150, 2), np.arange(51, 150, 2))]
    ensemble = EnsembleClassifier(MEMBERS, combiner="weighted", cv=cv)
    with pytest.warns(MissingClassWarning, match=r"fold 1 of 2 has no row of the classes 1 \('setosa'\) to fit on"):
        ensemble.fit(X, Y)
    assert ensemble.score(X, Y) > 0.9


def test_numbers_text_and_truth_values_are_labels():
    for labels in (CODES, CODES + 0.0, CODES == 1, Y.astype(object), pd.Series(Y)):
        ensemble = EnsembleClassifier(MEMBERS, combiner="weighted", cv=2).fit(X, labels)
        assert (ensemble.predict(X) == np.asarray(labels)).mean() > 0.8


def test_regression():
    ensemble = EnsembleRegressor(REGRESSORS).fit(VALUES_X, VALUES)
    expected = np.mean([clone(m).fit(VALUES_X, VALUES).predict(VALUES_X) for _, m in REGRESSORS], axis=0)
    np.testing.assert_allclose(ensemble.predict(VALUES_X), expected)
    assert ensemble.get_feature_names_out().tolist() == ["ridge", "tree"]
    out_of_fold = [cross_val_predict(clone(member), VALUES_X, VALUES, cv=5) for _, member in REGRESSORS]
    best = int(np.argmin([((said - VALUES) ** 2).mean() for said in out_of_fold]))
    assert EnsembleRegressor(REGRESSORS, combiner=Best()).fit(VALUES_X, VALUES).combiner_.best_ == best
    assert list(ensemble.leaderboard(VALUES_X, VALUES).columns[:2]) == ["r2", "neg_root_mean_squared_error"]
    with pytest.raises(InvalidOptionError, match="combiner 'voting' makes no sense for the task 'regression'"):
        EnsembleRegressor(REGRESSORS, combiner="voting").fit(VALUES_X, VALUES)


@pytest.mark.slow
def test_jobs_in_other_processes_give_the_same():
    one = EnsembleClassifier(MEMBERS, combiner="stacking", cv=2).fit(X, Y)
    two = EnsembleClassifier(MEMBERS, combiner="stacking", cv=2, n_jobs=2).fit(X, Y)
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_verbose_tells_each_fit_on_stderr(capsys):
    EnsembleClassifier(MEMBERS[:2], combiner="weighted", cv=2, verbose=1).fit(X, Y)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("[EnsembleClassifier] 1/6  line, all rows  (0.")
    assert lines[-1].startswith("[EnsembleClassifier] 6/6  tree, fold 2 of 2  (0.")
    EnsembleClassifier(MEMBERS).fit(X, Y)
    assert capsys.readouterr().err == ""


# Prefit, votes, thresholds, weights.


def test_prefit_members_are_used_as_they_are():
    half = np.arange(0, 150, 2)
    members = [(name, clone(member).fit(X[half], Y[half])) for name, member in MEMBERS]
    ensemble = EnsembleClassifier(members, combiner="stacking", cv="prefit").fit(X[half + 1], Y[half + 1])
    assert ensemble.estimators_[0] is members[0][1]
    assert ensemble.score(X[half + 1], Y[half + 1]) > 0.9
    assert ensemble.leaderboard(X, Y)["fit_seconds"].isna().sum() == 3
    with pytest.raises(NotFittedError, match="cv='prefit' needs fitted estimators; 'line' is not fitted"):
        EnsembleClassifier(MEMBERS, cv="prefit").fit(X, Y)
    with pytest.raises(InvalidOptionError, match=r"sample_weight or class_weight would do nothing\. Leave it out"):
        EnsembleClassifier(members, cv="prefit").fit(X, Y, sample_weight=np.ones(150))


def test_hard_votes_have_probabilities_and_need_none():
    members = [("svm", LinearSVC()), ("tree", TREE), ("bayes", GaussianNB())]
    Counting.fits.clear()
    with pytest.raises(InvalidOptionError, match=r"member 'svm' \(LinearSVC\) has no predict_proba.*response_method"):
        EnsembleClassifier([("first", Counting()), *members]).fit(X, Y)
    assert not Counting.fits, "refused only after a member was fitted"
    mixed = EnsembleClassifier(members, combiner="voting").fit(X, Y)
    assert mixed.response_methods_ == {"svm": "predict", "tree": "predict_proba", "bayes": "predict_proba"}
    with pytest.raises(InvalidOptionError, match="has no predict_proba"):
        EnsembleClassifier(members, combiner="voting", combiner_options={"kind": "soft"}).fit(X, Y)
    ensemble = EnsembleClassifier(members, combiner="voting", response_method="predict").fit(X, Y)
    shares = ensemble.predict_proba(X)
    assert set((3 * shares).round(5).ravel()) <= {0, 1, 2, 3}
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    votes = [member.predict(X) for member in ensemble.estimators_]
    np.testing.assert_allclose(shares, np.mean([v[:, np.newaxis] == ensemble.classes_ for v in votes], axis=0))


def test_thresholds_decide():
    y = Y == "virginica"
    ensemble = EnsembleClassifier(MEMBERS).fit(X, y)
    probas = ensemble.predict_proba(X)
    for threshold in (0.1, 0.9):
        assert ensemble.set_params(thresholds=threshold).predict(X).tolist() == (probas[:, 1] >= threshold).tolist()
    by_class = ensemble.set_params(thresholds={False: 0.9, True: 0.1}).predict(X)
    assert by_class.tolist() == (probas[:, 1] > 0.1).tolist()
    three = EnsembleClassifier(MEMBERS, thresholds={"setosa": 1, "versicolor": 1e-9, "virginica": 1}).fit(X, Y)
    assert (three.predict(X) == "versicolor").mean() > 0.6


@pytest.mark.parametrize(
    ("thresholds", "told"),
    [
        (
            0.5,
            r"thresholds must be a number between 0 and 1, for two classes, or .* received 0.5 for classes \['setosa'",
        ),
        ({"setosa": 1}, r"thresholds must name each class once; missing \['versicolor', 'virginica'\], unknown \[\]"),
        ({"setosa": 1, "versicolor": 0, "virginica": 1}, "thresholds must be finite and > 0; received"),
    ],
)
def test_other_thresholds_are_refused(thresholds, told):
    with pytest.raises(InvalidOptionError, match=told):
        EnsembleClassifier(MEMBERS, thresholds=thresholds).fit(X, Y)


def test_class_weights_are_sample_weights():
    weighed = EnsembleClassifier(
        MEMBERS, combiner="weighted", class_weight={"setosa": 1, "versicolor": 9, "virginica": 1}
    )
    by_row = EnsembleClassifier(MEMBERS, combiner="weighted")
    members = [("tree", TREE), ("bayes", GaussianNB())]
    weighed.set_params(estimators=members).fit(X, Y)
    by_row.set_params(estimators=members).fit(X, Y, sample_weight=np.where(Y == "versicolor", 9, 1))
    np.testing.assert_array_equal(weighed.predict_proba(X), by_row.predict_proba(X))


def test_an_error_of_a_member_says_whose_it_is():
    with pytest.raises(ValueError, match="n_neighbors") as error:
        EnsembleClassifier([("near", KNeighborsClassifier(n_neighbors=-1))]).fit(X, Y)
    assert error.value.__notes__ == ["This came from member near, all rows."]


class Recording(Counting):
    got = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None, flavour=None):
        Recording.got.append((len(y), None if sample_weight is None else sample_weight.sum(), flavour))
        return super().fit(X, y)


def test_metadata_is_routed():
    Recording.got.clear()
    with sklearn.config_context(enable_metadata_routing=True):
        wants = Recording().set_fit_request(sample_weight=True, flavour=True)
        not_wanted = TREE.__class__().set_fit_request(sample_weight=False)
        ensemble = EnsembleClassifier([("w", wants), ("n", not_wanted)], combiner="weighted", cv=GroupKFold(3))
        ensemble.fit(X, Y, sample_weight=np.full(150, 2.0), groups=np.arange(150) % 6, flavour="sweet")
        assert Recording.got == [(150, 300.0, "sweet"), *[(100, 200.0, "sweet")] * 3]
        assert "sample_weight" in str(ensemble.get_metadata_routing())
        ensemble.set_fit_request(sample_weight=True, groups=True).set_score_request(sample_weight=False)
        search = GridSearchCV(ensemble, {"w": [clone(wants)]}, cv=2)
        search.fit(X, Y, sample_weight=np.ones(150), groups=np.arange(150) % 6, flavour="sour")
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
            EnsembleClassifier([("r", Recording())]).fit(X, Y, sample_weight=np.ones(150))
    with pytest.raises(InvalidOptionError, match=r"received also \['flavour'\].*enable_metadata_routing=True"):
        EnsembleClassifier([("r", Recording())]).fit(X, Y, flavour="sweet")
