"""Sparse X reaches a combiner with `passthrough` without being made dense, where the combiner takes it."""

import tracemalloc

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix, issparse
from scipy.sparse import random as random_sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from threadpoolctl import threadpool_limits

from ensemblekit import EnsembleClassifier, EnsembleRegressor, Predictions, combine, fit_combiner, load_plugins
from ensemblekit.errors import InvalidOptionError

X = csr_matrix(random_sparse(60, 400, density=0.05, random_state=0))
Y = (np.asarray(X[:, :200].sum(axis=1)).ravel() > 5).astype(int)
MEMBERS = [("bayes", MultinomialNB()), ("line", MultinomialNB(alpha=9))]
SEEN = []


@pytest.fixture(autouse=True)
def one_thread():
    """Keep BLAS from starting threads for matrices of 60 rows, which wait for each other on a busy machine."""
    with threadpool_limits(1):
        yield


class Witness(ClassifierMixin, BaseEstimator):
    """Notes whether its inputs are sparse."""

    def __init__(self, takes=True):
        self.takes = takes

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.takes
        return tags

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        SEEN.append(issparse(X))
        return self

    def predict_proba(self, X):
        SEEN.append(issparse(X))
        return np.full((X.shape[0], len(self.classes_)), 1 / len(self.classes_))


class WitnessOfNumbers(RegressorMixin, Witness):
    def predict(self, X):
        SEEN.append(issparse(X))
        return np.zeros(X.shape[0])


@pytest.mark.parametrize("takes", [True, False])
def test_a_final_estimator_gets_what_it_takes(takes):
    SEEN.clear()
    options = {"final_estimator": Witness(takes)}
    ensemble = EnsembleClassifier(MEMBERS, combiner="stacking", combiner_options=options, passthrough=True, cv=2)
    ensemble.fit(X, Y).predict_proba(X)
    assert {*SEEN} == {takes}
    assert len(SEEN) == 2
    with pytest.raises(AssertionError):  # the witness notices the other kind
        assert {*SEEN} == {not takes}


def test_several_outputs_and_an_inner_rule_keep_it_too():
    SEEN.clear()
    several = np.stack([Y, 1 - Y], axis=1) + 0.5
    options = {"final_estimator": WitnessOfNumbers()}
    ridges = [("one", Ridge()), ("other", Ridge(9))]
    EnsembleRegressor(ridges, combiner="stacking", combiner_options=options, passthrough=True, cv=2).fit(
        X, several
    ).predict(X)
    inner = load_plugins().create_combiner("stacking", final_estimator=Witness(), passthrough=True)
    rule = load_plugins().create_combiner("calibrated", inner=inner)
    EnsembleClassifier(MEMBERS, combiner=rule, passthrough=True, cv=2).fit(X, Y).predict(X)
    assert {*SEEN} == {True}


def test_sparse_and_dense_rows_give_the_same_answers():
    def fitted(x):
        ridges = [("one", Ridge()), ("other", Ridge(9))]
        return EnsembleRegressor(ridges, combiner="stacking", passthrough=True, cv=2).fit(x, Y + 0.5).predict(x)

    np.testing.assert_allclose(fitted(X), fitted(X.toarray()), atol=1e-4)
    np.testing.assert_array_equal(fitted(X), fitted(csr_array(X)))
    np.testing.assert_array_equal(fitted(X), fitted(X.tocsc()))


def test_a_rule_that_searches_neighbours_gets_an_array():
    knora = EnsembleClassifier(MEMBERS, combiner="knora_u", passthrough=True, cv=2)
    dense = EnsembleClassifier([("b", GaussianNB()), ("line", GaussianNB())], combiner="knora_u", cv=2)
    dense = dense.set_params(estimators=MEMBERS, passthrough=True).fit(X.toarray(), Y).predict_proba(X.toarray())
    np.testing.assert_allclose(knora.fit(X, Y).predict_proba(X), dense, atol=1e-6)


def test_wide_rows_take_no_memory_of_their_own():
    wide = csr_matrix(random_sparse(200, 60_000, density=0.0005, random_state=0))  # 96 MB if made dense
    y = np.arange(200) % 2
    ensemble = EnsembleClassifier(MEMBERS, combiner="stacking", passthrough=True, cv=2)
    tracemalloc.start()
    try:
        ensemble.fit(wide, y).predict_proba(wide)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


def test_it_agrees_with_scikit_learn():
    final = LogisticRegression(tol=1e-8, max_iter=1000)
    folds = [(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))]
    options = {"final_estimator": final, "drop_first": True}
    ours = EnsembleClassifier(MEMBERS, combiner="stacking", combiner_options=options, passthrough=True, cv=folds)
    theirs = StackingClassifier(MEMBERS, final_estimator=final, passthrough=True, cv=folds)
    np.testing.assert_allclose(ours.fit(X, Y).predict_proba(X), theirs.fit(X, Y).predict_proba(X), atol=1e-5)


def test_features_are_looked_up_by_id_and_counted():
    ids = np.arange(60)
    first = Predictions(np.stack([1 - Y, Y], axis=1) * 0.5 + 0.25, ids=ids, classes=[0, 1], labels=Y, member="a")
    turned = fit_combiner([first], "stacking", passthrough=True, features=(ids[::-1], X[::-1]))
    fitted = fit_combiner([first], "stacking", passthrough=True, features=(ids, X))
    dense = fit_combiner([first], "stacking", passthrough=True, features=(ids, X.toarray()))
    one, other, plain = (combine([first], rule, features=(ids, X)).probas for rule in (turned, fitted, dense))
    np.testing.assert_allclose(one, other, atol=1e-12)
    np.testing.assert_allclose(one, plain, atol=1e-3)
    with pytest.raises(InvalidOptionError, match="features must have one row an id; received 59 for 60 ids"):
        combine([first], fitted, features=(ids, X[:59]))
    with pytest.raises(InvalidOptionError, match="was fitted on 400 features a row; received 399"):
        combine([first], fitted, features=(ids, X[:, :399]))


def test_the_option_of_the_rule_wins_over_the_ensemble():
    options = {"passthrough": False}
    ensemble = EnsembleClassifier(MEMBERS, combiner="stacking", combiner_options=options, passthrough=True, cv=2)
    with pytest.raises(InvalidOptionError, match="passthrough=False learns from no features"):
        ensemble.fit(X, Y)
