"""`stacking` beyond plain multiclass: labels, numbers, maps, features of the samples, and its peers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor, StackingClassifier, StackingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeCV
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVR

from ensemblekit import Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError
from ensemblekit_plugins.combiners.stacking import Stacking

RNG = np.random.default_rng(0)
N = 60


def members(probas, labels, task="multiclass", **fields):
    classes = [f"c{c}" for c in range(np.shape(probas)[-1])]
    fields = {"ids": range(np.shape(probas)[1]), "classes": classes, "labels": labels, "task": task, **fields}
    return align(*(Predictions(p, member=f"m{k}", **fields) for k, p in enumerate(probas)))


def multilabel(n_labels=3, dtype=np.float64):
    labels = RNG.random((N, n_labels)) < 0.5
    return members((0.6 * labels + 0.4 * RNG.random((2, N, n_labels))).astype(dtype), labels, "multilabel")


def regression(n_outputs=1, dtype=np.float64):
    numbers = RNG.normal(size=(N, n_outputs))
    return members((numbers + RNG.normal(size=(3, N, n_outputs))).astype(dtype), numbers, "regression")


def multiclass(n=N, axes=(), n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_classes, (n, *axes))
    probas = rng.dirichlet(np.ones(n_classes), (2, n, *axes)) + np.eye(n_classes)[codes]
    return members(probas / 2, np.array([f"c{c}" for c in range(n_classes)])[codes])


def beside(given):
    return np.concatenate(list(given.member_probas), axis=-1)


# Several labels.


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_one_clone_a_label_where_the_classifier_takes_one(dtype):
    given = multilabel(dtype=dtype)
    fitted = fit_combiner(given, "stacking")
    result = combine(given, fitted).probas
    assert result.dtype == dtype
    assert len(fitted.final_estimator_) == 3
    for label in range(3):
        expected = LogisticRegression(max_iter=1000).fit(beside(given), given.labels[:, label])
        np.testing.assert_allclose(
            result[:, label], expected.predict_proba(beside(given))[:, 1].astype(dtype), rtol=2 * np.finfo(dtype).eps
        )


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(10, random_state=0),
        MLPClassifier((4,), solver="lbfgs", alpha=1, max_iter=10_000, random_state=0),
        ClassifierChain(LogisticRegression()),
        MultiOutputClassifier(LogisticRegression()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_a_classifier_of_several_labels_takes_them_together(estimator):
    given = multilabel()
    fitted = fit_combiner(given, "stacking", final_estimator=estimator)
    assert type(fitted.final_estimator_) is type(estimator)
    x, y = beside(given), given.labels.astype(int)
    expected = estimator.fit(x, y).predict_proba(x)
    if isinstance(expected, list):
        expected = np.stack([p[:, 1] for p in expected], axis=1)
    np.testing.assert_allclose(combine(given, fitted).probas, expected, rtol=1e-12)


@pytest.mark.parametrize("estimator", [None, RandomForestClassifier(5, random_state=0)])
def test_a_label_with_one_value_has_that_value(estimator):
    given = multilabel()
    labels = np.column_stack([np.zeros(N), given.labels[:, 1], np.ones(N)])
    result = combine(given, fit_combiner(given.with_labels(labels), "stacking", final_estimator=estimator)).probas
    assert (result[:, 0] == 0).all()
    assert (result[:, 2] == 1).all()
    assert 0 < result[:, 1].mean() < 1


def test_rows_of_one_class_teach_that_class():
    given = multiclass()
    fitted = fit_combiner(given.with_labels(["c1"] * N), "stacking")
    assert combine(given, fitted).probas.tolist() == [[0, 1, 0]] * N


# Numbers.


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("estimator", [None, LinearRegression(), SVR(), RandomForestRegressor(5, random_state=0)])
def test_a_regressor_predicts_numbers(estimator, n_outputs):
    given = regression(n_outputs)
    result = combine(given, fit_combiner(given, "stacking", final_estimator=estimator)).probas
    x, y = beside(given), given.labels
    reference = RidgeCV() if estimator is None else estimator
    if isinstance(estimator, SVR) or n_outputs == 1:
        expected = np.stack([reference.fit(x, column).predict(x) for column in y.T], axis=1)
    else:
        expected = reference.fit(x, y).predict(x)
    np.testing.assert_allclose(result, expected, rtol=1e-9)


def test_it_finds_the_weights_of_a_sum():
    # y = 2 m0 - m1 + 3, to be found from four rows.
    m0, m1 = np.array([[1.0], [2.0], [5.0], [0.0]]), np.array([[1.0], [0.0], [2.0], [4.0]])
    given = members([m0, m1], 2 * m0 - m1 + 3, "regression")
    fitted = fit_combiner(given, "stacking", final_estimator=LinearRegression())
    np.testing.assert_allclose(fitted.final_estimator_[0].coef_, [2, -1])
    np.testing.assert_allclose(combine(given, fitted).probas[:, 0], [4, 7, 11, -1])


@pytest.mark.parametrize(
    ("given", "estimator", "message"),
    [
        (regression(), LogisticRegression(), r"a regressor for the task 'regression'; received LogisticRegression\(\)"),
        (multilabel(), Ridge(), r"a classifier, or have predict_proba; received Ridge\(\)"),
        (multilabel(), "dense", r"'stacking' makes no sense for the task 'multilabel'; it is for multiclass"),
    ],
)
def test_the_estimator_is_for_the_task(given, estimator, message):
    with pytest.raises(InvalidOptionError, match=message):
        fit_combiner(given, "stacking", final_estimator=estimator)


# Maps.


@pytest.mark.parametrize("axes", [(4,), (2, 3)])
def test_each_place_of_a_map_is_a_row(axes):
    given = multiclass(20, axes)
    weights = RNG.random(20)
    result = combine(given, fit_combiner(given, "stacking", sample_weight=weights)).probas
    assert result.shape == (20, *axes, 3)
    n_places = int(np.prod(axes))
    rows = given.member_probas.reshape(2, -1, 3)
    flat = members(rows, np.ravel(given.labels))
    fitted = fit_combiner(flat, "stacking", sample_weight=np.repeat(weights, n_places))
    np.testing.assert_allclose(combine(flat, fitted).probas, result.reshape(-1, 3), rtol=1e-6)


def test_blocks_of_rows_change_nothing():
    fitted = fit_combiner(multiclass(), "stacking")
    cube = np.random.default_rng(1).dirichlet(np.ones(3), (2, 400_000))
    result = fitted.combine(cube)
    assert result.shape == (400_000, 3)
    last = cube[:, -100:]
    expected = fitted.final_estimator_.predict_proba(np.concatenate(list(last), axis=-1))
    np.testing.assert_allclose(result[-100:], expected, rtol=1e-12)


# Features of the samples.


def test_features_pass_through_after_the_predictions():
    given = multiclass()
    images = RNG.normal(size=(N, 2, 2))
    fitted = fit_combiner(given, "stacking", passthrough=True, features=(given.ids[::-1], images[::-1]))
    x = np.concatenate([beside(given), images.reshape(N, 4)], axis=1)
    expected = LogisticRegression(max_iter=1000).fit(x, given.label_codes).predict_proba(x)
    shuffled = RNG.permutation(N)
    result = combine(given, fitted, features=(given.ids[shuffled], images[shuffled]))
    np.testing.assert_allclose(result.probas, expected, rtol=1e-10)
    assert fitted.n_features_ == 4


def test_features_of_a_map_have_its_axes():
    given = multiclass(10, (3,))
    places = RNG.normal(size=(10, 3, 2))
    fitted = fit_combiner(given, "stacking", passthrough=True, features=(given.ids, places))
    assert fitted.n_features_ == 2
    assert combine(given, fitted, features=(given.ids, places)).probas.shape == (10, 3, 3)
    with pytest.raises(InvalidOptionError, match=r"of shape \(10, 3, '...'\) must begin .*received shape \(10, 2\)"):
        fit_combiner(given, "stacking", passthrough=True, features=(given.ids, np.ones((10, 2))))


def test_features_come_where_they_are_asked_for_and_nowhere_else():
    given = multiclass()
    named = (given.ids, np.ones((N, 2)))
    with pytest.raises(InvalidOptionError, match="passthrough=True learns from features of the samples; received none"):
        fit_combiner(given, "stacking", passthrough=True)
    with pytest.raises(InvalidOptionError, match=r"passthrough=False learns from no features .*; received some"):
        fit_combiner(given, "stacking", features=named)
    fitted = fit_combiner(given, "stacking", passthrough=True, features=named)
    with pytest.raises(InvalidOptionError, match=r"received none\. Give features to fit_combiner and combine"):
        combine(given, fitted)
    with pytest.raises(InvalidOptionError, match="'stacking' was fitted on 2 features a row; received 3"):
        combine(given, fitted, features=(given.ids, np.ones((N, 3))))
    with pytest.raises(InvalidOptionError, match="features must be numbers; received dtype <U1"):
        combine(given, fitted, features=(given.ids, np.full((N, 2), "x")))


def test_validation_rows_have_no_features():
    given = multiclass()
    with pytest.raises(InvalidOptionError, match="validation rows have no features, which passthrough needs"):
        fit_combiner(
            given, Stacking("dense", passthrough=True), validation=given, features=(given.ids, np.ones((N, 1)))
        )


def test_the_first_class_may_be_dropped():
    given = multiclass()
    fitted = fit_combiner(given, "stacking", drop_first=True)
    assert fitted.final_estimator_.n_features_in_ == 4
    assert combine(given, fitted).probas.shape == (N, 3)
    with pytest.raises(InvalidOptionError, match="makes no sense for the task 'multilabel'"):
        fit_combiner(multilabel(), "stacking", drop_first=True)


# Peers, on the same fitted members.


def data(n_classes):
    rng = np.random.default_rng(n_classes)
    y = rng.integers(0, n_classes, 120)
    return rng.normal(size=(120, 4)) + y[:, np.newaxis], y


def estimators(kind):
    return [("m0", kind(4, max_depth=2, random_state=0)), ("m1", kind(4, max_depth=3, random_state=1))]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("passthrough", [False, True])
def test_it_is_scikit_learns_stacking_of_the_same_members(n_classes, passthrough):
    x, y = data(n_classes)
    prefit = [(name, e.fit(x[:60], y[:60])) for name, e in estimators(RandomForestClassifier)]
    peer = StackingClassifier(prefit, LogisticRegression(), cv="prefit", passthrough=passthrough).fit(x[60:], y[60:])
    given = members([e.predict_proba(x[60:]) for _, e in prefit], y[60:], ids=range(60))
    features = {"features": (given.ids, x[60:])} if passthrough else {}
    options = {"final_estimator": LogisticRegression(), "passthrough": passthrough, "drop_first": n_classes == 2}
    fitted = fit_combiner(given, "stacking", **options, **features)
    np.testing.assert_allclose(combine(given, fitted, **features).probas, peer.predict_proba(x[60:]), rtol=1e-10)


def test_it_is_scikit_learns_stacking_of_regressors():
    x, y = data(3)
    prefit = [(name, e.fit(x[:60], y[:60])) for name, e in estimators(RandomForestRegressor)]
    peer = StackingRegressor(prefit, cv="prefit").fit(x[60:], y[60:])
    given = members([e.predict(x[60:])[:, np.newaxis] for _, e in prefit], y[60:], "regression", ids=range(60))
    result = combine(given, fit_combiner(given, "stacking")).probas
    np.testing.assert_allclose(result[:, 0], peer.predict(x[60:]), rtol=1e-10)


@pytest.mark.filterwarnings("ignore:fit_base_estimators=False:UserWarning")
@pytest.mark.parametrize("averaged", [False, True])
def test_it_is_mlxtends_stacking_of_the_same_members(averaged):
    mlxtend = pytest.importorskip("mlxtend.classifier")
    x, y = data(3)
    prefit = [e.fit(x[:60], y[:60]) for _, e in estimators(RandomForestClassifier)]
    peer = mlxtend.StackingClassifier(
        prefit,
        LogisticRegression(max_iter=1000),
        use_probas=True,
        average_probas=averaged,
        fit_base_estimators=False,
    ).fit(x[60:], y[60:])
    given = members([e.predict_proba(x[60:]) for e in prefit], y[60:], ids=range(60))
    fitted = fit_combiner(given, "stacking", inputs="average" if averaged else "concatenation")
    np.testing.assert_allclose(combine(given, fitted).probas, peer.predict_proba(x[60:]), rtol=1e-10)


def test_it_is_mlxtends_cross_validated_stacking_of_the_same_out_of_fold_predictions():
    pytest.importorskip("mlxtend", minversion="0.24")  # older ones do not cross-validate with scikit-learn 1.6 or later
    mlxtend = pytest.importorskip("mlxtend.classifier")
    x, y = data(3)
    peer = mlxtend.StackingCVClassifier(
        [e for _, e in estimators(RandomForestClassifier)],
        LogisticRegression(max_iter=1000),
        use_probas=True,
        store_train_meta_features=True,
        cv=3,
        random_state=0,
    ).fit(x, y)
    given = members(np.split(peer.train_meta_features_, 2, axis=1), y, ids=range(120))
    fitted = fit_combiner(given, "stacking")
    # mlxtend leaves the rows in the order of its folds.
    np.testing.assert_allclose(fitted.final_estimator_.coef_, peer.meta_clf_.coef_, atol=1e-3)


# What holds for any predictions.


@given(st.integers(0, 2**32 - 1), st.sampled_from(["multiclass", "multilabel", "regression"]))
def test_no_order_of_rows_members_or_classes_changes_what_it_learns(seed, task):
    rng = np.random.default_rng(seed)
    given = {"multiclass": multiclass, "multilabel": multilabel, "regression": lambda: regression(2)}[task]()
    expected = combine(given, fit_combiner(given, Stacking()))
    moved = given.reorder(
        members=list(rng.permutation(given.members)),
        rows=rng.permutation(N),
        classes=list(rng.permutation(given.classes)),
    )
    result = combine(moved, fit_combiner(moved, Stacking())).take(given.ids)
    columns = [result.classes.index(c) for c in expected.classes]
    np.testing.assert_allclose(result.probas[:, columns], expected.probas, rtol=1e-12)
