"""Members of an ensemble get labels that they can be fitted on, and answer with those of the caller."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ensemblekit import EnsembleClassifier
from ensemblekit.errors import AlignmentError, InvalidOptionError, InvalidPredictionsError, MissingClassWarning

# Of LightGBM 4.6, which names features itself.
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")

X, CODES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])
ROWS = np.random.default_rng(0).permutation(150)

LABELS = {
    "text": NAMES[CODES],
    "objects": NAMES.astype(object)[CODES],
    "from 1": CODES + 1,
    "gaps": np.array([7, 1, 5])[CODES],
    "negative": np.array([-1, 1])[(CODES == 0).astype(int)],
    "truth values": CODES == 0,
    "numbers": np.array([0.0, 2.0, 5.0])[CODES],
    "digits": np.array(["10", "2", "1"])[CODES],
    "series": pd.Series(NAMES[CODES], dtype="category"),
}


def xgboost():
    return pytest.importorskip("xgboost").XGBClassifier(n_estimators=8, n_jobs=1)


def lightgbm():
    return pytest.importorskip("lightgbm").LGBMClassifier(n_estimators=15, n_jobs=1, verbose=-1)


def catboost():
    return pytest.importorskip("catboost").CatBoostClassifier(
        iterations=8, thread_count=1, verbose=0, allow_writing_files=False
    )


BOOSTERS = [xgboost, lightgbm, catboost]


@pytest.mark.parametrize(
    ("labels", "booster", "response_method"),
    [
        (labels, booster, ("predict_proba", "predict")[(row + column) % 2])
        for row, labels in enumerate(LABELS)
        for column, booster in enumerate(BOOSTERS)
    ],
)
def test_boosted_trees_take_any_labels(labels, booster, response_method):
    y = LABELS[labels]
    members = [("boosted", booster()), ("bayes", GaussianNB())]
    ensemble = EnsembleClassifier(members, combiner="weighted", cv=2, response_method=response_method).fit(X, y)
    assert ensemble.score(X, y) > 0.93
    assert ensemble.classes_.tolist() == np.unique(np.asarray(y)).tolist()
    alone = ensemble.named_estimators_["boosted"]
    assert (np.asarray(alone.predict(X)).ravel() == np.asarray(y)).mean() > 0.93
    assert alone.predict_proba(X).shape == (150, len(ensemble.classes_))
    table = ensemble.leaderboard(X, y)
    assert table["accuracy"].min() > 0.93


@pytest.mark.parametrize("booster", BOOSTERS)
def test_probabilities_stand_under_the_labels_that_the_member_itself_gives_them(booster):
    y = LABELS["gaps"]
    ensemble = EnsembleClassifier([("boosted", booster())]).fit(X, y)
    labels, codes = np.unique(y, return_inverse=True)
    alone = booster().fit(X, codes)
    np.testing.assert_allclose(ensemble.predict_proba(X), alone.predict_proba(X), atol=1e-6)
    assert ensemble.classes_.tolist() == labels.tolist()


@pytest.mark.parametrize("booster", BOOSTERS)
def test_a_class_may_be_missing_in_a_fold(booster):
    # The first fold is fitted on two of three classes, which are 0 and 2.
    order = np.argsort(CODES != 1, kind="stable")
    x, y = X[order], CODES[order]
    cv = [(np.arange(50, 150), np.arange(50)), (np.arange(0, 150, 2), np.arange(51, 150, 2))]
    members = [("boosted", booster()), ("bayes", GaussianNB())]
    with pytest.warns(MissingClassWarning):
        ensemble = EnsembleClassifier(members, combiner="weighted", cv=cv).fit(x, y)
    assert ensemble.score(x, y) > 0.93


@pytest.mark.filterwarnings("ignore::ensemblekit.errors.MissingClassWarning")
@pytest.mark.parametrize("member", [*BOOSTERS, GaussianNB, LogisticRegression], ids=lambda m: m.__name__)
@pytest.mark.parametrize("combiner", ["weighted", "stacking", "super_learner"])
def test_a_fold_of_one_class_gives_it_probability_1(member, combiner):
    x, y = X[:100], NAMES[CODES[:100]]
    given = member() if member is not LogisticRegression else LogisticRegression(max_iter=1000)
    ensemble = EnsembleClassifier([("one", given)], combiner=combiner, cv=TimeSeriesSplit(3)).fit(x, y)
    assert ensemble.classes_.tolist() == ["setosa", "versicolor"]
    assert ensemble.predict_proba(x).shape == (100, 2)


class Learns(ClassifierMixin, BaseEstimator):
    """Wants labels 0..k-1, keeps what it was given, and answers in a way of its own."""

    seen: list = []  # noqa: RUF012

    def __init__(self, answer="array", wants_codes=True):
        self.answer, self.wants_codes = answer, wants_codes

    def fit(self, X, y, sample_weight=None):
        Learns.seen.append((np.unique(y).tolist(), sample_weight is not None))
        if self.wants_codes and np.unique(y).tolist() != list(range(len(np.unique(y)))):
            raise TypeError("labels must be 0..k-1")
        self.inner_ = GaussianNB().fit(X, y, sample_weight)
        self.classes_ = self.inner_.classes_
        self.importances_ = np.ones(X.shape[1])
        return self

    def predict_proba(self, X):
        probas = self.inner_.predict_proba(X)
        if self.answer == "array":
            return probas
        index = getattr(X, "index", None)
        table = pd.DataFrame(probas, columns=list(self.classes_), index=index).iloc[:, ::-1]
        if self.answer == "text columns":
            table.columns = [str(c) for c in table.columns]
        if self.answer == "other columns":
            table.columns = [f"p_{c}" for c in table.columns]
        if self.answer == "other rows":
            table = table.sort_index()
        return table.reset_index(drop=True) if self.answer == "no rows" else table

    def predict(self, X):
        said = self.inner_.predict(X)
        if self.answer == "column":
            return said[:, np.newaxis]
        return pd.Series(said, index=getattr(X, "index", None)) if self.answer != "array" else said


def test_only_who_refuses_the_labels_gets_codes():
    Learns.seen.clear()
    EnsembleClassifier([("c", Learns(wants_codes=False))]).fit(X, NAMES[CODES])
    assert Learns.seen == [(NAMES.tolist(), False)]
    Learns.seen.clear()
    ensemble = EnsembleClassifier([("c", make_pipeline(StandardScaler(), Learns()))])
    ensemble.fit(X, NAMES[CODES])
    assert Learns.seen == [(NAMES.tolist(), False), ([0, 1, 2], False)]
    assert ensemble.score(X, NAMES[CODES]) > 0.9
    Learns.seen.clear()
    EnsembleClassifier([("c", Learns())]).fit(X, NAMES[CODES], sample_weight=np.ones(150))
    assert Learns.seen[-1] == ([0, 1, 2], True)


def test_a_coded_member_shows_the_labels_and_all_else_of_the_member():
    member = EnsembleClassifier([("c", Learns())]).fit(X, NAMES[CODES]).named_estimators_["c"]
    for one in (member, copy.deepcopy(member), pickle.loads(pickle.dumps(member))):  # noqa: S301 - our own bytes
        assert one.classes_.tolist() == NAMES.tolist()
        assert one.importances_.tolist() == [1, 1, 1, 1]
        assert set(one.predict(X)) <= set(NAMES)
        assert not hasattr(one, "decision_function")
    with pytest.raises(AttributeError, match="nothing"):
        clone(member).nothing  # noqa: B018 - the access is the test


def test_an_error_that_labels_do_not_explain_is_told_as_it_came():
    class Broken(Learns):
        def fit(self, X, y):
            raise ValueError(f"cannot fit {np.unique(y)[0]!s}")

    with pytest.raises(ValueError, match="cannot fit setosa") as error:
        EnsembleClassifier([("b", Broken())]).fit(X, NAMES[CODES])
    assert error.value.__notes__ == ["This came from member b, all rows."]


@pytest.mark.parametrize("labels", ["text", "from 1", "truth values", "digits"])
@pytest.mark.parametrize("answer", ["table", "text columns", "other rows", "no rows"])
@pytest.mark.parametrize("wants_codes", [True, False])
def test_a_table_that_a_member_answers_is_read_by_name(labels, answer, wants_codes):
    y = pd.Series(LABELS[labels][ROWS], index=[f"r{i}" for i in ROWS])
    x = pd.DataFrame(X[ROWS], index=y.index, columns=list("abcd"))
    expected = EnsembleClassifier([("m", GaussianNB())], combiner="weighted", cv=3).fit(x, y)
    for response_method in ("auto", "predict"):
        ensemble = EnsembleClassifier(
            [("m", Learns(answer, wants_codes))], combiner="weighted", cv=3, response_method=response_method
        ).fit(x, y)
        assert ensemble.predict(x).tolist() == expected.predict(x).tolist()
        if response_method == "auto":
            np.testing.assert_array_equal(ensemble.predict_proba(x), expected.predict_proba(x))


def test_a_table_with_other_columns_is_refused():
    with pytest.raises(AlignmentError, match=r"predict_proba of member 'm' must have its columns named by the labels"):
        EnsembleClassifier([("m", Learns("other columns", wants_codes=False))], combiner="weighted", cv=2).fit(
            X, NAMES[CODES]
        )


def test_labels_in_a_column_are_labels():
    ensemble = EnsembleClassifier([("m", Learns("column"))], combiner="voting", response_method="predict")
    assert ensemble.fit(X, NAMES[CODES]).score(X, NAMES[CODES]) > 0.9

    class Two(Learns):
        def predict(self, X):
            return np.column_stack([super().predict(X)] * 2)

    ensemble = EnsembleClassifier([("m", Two())], combiner="voting", response_method="predict").fit(X, CODES)
    with pytest.raises(InvalidPredictionsError, match=r"must have one value a row, shape \(150,\); received shape"):
        ensemble.predict(X)


def test_a_member_without_classes_is_refused():
    class Nameless(Learns):
        def fit(self, X, y):
            super().fit(X, y)
            del self.classes_
            return self

    with pytest.raises(InvalidOptionError, match=r"member 'm' \(Nameless\) must have classes_ when it is fitted"):
        EnsembleClassifier([("m", Nameless())]).fit(X, CODES)


def test_a_prefit_member_of_one_class_needs_the_missing_ones_as_zero():
    one = GaussianNB().fit(X[:50], NAMES[CODES[:50]])
    two = GaussianNB().fit(X[:100], NAMES[CODES[:100]])
    members = [("one", one), ("two", two)]
    with pytest.raises(AlignmentError, match="member 'one' knows 'setosa' alone"):
        EnsembleClassifier(members, cv="prefit").fit(X[:100], NAMES[CODES[:100]])
    ensemble = EnsembleClassifier(members, cv="prefit", missing="zero").fit(X[:100], NAMES[CODES[:100]])
    np.testing.assert_allclose(
        ensemble.predict_proba(X[:100]), (np.eye(2)[np.zeros(100, int)] + two.predict_proba(X[:100])) / 2
    )


def test_a_nested_ensemble_knows_the_labels_of_all_rows():
    order = np.argsort(CODES != 1, kind="stable")
    x, y = X[order], NAMES[CODES[order]]
    inner = EnsembleClassifier([("bayes", GaussianNB()), ("c", Learns())], combiner="weighted", cv=2)
    cv = [(np.arange(50, 150), np.arange(50)), (np.arange(0, 150, 2), np.arange(51, 150, 2))]
    outer = EnsembleClassifier([("inner", make_pipeline(StandardScaler(), inner))], combiner="weighted", cv=cv)
    with pytest.warns(MissingClassWarning):
        outer.fit(x, y)
    assert outer.score(x, y) > 0.9


@pytest.mark.parametrize("booster", [xgboost])
def test_what_holds_a_booster_takes_any_labels_too(booster):
    y = NAMES[CODES]
    members = [
        ("searched", GridSearchCV(booster(), {"max_depth": [2, 3]}, cv=2)),
        ("piped", make_pipeline(StandardScaler(), booster())),
        ("stacked", StackingClassifier([("b", booster())], LogisticRegression(max_iter=1000), cv=2)),
        ("nested", EnsembleClassifier([("b", booster())])),
    ]
    assert EnsembleClassifier(members).fit(X, y).score(X, y) > 0.93
