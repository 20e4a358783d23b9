"""mlxtend's votes and stacks: the values that it computes here, wherever its definitions are ours.

Where they are not: with ``use_probas=False`` its stacks give the final estimator one column of labels as if they were
numbers, ours has a column for each class, so that only two classes agree; ``drop_proba_col="last"`` drops another
column than ``drop_first``, with the same information; X comes before the members' columns, ours after them, which a
final estimator that does not go by the order of columns does not mind.
"""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensemblekit import EnsembleClassifier, EnsembleRegressor

pytest.importorskip("mlxtend", minversion="0.24", reason="mlxtend before 0.24 cannot fit stacks with scikit-learn 1.6")
classifiers = pytest.importorskip("mlxtend.classifier")
regressors = pytest.importorskip("mlxtend.regressor")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

X = load_iris().data + np.random.default_rng(0).normal(0, 0.7, (150, 4))
CODES = load_iris().target
Y = load_iris().target_names[CODES]
WEIGHT = np.random.default_rng(1).random(150)
TREE, BAYES = DecisionTreeClassifier(max_depth=2, random_state=0), GaussianNB()
NEW = np.random.default_rng(2).normal(3, 2, (40, 4))
CLOSE = {"rtol": 0, "atol": 1e-10}
FOLDS = {"plain": 3, "shuffled": StratifiedKFold(3, shuffle=True, random_state=1), "groups": GroupKFold(3)}


@pytest.mark.parametrize("weights", [None, [1, 2, 3], [2, 1, 1]], ids=["equal", "more", "tied"])
@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_votes(voting, weights):
    members = [TREE, BAYES, DecisionTreeClassifier(max_depth=1, random_state=0)]
    theirs = classifiers.EnsembleVoteClassifier(members, voting=voting, weights=weights).fit(X, Y)
    options = {"kind": voting, "weights": weights}
    method = "predict" if voting == "hard" else "auto"
    ours = EnsembleClassifier(members, combiner="voting", combiner_options=options, response_method=method).fit(X, Y)
    np.testing.assert_array_equal(ours.predict(NEW), theirs.predict(NEW))
    if voting == "soft":
        np.testing.assert_allclose(ours.predict_proba(NEW), theirs.predict_proba(NEW), **CLOSE)
    assert [*ours.named_estimators] == [*theirs.named_clfs]


@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_votes_of_fitted_members(voting):
    members = [TREE.fit(X, Y), BAYES.fit(X, Y)]
    codes = classifiers.EnsembleVoteClassifier(
        [DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, CODES), GaussianNB().fit(X, CODES)],
        voting=voting,
        fit_base_estimators=False,
        use_clones=False,
    ).fit(X, CODES)
    ours = EnsembleClassifier(members, combiner="voting", combiner_options={"kind": voting}, cv="prefit")
    ours.set_params(response_method="predict" if voting == "hard" else "auto").fit(X, Y)
    if voting == "soft":
        np.testing.assert_allclose(ours.predict_proba(NEW), codes.predict_proba(NEW), **CLOSE)
    np.testing.assert_array_equal(ours.predict(NEW), load_iris().target_names[codes.predict(NEW)])


def stack(members, final, *, cv, **options):
    options = {"final_estimator": final, **options}
    return EnsembleClassifier(members, combiner="stacking", cv=cv, combiner_options=options)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({}, {}),
        ({"drop_proba_col": "first"}, {"drop_first": True}),
        ({"average_probas": True}, {"inputs": "average"}),
        ({"use_features_in_secondary": True}, {"passthrough": True}),
    ],
    ids=["plain", "drop", "average", "passthrough"],
)
def test_stacks_fitted_on_the_rows_of_their_members(theirs, ours, weight):
    final = GaussianNB() if "passthrough" in ours else LogisticRegression()
    stacked = classifiers.StackingClassifier([TREE, BAYES], final, use_probas=True, **theirs)
    stacked.fit(X, Y, sample_weight=weight)
    members = [("b", TREE.fit(X, Y, weight)), ("c", BAYES.fit(X, Y, weight))]
    mine = stack(members, final, cv="prefit", **ours).fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(mine.predict_proba(NEW), stacked.predict_proba(NEW), **CLOSE)


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("folds", FOLDS)
def test_stacks_fitted_out_of_fold(folds, passthrough):
    final = GaussianNB() if passthrough else LogisticRegression()
    groups = np.arange(150) // 3 if folds == "groups" else None
    stacked = classifiers.StackingCVClassifier(
        [TREE, BAYES], final, use_probas=True, cv=FOLDS[folds], shuffle=False, use_features_in_secondary=passthrough
    )
    stacked.fit(X, Y, groups=groups)
    mine = stack([TREE, BAYES], final, cv=FOLDS[folds], passthrough=passthrough).fit(X, Y, groups=groups)
    np.testing.assert_allclose(mine.predict_proba(NEW), stacked.predict_proba(NEW), **CLOSE)


def test_stacks_of_labels_agree_for_two_classes():
    two = CODES < 2
    stacked = classifiers.StackingCVClassifier([TREE, BAYES], LogisticRegression(), cv=3, shuffle=False)
    stacked.fit(X[two], CODES[two])
    mine = stack([TREE, BAYES], LogisticRegression(), cv=3, drop_first="if_binary")
    mine.set_params(response_method="predict").fit(X[two], CODES[two])
    np.testing.assert_allclose(mine.predict_proba(NEW), stacked.predict_proba(NEW), **CLOSE)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("cv", ["prefit", KFold(4, shuffle=True, random_state=3)], ids=["prefit", "folds"])
def test_stacks_of_regressors(cv, passthrough, weight):
    members, y = [DecisionTreeRegressor(max_depth=2, random_state=0), Ridge()], X @ [1, -1, 2, 0] + CODES
    options = {"final_estimator": LinearRegression(), "passthrough": passthrough}
    theirs = {"use_features_in_secondary": passthrough}
    if cv == "prefit":
        stacked = regressors.StackingRegressor(members, LinearRegression(), **theirs)
        members = [member.fit(X, y, weight) for member in members]
    else:
        stacked = regressors.StackingCVRegressor(members, LinearRegression(), cv=cv, **theirs)
    stacked.fit(X, y, sample_weight=weight)
    mine = EnsembleRegressor(members, combiner="stacking", cv=cv, combiner_options=options)
    mine.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(mine.predict(NEW), stacked.predict(NEW), **CLOSE)
