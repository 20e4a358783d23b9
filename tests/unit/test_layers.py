"""Several layers: nobody's own label in an out-of-fold prediction, groups kept, a time limit, and the cost."""

import itertools
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from ensemblekit import EnsembleClassifier, LayeredClassifier, LayeredRegressor
from ensemblekit.ensemble import _layering
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError, LeakageError, MissingClassWarning
from ensemblekit.predictions import Predictions
from ensemblekit.store import load, save

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 3))
Y = (X[:, 0] + RNG.normal(size=N) > 0).astype(int)
VALUES = X[:, 0] + RNG.normal(size=N)
GROUPS = np.repeat(np.arange(20), 3)
CLASSIFIERS = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2, random_state=0))]
REGRESSORS = [("line", Ridge()), ("near", KNeighborsRegressor(3))]


class Spy(ClassifierMixin, BaseEstimator):
    """Keeps the groups of every fit, told by the first column of X, and predicts the share of the classes."""

    fits: list = []  # noqa: RUF012

    def fit(self, X, y):
        Spy.fits.append(np.unique(np.unique(X[:, 0], return_counts=True)[1]).tolist())
        self.classes_, counts = np.unique(y, return_counts=True)
        self.share_ = counts / counts.sum()
        return self

    def predict_proba(self, X):
        return np.tile(self.share_, (len(X), 1))


class Slow(RegressorMixin, BaseEstimator):
    """Predicts the mean, and needs this number of ticks of the clock for a fit."""

    def __init__(self, ticks=1):
        self.ticks = ticks

    def fit(self, X, y):
        CLOCK.now += self.ticks
        self.mean_ = np.mean(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


class Clock:
    now = 0.0

    def perf_counter(self):
        return self.now


CLOCK = Clock()


@pytest.fixture
def clock(monkeypatch):
    CLOCK.now = 0.0
    monkeypatch.setattr(_layering, "time", CLOCK)
    return CLOCK


def layered(layers, **options):
    return LayeredClassifier(layers, **{"cv": KFold(5, shuffle=True, random_state=0), "patience": None} | options)


def out_of_fold(model):
    """List what every layer predicts out of fold, of each member and combined: shape (n_answers, n_rows, n_columns)."""
    found = [cube for predictions in model.oof_predictions_ for cube in predictions.member_probas]
    assert all(p.ids.tolist() == list(range(N)) for p in model.oof_predictions_ + model.oof_combined_)
    return np.stack(found + [combined.probas for combined in model.oof_combined_])


# No row's own label reaches its out-of-fold predictions.


@pytest.mark.parametrize(
    ("combiner", "passthrough", "n_layers"),
    [
        ("super_learner", True, 2),
        ("mean", False, 3),
        pytest.param("stacking", True, 3, marks=pytest.mark.slow),
        pytest.param("least_squares", False, 3, marks=pytest.mark.slow),
    ],
)
def test_no_label_of_a_fold_changes_what_is_predicted_for_the_fold(combiner, passthrough, n_layers):
    model = LayeredRegressor(
        [REGRESSORS, *[[("near", KNeighborsRegressor(1))]] * (n_layers - 1)], combiner=combiner,
        passthrough=passthrough, cv=KFold(5 if n_layers == 3 else 4, shuffle=True, random_state=0), patience=None,
    )  # fmt: skip
    before = out_of_fold(clone(model).fit(X, VALUES))
    assert len(before) == n_layers + 1 + n_layers
    other = VALUES.copy()
    other[17] += 100
    after = clone(model).fit(X, other)
    own = after.fold_ == after.fold_[17]
    changed = out_of_fold(after)
    assert changed[:, own].tobytes() == before[:, own].tobytes()
    # The label is used for all others, in every layer.
    assert (changed[:, ~own] != before[:, ~own]).any(axis=(1, 2)).all()


def test_one_fold_left_out_at_a_time_would_be_noticed(monkeypatch):
    def careless(self, layer, name, fold, without=()):
        return self.predicted[layer][name][(fold,), fold]

    monkeypatch.setattr(_layering.Layering, "out_of_fold", careless)
    model = LayeredRegressor([REGRESSORS, REGRESSORS], combiner="mean", cv=KFold(3), patience=None)
    other = VALUES.copy()
    other[17] += 100
    before, after = (clone(model).fit(X, values) for values in (VALUES, other))
    own = after.fold_ == after.fold_[17]
    changed = (out_of_fold(after)[:, own] != out_of_fold(before)[:, own]).any(axis=(1, 2))
    assert changed.tolist() == [False, False, True, True, False, True]


def test_a_member_that_memorises_gets_no_weight_in_any_layer():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(120, 2)), rng.integers(0, 2, 120)
    y_seen = np.where(rng.random(120) < 0.8, y, 1 - y)
    members = [("memo", KNeighborsClassifier(1)), ("seen", GaussianNB())]
    for n_layers in (1, 2):
        model = layered([members] * n_layers, cv=4).fit(np.column_stack([x * 9, y_seen]), y)
        for predictions in model.oof_predictions_:
            # On the rows of its fit the nearest row is the row itself, and there it is always right.
            right = predictions.member_probas[predictions.members.index("memo")].argmax(axis=1) == y
            assert right.mean() < 0.9
        assert dict(zip(model.combiner_.members_, model.combiner_.weights_, strict=True))["memo"] < 0.2
        assert model.layers_[-1]["memo"].score(model.layers_[-1]["memo"]._fit_X, y) == 1


