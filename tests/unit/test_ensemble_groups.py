"""Groups reach every part of a member that makes folds, or are refused before anything is fitted."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LassoCV, LogisticRegression, RidgeClassifierCV, RidgeCV
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, LeaveOneGroupOut
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ensemblekit import EnsembleClassifier, EnsembleRegressor, LayeredClassifier
from ensemblekit.errors import InvalidOptionError, LeakageError

N_GROUPS, SIZE = 20, 4
RNG = np.random.default_rng(0)
ORDER = RNG.permutation(N_GROUPS * SIZE)
GROUPS = np.repeat(np.arange(N_GROUPS), SIZE)[ORDER]
Y = RNG.integers(0, 2, N_GROUPS)[GROUPS]
X = np.column_stack([GROUPS, Y + RNG.normal(size=len(Y))])


class Spy(ClassifierMixin, BaseEstimator):
    """Keeps how many rows of each group every fit got."""

    fits: list = []  # noqa: RUF012

    def __init__(self, depth=1):
        self.depth = depth

    def fit(self, X, y, sample_weight=None):
        Spy.fits.append(np.unique(np.unique(np.round(X[:, 0]), return_counts=True)[1]).tolist())
        self.inner_ = GaussianNB().fit(X, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, X):
        return self.inner_.predict_proba(X)

    def predict(self, X):
        return self.inner_.predict(X)


class SpyOfValues(RegressorMixin, Spy):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y > y.mean())
        return self

    def predict(self, X):
        return self.inner_.predict(X).astype(float)


class WantsGroups(Spy):
    """Its own fit takes groups."""

    given: list = []  # noqa: RUF012

    def fit(self, X, y, groups=None):
        WantsGroups.given.append(None if groups is None else (groups == X[:, 0]).all())
        return super().fit(X, y)


@pytest.fixture(autouse=True)
def nothing_seen():
    Spy.fits.clear()
    WantsGroups.given.clear()


def nested(**options):
    return EnsembleClassifier([("spy", Spy()), ("bayes", GaussianNB())], combiner="weighted", cv=4, **options)


def search(cv=None):
    return GridSearchCV(Spy(), {"depth": [1, 2]}, cv=cv)


REACHED = {
    "nested": nested(),
    "nested in a pipeline": make_pipeline(nested()),
    "two levels": EnsembleClassifier([("middle", nested()), ("bayes", GaussianNB())], combiner="stacking", cv=3),
    "two levels, none learning in between": EnsembleClassifier([("middle", nested())]),
    "search": search(),
    "search by number": search(3),
    "search by group": search(GroupKFold(4)),
    "leave one group out": search(LeaveOneGroupOut()),
    "search in a pipeline": make_pipeline(search(3)),
    "search in votes": VotingClassifier([("s", search(3))], voting="soft"),
    "search in a nested one": EnsembleClassifier([("s", search(3)), ("p", make_pipeline(search(GroupKFold(3))))]),
    "calibrated": CalibratedClassifierCV(Spy()),
    "stacked by scikit-learn": StackingClassifier([("spy", Spy())], GaussianNB(), cv=3),
}


@pytest.mark.parametrize(
    ("member", "combiner"), [*((member, "weighted") for member in REACHED), ("nested", "mean"), ("search", "mean")]
)
def test_no_group_is_divided_inside_of_a_member(member, combiner):
    ensemble = EnsembleClassifier([("m", REACHED[member]), ("bayes", GaussianNB())], combiner=combiner, cv=3)
    ensemble.fit(X, Y, groups=GROUPS)
    assert len(Spy.fits) > 3
    assert {tuple(sizes) for sizes in Spy.fits} == {(SIZE,)}
    Spy.fits.clear()
    if "group" in str(REACHED[member]).lower():
        return  # these splitters insist on groups
    ensemble.fit(X, Y)  # the same without groups, to see that the check can fail
    assert {tuple(sizes) for sizes in Spy.fits} != {(SIZE,)}


def test_a_member_is_given_back_its_own_splitter():
    ensemble = EnsembleClassifier([("a", search(GroupKFold(4))), ("b", make_pipeline(search(3)))], combiner="weighted")
    ensemble.fit(X, Y, groups=GROUPS)
    assert isinstance(ensemble.named_estimators_["a"].cv, GroupKFold)
    assert ensemble.named_estimators_["b"][-1].cv == 3
    assert ensemble.estimators[0][1].cv.n_splits == 4


@pytest.mark.slow
def test_a_member_that_memorises_its_groups_gets_no_weight_inside():
    label = np.random.default_rng(1).integers(0, 2, 60)
    groups = np.repeat(np.arange(60), 6)
    rng = np.random.default_rng(2)
    x = np.column_stack(
        [rng.normal(size=(60, 3))[groups] * 100 + rng.normal(size=(360, 3)) / 20, label[groups] + rng.normal(size=360)]
    )
    order = rng.permutation(360)
    x, y, groups = x[order], label[groups][order], groups[order]
    inner = EnsembleClassifier(
        [("memo", KNeighborsClassifier(1)), ("line", LogisticRegression())], combiner="super_learner", cv=5
    )
    for member in (inner, EnsembleClassifier([("inner", inner)])):
        outer = EnsembleClassifier([("m", member), ("bayes", GaussianNB())], combiner="super_learner")
        fitted = outer.fit(x, y, groups=groups).named_estimators_["m"]
        weights = (fitted if member is inner else fitted.named_estimators_["inner"]).combiner_.weights_
        assert weights[1] < 0.2


def test_groups_reach_a_fit_that_takes_them():
    members = [
        ("g", WantsGroups()),
        ("p", make_pipeline(StandardScaler(with_mean=False, with_std=False), WantsGroups())),
    ]
    EnsembleClassifier(members, combiner="weighted", cv=3).fit(X, Y, groups=GROUPS)
    assert WantsGroups.given == [True] * 8


def test_groups_reach_the_folds_of_regressors():
    values = Y + X[:, 1] / 9
    members = [
        ("search", GridSearchCV(SpyOfValues(), {"depth": [1, 2]}, cv=3)),
        ("nested", EnsembleRegressor([("spy", SpyOfValues())], combiner="weighted", cv=3)),
        ("log", TransformedTargetRegressor(LassoCV(), func=np.log1p, inverse_func=np.expm1)),
        ("lasso", LassoCV(cv=GroupKFold(3))),
    ]
    EnsembleRegressor(members, combiner="stacking", cv=3).fit(X, np.abs(values), groups=GROUPS)
    assert {tuple(sizes) for sizes in Spy.fits} == {(SIZE,)}


UNREACHED = {
    "in bagging": (BaggingClassifier(nested()), "EnsembleClassifier inside of BaggingClassifier in member 'm'"),
    "in calibration": (CalibratedClassifierCV(nested()), "EnsembleClassifier inside of CalibratedClassifierCV"),
    "in a search": (GridSearchCV(nested(), {}, cv=GroupKFold(3)), "EnsembleClassifier inside of GridSearchCV"),
    "in votes": (VotingClassifier([("n", nested())]), "EnsembleClassifier in member 'm' cannot be given them"),
    "a search in stacking": (StackingClassifier([("s", search())]), "GridSearchCV inside of StackingClassifier"),
    "in a nested one": (
        EnsembleClassifier([("i", BaggingClassifier(search()))]),
        "GridSearchCV inside of BaggingClassifier in member 'm, i'",
    ),
    "wants them in bagging": (BaggingClassifier(WantsGroups()), "WantsGroups inside of BaggingClassifier"),
    "row by row": (RidgeClassifierCV(), "RidgeClassifierCV in member 'm' leaves out one row at a time. Give it cv=5"),
}


@pytest.mark.parametrize("member", UNREACHED)
def test_groups_that_reach_not_every_part_are_refused_before_anything_is_fitted(member):
    given, told = UNREACHED[member]
    members = [("spy", Spy()), ("m", given)]
    ensemble = EnsembleClassifier(members, combiner="weighted", response_method="predict", cv=3)
    with pytest.raises(InvalidOptionError, match=told):
        ensemble.fit(X, Y, groups=GROUPS)
    assert not Spy.fits


def test_a_splitter_that_divides_groups_is_refused_before_anything_is_fitted():
    members = [("spy", Spy()), ("m", make_pipeline(search(KFold(3))))]
    with pytest.raises(
        LeakageError, match=r"groups must not be divided by a fold; fold 1 of 3 of gridsearchcv__cv of member 'm' has"
    ):
        EnsembleClassifier(members, cv=3).fit(X, Y, groups=GROUPS)
    assert not Spy.fits
    with pytest.raises(InvalidOptionError, match="RidgeCV in member 'r' leaves out one row at a time"):
        EnsembleRegressor([("r", RidgeCV())]).fit(X, Y, groups=GROUPS)


@pytest.mark.parametrize(
    "made", [EnsembleClassifier([GaussianNB()]), LayeredClassifier([[GaussianNB()]])], ids=["one", "layers"]
)
@pytest.mark.parametrize(
    "groups",
    ["patient", [["a"], ["b"]], np.zeros((2, 1)), pd.DataFrame({"g": [1, 2]})],
    ids=["name", "lists", "column", "table"],
)
def test_groups_of_another_shape_are_refused(made, groups):
    with pytest.raises(InvalidOptionError, match="groups must be one a row, shape"):
        made.fit([[0.0], [1.0]], ["a", "b"], groups=groups)


def test_what_makes_no_folds_needs_no_groups():
    members = [
        ("mean", EnsembleClassifier([("spy", Spy()), ("bayes", GaussianNB())])),
        ("bagged", BaggingClassifier(EnsembleClassifier([("bayes", GaussianNB())]), n_estimators=2)),
        ("prefit", CalibratedClassifierCV(GaussianNB(), cv=GroupKFold(3))),
    ]
    assert EnsembleClassifier(members, combiner="weighted", cv=3).fit(X, Y, groups=GROUPS).score(X, Y) > 0.5


@pytest.mark.parametrize("member", ["search", "search by group", "search in a pipeline", "calibrated"])
def test_no_group_is_divided_with_metadata_routing(member):
    with sklearn.config_context(enable_metadata_routing=True):
        ensemble = EnsembleClassifier([("m", REACHED[member])], combiner="weighted", cv=3)
        ensemble.fit(X, Y, groups=GROUPS)
        assert {tuple(sizes) for sizes in Spy.fits} == {(SIZE,)}


def test_with_metadata_routing_a_nested_ensemble_says_whether_it_wants_groups():
    with sklearn.config_context(enable_metadata_routing=True):
        silent = EnsembleClassifier([("m", nested())], combiner="weighted", cv=3)
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="groups"):
            silent.fit(X, Y, groups=GROUPS)
        wants = nested().set_fit_request(groups=True)
        searched = GridSearchCV(wants, {}, cv=GroupKFold(3))
        for member in (wants, searched, CalibratedClassifierCV(wants, cv=GroupKFold(3))):
            Spy.fits.clear()
            EnsembleClassifier([("m", member)], combiner="weighted", cv=3).fit(X, Y, groups=GROUPS)
            assert {tuple(sizes) for sizes in Spy.fits} == {(SIZE,)}
        with pytest.raises(LeakageError, match="fold 1 of 3 of cv of member 'm' has the groups"):
            EnsembleClassifier([("m", search(KFold(3)))]).fit(X, Y, groups=GROUPS)


def test_folds_of_a_member_are_those_that_it_would_make_with_these_groups():
    by_us = EnsembleClassifier([("m", RidgeClassifierCV(cv=GroupKFold(3)))], response_method="predict").fit(
        X, Y, groups=GROUPS
    )
    folds = list(GroupKFold(3).split(X, Y, GROUPS))
    alone = RidgeClassifierCV(cv=folds).fit(X, Y)
    assert by_us.named_estimators_["m"].alpha_ == alone.alpha_
    assert by_us.named_estimators_["m"].best_score_ == alone.best_score_


def test_groups_reach_an_ensemble_that_is_the_final_estimator():
    spy = make_pipeline(FunctionTransformer(_last_columns), Spy())
    inner = EnsembleClassifier([("spy", spy)], combiner="stacking", cv=3)
    members = [("near", KNeighborsClassifier(3))]
    options = {"final_estimator": inner}
    outer = EnsembleClassifier(members, combiner="stacking", combiner_options=options, cv=3, passthrough=True)
    Spy.fits.clear()
    outer.fit(X, Y, groups=GROUPS)
    assert Spy.fits == [[SIZE]] * 4
    assert not hasattr(outer.combiner_, "fit_groups_")
    Spy.fits.clear()
    outer.fit(X, Y)
    assert [SIZE] not in Spy.fits[1:]


def _last_columns(x):
    return x[:, -2:]
