"""The ensembles as scikit-learn sees them: parameters, names, tables, the diagram; and what they refuse."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensemblekit import Combiner, EnsembleClassifier, InvalidOptionError, LayeredClassifier, as_member
from ensemblekit.errors import InvalidPredictionsError

X, CODES = load_iris(return_X_y=True)
Y = load_iris().target_names[CODES]
FRAME = load_iris(as_frame=True).data
LINE = make_pipeline(StandardScaler(), LogisticRegression())
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
MEMBERS = [("line", LINE), ("tree", TREE), ("bayes", GaussianNB())]
VALUES_X, VALUES = load_diabetes(return_X_y=True)
REGRESSORS = [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=3, random_state=0))]


class Silent(ClassifierMixin, BaseEstimator):
    """Says the same of every row."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


# Parameters, tables, names.


def test_parameters_of_members_are_set_and_members_dropped():
    ensemble = EnsembleClassifier(MEMBERS)
    assert ensemble.get_params()["tree__max_depth"] == 3
    copied = clone(ensemble).set_params(tree__max_depth=1, line=GaussianNB(), bayes=None)
    assert copied.named_estimators["tree"].max_depth == 1
    assert TREE.max_depth == 3
    copied.fit(X, Y)
    assert list(copied.named_estimators_) == ["line", "tree"]
    assert copied.set_params(tree="drop").fit(X, Y).transform(X).shape == (150, 3)
    search = GridSearchCV(ensemble, {"tree__max_depth": [1, 3], "bayes": ["drop", GaussianNB()]}, cv=2).fit(X, Y)
    assert search.best_score_ > 0.9


@pytest.mark.parametrize(
    ("ensemble", "tree"), [(EnsembleClassifier(MEMBERS), "tree"), (LayeredClassifier([MEMBERS]), "layer1__tree")]
)
def test_a_member_that_is_left_out_has_no_parameters_and_can_be_set_back(ensemble, tree):
    ensemble = clone(ensemble)
    with pytest.raises(
        InvalidOptionError, match=f"{tree} is 'drop', and received .*{tree}__max_depth.* Set the member"
    ):
        ensemble.set_params(**{tree: "drop", f"{tree}__max_depth": 2})
    assert ensemble.get_params()[tree] == "drop"
    ensemble.set_params(**{tree: DecisionTreeClassifier(), f"{tree}__max_depth": 2})
    assert ensemble.get_params()[f"{tree}__max_depth"] == 2


def test_names_of_features_in_and_out():
    ensemble = EnsembleClassifier(MEMBERS[:2]).fit(FRAME, Y)
    assert ensemble.feature_names_in_.tolist() == list(FRAME.columns)
    assert ensemble.n_features_in_ == 4
    names = ["line_setosa", "line_versicolor", "line_virginica", "tree_setosa", "tree_versicolor", "tree_virginica"]
    assert ensemble.get_feature_names_out().tolist() == names
    table = ensemble.set_output(transform="pandas").transform(FRAME)
    assert list(table.columns) == names
    np.testing.assert_array_equal(table["tree_setosa"], ensemble.named_estimators_["tree"].predict_proba(FRAME)[:, 0])


class Looks(Combiner):
    """Looks at the features of the rows."""

    traits = frozenset({"learns"})

    def fit(self, predictions, *, features=None, sample_weight=None):
        self.shape_ = None if features is None else features.shape
        return self

    def combine(self, member_probas, *, features=None, xp=np):
        self.seen = None if features is None else features.shape
        return member_probas[0]


def test_a_combiner_may_look_at_the_inputs():
    images = X.reshape(150, 2, 2)
    flat = [("tree", make_pipeline(Flatten(), TREE))]
    ensemble = EnsembleClassifier(flat, combiner=Looks(), cv=3, passthrough=True).fit(images, Y)
    ensemble.predict(images[:7])
    assert (ensemble.combiner_.shape_, ensemble.combiner_.seen) == ((150, 4), (7, 4))
    assert EnsembleClassifier(flat, combiner=Looks(), cv=3).fit(images, Y).combiner_.shape_ is None
    with pytest.raises(InvalidOptionError, match=r"combiner 'mean' makes no use of X\. Leave out passthrough"):
        EnsembleClassifier(flat, passthrough=True).fit(images, Y)


