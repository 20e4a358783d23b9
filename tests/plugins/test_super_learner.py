"""`super_learner`: SciPy's non-negative least squares on all rows at once, and a case worked by hand."""

import numpy as np
import pytest
from scipy.optimize import nnls

from ensemblekit import Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError, NotFittedError
from ensemblekit_plugins.combiners.super_learner import SuperLearner
from ensemblekit_plugins.learning import simplex


def drawn(task="multiclass", n_members=4, n=80, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    skills = np.linspace(0.3, 2, n_members)
    if task == "multiclass":
        labels = rng.integers(0, n_classes, n)
        truth = np.eye(n_classes)[labels]
        probas = np.array([[rng.dirichlet(a) for a in 1 + s * truth] for s in skills])
    elif task == "multilabel":
        labels = truth = (rng.random((n, n_classes)) < 0.4).astype(float)
        probas = 1 / (1 + np.exp(-skills[:, None, None] * (2 * truth - 1) - rng.normal(size=(n_members, n, n_classes))))
    else:
        labels = truth = rng.normal(size=(n, n_classes))
        probas = truth + rng.normal(size=(n_members, n, n_classes)) / skills[:, None, None]
    return probas, labels, truth


def members(probas, labels, task="multiclass"):
    fields = {"ids": range(probas.shape[1]), "classes": range(probas.shape[-1]), "task": task, "labels": labels}
    return align([Predictions(p, member=f"m{k}", **fields) for k, p in enumerate(probas)])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
def test_the_weights_are_those_of_scipy(task, weighted, monkeypatch):
    monkeypatch.setattr(simplex, "BLOCK_VALUES", 64)  # many blocks
    probas, labels, truth = drawn(task)
    weight = np.random.default_rng(1).uniform(0.1, 2, len(labels)) if weighted else np.ones(len(labels))
    root = np.sqrt(weight)[:, None]
    expected, _ = nnls((probas * root).reshape(len(probas), -1).T, (truth * root).ravel())
    options = {"sample_weight": weight} if weighted else {}
    fitted = fit_combiner(members(probas, labels, task), "super_learner", **options)
    np.testing.assert_allclose(fitted.weights_, expected / expected.sum(), atol=1e-9)
    combined = combine(members(probas, labels, task), fitted).probas
    np.testing.assert_allclose(combined, np.average(probas, axis=0, weights=fitted.weights_), rtol=1e-12, atol=1e-14)


def test_by_hand():
    # One output, y = (1, 2). m0 = (1, 0) and m1 = (0, 1) give v = (1, 2), and w = (1/3, 2/3).
    fitted = fit_combiner(members(np.eye(2)[..., None], np.array([[1.0], [2.0]]), "regression"), "super_learner")
    np.testing.assert_allclose(fitted.weights_, [1 / 3, 2 / 3])


def test_no_positive_weight_is_equal_weights():
    # Every member is against the truth.
    fitted = fit_combiner(members(-np.ones((2, 3, 1)), np.ones((3, 1)), "regression"), "super_learner")
    assert fitted.weights_.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_log_loss_is_what_weighted_learns(task):
    probas, labels, _ = drawn(task)
    given = members(probas, labels, task)
    fitted = fit_combiner(given, "super_learner", loss="log_loss")
    assert fitted.weights_.tobytes() == fit_combiner(given, "weighted").weights_.tobytes()


def test_dense_outputs_are_rows():
    probas, labels, _ = drawn()
    dense = members(probas.reshape(4, 8, 5, 2, 3), labels.reshape(8, 5, 2))
    fitted = fit_combiner(dense, "super_learner")
    np.testing.assert_allclose(fitted.weights_, fit_combiner(members(probas, labels), "super_learner").weights_)
    assert combine(dense, fitted).probas.shape == (8, 5, 2, 3)


def test_no_order_changes_a_bit():
    probas, labels, _ = drawn()
    given = list(members(probas, labels))
    rng = np.random.default_rng(0)
    moved = [p.take(rng.permutation(p.ids)) for p in given][::-1]
    expected = fit_combiner(given, "super_learner").weights_
    assert fit_combiner(moved, "super_learner").weights_.tobytes() == expected.tobytes()


def test_rows_that_all_weighted_members_lack_are_refused():
    fields = {"ids": [1, 2], "classes": ["x", "y"], "labels": ["x", "y"]}
    right = Predictions([[1.0, 0.0], [0.0, 1.0]], member="right", **fields)
    wrong = Predictions([[0.0, 1.0], [1.0, 0.0]], member="wrong", **fields)
    fitted = fit_combiner([right, wrong], "super_learner")
    assert fitted.weights_.tolist() == [1, 0]
    with pytest.raises(InvalidOptionError, match="each row must be there for a member with a positive weight"):
        combine([right.take([1]), wrong], fitted, missing="renormalize")
    assert combine([right, wrong.take([1])], fitted, missing="renormalize").probas.tolist() == [[1, 0], [0, 1]]


def test_what_is_refused():
    with pytest.raises(InvalidOptionError, match="loss must be one of 'squared_error', 'log_loss'; received 'hinge'"):
        SuperLearner("hinge")
    probas, labels, _ = drawn("regression")
    with pytest.raises(InvalidOptionError, match="makes no sense for the task 'regression'"):
        fit_combiner(members(probas, labels, "regression"), "super_learner", loss="log_loss")
    with pytest.raises(NotFittedError, match="SuperLearner must be fitted before it combines"):
        SuperLearner().combine(np.ones((2, 2, 2)))
    given = list(members(*drawn()[:2]))
    with pytest.raises(InvalidOptionError, match=r"the super learner's weights are learned .* lack 70"):
        fit_combiner([*given[:3], given[3].take(range(10))], "super_learner", missing="renormalize")


@pytest.mark.keras
def test_a_graph_of_any_number_of_rows_agrees(keras):
    probas, labels, _ = drawn()
    fitted = fit_combiner(members(probas, labels), "super_learner")
    cube = probas.astype(np.float32)
    inputs = [keras.Input((3,)) for _ in cube]
    model = keras.Model(inputs, fitted.combine(keras.ops.stack(inputs, axis=0), xp=keras.ops))
    result = keras.ops.convert_to_numpy(model(list(cube)))
    np.testing.assert_allclose(result, fitted.combine(cube), rtol=1e-5)
