"""Members that answer with no probabilities, and final estimators without them: scikit-learn's stacks as oracles."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans, MeanShift
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest, StackingClassifier, StackingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron, Ridge, RidgeClassifier
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder
from sklearn.svm import SVC, LinearSVC

from ensemblekit import EnsembleClassifier, EnsembleRegressor
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError

X = StandardScaler().fit_transform(load_iris().data)[::2]
CODES = load_iris().target[::2]
Y = load_iris().target_names[CODES]
NOISY = X + np.random.default_rng(0).normal(0, 1, X.shape)
TWO = CODES != 0
DECISIONS = [("curve", SVC()), ("ridge", RidgeClassifier()), ("z", Perceptron())]
DECIDES, NUMBERS, NAIVE = ("a", LinearSVC(dual=False)), ("b", Ridge()), ("c", GaussianNB())


def stack(members, **options):
    options = {"drop_first": "if_binary", **options}
    return EnsembleClassifier(members, combiner="stacking", cv=3, combiner_options=options)


@pytest.mark.parametrize("rows", [slice(None), TWO], ids=["three", "two"])
@pytest.mark.parametrize(
    "members", [DECISIONS, [NUMBERS], [DECIDES, NUMBERS, NAIVE]], ids=["decisions", "numbers", "mixed"]
)
def test_a_stack_is_that_of_scikit_learn(members, rows):
    final = GaussianNB()
    ours = stack(members, final_estimator=final).fit(NOISY[rows], Y[rows])
    theirs = StackingClassifier(members, final, cv=3).fit(NOISY[rows], Y[rows])
    assert list(ours.response_methods_.values()) == theirs.stack_method_
    np.testing.assert_allclose(ours.predict_proba(NOISY), theirs.predict_proba(NOISY), rtol=0, atol=1e-10)
    columns = [name for name in ours.get_feature_names_out() if not name.startswith("c_")]
    assert len(columns) == sum(1 if m is NUMBERS or len(ours.classes_) == 2 else 3 for m in members if m is not NAIVE)


def test_columns_stand_beside_x_and_are_named():
    members = [DECIDES, NUMBERS, ("k", KMeans(2, random_state=0, n_init=1)), ("pca", PCA(1)), NAIVE]
    ours = stack(members, passthrough=True).fit(X, Y)
    names = ["a_setosa", "a_versicolor", "a_virginica", "b", "k_kmeans0", "k_kmeans1", "pca"]
    assert ours.get_feature_names_out().tolist() == [*names, *(f"c_{name}" for name in ours.classes_)]
    assert ours.transform(X).shape == (75, 10)
    np.testing.assert_array_equal(ours.transform(X)[:, :3], ours.named_estimators_["a"].decision_function(X))
    assert ours.combiner_.final_estimator_.n_features_in_ == 3 + 7 + 4
    assert ours.passes_features_


def test_a_member_is_asked_by_the_best_method_that_it_has_or_by_the_one_that_is_given():
    members = [
        NAIVE,
        DECIDES,
        ("shift", MeanShift(bandwidth=2)),
        ("odd", IsolationForest(n_estimators=3, random_state=0)),
    ]
    ours = stack(members).fit(X, Y)
    assert ours.response_methods_ == {
        "c": "predict_proba", "a": "decision_function", "shift": "predict", "odd": "decision_function",
    }  # fmt: skip
    clusters = ours.transform(X)[:, 6:-1]
    assert set(clusters.ravel()) == {0, 1}, "numbers of clusters have no order"
    assert (clusters.sum(axis=1) == 1).all()
    ours = EnsembleClassifier([NAIVE, DECIDES], combiner="stacking", cv=3, response_method={"a": "predict"}).fit(X, Y)
    assert ours.response_methods_ == {"c": "predict_proba", "a": "predict"}
    votes = ours.classes_[ours.transform(X)[:, 3:].argmax(axis=1)]
    np.testing.assert_array_equal(votes, ours.estimators_[1].predict(X))


def test_other_rules_take_decisions_only_if_asked_to():
    with pytest.raises(InvalidOptionError, match=r"member 'a' \(LinearSVC\) has no predict_proba.*'decision_function'"):
        EnsembleClassifier([DECIDES, NAIVE]).fit(X, Y)
    ours = EnsembleClassifier([DECIDES], response_method="decision_function").fit(X, Y)
    odds = np.exp(ours.estimators_[0].decision_function(X))
    np.testing.assert_allclose(ours.predict_proba(X), odds / odds.sum(axis=1, keepdims=True), atol=1e-12)
    two = EnsembleClassifier([DECIDES], response_method={"a": "decision_function"}).fit(X[TWO], Y[TWO])
    odds = 1 / (1 + np.exp(-two.estimators_[0].decision_function(X)))
    np.testing.assert_allclose(two.predict_proba(X)[:, 1], odds, atol=1e-12)


@pytest.mark.parametrize(
    ("members", "options", "message"),
    [
        ([NUMBERS, NAIVE], {}, r"'b' \(Ridge\) is no classifier: its answers are no probabilities.*'mean'"),
        ([("p", PCA()), NAIVE], {"combiner": "auto"}, r"'p' \(PCA\) is no classifier.*combiner 'auto'"),
        ([("s", TargetEncoder()), NAIVE], {}, "estimator 's' must be a classifier, or learn without labels.*Pipeline"),
        ([DECIDES], {"response_method": {"x": "predict"}}, r"names of members, \['a'\]; received \['x'\]"),
        ([DECIDES], {"response_method": {"a": "score"}}, "response_method of member 'a' must be one of"),
        ([NAIVE], {"response_method": "decision_function"}, r"'c' \(GaussianNB\) has no decision_function"),
    ],
)
def test_what_a_rule_cannot_use_is_refused_before_a_fit(members, options, message):
    with pytest.raises(InvalidOptionError, match=message):
        EnsembleClassifier(members, **options).fit(X, Y)


class Labels(TransformerMixin, BaseEstimator):
    """Remembers what it is fitted on."""

    fits = []  # noqa: RUF012

    def fit(self, X, y=None, sample_weight=None):
        self.fits.append((len(X), y is None, sample_weight is None))
        self.fitted_ = True
        return self

    def transform(self, X):
        return X[:, :2]


def test_a_member_without_labels_is_fitted_once_and_never_sees_them():
    Labels.fits.clear()
    ours = stack([("own", Labels()), NAIVE]).fit(X, Y, sample_weight=np.ones(75))
    assert Labels.fits == [(75, True, True)]
    assert ours.score(X, Y) > 0.8
    regressor = EnsembleRegressor([("own", Labels()), NUMBERS], combiner="stacking", cv=3).fit(X, CODES)
    assert Labels.fits[1:] == [(75, True, True)]
    assert regressor.get_feature_names_out().tolist() == ["own_0", "own_1", "b"]


class Spy(GaussianNB):
    """Remembers its inputs."""

    seen = []  # noqa: RUF012

    def fit(self, X, y):
        self.seen.append(X)
        return super().fit(X, y)


def test_a_regressor_learns_the_numbers_of_the_classes_also_in_a_fold_without_one():
    rows = np.r_[0:10, 30:40, 60:70]
    folds = [(rows[10:], rows[:10]), (rows[:20], rows[20:])]
    options = {"final_estimator": Spy()}
    ours = EnsembleClassifier([NUMBERS, DECIDES], combiner="stacking", cv=folds, combiner_options=options)
    with pytest.warns(UserWarning, match="no row of the classes"):
        ours.fit(X, Y)
    held_out = Ridge().fit(X[rows[10:]], CODES[rows[10:]]).predict(X[rows[:10]])
    np.testing.assert_allclose(Spy.seen[-1][:10, 0], held_out)
    plain = Ridge().fit(X, CODES)
    np.testing.assert_allclose(ours.transform(X)[:, 0], plain.predict(X))


def test_a_fold_with_one_class_alone_has_decisions_too():
    order = np.argsort(CODES[TWO], kind="stable")
    x, y = X[TWO][order], Y[TWO][order]
    folds = [(np.arange(20), np.arange(20, 50)), (np.arange(20, 50), np.arange(20))]
    with pytest.warns(UserWarning, match="no row of the classes"):
        ours = EnsembleClassifier([DECIDES, NUMBERS], combiner="stacking", cv=folds).fit(x, y)
    assert np.isfinite(ours.predict_proba(x)).all()


def test_a_class_that_a_prefit_member_lacks_gets_the_smallest_decision():
    known = [("a", LinearSVC().fit(X[TWO], Y[TWO])), ("b", LinearSVC().fit(X, Y))]
    ours = EnsembleClassifier(known, combiner="stacking", cv="prefit", missing="zero").fit(X, Y)
    columns = ours.transform(X)
    decisions = known[0][1].decision_function(X)
    np.testing.assert_array_equal(columns[:, 1:3], np.stack([-decisions, decisions], axis=1))
    np.testing.assert_array_equal(columns[:, 0], -np.abs(decisions))


class Answers(ClassifierMixin, BaseEstimator):
    def __init__(self, answer=None):
        self.answer = answer

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return self.answer(X)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda X: X[:, :3] * np.nan, "decision_function of member 'x' must be finite; row 0 has"),
        (lambda X: X[:3, :3], r"must have one row of columns a sample, shape \(25, n_columns\); received shape"),
        (lambda X: np.full((len(X), 3), "x"), "must be numbers; received dtype <U"),
    ],
    ids=["nan", "rows", "text"],
)
def test_bad_columns_are_refused(answer, message):
    with pytest.raises(InvalidPredictionsError, match=message):
        stack([("x", Answers(answer))]).fit(X, Y)


# Final estimators.


def test_the_decision_of_a_final_estimator_has_probability_1_or_is_calibrated():
    ours = stack([NAIVE, DECIDES], final_estimator=RidgeClassifier()).fit(NOISY, Y)
    theirs = StackingClassifier([NAIVE, DECIDES], RidgeClassifier(), cv=3).fit(NOISY, Y)
    np.testing.assert_array_equal(ours.predict(NOISY), theirs.predict(NOISY))
    assert set(ours.predict_proba(NOISY).ravel()) == {0, 1}
    ours = stack([NAIVE, DECIDES], final_estimator=LinearSVC(dual=False), calibrate="sigmoid").fit(NOISY, Y)
    final = CalibratedClassifierCV(LinearSVC(dual=False))
    theirs = StackingClassifier([NAIVE, DECIDES], final, cv=3).fit(NOISY, Y)
    np.testing.assert_allclose(ours.predict_proba(NOISY), theirs.predict_proba(NOISY), atol=1e-5)


def test_numbers_and_columns_for_a_regressor():
    members = [("a", LinearRegression()), ("b", Ridge(10))]
    ours = EnsembleRegressor(members, combiner="stacking", cv=KFold(3)).fit(NOISY, CODES)
    theirs = StackingRegressor(members, cv=KFold(3)).fit(NOISY, CODES)
    np.testing.assert_allclose(ours.predict(NOISY), theirs.predict(NOISY), atol=1e-10)
    with pytest.raises(InvalidOptionError, match=r"'p' \(PCA\) is no regressor: its answers are no values of y"):
        EnsembleRegressor([*members, ("p", PCA(1))]).fit(NOISY, CODES)
    with pytest.raises(InvalidOptionError, match="estimator 'c' must be a regressor"):
        EnsembleRegressor([*members, NAIVE], combiner="stacking").fit(NOISY, CODES)


# Names and weights.


def test_members_without_names_get_those_of_make_pipeline():
    members = [GaussianNB(), LogisticRegression(), GaussianNB(var_smoothing=0.1)]
    ours = EnsembleClassifier(members)
    assert [*ours.named_estimators] == [name for name, _ in make_pipeline(*members).steps]
    assert [*ours.named_estimators] == ["gaussiannb-1", "logisticregression", "gaussiannb-2"]
    ours.set_params(logisticregression__C=3, **{"gaussiannb-1": "drop"}).fit(X, Y)
    assert [*ours.named_estimators_] == ["logisticregression", "gaussiannb-2"]
    assert ours.named_estimators_["logisticregression"].C == 3
    assert ours.get_params()["gaussiannb-1"] == "drop"
    assert members[1].C == 3, "set_params sets the parameters of the estimators that were given, as in scikit-learn"


@pytest.mark.parametrize("gone", ["drop", None])
@pytest.mark.parametrize("weights", [[1, 5, 3], {"a": 1, "b": 5, "c": 3}], ids=["list", "names"])
@pytest.mark.parametrize("rule", ["voting", "weighted"])
def test_a_dropped_member_takes_its_weight_with_it(rule, weights, gone):
    a, c = ("a", GaussianNB(var_smoothing=0.1)), NAIVE
    options = {"weights": weights}
    ours = EnsembleClassifier([a, ("b", gone), c], combiner=rule, combiner_options=options).fit(NOISY, Y)
    theirs = EnsembleClassifier([a, c], combiner=rule, combiner_options={"weights": {"a": 1, "c": 3}}).fit(NOISY, Y)
    np.testing.assert_array_equal(ours.predict_proba(NOISY), theirs.predict_proba(NOISY))
    assert weights in ([1, 5, 3], {"a": 1, "b": 5, "c": 3})
    wrong = {"a": 1, "x": 5, "c": 3}
    with pytest.raises(InvalidOptionError, match=r"unknown \['x'\]"):
        EnsembleClassifier([a, ("b", gone), c], combiner=rule, combiner_options={"weights": wrong}).fit(NOISY, Y)


# What an ensemble tells of its members.


def test_columns_count_in_the_importance_and_have_no_score():
    members = [DECIDES, NUMBERS, ("noise", PCA(1))]
    ours = stack(members).fit(X, Y)
    board = ours.leaderboard(X, Y)
    assert board["accuracy"].isna().to_dict() == {"a": False, "b": True, "noise": True, "ensemble": False}
    assert board.loc["a", "accuracy"] == ours.estimators_[0].score(X, Y)
    importance = ours.member_importance(X, Y, n_repeats=2, random_state=0)["importance"]
    assert importance["a"] > 0.1
    assert (importance != 0).all()


def test_the_inputs_of_the_final_estimator_are_those_of_scikit_learn_by_name_of_the_member():
    members = [("a", GaussianNB()), ("b", LinearSVC(dual=False))]
    ours = stack(members, passthrough=True).fit(X[TWO], Y[TWO])
    theirs = StackingClassifier(members, cv=3, passthrough=True).fit(X[TWO], Y[TWO])
    np.testing.assert_allclose(ours.final_inputs(X), theirs.transform(X), rtol=0, atol=1e-10)
    sparse = stack(members[1:], passthrough=True).fit(csr_matrix(X[TWO]), Y[TWO])
    assert sparse.final_inputs(csr_matrix(X)).format == "csr"
    np.testing.assert_allclose(sparse.final_inputs(csr_matrix(X)).toarray(), theirs.transform(X)[:, 1:], atol=1e-8)
    with pytest.raises(InvalidOptionError, match="combiner 'mean' has no final estimator"):
        EnsembleClassifier(members[:1]).fit(X, Y).final_inputs(X)


def test_several_labels_have_a_decision_each():
    labels = np.stack([CODES > 0, X[:, 1] > 0, np.ones(75)], axis=1).astype(int)
    members = [("a", RidgeClassifier()), ("b", LinearSVC(dual=False)), ("pca", PCA(1))]
    ours = EnsembleClassifier(members, combiner="stacking", cv=3).fit(X, labels)
    assert ours.response_methods_ == {"a": "decision_function", "b": "decision_function", "pca": "transform"}
    assert ours.get_feature_names_out().tolist() == ["a_0", "a_1", "a_2", "b_0", "b_1", "b_2", "pca"]
    of_each = [LinearSVC(dual=False).fit(X, column).decision_function(X) for column in labels.T[:2]]
    np.testing.assert_allclose(ours.transform(X)[:, 3:5], np.stack(of_each, axis=1))
    assert (ours.transform(X)[:, 5] == 1).all(), "a label that holds in all rows"
    assert (ours.predict(X) == labels).mean() > 0.95
    alone = EnsembleClassifier(members[1:2], response_method="decision_function").fit(X, labels)
    np.testing.assert_allclose(alone.predict_proba(X)[:, 0], 1 / (1 + np.exp(-of_each[0])))