def test_the_answers_are_those_of_fits_by_hand():
    # Two layers of one member each; each set of left-out folds is fitted here by itself.
    cv = KFold(4)
    model = LayeredRegressor(
        [[("near", KNeighborsRegressor(2))], [("line", Ridge())]], cv=cv, combiner="mean", patience=None
    ).fit(X, VALUES)
    for train, test in cv.split(X):
        below = np.empty(N)
        for one, two in cv.split(X):
            inner = np.setdiff1d(one, test)
            below[two] = KNeighborsRegressor(2).fit(X[inner], VALUES[inner]).predict(X[two])
        below[test] = KNeighborsRegressor(2).fit(X[train], VALUES[train]).predict(X[test])
        inputs = np.column_stack([below, X])
        expected = Ridge().fit(inputs[train], VALUES[train]).predict(inputs[test])
        np.testing.assert_allclose(model.oof_predictions_[1].member_probas[0, test, 0], expected, rtol=1e-12)
    below = np.empty(N)
    for train, test in cv.split(X):
        below[test] = KNeighborsRegressor(2).fit(X[train], VALUES[train]).predict(X[test])
    top = Ridge().fit(np.column_stack([below, X]), VALUES)
    new = RNG.normal(size=(5, 3))
    first = KNeighborsRegressor(2).fit(X, VALUES).predict(new)
    if model.n_layers_ == 2:
        np.testing.assert_allclose(model.predict(new), top.predict(np.column_stack([first, new])), rtol=1e-12)
    else:
        np.testing.assert_allclose(model.predict(new), first, rtol=1e-12)


# Groups.


@pytest.mark.parametrize("member", [Spy(), EnsembleClassifier([("spy", Spy())], combiner="weighted", cv=3)])
def test_no_group_is_divided_in_any_layer_nor_inside_of_a_member(member):
    x = np.column_stack([GROUPS, X])
    y = np.tile([0, 1, 1, 0], 5)[GROUPS]
    model = layered([[("m", member)], [("m", member)]], cv=4, passthrough=True, combiner="mean")
    Spy.fits.clear()

    class First(Spy):
        """In the second layer X comes after the two columns of the predictions."""

        def fit(self, X, y):
            Spy.fits.append(np.unique(np.unique(X[:, 2], return_counts=True)[1]).tolist())
            return super().fit(X, y)

    order = np.random.default_rng(0).permutation(N)
    if isinstance(member, Spy):
        model.set_params(layer2__m=First())
    else:
        model.set_params(layer2__m=EnsembleClassifier([("spy", First())], combiner="weighted", cv=3))
    model.fit(x[order], y[order], groups=GROUPS[order])
    sizes = {tuple(sizes) for sizes in Spy.fits if sizes != [1]}
    assert len(Spy.fits) > 15
    # The predictions of a layer are equal for many rows; the column of the groups never shows a part of one.
    assert (3,) in sizes
    assert not any(len(some) > 1 and min(some) < 3 for some in sizes)
    for group in range(20):
        assert len(set(model.fold_[GROUPS[order] == group])) == 1
    with pytest.raises(LeakageError, match="groups must not be divided by a fold"):
        clone(model).set_params(cv=KFold(4, shuffle=True, random_state=0)).fit(x[order], y[order], groups=GROUPS[order])


# Cost, early stop and the time limit.