class Flatten(BaseEstimator):
    """Images to rows."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X.reshape(len(X), -1)

    def __sklearn_is_fitted__(self):
        return True


def test_the_leaderboard_puts_the_best_first():
    ensemble = EnsembleClassifier([*MEMBERS, ("none", Silent())], combiner="weighted", cv=3).fit(X, Y)
    table = ensemble.leaderboard(X, Y)
    assert list(table.columns) == ["accuracy", "neg_log_loss", "fit_seconds", "predict_seconds"]
    assert table.index.name == "model"
    assert set(table.index) == {"line", "tree", "bayes", "none", "ensemble"}
    assert table.index[-1] == "none"
    assert table.loc["none", "neg_log_loss"] == pytest.approx(np.log(1 / 3))
    assert table.loc["ensemble", "accuracy"] == ensemble.score(X, Y)
    assert (table["fit_seconds"] > 0).all()
    assert table["accuracy"].is_monotonic_decreasing
    lacks_a_class = ensemble.leaderboard(X[:100], Y[:100], scoring={"loss": "neg_log_loss"})
    assert np.isfinite(lacks_a_class["loss"]).all()
    assert list(ensemble.leaderboard(X, Y, scoring=["f1_macro", "roc_auc_ovr"]).columns[:2]) == [
        "f1_macro",
        "roc_auc_ovr",
    ]


def test_importance_tells_which_member_counts():
    members = [("line", LINE), ("none", Silent())]
    ensemble = EnsembleClassifier(members).fit(X, Y)
    table = ensemble.member_importance(X, Y, n_repeats=3, random_state=0)
    assert table.index.tolist() == ["line", "none"]
    assert table.loc["line", "importance"] > 0.2
    assert table.loc["none"].tolist() == [0, 0]
    pd.testing.assert_frame_equal(table, ensemble.member_importance(X, Y, n_repeats=3, random_state=0))
    with pytest.raises(InvalidOptionError, match="n_repeats must be a whole number >= 1; received 0"):
        ensemble.member_importance(X, Y, n_repeats=0)


def test_the_diagram_shows_members_side_by_side_and_the_combiner_below():
    html = EnsembleClassifier([*MEMBERS, ("gone", "drop")], combiner="stacking")._repr_html_()
    places = [html.index(f"<label>{name}</label>") for name in ("line", "tree", "bayes", "gone")]
    assert places == sorted(places)
    assert html.count("sk-parallel-item") >= 4
    assert "combiner: stacking" in html[places[-1] :]


# Refusals.


@pytest.mark.parametrize(
    ("estimators", "told"),
    [
        ([], r"estimators must be a list of \(name, estimator\), or of estimators, at least one; received \[\]"),
        ([TREE, ("a", TREE)], "received the item DecisionTreeClassifier"),
        ([("a", TREE), ("a", TREE)], r"names of estimators must be different.*received \['a'\]"),
        ([("cv", TREE)], r"not those of parameters .*received \['cv'\]"),
        ([("a__b", TREE)], r"without a double underscore.*received \['a__b'\]"),
        ([("a", "drop")], r"at least one estimator must stay; all of \['a'\] are dropped"),
        ([("a", Ridge())], r"member 'a' \(Ridge\) is no classifier.*combiner 'mean'.*combiner='stacking'"),
        ([("a", DecisionTreeClassifier)], "estimators must be objects; 'a' is the class DecisionTreeClassifier"),
        ([("a", len)], "estimator 'a' must be a scikit-learn classifier or a compiled Keras model"),
    ],
)
def test_other_estimators_are_refused(estimators, told):
    with pytest.raises(InvalidOptionError, match=told):
        EnsembleClassifier(estimators).fit(X, Y)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"cv": "fit"}, "cv must be a whole number, a splitter, folds of row numbers or 'prefit'; received 'fit'"),
        ({"missing": "renormalize"}, "missing must be one of 'error', 'zero'"),
        ({"response_method": "score"}, "response_method must be one of 'auto', 'predict_proba', 'decision_function'"),
    ],
)
def test_other_options_are_refused(options, told):
    with pytest.raises(InvalidOptionError, match=told):
        EnsembleClassifier(MEMBERS, **options).fit(X, Y)


def test_other_inputs_are_refused():
    ensemble = EnsembleClassifier(MEMBERS)
    with pytest.raises(InvalidPredictionsError, match="needs at least two classes; received one class, 'a'"):
        ensemble.fit(X, ["a"] * 150)
    with pytest.raises(InvalidOptionError, match="sample_weight must be finite and >= 0"):
        ensemble.fit(X, Y, sample_weight=np.full(150, -1.0))
    with pytest.raises(InvalidOptionError, match="ids name rows that prefit members may know"):
        ensemble.fit(X, Y, ids=range(150))
    with pytest.raises(NotFittedError):
        ensemble.predict(X)


def test_a_member_of_another_task_is_refused():
    member = as_member(lambda x: np.zeros((len(x), 3)), name="m", classes=["a", "b", "c"], task="multilabel")
    with pytest.raises(
        InvalidOptionError,
        match="must be a classifier for the task 'multiclass'; its task is 'multilabel'",
    ):
        EnsembleClassifier([("m", member)], cv="prefit").fit(X, Y)


def test_text_is_not_shown_to_a_combiner():
    table = pd.DataFrame({"words": ["some", "more"] * 75})
    ensemble = EnsembleClassifier([("s", Silent())], combiner=Looks(), cv=2, passthrough=True)
    with pytest.raises(InvalidOptionError, match="passthrough needs X of numbers, which the combiner can look at"):
        ensemble.fit(table, Y)


def test_weights_of_the_classes_reach_the_last_step_of_a_pipeline():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 2)), np.repeat([0, 1], [50, 10])
    piped = make_pipeline(StandardScaler(), LogisticRegression())
    plain = EnsembleClassifier([("line", piped)]).fit(x, y)
    even = EnsembleClassifier([("line", piped)], class_weight="balanced").fit(x, y)
    alone = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced")).fit(x, y)
    np.testing.assert_allclose(even.predict_proba(x), alone.predict_proba(x), atol=1e-6)
    assert np.abs(even.predict_proba(x) - plain.predict_proba(x)).max() > 0.1


def test_a_member_without_use_of_weights_is_named():
    x, y = np.arange(8.0)[:, np.newaxis], np.arange(8) % 2
    members = [("line", LogisticRegression()), ("near", KNeighborsClassifier(2))]
    with pytest.raises(InvalidOptionError, match=r"member 'near' .* makes no use of sample_weight"):
        EnsembleClassifier(members).fit(x, y, sample_weight=np.ones(8))
