"""What goes wrong in silence elsewhere is right or refused here; beside it, what scikit-learn's own ensembles do."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import LabelEncoder
from sklearn.tree import DecisionTreeClassifier

from ensemblekit import AlignmentError, EnsembleClassifier, InvalidOptionError, LeakageError, as_member
from ensemblekit.errors import InvalidPredictionsError


class Oracle(ClassifierMixin, BaseEstimator):
    """A fitted classifier that says what it is told, scaled; NaN in some rows."""

    def __init__(self, classes=(0, 1, 2), says=0, scale=1.0, nan_rows=()):
        self.classes = classes
        self.says = says
        self.scale = scale
        self.nan_rows = nan_rows

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.array(self.classes)
        return self

    def predict_proba(self, X):
        probas = np.tile((self.classes_ == self.says) * self.scale, (len(X), 1)).astype(float)
        probas[[row for row in self.nan_rows if row < len(X)]] = np.nan
        return probas

    def predict(self, X):
        return np.full(len(X), self.says)


X = np.zeros((4, 1))


def prefit(*members, **options):
    named = [(f"m{place}", member.fit(None, None)) for place, member in enumerate(members)]
    return EnsembleClassifier(named, cv="prefit", **options)


# Prefit members of different class sets.


def test_prefit_members_of_different_class_sets_are_matched_by_name():
    members = Oracle((0, 1, 2), says=2), Oracle((0, 2, 3), says=2)
    ensemble = prefit(*members, missing="zero").fit(X, [0, 1, 2, 3])
    assert ensemble.classes_.tolist() == [0, 1, 2, 3]
    assert ensemble.predict_proba(X[:1]).tolist() == [[0, 0, 1, 0]]
    # Added by position, the 2 of one is the 3 of the other, and nothing is sure any more.
    by_position = np.mean([member.fit(None, None).predict_proba(X[:1]) for member in members], axis=0)
    assert by_position.tolist() == [[0, 0.5, 0.5]]


def test_different_class_sets_are_refused_unless_a_policy_is_given():
    ensemble = prefit(Oracle((0, 1, 2)), Oracle((0, 2, 3)))
    with pytest.raises(AlignmentError, match=r"member 'm0' lacks 1 \(3\) that member 'm1' has.*or missing='zero'"):
        ensemble.fit(X, [0, 1, 2, 3])


def test_the_same_with_classes_that_are_text():
    ensemble = prefit(Oracle(("ape", "bee"), says="bee"), Oracle(("bee", "cow"), says="bee"), missing="zero")
    assert ensemble.fit(X, ["ape", "bee", "cow", "bee"]).predict(X).tolist() == ["bee"] * 4


def test_text_and_numbers_are_not_mixed():
    with pytest.raises(AlignmentError, match="classes must be named in one way by every member; member 'm1'"):
        prefit(Oracle((0, 1)), Oracle(("0", "1"), says="1")).fit(X, [0, 1, 0, 1])


# Labels that are only some of the classes that the voters were fitted on.


def test_labels_that_lack_a_class_do_not_shift_the_others():
    voters = [Oracle(says=2), Oracle(says=2), Oracle(says=1)]
    ensemble = prefit(*voters, combiner="voting").fit(X, [1, 2, 1, 2])
    assert ensemble.classes_.tolist() == [0, 1, 2]
    assert ensemble.predict(X).tolist() == [2] * 4
    assert ensemble.predict_proba(X[:1]).round(6).tolist() == [[0, 0.333333, 0.666667]]


def test_scikit_learn_encodes_such_labels_anew():
    peer = VotingClassifier([(str(i), Oracle(says=2)) for i in range(3)])
    peer.estimators_ = [member.fit(None, None) for _, member in peer.estimators]
    peer.le_ = LabelEncoder().fit([1, 2])
    with pytest.raises(ValueError, match=r"unseen labels|y contains previously"):
        peer.predict(X)  # code 2 is no label of two: and where it is one, it is the wrong one
    peer.estimators_ = [Oracle(says=1).fit(None, None)] * 3
    assert peer.predict(X).tolist() == [2] * 4  # all say 1


def test_labels_that_no_member_knows_are_refused():
    with pytest.raises(InvalidPredictionsError, match=r"classes that the members know, \[0, 1, 2\]; .* 1 \(7\)"):
        prefit(Oracle()).fit(X, [0, 1, 2, 7])


# A NaN row of a member.


def test_a_row_that_is_nan_is_refused():
    ensemble = EnsembleClassifier([("a", Oracle(nan_rows=[1])), ("b", Oracle())]).fit(X, [0, 1, 2, 0])
    with pytest.raises(InvalidPredictionsError, match=r"member 'a' must be finite; received NaN .* the first 1"):
        ensemble.predict(X)


def test_scikit_learn_predicts_the_first_class_for_it():
    peer = VotingClassifier([("a", Oracle(nan_rows=[1], says=2)), ("b", Oracle(says=2))], voting="soft")
    assert peer.fit(X, [0, 1, 2, 0]).predict(X).tolist() == [2, 0, 2, 2]


# Weights.


@pytest.mark.parametrize("weights", [[1, np.nan], [-1, 2], [0, 0]])
@pytest.mark.parametrize("combiner", ["weighted", "voting"])
def test_weights_that_weigh_nothing_are_refused_before_anything_is_fitted(combiner, weights):
    class Unfit(Oracle):
        def fit(self, X, y, sample_weight=None):
            raise AssertionError("fitted")

    members = [("a", Unfit()), ("b", Unfit())]
    ensemble = EnsembleClassifier(members, combiner=combiner, combiner_options={"weights": weights})
    with pytest.raises(InvalidOptionError, match=r"weights must be finite and >= 0 with a positive sum; received \["):
        ensemble.fit(X, [0, 1, 2, 0])


@pytest.mark.parametrize("weights", [[1, np.nan], [-1, 2]])
def test_scikit_learn_takes_them(weights):
    peer = VotingClassifier([("a", Oracle(says=1)), ("b", Oracle(says=2))], voting="soft", weights=weights)
    probas = peer.fit(X, [0, 1, 2, 0]).predict_proba(X)
    assert np.isnan(probas).any() or (probas < 0).any()


# Scores that are no probabilities.


def test_percentages_are_refused():
    ensemble = EnsembleClassifier([("a", Oracle()), ("b", Oracle(scale=100.0))]).fit(X, [0, 1, 2, 0])
    with pytest.raises(InvalidPredictionsError, match=r"member 'b' must lie in \[0, 1\]; received .* 0 to 100"):
        ensemble.predict_proba(X)


def test_scikit_learn_lets_them_outvote_all_others():
    members = [("a", Oracle(says=1)), ("b", Oracle(says=1)), ("c", Oracle(says=2, scale=100.0))]
    peer = VotingClassifier(members, voting="soft").fit(X, [0, 1, 2, 0])
    assert peer.predict(X).tolist() == [2] * 4
    assert peer.predict_proba(X).sum(axis=1).max() > 30


# A stacking head fitted on the members' own training rows.


IRIS_X, IRIS_Y = load_iris(return_X_y=True)


def fitted_members(rows):
    tree = DecisionTreeClassifier(random_state=0).fit(IRIS_X[rows], IRIS_Y[rows])
    line = LogisticRegression(max_iter=1000).fit(IRIS_X[rows], IRIS_Y[rows])
    return tree, line


def test_a_head_on_the_members_own_rows_is_refused_where_they_are_known():
    rows = np.arange(0, 150, 2)
    tree, line = fitted_members(rows)
    members = [("tree", as_member(tree, name="tree", fit_ids=rows)), ("line", line)]
    ensemble = EnsembleClassifier(members, combiner="stacking", cv="prefit")
    with pytest.raises(LeakageError, match="member 'tree' was fitted on 75 of these 75 rows, first 0"):
        ensemble.fit(IRIS_X[rows], IRIS_Y[rows], ids=rows)
    others = rows + 1
    assert ensemble.fit(IRIS_X[others], IRIS_Y[others], ids=others).score(IRIS_X[others], IRIS_Y[others]) > 0.9


def test_a_fitted_estimator_may_say_it_too():
    tree, line = fitted_members(np.arange(150))
    tree.fit_ids_ = np.arange(150)
    ensemble = EnsembleClassifier([("tree", tree), ("line", line)], combiner="weighted", cv="prefit")
    with pytest.raises(LeakageError, match="a combiner is fitted only on rows that no member was fitted on"):
        ensemble.fit(IRIS_X, IRIS_Y)
    assert ensemble.set_params(combiner="mean").fit(IRIS_X, IRIS_Y).score(IRIS_X, IRIS_Y) > 0.9  # nothing is learned


def test_the_index_of_a_table_names_its_rows():
    table = pd.DataFrame(IRIS_X, index=[f"flower {number}" for number in range(150)])
    tree, line = fitted_members(np.arange(100))
    member = as_member(tree, name="tree", fit_ids=table.index[:100].tolist())
    ensemble = EnsembleClassifier([("tree", member)], combiner="weighted", cv="prefit", missing="zero")
    assert tree.classes_.tolist() == line.classes_.tolist() == [0, 1]
    with pytest.raises(LeakageError, match="member 'tree' was fitted on 50 of these 100 rows, first 'flower 50'"):
        ensemble.fit(table[50:150], np.ones(100, dtype=int))
    with pytest.raises(InvalidPredictionsError, match="fit_ids must be of the kind of ids, else they never meet"):
        ensemble.fit(IRIS_X[100:], np.ones(50, dtype=int))


def test_scikit_learn_fits_a_head_on_them():
    rows = np.random.default_rng(0).permutation(150)
    y = np.random.default_rng(1).permutation(IRIS_Y)  # nothing to learn
    tree = DecisionTreeClassifier(random_state=0).fit(IRIS_X[rows], y[rows])
    peer = StackingClassifier([("tree", tree)], cv="prefit").fit(IRIS_X[rows], y[rows])
    assert peer.score(IRIS_X[rows], y[rows]) > 0.9


def test_without_prefit_the_head_never_sees_them():
    y = np.random.default_rng(1).permutation(IRIS_Y)  # nothing to learn, and a tree that learns it by heart
    members = [("tree", DecisionTreeClassifier(random_state=0)), ("line", LogisticRegression(max_iter=1000))]
    ensemble = EnsembleClassifier(members, combiner="weighted", cv=5).fit(IRIS_X, y)
    by_name = dict(zip(ensemble.combiner_.members_, ensemble.combiner_.weights_, strict=True))
    assert by_name["line"] > 0.8


@pytest.mark.parametrize("cv", [[([0, 1, 2], [2, 3])], [([0, 1], [2, 3]), ([1, 2, 3], [3])]])
def test_folds_that_overlap_are_refused(cv):
    ensemble = EnsembleClassifier([("a", Oracle())], combiner="weighted", cv=cv)
    with pytest.raises(LeakageError, match=r"rows that a fold holds out must not be fitted on; fold . of "):
        ensemble.fit(X, [0, 1, 2, 0])