@pytest.mark.parametrize(("combiner", "learns", "n_folds"), [("mean", 0, 5), ("super_learner", 1, 4)])
def test_the_table_counts_the_fits(combiner, learns, n_folds):
    def loss(probas):
        return -np.log(np.clip(probas[np.arange(N), Y], 1e-7, None)).mean()

    model = layered([CLASSIFIERS, CLASSIFIERS[:1]], combiner=combiner, cv=n_folds).fit(X, Y)
    table = model.layer_table_
    sets = [len([*itertools.combinations(range(n_folds), size)]) for size in range(4)]
    assert table["fits"].tolist() == [2 * sum(sets[: 2 + learns]), 2 * sets[2 + learns] + sum(sets[: 2 + learns])]
    assert table.index.tolist() == [1, 2]
    assert table["members"].tolist() == [2, 1]
    assert (table["seconds"] > 0).all()
    assert table["total_seconds"].is_monotonic_increasing
    assert table["used"].tolist() == [True, model.n_layers_ == 2]
    for row, (predictions, combined) in enumerate(zip(model.oof_predictions_, model.oof_combined_, strict=True)):
        scores = {m: loss(p) for m, p in zip(predictions.members, predictions.member_probas, strict=True)}
        assert table["best_member"].iloc[row] == min(scores, key=scores.get)
        assert table["best_member_score"].iloc[row] == pytest.approx(min(scores.values()))
        assert table["score"].iloc[row] == pytest.approx(loss(combined.probas))


def test_the_fit_stops_where_a_layer_gains_nothing_and_uses_the_best():
    # A constant on top of others is worse.
    layers = [CLASSIFIERS[:1], [("spy", Spy())], CLASSIFIERS[:1]]
    model = layered(layers, combiner="mean", cv=4, patience=1).fit(X, Y)
    assert (model.stopped_, model.n_layers_, len(model.layer_table_)) == ("no gain", 1, 2)
    one = layered(layers[:1], combiner="mean", cv=4).fit(X, Y)
    assert model.predict_proba(X).tobytes() == one.predict_proba(X).tobytes()
    patient = layered(layers, combiner="mean", cv=4).fit(X, Y)
    assert (patient.stopped_, len(patient.layer_table_)) == ("all layers", 3)
    best = patient.layer_table_["score"].argmin() + 1
    assert patient.n_layers_ == best == len(patient.layers_)
    by_accuracy = layered(layers[:1], combiner="mean", cv=4, metric="accuracy").fit(X, Y).layer_table_
    assert by_accuracy["score"].iloc[0] == pytest.approx((one.oof_combined_[0].predicted == Y).mean())


@pytest.mark.parametrize(
    ("limit", "members", "ends"),
    [
        (None, [3, 3], 77),
        (1, [1], 4),  # the first member is always finished
        (9, [2], 13),
        (27, [2], 23),  # the last fit of the third would end at 28
        (30, [3], 30),  # no time for the folds that a second layer needs
        (58, [3, 2], 57),  # the third is known to need 5
        (77, [3, 3], 77),
    ],
)
def test_the_time_limit_is_kept_with_what_is_finished(clock, limit, members, ends):
    # A member is fitted on all rows, and without one of three folds; below without two of them too: 3 more fits.
    layer = [("a", Slow(1)), ("b", Slow(1)), ("c", Slow(5))]
    model = LayeredRegressor([layer, layer], combiner="mean", cv=3, patience=None, time_limit=limit).fit(X, VALUES)
    assert model.layer_table_["members"].tolist() == members
    assert clock.now == ends
    assert model.stopped_ == ("all layers" if members == [3, 3] else "time limit")
    assert [*model.layers_[0]] == [name for name, _ in layer[: members[0]]]
    assert np.isfinite(model.predict(X)).all()


def test_a_time_limit_in_real_time_is_kept():
    class Sleeper(Slow):
        def fit(self, X, y):
            time.sleep(0.02)
            return super().fit(X, y)

    started = time.perf_counter()
    model = LayeredRegressor([[("s", Sleeper())], [("s", Sleeper())]], cv=5, combiner="mean", time_limit=0.2)
    model.fit(X, VALUES)
    assert time.perf_counter() - started < 20  # all fits would need 0.4 s; the machine may be slow
    assert (model.stopped_, model.n_layers_) == ("time limit", 1)


# As an estimator.


