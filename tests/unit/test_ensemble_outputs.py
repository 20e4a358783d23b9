"""Several outputs a row: labels that may hold together, or several numbers, in both ensembles."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification, make_regression
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVR
from threadpoolctl import threadpool_limits

from ensemblekit import EnsembleClassifier, EnsembleRegressor, as_member, load_plugins
from ensemblekit.errors import AlignmentError, InvalidOptionError, MissingClassWarning
from ensemblekit.store import load, save

X, LABELS = make_multilabel_classification(60, n_features=5, n_classes=3, random_state=0)
_, VALUES = make_regression(60, n_features=5, n_targets=3, random_state=0)
NAMED = pd.DataFrame(LABELS, columns=["sun", "rain", "wind"])
NAMED_VALUES = pd.DataFrame(VALUES, columns=["u", "v", "w"])
NEAR = KNeighborsClassifier(3)
MEMBERS = [("line", GaussianNB()), ("near", NEAR)]
REGRESSORS = [("line", Ridge()), ("vector", LinearSVR(random_state=0))]


@pytest.fixture(autouse=True)
def one_thread():
    """Keep BLAS from starting threads for matrices of 60 rows, which wait for each other on a busy machine."""
    with threadpool_limits(1):
        yield


def multilabel_probas(member):
    """Fit a clone on each label; the probability that it holds."""
    return np.stack([clone(member).fit(X, column).predict_proba(X)[:, 1] for column in LABELS.T], axis=1)


def test_probabilities_are_combined_label_by_label():
    forest = RandomForestClassifier(3, random_state=0).fit(X, LABELS)
    of_forest = np.stack([probas[:, 1] for probas in forest.predict_proba(X)], axis=1)
    one_each = OneVsRestClassifier(GaussianNB(var_smoothing=0.1))
    members = [*MEMBERS, ("forest", clone(forest)), ("each", one_each)]
    ensemble = EnsembleClassifier(members).fit(X, LABELS)
    parts = [
        multilabel_probas(GaussianNB()),
        multilabel_probas(NEAR),
        of_forest,
        multilabel_probas(GaussianNB(var_smoothing=0.1)),
    ]
    expected = np.mean(parts, axis=0)
    np.testing.assert_allclose(ensemble.predict_proba(X), expected, atol=1e-12)
    np.testing.assert_array_equal(ensemble.predict(X), (expected >= 0.5).astype(int))
    assert (ensemble.task, ensemble.output_names_) == ("multilabel", (0, 1, 2))
    assert ensemble.score(X, LABELS) == np.mean((ensemble.predict(X) == LABELS).all(axis=1))
    assert isinstance(ensemble.named_estimators_["line"], MultiOutputClassifier)
    assert not isinstance(ensemble.named_estimators_["forest"], MultiOutputClassifier)


def test_numbers_are_combined_output_by_output():
    ensemble = EnsembleRegressor(REGRESSORS).fit(X, VALUES)
    each = [[clone(m).fit(X, column).predict(X) for column in VALUES.T] for _, m in REGRESSORS]
    np.testing.assert_allclose(ensemble.predict(X), np.mean(each, axis=0).T)
    weights = {"line": 3, "vector": 1}
    weighted = EnsembleRegressor(REGRESSORS, combiner="weighted", combiner_options={"weights": weights}).fit(X, VALUES)
    np.testing.assert_allclose(weighted.predict(X), np.average(each, axis=0, weights=[3, 1]).T)


def test_one_column_stays_one_value_a_row():
    with pytest.warns(Warning, match="column-vector"):
        one = EnsembleRegressor(REGRESSORS[:1]).fit(X, VALUES[:, :1])
    assert one.predict(X).shape == (60,)
    assert one.output_names_ == ("value",)


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_columns_are_matched_by_name(kind):
    if kind == "classifier":
        y, ensemble = NAMED, EnsembleClassifier(MEMBERS, combiner="stacking", cv=2).fit(X, NAMED)
    else:
        y, ensemble = NAMED_VALUES, EnsembleRegressor(REGRESSORS, combiner="stacking", cv=2).fit(X, NAMED_VALUES)
    assert ensemble.output_names_ == tuple(y.columns)
    assert list(ensemble.get_feature_names_out()[:2]) == [f"line_{name}" for name in y.columns[:2]]
    other = y[y.columns[::-1]]
    scored = pytest.approx(ensemble.score(X, y), rel=1e-9)
    assert [ensemble.score(X, other), ensemble.score(X, y.to_numpy())] == [scored, scored]
    assert ensemble.score(X, other.to_numpy()) != scored
    scores = [ensemble.leaderboard(X, given).iloc[:, 0] for given in (other, y)]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-9)
    with pytest.raises(AlignmentError, match=r"y must have the columns of the fit, .* has besides \['hail'\]"):
        ensemble.score(X, y.rename(columns={y.columns[0]: "hail"}))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:fold")
def test_no_order_of_the_columns_changes_a_number():
    turned = NAMED[["wind", "sun", "rain"]]
    for rule in ("mean", "super_learner"):
        one, other = (EnsembleClassifier(MEMBERS, combiner=rule, cv=2).fit(X, y) for y in (NAMED, turned))
        columns = [one.output_names_.index(name) for name in other.output_names_]
        np.testing.assert_allclose(one.predict_proba(X)[:, columns], other.predict_proba(X), atol=1e-9)


def test_a_label_that_a_fold_lacks_has_probability_0_there():
    y = LABELS.copy()
    y[:, 1] = np.arange(60) < 20
    folds = [(np.arange(20, 60), np.arange(20)), (np.arange(40), np.arange(40, 60))]
    ensemble = EnsembleClassifier(MEMBERS, combiner="super_learner", cv=folds)
    with pytest.warns(MissingClassWarning, match="fold 1 of 2 has no row of the labels in the columns 1 "):
        ensemble.fit(X, y)
    whole = EnsembleClassifier([("line", GaussianNB())]).fit(X, np.column_stack([LABELS[:, :2], np.zeros(60)]))
    assert not whole.predict_proba(X)[:, 2].any()


def test_thresholds_are_of_each_label():
    probas = EnsembleClassifier(MEMBERS).fit(X, NAMED).predict_proba(X)
    low = EnsembleClassifier(MEMBERS, thresholds=0.2).fit(X, NAMED)
    np.testing.assert_array_equal(low.predict(X), probas >= 0.2)
    each = EnsembleClassifier(MEMBERS, thresholds={"rain": 0.9, "sun": 0.5, "wind": 0.1}).fit(X, NAMED)
    np.testing.assert_array_equal(each.predict(X), probas >= [0.5, 0.9, 0.1])
    for wrong in (1.5, {"rain": 0.5}, True, "low"):
        with pytest.raises(InvalidOptionError, match="thresholds of several labels must be a number between 0 and 1"):
            EnsembleClassifier(MEMBERS, thresholds=wrong).fit(X, NAMED)


def test_what_is_no_indicator_is_refused():
    with pytest.raises(InvalidOptionError, match=r"whether it holds, 0 or 1; received 3 \(0, 1, 2\) in 3 columns"):
        EnsembleClassifier(MEMBERS).fit(X, LABELS + np.eye(60, 3, dtype=int))
    with pytest.raises(InvalidOptionError, match="combiner 'borda' makes no sense for the task 'multilabel'"):
        EnsembleClassifier(MEMBERS, combiner="borda").fit(X, LABELS)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        EnsembleRegressor(REGRESSORS).fit(X, np.where(VALUES > 0, VALUES, np.nan))
    with pytest.raises(InvalidOptionError, match=r"member 'ridge' .* has no predict_proba"):
        EnsembleClassifier([("ridge", RidgeClassifier())], response_method="predict_proba").fit(X, LABELS)


def test_labels_may_be_sparse_truth_values_or_a_mapping():
    expected = EnsembleClassifier(MEMBERS).fit(X, LABELS).predict_proba(X)
    for y in (csr_array(LABELS), LABELS.astype(bool), LABELS.astype(float), LABELS.tolist(), NAMED.astype(bool)):
        assert np.array_equal(EnsembleClassifier(MEMBERS).fit(X, y).predict_proba(X), expected)
    table = pd.DataFrame(X, index=[f"r{row}" for row in range(60)])
    by_row = dict(zip(table.index[::-1], LABELS[::-1].tolist(), strict=True))
    np.testing.assert_allclose(EnsembleClassifier(MEMBERS).fit(table, by_row).predict_proba(table), expected)


def test_members_vote_where_they_have_no_probabilities():
    ensemble = EnsembleClassifier([("ridge", RidgeClassifier()), ("near", NEAR)], response_method="predict")
    votes = RidgeClassifier().fit(X, LABELS).predict(X) + clone(NEAR).fit(X, LABELS).predict(X)
    np.testing.assert_array_equal(ensemble.fit(X, LABELS).predict_proba(X), votes / 2)


@pytest.mark.slow
def test_weights_groups_and_searches_reach_the_clone_of_each_label():
    weight = np.arange(60) % 3
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [1, 9]}, cv=2
    )
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    ensemble = EnsembleClassifier([("pipe", pipe)]).fit(X, LABELS, sample_weight=weight)
    for k, one in enumerate(ensemble.named_estimators_["pipe"].estimators_):
        expected = clone(pipe).fit(X, LABELS[:, k], logisticregression__sample_weight=weight)
        np.testing.assert_array_equal(one[-1].coef_, expected[-1].coef_)
    grouped = EnsembleClassifier([("search", search), ("near", NEAR)], combiner="super_learner", cv=2)
    grouped.fit(X, LABELS, groups=np.arange(60) // 6)
    fitted = grouped.named_estimators_["search"]
    assert [part.cv for part in (fitted.estimator, *fitted.estimators_)] == [2] * 4


def test_probabilities_are_those_of_holding_where_scikit_learn_gives_the_others():
    final = KNeighborsClassifier(9)
    theirs = StackingClassifier([("near", NEAR)], final_estimator=final, cv=2).fit(X, LABELS)
    assert ((theirs.predict_proba(X) >= 0.5) != theirs.predict(X)).all()  # as of scikit-learn 1.9
    ours = EnsembleClassifier([("near", NEAR)], combiner="stacking", combiner_options={"final_estimator": final}, cv=2)
    np.testing.assert_array_equal(ours.fit(X, LABELS).predict_proba(X) >= 0.5, ours.predict(X))
    # Its tags do not say that it takes several labels, so that it is fitted on each, where it answers rightly.
    member = EnsembleClassifier([("theirs", clone(theirs))]).fit(X, LABELS)
    np.testing.assert_array_equal(member.predict(X), member.named_estimators_["theirs"].predict(X))


@pytest.mark.slow
def test_ensembles_nest_and_may_be_fitted_before():
    inner = EnsembleClassifier(MEMBERS, combiner="stacking", cv=2)
    outer = EnsembleClassifier([("inner", inner), ("near", NEAR)]).fit(X, NAMED)
    expected = (clone(inner).fit(X, LABELS).predict_proba(X) + multilabel_probas(NEAR)) / 2
    np.testing.assert_allclose(outer.predict_proba(X), expected, atol=1e-12)
    turned = clone(inner).fit(X, NAMED[["wind", "sun", "rain"]])  # knows its columns by name
    saved = as_member(lambda x: multilabel_probas(NEAR), name="near", classes=list(NAMED), task="multilabel")
    prefit = EnsembleClassifier([("inner", turned), ("near", saved)], cv="prefit").fit(X, NAMED)
    columns = [turned.output_names_.index(name) for name in NAMED]
    np.testing.assert_allclose(
        prefit.predict_proba(X), (turned.predict_proba(X)[:, columns] + multilabel_probas(NEAR)) / 2, atol=1e-12
    )
    with pytest.raises(AlignmentError, match=r"member 'inner' knows 3 .*Give y as a table"):
        EnsembleClassifier([("inner", turned)], cv="prefit").fit(X, NAMED.rename(columns={"sun": "hail"}))


def test_scores_and_importances_know_several_outputs():
    ensemble = EnsembleClassifier(MEMBERS).fit(X, NAMED)
    probas = ensemble.predict_proba(X)
    board = ensemble.leaderboard(X, NAMED)
    each = [log_loss(LABELS[:, k], probas[:, k]) for k in range(3)]
    assert board.loc["ensemble", "neg_log_loss"] == pytest.approx(-np.mean(each))
    assert board.loc["ensemble", "accuracy"] == ensemble.score(X, LABELS)
    assert ensemble.member_importance(X, NAMED, n_repeats=1, random_state=0).index.size == 2
    assert get_scorer("average_precision")(ensemble, X, LABELS) > 0.5
    assert len(cross_val_score(ensemble, X, LABELS, cv=2, scoring="f1_macro")) == 2
    regressor = EnsembleRegressor([("line", LinearRegression()), ("near", KNeighborsRegressor())]).fit(X, VALUES)
    assert regressor.leaderboard(X, VALUES).loc["ensemble", "r2"] == pytest.approx(regressor.score(X, VALUES))


def test_a_refit_on_one_column_forgets_the_others(tmp_path):
    ensemble = EnsembleClassifier([*MEMBERS[:1], ("bayes", GaussianNB(var_smoothing=0.1))]).fit(X, NAMED)
    save(ensemble, tmp_path / "saved")
    loaded = load(tmp_path / "saved")
    assert np.array_equal(loaded.predict(X), ensemble.predict(X))
    assert loaded.output_names_ == ("sun", "rain", "wind")
    ensemble.fit(X, LABELS[:, 0])
    assert (ensemble.task, ensemble.output_names_, ensemble.predict(X).ndim) == ("multiclass", (0, 1), 1)


PLUGINS = load_plugins()
RULES = [(name, task) for name in PLUGINS.combiners for task in ("multilabel", "regression")
         if task in PLUGINS.create_combiner(name).tasks]  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("rule", "task"), RULES)
def test_every_rule_of_the_task_takes_several_outputs(rule, task):
    if task == "multilabel":
        probas = EnsembleClassifier(MEMBERS, combiner=rule, cv=2).fit(X, NAMED).predict_proba(X)
        assert probas.shape == (60, 3)
        assert ((probas >= 0) & (probas <= 1)).all()
    else:
        assert EnsembleRegressor(REGRESSORS, combiner=rule, cv=2).fit(X, NAMED_VALUES).predict(X).shape == (60, 3)
