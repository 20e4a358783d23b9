"""What an ensemble refuses is refused before a member is fitted, in ensembles inside of it too."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from ensemblekit import EnsembleClassifier, InvalidOptionError

X, CODES = load_iris(return_X_y=True)
Y = np.array(["a", "b", "c"])[CODES]


class Costly(ClassifierMixin, BaseEstimator):
    """Takes an hour to fit."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("the hour has begun")

    def predict_proba(self, X):
        raise AssertionError


def fit(*members, inside, x=X, sample_weight=None, **options):
    ensemble = EnsembleClassifier([("costly", Costly()), *members], **options)
    if inside:
        ensemble = EnsembleClassifier([("first", Costly()), ("piped", make_pipeline(StandardScaler(), ensemble))])
    ensemble.fit(x, Y, sample_weight=sample_weight)


WITHOUT = [
    LinearSVC(),
    SVC(),
    SGDClassifier(),
    make_pipeline(StandardScaler(), LinearSVC()),
    GridSearchCV(LinearSVC(), {}),
    VotingClassifier([("l", GaussianNB())]),
    OneVsRestClassifier(LinearSVC()),
    OneVsOneClassifier(GaussianNB()),
    StackingClassifier([("l", LinearSVC())], LinearSVC()),
]


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("member", WITHOUT, ids=lambda m: str(m)[:40])
def test_members_without_probabilities(member, inside):
    with pytest.raises(InvalidOptionError, match=rf"member 'm' \({type(member).__name__}\) has no predict_proba"):
        fit(("m", member), inside=inside)


class Late(ClassifierMixin, BaseEstimator):
    """Hands on the methods of what it fits."""

    def fit(self, X, y):
        self.inner_ = GaussianNB().fit(X, y)
        self.classes_ = self.inner_.classes_
        return self

    def __getattr__(self, name):
        if name.startswith("_") or "inner_" not in vars(self):
            raise AttributeError(name)
        return getattr(self.inner_, name)


WITH = [
    StackingClassifier([("l", LinearSVC())], cv=2),
    make_pipeline(StandardScaler(), StackingClassifier([("l", LinearSVC())], cv=2)),
    CalibratedClassifierCV(LinearSVC(), cv=2),
    Late(),
]


@pytest.mark.parametrize("member", WITH, ids=lambda m: str(m)[:40])
def test_members_that_get_their_probabilities_in_fit_are_taken(member):
    assert EnsembleClassifier([("m", member)]).fit(X, Y).score(X, Y) > 0.9


ONES = np.ones(150)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    ("members", "options", "told"),
    [
        ([], {"combiner": "weighted", "combiner_options": {"weights": {"lime": 1}}}, r"unknown \['lime'\]"),
        ([], {"combiner": "stacking", "combiner_options": {"final": 1}}, "final"),
        (
            [("near", KNeighborsClassifier())],
            {"sample_weight": ONES},
            r"member 'near' .* makes no use of sample_weight",
        ),
        ([], {"combiner": "mean", "passthrough": True}, "combiner 'mean' makes no use of X"),
        ([], {"cv": "never"}, "cv must be a whole number"),
        ([], {"thresholds": {"a": 1}}, "thresholds must name each class once"),
    ],
    ids=["weights", "options", "no weights in a member", "passthrough", "cv", "thresholds"],
)
def test_options(members, options, told, inside):
    with pytest.raises(InvalidOptionError, match=told):
        fit(*members, inside=inside, **options)


def test_inputs_that_a_combiner_cannot_look_at():
    table = pd.DataFrame({"words": ["some", "more", "text"] * 50})
    with pytest.raises(InvalidOptionError, match="passthrough needs X of numbers"):
        fit(inside=False, x=table, combiner="stacking", combiner_options={"passthrough": True})


def test_a_prefit_ensemble_inside_stays_as_it_is():
    fitted = EnsembleClassifier([("b", FrozenEstimator(GaussianNB().fit(X, Y)))], cv="prefit").fit(X, Y)
    outer = EnsembleClassifier([("in", fitted), ("line", LogisticRegression(max_iter=1000))], combiner="weighted", cv=2)
    assert outer.fit(X, Y).score(X, Y) > 0.9
