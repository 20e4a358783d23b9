"""`weighted` that learns by a metric, for other tasks, and class by class."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.ensemble import VotingRegressor
from sklearn.metrics import balanced_accuracy_score, log_loss

from ensemblekit import align, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError
from ensemblekit_plugins.combiners.weighted import Weighted
from tests.plugins.test_super_learner import drawn, members


def given(task="multiclass", **options):
    probas, labels, truth = drawn(task, **options)
    return members(probas, labels, task), probas, labels, truth


def simplex_minimum(loss, n_members):
    found = minimize(
        loss,
        np.full(n_members, 1 / n_members),
        method="SLSQP",
        bounds=[(0, 1)] * n_members,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    assert found.success
    return found


@pytest.mark.parametrize("metric", [None, "squared_error", "brier_score"])
def test_squared_error_on_the_simplex(metric):
    task = "multiclass" if metric == "brier_score" else "regression"
    predictions, probas, _, truth = given(task)
    fitted = fit_combiner(predictions, "weighted", metric=metric)
    best = simplex_minimum(lambda w: np.square(np.tensordot(w, probas, 1) - truth).mean(), len(probas))
    np.testing.assert_allclose(fitted.weights_, best.x, atol=1e-5)
    assert fitted.weights_.sum() == pytest.approx(1)


def test_an_offset_of_a_million_changes_no_weight():
    probas, labels, _ = drawn("regression")
    near = fit_combiner(members(probas, labels, "regression"), "weighted")
    far = fit_combiner(members(probas + 1e6, labels + 1e6, "regression"), "weighted")
    np.testing.assert_allclose(far.weights_, near.weights_, atol=1e-7)


def test_log_loss_of_labels():
    predictions, probas, labels, _ = given("multilabel")

    def loss(w):
        p = np.tensordot(w, probas, 1)
        return -np.log(np.where(labels == 1, p, 1 - p)).mean()

    fitted = fit_combiner(predictions, "weighted")
    np.testing.assert_allclose(fitted.weights_, simplex_minimum(loss, len(probas)).x, atol=5e-3)
    assert loss(fitted.weights_) <= simplex_minimum(loss, len(probas)).fun + 1e-7


def test_the_search_comes_near_the_minimum_of_a_convex_metric():
    predictions, probas, labels, _ = given()
    fitted = fit_combiner(predictions, "weighted", metric=lambda y, p: -log_loss(y, p))
    learned = fit_combiner(predictions, "weighted")
    value = [log_loss(labels, np.tensordot(w, probas, 1)) for w in (fitted.weights_, learned.weights_)]
    assert value[0] == pytest.approx(value[1], abs=1e-4)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1_macro", "roc_auc_ovr"])
def test_the_search_is_no_worse_than_equal_weights(metric):
    predictions, _, _, _ = given(n=200)
    fitted = fit_combiner(predictions, "weighted", metric=metric)
    assert fitted.weights_.min() >= 0
    assert fitted.weights_.sum() == pytest.approx(1)
    again = fit_combiner(list(predictions)[::-1], "weighted", metric=metric)
    assert again.weights_.tobytes() == fitted.weights_.tobytes()
    if metric == "balanced_accuracy":
        labels = predictions.label_codes
        found = combine(predictions, fitted).probas.argmax(axis=1)
        equal = combine(predictions, "mean").probas.argmax(axis=1)
        assert balanced_accuracy_score(labels, found) > balanced_accuracy_score(labels, equal)


def test_alone_each_member_is_weighed_by_its_score_above_chance():
    # Labels 0, 0, 1, 1: always answering (1/2, 1/2) is right twice, a half. m0 is right three times of four, m1 always,
    # m2 once: above chance 1/4, 1/2 and nothing.
    said = [[0, 0, 1, 0], [0, 0, 1, 1], [1, 1, 1, 0]]
    predictions = members(np.eye(2)[said], np.array([0, 0, 1, 1]))
    fitted = fit_combiner(predictions, "weighted", metric="accuracy", learn="alone")
    np.testing.assert_allclose(fitted.weights_, [1 / 3, 2 / 3, 0])
    nothing = fit_combiner(predictions.select(["m2"]), "weighted", metric="accuracy", learn="alone")
    assert nothing.weights_.tolist() == [1]


def test_alone_by_callable_and_regression():
    predictions, probas, _, truth = given("regression")
    fitted = fit_combiner(predictions, "weighted", learn="alone")
    above = truth.var(axis=0).mean() - np.square(probas - truth).mean(axis=(1, 2))
    np.testing.assert_allclose(fitted.weights_, np.maximum(above, 0) / np.maximum(above, 0).sum())


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
def test_weights_of_each_class(task):
    predictions, probas, _, truth = given(task)
    fitted = fit_combiner(predictions, "weighted", per_class=True)
    assert fitted.weights_.shape == (4, 3)
    np.testing.assert_allclose(fitted.weights_.sum(axis=0), 1)
    for c in range(3):

        def loss(w, c=c):
            p, y = w @ probas[..., c], truth[:, c]
            return np.square(p - y).mean() if task == "regression" else -np.log(np.where(y == 1, p, 1 - p)).mean()

        best = simplex_minimum(loss, 4)
        assert loss(fitted.weights_[:, c]) <= best.fun + 1e-6
    pooled = (fitted.weights_[:, None] * probas).sum(axis=0)
    if task == "multiclass":
        pooled /= pooled.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(combine(predictions, fitted).probas, pooled, rtol=1e-12, atol=1e-14)


def test_a_row_in_which_nothing_is_left_becomes_the_mean():
    combiner = Weighted(per_class=True)
    combiner.weights_ = np.eye(2)
    assert combiner.combine(np.array([[[0.0, 1.0]], [[1.0, 0.0]]])).tolist() == [[0.5, 0.5]]


def test_dense_outputs_class_by_class_where_members_are_absent():
    combiner = Weighted(per_class=True)
    combiner.weights_ = np.array([[0.75, 0.5], [0.25, 0.5]])
    cube = np.array([[[0.5, 0.5]], [[np.nan, np.nan]]])
    assert combiner.combine(cube, present=np.array([[True], [False]])).tolist() == [[0.5, 0.5]]
    cube = np.random.default_rng(0).dirichlet(np.ones(2), (2, 3, 4, 5)).astype(np.float16)
    assert combiner.combine(cube).dtype == np.float16
    expected = (cube * combiner.weights_[:, None, None, None]).sum(axis=0)
    expected /= expected.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(combiner.combine(cube), expected, rtol=4e-3)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fast_path_agrees_with_the_reference(task, dtype):
    rng = np.random.default_rng(0)
    cube = rng.dirichlet(np.full(3, 0.1), (4, 30_000)).astype(dtype)
    cube[:2, :9], cube[2:, :9] = np.eye(3)[0], np.eye(3)[1]
    combiner = Weighted(per_class=True)
    combiner.weights_ = np.array([[0, 0.5, 0.1], [0, 0.5, 0.2], [0.5, 0, 0.3], [0.5, 0, 0.4]])
    fast = combiner.combine(cube, task=task)
    assert fast.dtype == dtype
    reference = combiner.combine(cube, task=task, present=np.ones(cube.shape[:2], dtype=bool))
    np.testing.assert_allclose(fast, reference, rtol=16 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)
    assert (fast[:9] == ([0.5, 0.5, 0] if task == "multiclass" else 0)).all()
    assert combiner.combine(cube[:, 7:8], task=task).tobytes() == fast[7:8].tobytes()


def test_it_is_scikit_learns_weighted_vote():
    class Said:
        def __init__(self, values):
            self.values = values

        def predict(self, x):
            return self.values

    probas, labels, _ = drawn("regression", n_classes=1)
    vote = VotingRegressor([(f"m{k}", None) for k in range(4)], weights=[1, 2, 3, 4])
    vote.estimators_ = [Said(p[:, 0]) for p in probas]
    combined = combine(members(probas, labels, "regression"), "weighted", weights=[1, 2, 3, 4])
    np.testing.assert_allclose(combined.probas[:, 0], np.average(vote.transform(None), axis=1, weights=vote.weights))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"metric": "best"}, "metric must be one of .* 'log_loss', .* received 'best'"),
        ({"learn": "apart"}, "learn must be one of 'together', 'alone'; received 'apart'"),
        ({"per_class": True, "metric": "accuracy"}, "per_class learns the weights by log loss, .* metric='accuracy'"),
        ({"per_class": True, "weights": [1]}, r"per_class learns .* received weights=\[1\]"),
        ({"max_iter": 0}, "max_iter must be a whole number >= 1; received 0"),
    ],
)
def test_what_is_refused(options, error):
    with pytest.raises(InvalidOptionError, match=error):
        Weighted(**options)


@pytest.mark.keras
def test_a_graph_of_weights_of_each_class_agrees(keras):
    predictions, probas, _, _ = given()
    fitted = fit_combiner(align(list(predictions)), "weighted", per_class=True)
    cube = probas.astype(np.float32)
    inputs = [keras.Input((3,)) for _ in cube]
    model = keras.Model(inputs, fitted.combine(keras.ops.stack(inputs, axis=0), xp=keras.ops))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(list(cube))), fitted.combine(cube), rtol=1e-5)
