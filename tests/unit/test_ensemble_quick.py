"""What is predicted without names, because nothing must be matched, is what is predicted with them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.extmath import softmax

from ensemblekit import EnsembleClassifier, EnsembleRegressor, Predictions, align, fit_combiner
from ensemblekit.combining.values import combine_arrays, combine_values
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError
from ensemblekit.predictions.arrays import set_of_arrays
from ensemblekit.registry import default_registry
from ensemblekit_plugins.kernels.normalisation import softmax_of_few
from ensemblekit_plugins.learning.final_estimators import class_probas

X, CODES = load_iris(return_X_y=True)
TEXT = np.array(["setosa", "versicolor", "virginica"])[CODES]
MEMBERS = [("tree", DecisionTreeClassifier(max_depth=2, random_state=0)), ("bayes", GaussianNB())]
NUMBERS = [("tree", DecisionTreeRegressor(max_depth=2)), ("line", LinearRegression()), ("ridge", Ridge())]
rng = np.random.default_rng(0)


def arrays_for(task, classes, n_rows=40):
    made = {name: rng.random((n_rows, len(classes))) for name in ("b", "a", "c")}
    return {name: p / p.sum(axis=1, keepdims=True) if task == "multiclass" else p for name, p in made.items()}


@pytest.mark.parametrize("classes", [("cat", "dog", "eel"), ("eel", "cat", "dog"), ("value",)])
@pytest.mark.parametrize("name", sorted(default_registry().combiners))
def test_every_rule_gives_the_same_bits_with_and_without_names(name, classes):
    task = "multiclass" if len(classes) > 1 else "regression"
    rule = default_registry().create_combiner(name)
    if task not in rule.tasks or name in ("dawid_skene", "weighted"):
        return
    given = arrays_for(task, classes)
    if "learns" in rule.traits:
        members = [Predictions(p, ids=range(40), classes=classes, task=task, member=m) for m, p in given.items()]
        labels = rng.choice(classes, 40) if task == "multiclass" else rng.random(40)
        rule = fit_combiner(align(members).with_labels(labels), rule)
    asked_for = {"n_rows": 40, "classes": classes, "task": task}
    expected = combine_values(set_of_arrays(given, ids=np.arange(40), classes=classes, task=task), rule)
    quick = combine_arrays(given, rule, **asked_for)
    assert quick is not None or list(classes) != sorted(classes)
    if quick is not None:
        np.testing.assert_array_equal(quick, expected)
        assert quick.dtype == expected.dtype


def test_weights_by_name_reach_their_members():
    given = arrays_for("multiclass", (0, 1))
    rule = default_registry().create_combiner("weighted", weights={"a": 3, "b": 1, "c": 0})
    quick = combine_arrays(given, rule, n_rows=40, classes=(0, 1), task="multiclass")
    np.testing.assert_allclose(quick, (3 * given["a"] + given["b"]) / 4)


@pytest.mark.parametrize(
    ("rule", "arrays", "n_rows"),
    [
        ("weighted", {"a": np.full((2, 2), 0.5)}, 2),  # not fitted
        ("mean", {"a": np.full((2, 2), 0.5)}, 3),
        ("mean", {"a": np.full((2, 2), 0.9)}, 2),
        ("mean", {"a": np.array([[1, 0], [0, 1]])}, 2),
        ("mean", {"a": [[0.5, 0.5], [0.5, 0.5]]}, 2),
        ("least_squares", {"a": np.full((2, 2), 0.5)}, 2),  # for numbers
    ],
)
def test_what_must_be_mended_or_refused_is_left_to_others(rule, arrays, n_rows):
    made = default_registry().create_combiner(rule)
    assert combine_arrays(arrays, made, n_rows=n_rows, classes=("a", "b"), task="multiclass") is None


def test_members_other_than_those_of_the_fit_are_left_to_others():
    given = arrays_for("regression", ("value",))
    members = [Predictions(p, ids=range(40), classes=["value"], task="regression", member=m) for m, p in given.items()]
    rule = fit_combiner(align(members).with_labels(rng.random(40)), "least_squares")
    given["d"] = given.pop("c")
    assert combine_arrays(given, rule, n_rows=40, classes=("value",), task="regression") is None


@pytest.mark.parametrize("y", [CODES, TEXT, CODES / 2])
@pytest.mark.parametrize(
    "options",
    [{}, {"combiner": "voting"}, {"combiner": "voting", "response_method": "predict"}, {"combiner": "stacking"}],
)
def test_a_classifier_predicts_what_it_does_by_name(y, options):
    ensemble = EnsembleClassifier(MEMBERS, cv=2, **options).fit(X, np.asarray(y, str if y is TEXT else int))
    np.testing.assert_array_equal(ensemble.predict_proba(X), ensemble._combine(ensemble._predict_members(X), X))


def test_a_regressor_predicts_what_it_does_by_name():
    ensemble = EnsembleRegressor(NUMBERS).fit(X, CODES)
    np.testing.assert_array_equal(ensemble.predict(X), ensemble._combine(ensemble._predict_members(X), X)[:, 0])


class Answers(ClassifierMixin, BaseEstimator):
    """A classifier that answers what it is told."""

    def __init__(self, answer=None):
        self.answer = answer

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return self.answer(len(X))


def test_a_table_that_a_member_answers_is_read_by_its_columns():
    table = lambda n: pd.DataFrame({2: np.zeros(n), 0: np.ones(n), 1: np.zeros(n)})  # noqa: E731
    ensemble = EnsembleClassifier([("table", Answers(table)), *MEMBERS]).fit(X, CODES)
    assert (ensemble.predict_proba(X[:1])[0, 0]) == 1


@pytest.mark.parametrize("value", [np.nan, -1.0])
def test_a_member_with_wrong_values_is_named(value):
    ensemble = EnsembleClassifier([("wrong", Answers(lambda n: np.full((n, 3), value))), *MEMBERS]).fit(X, CODES)
    with pytest.raises(InvalidPredictionsError, match="'wrong'"):
        ensemble.predict(X)


def test_prefit_members_in_another_order_of_classes_are_matched():
    swapped = Answers(lambda n: np.tile([0.7, 0.2, 0.1], (n, 1))).fit(X, CODES)
    swapped.classes_ = np.array([2, 0, 1])
    ensemble = EnsembleClassifier([("swapped", swapped)], cv="prefit").fit(X, CODES)
    np.testing.assert_allclose(ensemble.predict_proba(X[:1]), [[0.2, 0.1, 0.7]])


def test_a_fold_whose_weights_are_all_0_is_refused_before_any_fit():
    even, odd = np.arange(0, 150, 2), np.arange(1, 150, 2)
    halves, weight = [(even, odd), (odd, even)], np.tile([0.0, 1.0], 75)
    stacked = EnsembleClassifier([("never", Answers()), *MEMBERS], combiner="stacking", cv=halves)
    with pytest.raises(InvalidOptionError, match=r"is 0 for all 75 of fold 1 of 2\. Give cv shuffled folds") as refused:
        stacked.fit(X, CODES, sample_weight=weight)
    assert not hasattr(refused.value, "__notes__")
    mean = EnsembleClassifier(MEMBERS, cv=halves).fit(X, CODES, sample_weight=weight)  # makes no folds
    assert mean.combiner_weighted_ is False


def test_names_of_columns_are_forgotten_by_a_fit_on_an_array():
    ensemble = EnsembleClassifier(MEMBERS).fit(pd.DataFrame(X, columns=list("abcd")), CODES)
    assert list(ensemble.feature_names_in_) == list("abcd")
    assert not hasattr(ensemble.fit(X[:, :3], CODES), "feature_names_in_")
    assert ensemble.n_features_in_ == 3


@pytest.mark.parametrize("n_classes", [2, 3, 7, 9])
def test_probabilities_of_a_final_estimator_have_the_bits_of_its_own(n_classes):
    x = rng.normal(size=(300, 4))
    head = LogisticRegression().fit(x, rng.integers(0, n_classes, 300))
    np.testing.assert_array_equal(class_probas(head, x), head.predict_proba(x))


def test_the_softmax_of_few_has_the_bits_of_scikit_learns():
    decisions = rng.normal(size=(500, 5)) * 300
    np.testing.assert_array_equal(softmax_of_few(decisions.copy()), softmax(decisions))