def test_weights_reach_the_members_the_combiner_and_the_score():
    weight = np.random.default_rng(4).integers(1, 4, N).astype(float)
    members = [("line", Ridge()), ("two", LinearRegression())]
    given = LayeredRegressor([members, members], cv=KFold(4), patience=None).fit(X, VALUES, sample_weight=weight)
    plain = LayeredRegressor([members, members], cv=KFold(4), patience=None).fit(X, VALUES)
    assert (given.combiner_.weights_ != plain.combiner_.weights_).any()
    combined = given.oof_combined_[0].probas[:, 0]
    expected = np.average(np.square(combined - VALUES), weights=weight)
    assert given.layer_table_["score"].iloc[0] in (pytest.approx(expected), pytest.approx(np.sqrt(expected)))
    with pytest.raises(InvalidOptionError, match="makes no use of sample_weight"):
        LayeredRegressor([[("near", KNeighborsRegressor())]]).fit(X, VALUES, sample_weight=weight)


def test_rows_are_matched_by_name_and_labels_may_be_text():
    ids = [f"r{k}" for k in range(N)]
    x, y = pd.DataFrame(X, index=ids, columns=list("abc")), pd.Series(np.array(["no", "yes"])[Y], index=ids)
    model = layered([CLASSIFIERS[:1]], cv=3, combiner="mean").fit(x, y)
    assert model.classes_.tolist() == ["no", "yes"]
    assert set(model.predict(x)) <= {"no", "yes"}
    score = model.score(x, y)
    assert model.fit(x, dict(zip(ids[::-1], y[::-1], strict=True))).score(x, y) == score
    with pytest.raises(InvalidOptionError, match="X and y must name their rows alike"):
        model.fit(x, y[::-1])
    with pytest.raises(InvalidOptionError, match="X and y must name their rows alike"):
        model.score(x, y[::-1])
    assert isinstance(model.oof_combined_[0], Predictions)


def test_parameters_reach_the_members_of_every_layer():
    model = layered([CLASSIFIERS, [("tree", DecisionTreeClassifier())]])
    model.set_params(layer2__tree__max_depth=7, layer1__bayes="drop", cv=4)
    assert model.get_params()["layer2__tree__max_depth"] == 7
    assert model.cv == 4
    assert [*model.fit(X, Y).layers_[0]] == ["tree"]
    assert model.layers_[1]["tree"].max_depth == 7 if model.n_layers_ == 2 else True
    with pytest.raises(InvalidOptionError, match=r"those of get_params; received also \['layer3__tree'\]"):
        model.set_params(layer3__tree=GaussianNB())


def test_a_class_that_is_rare_is_warned_of():
    y = Y.copy()
    y[:3] = 2
    with pytest.warns(MissingClassWarning, match=r"without 3 of 5 folds there may be no row of the classes 1 \(2\)"):
        model = layered([CLASSIFIERS[:1]] * 2).fit(X, y)
    assert model.predict_proba(X).shape == (N, 3)


