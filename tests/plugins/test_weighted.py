"""`weighted`: given weights, and learned ones against SciPy's optimiser."""

import numpy as np
import pytest

from ensemblekit import Predictions, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError, NotFittedError
from ensemblekit_plugins.combiners.mean import Mean
from ensemblekit_plugins.combiners.weighted import Weighted

DTYPES = [np.float16, np.float32, np.float64]


def cube(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1]).astype(dtype)


def members(n_members=3, n=60, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    skills = np.linspace(0.3, 3, n_members)
    draws = [np.array([rng.dirichlet(a) for a in 1 + s * np.eye(n_classes)[labels]]) for s in skills]
    return [
        Predictions(p, ids=range(n), classes=[f"c{i}" for i in range(n_classes)], labels=labels, member=f"m{k}")
        for k, p in enumerate(draws)
    ]


def log_loss(weights, likelihood):
    return -np.log(np.maximum(weights @ likelihood, 1e-15)).mean()


def likelihood(given):
    return np.array([p.probas[np.arange(len(p)), p.label_codes] for p in given])


# Given weights.


def test_three_to_one():
    member_probas = np.array([[[0.0, 1.0], [0.5, 0.5]], [[1.0, 0.0], [0.25, 0.75]]])
    assert Weighted([3, 1]).combine(member_probas).tolist() == [[0.25, 0.75], [0.4375, 0.5625]]


@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 7, 4), (4, 5, 3, 2, 4)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_the_average_of_numpy_in_the_same_dtype(shape, dtype):
    member_probas = cube(shape, dtype)
    weights = np.arange(1, shape[0] + 1)
    mean = Weighted(weights).combine(member_probas)
    assert mean.dtype == dtype
    expected = np.average(member_probas.astype(np.float64), axis=0, weights=weights)
    np.testing.assert_allclose(mean, expected, rtol=4 * np.finfo(dtype).eps, atol=np.finfo(dtype).smallest_subnormal)


def test_only_the_ratio_of_the_weights_counts():
    member_probas = cube((3, 7, 4))
    expected = Weighted([1, 2, 3]).combine(member_probas)
    for scale in (4.0, 1e-300, 1e300):
        np.testing.assert_allclose(Weighted(scale * np.array([1, 2, 3])).combine(member_probas), expected, rtol=1e-14)


def test_a_member_of_weight_zero_leaves_no_trace():
    member_probas = cube((3, 7, 4))
    assert Weighted([1, 0, 1]).combine(member_probas).tobytes() == Mean().combine(member_probas[[0, 2]]).tobytes()


def test_equal_weights_are_the_mean():
    member_probas = cube((4, 7, 3))
    assert Weighted([0.1] * 4).combine(member_probas).tobytes() == Mean().combine(member_probas).tobytes()


@pytest.mark.parametrize("layout", ["C", "F"])
def test_the_layout_in_memory_changes_no_bit_and_no_input(layout):
    plain = cube((5, 33, 4), np.float32)
    member_probas = np.array(plain, order=layout)
    member_probas.flags.writeable = False
    weights = [1, 2, 3, 4, 5]
    assert Weighted(weights).combine(member_probas).tobytes() == Weighted(weights).combine(plain).tobytes()
    assert member_probas.tobytes() == plain.tobytes()
    assert weights == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_weights_of_the_members_present_are_divided_by_their_sum(dtype):
    nan = [np.nan, np.nan]
    member_probas = np.array([[[1, 0], nan], [[0, 1], [0.5, 0.5]], [nan, [1, 0]]], dtype)
    present = np.array([[True, False], [True, True], [False, True]])
    mean = Weighted([3, 1, 1]).combine(member_probas, present=present)
    assert mean.dtype == dtype
    np.testing.assert_allclose(mean, [[0.75, 0.25], [0.75, 0.25]], rtol=2 * np.finfo(dtype).eps)


def test_weights_by_name_need_names():
    with pytest.raises(InvalidOptionError, match=r"weights by name need the members' names: .*for_members"):
        Weighted({"k": 1}).combine(cube((1, 2, 2)))


def test_given_weights_need_no_fit_and_no_fit_changes_them():
    given = members()
    weights = {"m0": 1, "m1": 2, "m2": 3}
    fitted = fit_combiner(given, "weighted", weights=weights)
    assert not hasattr(fitted, "weights_")
    assert combine(given, fitted).probas.tobytes() == combine(given, "weighted", weights=weights).probas.tobytes()


