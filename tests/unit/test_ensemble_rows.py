"""Rows of an ensemble's inputs: their names count, and they may be texts, dicts, tables of any kind, several inputs."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from ensemblekit import EnsembleClassifier, EnsembleRegressor, Predictions, as_member
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError

VALUES, CODES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[CODES]
INDEX = [f"r{i}" for i in range(150)]
X = pd.DataFrame(VALUES, columns=list("abcd"), index=INDEX)
Y = pd.Series(NAMES, index=INDEX)
WEIGHTS = pd.Series(np.random.default_rng(0).random(150), index=INDEX)
GROUPS = pd.Series(np.arange(150) % 30, index=INDEX)
ORDER = np.random.default_rng(1).permutation(150)


def bayes(**options):
    return EnsembleClassifier([("bayes", GaussianNB())], combiner="weighted", cv=3, **options)


# Names of rows.


def test_equal_names_in_order_are_taken():
    fitted = bayes().fit(X, Y, sample_weight=WEIGHTS, groups=GROUPS)
    plain = bayes().fit(VALUES, NAMES, sample_weight=WEIGHTS.to_numpy(), groups=GROUPS.to_numpy())
    np.testing.assert_array_equal(fitted.predict_proba(X), plain.predict_proba(VALUES))
    assert fitted.score(X, Y, WEIGHTS) == plain.score(VALUES, NAMES, WEIGHTS.to_numpy())


def calls(ensemble):
    """List each argument with one value a row: its name, and the call with it."""
    return {
        "fit, y": lambda y: ensemble.fit(X, y),
        "fit, sample_weight": lambda w: ensemble.fit(X, Y, sample_weight=w),
        "fit, groups": lambda g: ensemble.fit(X, Y, groups=g),
        "score, y": lambda y: ensemble.score(X, y),
        "score, sample_weight": lambda w: ensemble.score(X, Y, w),
        "leaderboard, y": lambda y: ensemble.leaderboard(X, y),
        "leaderboard, sample_weight": lambda w: ensemble.leaderboard(X, Y, sample_weight=w),
        "member_importance, y": lambda y: ensemble.member_importance(X, y),
        "member_importance, sample_weight": lambda w: ensemble.member_importance(X, Y, sample_weight=w),
    }


@pytest.mark.parametrize("place", list(calls(None)))
def test_the_same_names_in_another_order_are_refused(place):
    what = place.partition(", ")[2]
    given = {"y": Y, "sample_weight": WEIGHTS, "groups": GROUPS}[what]
    call = calls(bayes().fit(X, Y))[place]
    call(given)
    with pytest.raises(InvalidOptionError, match=rf"X and {what} must name their rows alike.*{what}\.loc\[X\.index\]"):
        call(given.iloc[ORDER])
    with pytest.raises(InvalidOptionError, match=f"X and {what} must name their rows alike.*other names"):
        call(given.set_axis([f"s{i}" for i in range(150)]))
    call(given.to_numpy())
    call(given.reset_index(drop=True))
    call(dict(given.iloc[ORDER]))  # a mapping is looked up
    with pytest.raises(InvalidOptionError, match=f"{what} must have a value for every id"):
        call(dict(given.iloc[1:]))


def test_a_mapping_gives_what_the_series_gives():
    by_name = bayes().fit(
        X, dict(Y.iloc[ORDER]), sample_weight=dict(WEIGHTS.iloc[ORDER[::-1]]), groups=dict(GROUPS.iloc[ORDER])
    )
    plain = bayes().fit(X, Y, sample_weight=WEIGHTS, groups=GROUPS)
    np.testing.assert_array_equal(by_name.predict_proba(X), plain.predict_proba(X))


def test_whole_numbers_in_another_order_are_refused_beside_a_default_index():
    shuffled = pd.Series(NAMES).iloc[ORDER]
    with pytest.raises(InvalidOptionError, match=r"X must name its rows.*X\.to_numpy\(\)"):
        bayes().fit(X.reset_index(drop=True), shuffled)
    bayes().fit(X.reset_index(drop=True).iloc[ORDER], shuffled)
    bayes().fit(VALUES, shuffled)


def test_split_and_repeated_rows_keep_their_names():
    train, test, y_train, y_test = train_test_split(X.reset_index(drop=True), pd.Series(NAMES), random_state=0)
    assert bayes().fit(train, y_train).score(test, y_test) > 0.9
    twice = np.repeat(np.arange(150), 2)
    assert bayes().fit(X.iloc[twice], Y.iloc[twice]).score(X.iloc[twice], Y.iloc[twice]) > 0.9
    assert GridSearchCV(bayes(), {"cv": [2, 3]}, cv=2).fit(X, Y).best_score_ > 0.9


def test_arguments_beside_an_array_are_compared_with_each_other():
    with pytest.raises(InvalidOptionError, match="y and sample_weight must name their rows alike"):
        bayes().fit(VALUES, Y, sample_weight=WEIGHTS.iloc[ORDER])


def test_a_regressor_compares_names_too():
    values = pd.Series(VALUES[:, 3], index=INDEX)
    ensemble = EnsembleRegressor([("ridge", Ridge())], combiner="stacking", cv=3).fit(X[["a", "b"]], values)
    for call in (ensemble.fit, ensemble.score):
        with pytest.raises(InvalidOptionError, match="X and y must name their rows alike"):
            call(X[["a", "b"]], values.iloc[ORDER])


def test_saved_predictions_are_looked_up_by_the_index():
    probas = GaussianNB().fit(VALUES, NAMES).predict_proba(VALUES)
    saved = Predictions(probas, ids=np.arange(150), classes=sorted(set(NAMES)))
    ensemble = EnsembleClassifier([("saved", as_member(saved, name="saved"))], cv="prefit")
    numbered = pd.DataFrame(VALUES)
    ensemble.fit(numbered.iloc[ORDER], NAMES[ORDER])
    np.testing.assert_array_equal(ensemble.predict_proba(numbered.iloc[ORDER[:9]]), probas[ORDER[:9]])
    with pytest.raises(InvalidPredictionsError, match=r"member 'saved' has saved predictions.*X names none"):
        ensemble.predict(VALUES[:9])
    with pytest.raises(InvalidOptionError, match="ids must be the names that X carries in its index; row 0"):
        EnsembleClassifier([("bayes", GaussianNB().fit(VALUES, NAMES))], cv="prefit", combiner="weighted").fit(
            pd.DataFrame(VALUES, index=INDEX), NAMES, ids=INDEX[::-1]
        )


# Kinds of labels.


def kinds_of(labels):
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    return [
        list(labels),
        tuple(labels),
        np.array(labels, dtype=object),
        np.ma.array(labels, mask=[False] * len(labels)),
        pd.Series(labels).convert_dtypes(),
        pd.Series(labels).convert_dtypes(dtype_backend="pyarrow"),
        pd.Series(labels, dtype="category"),
        pd.DataFrame({"y": labels}),
        pl.Series(labels),
        pl.DataFrame({"y": labels}),
        pa.array(labels),
        pa.chunked_array([pa.array(labels)]),
    ]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.parametrize("labels", [NAMES.tolist(), (CODES + 1).tolist(), (CODES == 0).tolist()], ids=["t", "n", "b"])
def test_labels_come_in_any_kind_of_column(labels):
    expected = bayes().fit(VALUES, labels).predict(VALUES).tolist()
    for given in kinds_of(labels):
        ensemble = bayes().fit(VALUES, given, sample_weight=None, groups=None)
        assert ensemble.predict(VALUES).tolist() == expected, type(given)
        assert ensemble.classes_.tolist() == sorted(set(labels))


def test_tables_of_any_kind_come_in():
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    expected = bayes().fit(VALUES, NAMES).predict_proba(VALUES)
    columns = {name: VALUES[:, k] for k, name in enumerate("abcd")}
    for given in (
        pl.DataFrame(columns),
        pa.table(columns),
        X.convert_dtypes(),
        X.convert_dtypes(dtype_backend="pyarrow"),
        VALUES.tolist(),
        np.ma.array(VALUES, mask=np.zeros_like(VALUES)),
    ):
        np.testing.assert_allclose(bayes().fit(given, NAMES).predict_proba(given), expected)


def test_masked_inputs_are_missing_to_the_members():
    class Sees(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.missing_ = int(np.isnan(X).sum())
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, X):
            return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    masked = np.ma.array(VALUES, mask=np.eye(150, 4))
    assert EnsembleClassifier([("s", Sees())]).fit(masked, NAMES).estimators_[0].missing_ == 4


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (np.ma.array(CODES, mask=[1] + [0] * 149), "row 0 is None"),
        (pd.Series([pd.NA, *CODES[1:]], dtype="Int64"), "row 0 is missing"),
        (pd.Series([None, *NAMES[1:]], dtype="category"), "row 0 is nan"),
    ],
    ids=["masked", "nullable", "category"],
)
def test_a_row_without_a_label_is_refused(y, told):
    with pytest.raises(InvalidOptionError, match=f"y must be known of each row; that of {told}"):
        bayes().fit(VALUES, y)


# Texts, dicts and several inputs.

TEXTS, OPINIONS = ["very good", "very bad"] * 20, ["p", "n"] * 20


def words(**options):
    piped = make_pipeline(CountVectorizer(), LogisticRegression())
    return EnsembleClassifier([("words", piped)], combiner="weighted", cv=2, **options)


def test_texts_come_in_as_rows():
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    index = [f"t{i}" for i in range(40)]
    for given in (
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        pd.Series(TEXTS, index=index),
        pd.Series(TEXTS, dtype="string"),
        pl.Series(TEXTS),
        pa.array(TEXTS),
    ):
        ensemble = words().fit(given, OPINIONS)
        assert ensemble.score(given, OPINIONS) == 1
        assert ensemble.transform(given).shape == (40, 2)
        assert ensemble.leaderboard(given, OPINIONS).loc["words", "accuracy"] == 1
    with pytest.raises(InvalidOptionError, match="X and y must name their rows alike"):
        words().fit(pd.Series(TEXTS, index=index), pd.Series(OPINIONS, index=index[::-1]))


def test_dicts_come_in_as_rows():
    rows = [{"length": 1.0, "colour": "red"}, {"length": 2.0}] * 20
    piped = make_pipeline(DictVectorizer(), LogisticRegression())
    ensemble = EnsembleClassifier([("d", piped)], combiner="stacking", cv=2).fit(rows, OPINIONS)
    assert ensemble.score(rows, OPINIONS) == 1
    assert ensemble.predict(rows[:3]).tolist() == ["p", "n", "p"]


class OfTwo(ClassifierMixin, BaseEstimator):
    """Looks at two inputs."""

    def fit(self, X, y):
        self.inner_ = GaussianNB().fit(np.hstack([X["left"], X["right"]]), y)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, X):
        return self.inner_.predict_proba(np.hstack([X["left"], X["right"]]))


def test_several_inputs_come_in_as_a_mapping():
    inputs = {"left": X[["a", "b"]], "right": VALUES[:, 2:]}
    for combiner, options in (("weighted", {}), ("stacking", {"passthrough": True})):
        ensemble = EnsembleClassifier([("two", OfTwo())], combiner=combiner, combiner_options=options, cv=3)
        assert ensemble.fit(inputs, Y, groups=GROUPS).score(inputs, Y) > 0.9
    plain = EnsembleClassifier([("bayes", GaussianNB())], combiner="weighted", cv=3).fit(VALUES, NAMES)
    two = EnsembleClassifier([("two", OfTwo())], combiner="weighted", cv=3).fit(inputs, Y)
    np.testing.assert_array_equal(two.predict_proba(inputs), plain.predict_proba(VALUES))
    with pytest.raises(InvalidPredictionsError, match=r"one row a sample each; received \{'left': 150, 'right': 9\}"):
        two.fit({"left": X[["a", "b"]], "right": VALUES[:9]}, Y)
    with pytest.raises(InvalidPredictionsError, match=r"X\['left'\] and X\['right'\] must name their rows alike"):
        two.fit({"left": X[["a", "b"]], "right": X[["c", "d"]].iloc[ORDER]}, Y)


def test_ensembles_of_prefit_callables_see_the_inputs_of_a_mapping():
    member = as_member(lambda x: x["left"] / x["left"].sum(axis=1, keepdims=True), name="m", classes=["n", "y"])
    inputs = {"left": np.random.default_rng(0).random((3000, 2)), "right": np.zeros(3000)}
    ensemble = EnsembleClassifier([("m", member)], cv="prefit").fit(inputs, ["n", "y"] * 1500)
    np.testing.assert_allclose(ensemble.predict_proba(inputs), member.predict(np.arange(3000), inputs))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([[1, 2], [3]] * 20, "X must have rows of one shape, or be a list of text or of dicts"),
        (["a", None] * 20, "X as a list must hold text alone, or dicts alone; received NoneType, str, in row 1 None"),
        (["a", {"b": 1}] * 20, "received dict, str, in row 1"),
        ({1: [1], 2: [2]}, r"X as a mapping must name its inputs, \{name: array\}; received the keys \[1, 2\]"),
        (np.arange(40.0), r"one row a sample, shape \(n_samples, \.\.\.\); received shape \(40,\)"),
        ({}, "X as a mapping must name its inputs"),
        ("text", "one row a sample"),
    ],
    ids=["ragged", "None", "mixed", "numbered", "one axis", "no inputs", "a text"],
)
def test_other_inputs_are_refused(given, told):
    for call in (words().fit, words().fit(TEXTS, OPINIONS).score):
        with pytest.raises(InvalidPredictionsError, match=told):
            call(given, OPINIONS)