REFUSED = {
    "no list": ({"layers": None}, "layers must be a list with one list of .* received None"),
    "not nested": ({"layers": CLASSIFIERS}, r"layer 1: estimators must be a list of \(name, estimator\)"),
    "regressor": ({"layers": [CLASSIFIERS, REGRESSORS]}, r"layer 2: member 'line' .Ridge. is no classifier.*stacking"),
    "few folds": ({"cv": 3}, r"cv must give at least 4 folds for 2 layer\(s\) .* as 3 are left out together"),
    "some rows": ({"cv": ShuffleSplit(4, random_state=0)}, "cv must hold out each row once and fit on all others"),
    "prefit": ({"cv": "prefit"}, "cv"),
    "patience": ({"patience": 0}, "patience must be a number of layers >= 1, or None"),
    "limit": ({"time_limit": -1.0}, "time_limit must be a number of seconds > 0, or None; received -1.0"),
    "metric": ({"metric": "rmse"}, "rmse"),
    "combiner": ({"combiner": "least_squares"}, "makes no sense for the task 'multiclass'"),
    "auto": ({"combiner": "auto"}, r"combiner of LayeredClassifier must be one rule.*choose\(model.oof_predictions_"),
    "rules": ({"combiner": ["mean", "voting"]}, "must be one rule; received .'mean', 'voting'"),
    "thresholds": ({"thresholds": 2.0}, "thresholds must be a number between 0 and 1"),
    "no such member": ({"response_method": {"svm": "predict"}}, "by the names of members, .*spy.*received .*svm"),
    "no method": ({"response_method": "decision_function"}, "decision_function"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_refused_before_anything_is_fitted(case):
    options, message = REFUSED[case]
    spies = [("spy", Spy()), *CLASSIFIERS]
    Spy.fits.clear()
    with pytest.raises((InvalidOptionError, ValueError), match=message):
        LayeredClassifier([spies, spies]).set_params(**options).fit(X, Y)
    assert not Spy.fits


def test_a_member_without_probabilities_goes_in_an_ensemble_of_one():
    remedy = r"layer 2: member 'svm' .LinearSVC. has no predict_proba.*response_method=.'svm': 'predict'"
    layers = [CLASSIFIERS, [("svm", LinearSVC()), CLASSIFIERS[0]]]
    with pytest.raises(InvalidOptionError, match=remedy):
        layered(layers).fit(X, Y)
    svm = EnsembleClassifier([LinearSVC()], response_method="predict")
    model = layered([[("svm", svm), CLASSIFIERS[0]]], cv=3, combiner="mean").fit(X, Y)
    same = layered(layers[1:], cv=3, combiner="mean", response_method={"svm": "predict"}).fit(X, Y)
    assert np.array_equal(same.predict_proba(X), model.predict_proba(X))
    predictions = model.oof_predictions_[0]
    assert set(np.unique(predictions.member_probas[predictions.members.index("svm")])) == {0, 1}


def test_thresholds_decide_as_in_an_ensemble():
    model = layered([CLASSIFIERS[:1]], cv=3, combiner="mean", thresholds=0.9).fit(X, Y)
    probas = model.predict_proba(X)[:, 1]
    assert np.sum((probas > 0.5) & (probas < 0.9)) > 0
    assert np.array_equal(model.predict(X), (probas >= 0.9).astype(int))
    assert np.array_equal(model.set_params(thresholds={0: 1, 1: 9}).predict(X), (probas / 9 > 1 - probas).astype(int))


@pytest.mark.parametrize(
    ("made", "members", "wrapped"),
    [(LayeredClassifier, CLASSIFIERS, MultiOutputClassifier), (LayeredRegressor, REGRESSORS, MultiOutputRegressor)],
)
def test_several_labels_or_outputs_are_refused_with_a_remedy_that_works(made, members, wrapped):
    several = np.stack([Y, 1 - Y], axis=1)
    one = made([members], cv=3, combiner="mean")
    with pytest.raises(
        InvalidOptionError, match=rf"must be one column; received 2.*{wrapped.__name__}\({made.__name__}"
    ):
        one.fit(X, several)
    assert wrapped(one).fit(X, several).predict(X).shape == (N, 2)


def test_one_class_and_no_rows_are_refused():
    with pytest.raises(InvalidPredictionsError, match="needs at least two classes; received one class"):
        layered([CLASSIFIERS]).fit(X, np.zeros(N))
    with pytest.raises(InvalidOptionError, match="passthrough needs X of numbers"):
        layered([CLASSIFIERS] * 2).fit([["a"]] * N, Y)


@pytest.mark.parametrize("combiner", ["mean", "stacking"])
def test_layers_are_saved_and_loaded(combiner, tmp_path):
    makes = (LayeredClassifier, CLASSIFIERS[:1], Y), (LayeredRegressor, REGRESSORS[:1], VALUES)
    for made, members, y in makes:
        layered = made([members] * 2, combiner=combiner, cv=5, patience=None).fit(X, y)
        save(layered, tmp_path / made.__name__)
        loaded = load(tmp_path / made.__name__)
        assert np.array_equal(loaded.predict(X), layered.predict(X))
        pd.testing.assert_frame_equal(loaded.layer_table_, layered.layer_table_)
        assert loaded.stopped_ == layered.stopped_
        assert not hasattr(loaded, "oof_predictions_")  # as of an ensemble: they would be the data


def test_weights_of_zero_alone_are_refused_where_they_could_be_all_that_is_left():
    layered = LayeredClassifier([CLASSIFIERS[:1]] * 2, combiner="mean", cv=KFold(4))
    weight = np.repeat([1.0, 1, 0, 0], N // 4)
    with pytest.raises(InvalidOptionError, match="at least 3 folds, as 2 are left out together; it is on 2 of 4"):
        layered.fit(X, Y, sample_weight=weight)
    weight[N // 2 : 3 * N // 4] = 1
    assert layered.fit(X, Y, sample_weight=weight).predict(X).shape == (N,)


def test_progress_is_written(capsys):
    LayeredRegressor([[("line", Ridge())]], cv=4, combiner="mean", verbose=1).fit(X, VALUES)
    assert "[LayeredRegressor] layer 1, line, without 1 of 4 folds  (" in capsys.readouterr().err