# Learned weights.


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_members", [2, 3, 6])
def test_learned_weights_minimise_the_log_loss(n_members, seed):
    from scipy.optimize import minimize

    given = members(n_members, seed=seed)
    fitted = fit_combiner(given, "weighted")
    assert fitted.weights_.min() >= 0
    assert fitted.weights_.sum() == pytest.approx(1)
    best = minimize(
        log_loss,
        np.full(n_members, 1 / n_members),
        args=(likelihood(given),),
        method="SLSQP",
        bounds=[(0, 1)] * n_members,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-13, "maxiter": 1000},
    )
    assert best.success
    assert log_loss(fitted.weights_, likelihood(given)) <= best.fun + 1e-6
    np.testing.assert_allclose(fitted.weights_, best.x, atol=5e-3)


def test_a_member_that_is_always_right_takes_all():
    fields = {"ids": [1, 2], "classes": ["x", "y"], "labels": ["x", "y"]}
    right = Predictions([[1.0, 0.0], [0.0, 1.0]], member="right", **fields)
    wrong = Predictions([[0.1, 0.9], [0.9, 0.1]], member="wrong", **fields)
    fitted = fit_combiner([wrong, right], "weighted")
    assert fitted.members_ == ("right", "wrong")
    np.testing.assert_allclose(fitted.weights_, [1, 0], atol=1e-8)


def test_members_that_say_the_same_keep_the_same_weight():
    given = members(2)
    fitted = fit_combiner([*given, given[1].rename("twin")], "weighted")
    assert fitted.weights_[1] == fitted.weights_[2]


def test_a_row_of_weight_two_is_two_rows():
    given = members(3, n=20)
    twice = [
        Predictions(
            np.concatenate([p.probas, p.probas[:5]]),
            ids=range(25),
            classes=p.classes,
            labels=np.concatenate([p.labels, p.labels[:5]]),
            member=p.member,
        )
        for p in given
    ]
    weighted = fit_combiner(given, "weighted", sample_weight=[2] * 5 + [1] * 15)
    np.testing.assert_allclose(weighted.weights_, fit_combiner(twice, "weighted").weights_, atol=1e-9)
    plain = fit_combiner(given, "weighted")
    assert abs(weighted.weights_ - plain.weights_).max() > 1e-3


def test_a_row_of_weight_zero_is_no_row():
    given = members(3, n=20)
    some = [p.take(p.ids[5:]) for p in given]
    weighted = fit_combiner(given, "weighted", sample_weight=[0] * 5 + [1] * 15)
    np.testing.assert_allclose(weighted.weights_, fit_combiner(some, "weighted").weights_, atol=1e-9)


def test_a_class_given_no_probability_by_anyone_is_survived():
    fields = {"ids": [1, 2], "classes": ["x", "y"], "labels": ["x", "x"]}
    given = [Predictions([[0.0, 1.0], [p, 1 - p]], member=f"m{p}", **fields) for p in (0.25, 0.75)]
    assert np.isfinite(fit_combiner(given, "weighted").weights_).all()


def test_weights_are_learned_from_dense_outputs_too():
    flat = members(3, n=60)
    dense = [
        Predictions(
            p.probas.reshape(10, 6, 3),
            ids=range(10),
            classes=p.classes,
            labels=p.labels.reshape(10, 6),
            member=p.member,
        )
        for p in flat
    ]
    np.testing.assert_allclose(
        fit_combiner(dense, "weighted").weights_, fit_combiner(flat, "weighted").weights_, rtol=1e-9
    )


def test_float32_predictions_give_float32():
    given = [
        Predictions(p.probas.astype("f4"), ids=p.ids, classes=p.classes, labels=p.labels, member=p.member)
        for p in members()
    ]
    fitted = fit_combiner(given, "weighted")
    assert fitted.weights_.dtype == np.float64
    assert combine(given, fitted).probas.dtype == np.float32


def test_learning_needs_every_row():
    given = [*members(2, n=10), members(3, n=10)[2].take(range(5))]
    with pytest.raises(InvalidOptionError, match=r"weights are learned .* every row present; .* members lack 5\."):
        fit_combiner(given, "weighted", missing="renormalize")


def test_without_weights_and_fit_it_does_not_combine():
    with pytest.raises(NotFittedError, match="weights are neither given nor learned"):
        Weighted().combine(cube((2, 2, 2)))


@pytest.mark.keras
@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_keras_agrees(keras, dtype, absent):
    member_probas = cube((3, 33, 4), dtype)
    kwargs = {"present": np.random.default_rng(1).random((3, 33)) < 0.7} if absent else {}
    if absent:
        kwargs["present"][0] = True
        member_probas[~kwargs["present"]] = np.nan
    given = {name: keras.ops.convert_to_tensor(value) for name, value in kwargs.items()}
    combiner = Weighted([1, 2, 4])
    mean = combiner.combine(keras.ops.convert_to_tensor(member_probas), xp=keras.ops, **given)
    assert keras.backend.standardize_dtype(mean.dtype) == np.dtype(dtype).name
    expected = combiner.combine(member_probas, **kwargs)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(mean), expected, rtol=8 * np.finfo(dtype).eps)
