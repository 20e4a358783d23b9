"""`super_learner`: SciPy's SLSQP and every set of members on all rows at once, and a case worked by hand."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from ensemblekit import Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError, NotFittedError
from ensemblekit.store import load
from ensemblekit_plugins.combiners.super_learner import SuperLearner
from ensemblekit_plugins.learning import least_squares


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


def smallest_error(columns, target):
    """Find the convex optimum among those of all sets of members, each solved with a sum of 1 alone."""
    found = []
    residuals = columns - target[:, None]
    for size in range(1, columns.shape[1] + 1):
        for some in itertools.combinations(range(columns.shape[1]), size):
            first, rest = residuals[:, some[0]], residuals[:, some[1:]]
            steps = np.linalg.lstsq(rest - first[:, None], -first, rcond=None)[0] if size > 1 else np.zeros(0)
            weights = np.array([1 - steps.sum(), *steps])
            if (weights >= 0).all():
                found.append(np.square(residuals[:, some] @ weights).sum())
    return min(found)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
def test_the_error_is_the_convex_optimum(task, weighted, monkeypatch):
    monkeypatch.setattr(least_squares, "BLOCK_VALUES", 64)  # many blocks
    probas, labels, truth = drawn(task)
    weight = np.random.default_rng(1).uniform(0.1, 2, len(labels)) if weighted else np.ones(len(labels))
    root = np.sqrt(weight)[:, None]
    columns, target = (probas * root).reshape(len(probas), -1).T, (truth * root).ravel()
    options = {"sample_weight": weight} if weighted else {}
    fitted = fit_combiner(members(probas, labels, task), "super_learner", **options)
    assert (fitted.weights_ >= 0).all()
    assert fitted.weights_.sum() == pytest.approx(1, abs=1e-12)
    error = np.square(columns @ fitted.weights_ - target).sum()
    assert error == pytest.approx(smallest_error(columns, target), rel=1e-12)
    start = np.full(len(probas), 1 / len(probas))
    slsqp = minimize(
        lambda w: np.square(columns @ w - target).mean(), start, method="SLSQP", bounds=[(0, 1)] * len(probas),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, options={"ftol": 1e-15},
    )  # fmt: skip
    assert error / len(target) <= slsqp.fun * (1 + 1e-8)
    combined = combine(members(probas, labels, task), fitted).probas
    np.testing.assert_allclose(combined, np.average(probas, axis=0, weights=fitted.weights_), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("seed", range(6))
def test_no_member_is_better_on_forecasts_with_a_bias(seed):
    # All forecasts are too low: weights of non-negative least squares have a sum far from 1, and divided by it they
    # can be worse than each member.
    rng = np.random.default_rng(seed)
    truth = rng.normal(50_000, 8000, (60, 1))
    errors = rng.normal(size=(5, 60, 1)) * 1500 - rng.uniform(0, 9000, (5, 1, 1)) + 3000 * rng.normal(size=(60, 1))
    if seed % 2:
        errors[1] = errors[0] + 1e-3 * rng.normal(size=(60, 1))
        errors[-1] *= 1e4
    fitted = fit_combiner(members(truth + errors, truth, "regression"), "super_learner")
    error = np.square(np.tensordot(fitted.weights_, errors, 1)).sum()
    assert error <= np.square(errors).sum(axis=(1, 2)).min() * (1 + 1e-12)
    assert error == pytest.approx(smallest_error(errors[..., 0].T, np.zeros(60)), rel=1e-8)


def test_by_hand():
    # One output, y = (1, 3). m0 = (2, 2) and m1 = (0, 3) have the residuals (1, -1) and (-1, 0): with the weight w of
    # m0 the error is (2 w - 1)^2 + w^2, and w = 2/5.
    probas, labels = np.array([[[2.0], [2.0]], [[0.0], [3.0]]]), np.array([[1.0], [3.0]])
    fitted = fit_combiner(members(probas, labels, "regression"), "super_learner")
    np.testing.assert_allclose(fitted.weights_, [2 / 5, 3 / 5])


def test_members_that_are_all_against_the_truth_share_the_weight_somehow():
    fitted = fit_combiner(members(-np.ones((2, 3, 1)), np.ones((3, 1)), "regression"), "super_learner")
    assert fitted.weights_.sum() == 1


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
def test_each_class_can_have_its_own_weights(task):
    probas, labels, truth = drawn(task)
    weight = np.random.default_rng(1).uniform(0.1, 2, len(labels))
    given = members(probas, labels, task)
    fitted = fit_combiner(given, "super_learner", per_class=True, sample_weight=weight)
    assert fitted.weights_.shape == (4, 3)
    for c in range(3):
        alone = members(probas[..., [c]], truth[:, [c]], "regression")
        expected = fit_combiner(alone, "super_learner", sample_weight=weight).weights_
        np.testing.assert_allclose(fitted.weights_[:, c], expected, atol=1e-9)
    expected = np.einsum("mc,mic->ic", fitted.weights_, probas)
    expected = expected / expected.sum(axis=1, keepdims=True) if task == "multiclass" else expected
    np.testing.assert_allclose(combine(given, fitted).probas, expected, rtol=1e-12)
    with pytest.raises(InvalidOptionError, match="cannot combine rows that some members lack"):
        combine([*list(given)[:3], list(given)[3].take(range(10))], fitted, missing="renormalize")


def test_one_that_was_saved_before_keeps_its_weights_and_can_be_fitted_again():
    saved = Path(__file__).parents[1] / "unit" / "data" / "saved_0_1" / "regression-super_learner"
    old = load(saved)
    before = old.weights_.copy()
    assert old.combine(np.arange(6.0).reshape(3, 2, 1)).ravel().tolist() == pytest.approx(
        [2 * before[1] + 4 * before[2], before[0] + 3 * before[1] + 5 * before[2]]
    )
    probas, labels, _ = drawn("regression")
    assert old.fit(members(probas, labels, "regression")).weights_.shape == (4,)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("per_class", [False, True])
def test_log_loss_is_what_weighted_learns(task, per_class):
    probas, labels, _ = drawn(task)
    given = members(probas, labels, task)
    fitted = fit_combiner(given, "super_learner", loss="log_loss", per_class=per_class)
    expected = fit_combiner(given, "weighted", per_class=per_class).weights_
    np.testing.assert_allclose(fitted.weights_, expected, rtol=1e-12, atol=1e-300)


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
