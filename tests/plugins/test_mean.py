"""`mean`: hand-worked cases, a NumPy oracle, absent rows, and the same lines in Keras."""

import numpy as np
import pytest

from ensemblekit_plugins.combiners.mean import Mean
from tests.backends import BACKEND

DTYPES = [np.float16, np.float32, np.float64]
SHAPES = [(1, 1, 2), (3, 7, 4), (2, 33, 2), (5, 11, 3, 2, 4)]


def cube(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1]).astype(dtype)


def test_each_member_counts_the_same():
    member_probas = np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.5, 0.5], [0.25, 0.75]]])
    assert Mean().combine(member_probas).tolist() == [[0.75, 0.25], [0.375, 0.625]]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_the_mean_of_numpy_in_the_same_dtype(shape, dtype):
    member_probas = cube(shape, dtype)
    mean = Mean().combine(member_probas)
    assert mean.dtype == dtype
    assert mean.shape == shape[1:]
    expected = member_probas.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(mean, expected, rtol=2 * np.finfo(dtype).eps, atol=np.finfo(dtype).smallest_subnormal)


def test_many_small_float16_members_lose_nothing():
    member_probas = np.broadcast_to(np.array([[[0.999, 0.001]]], dtype=np.float16), (5000, 1, 2))
    assert Mean().combine(member_probas).tolist() == member_probas[0].tolist()


@pytest.mark.parametrize("layout", ["C", "F"])
def test_the_layout_in_memory_changes_no_bit_and_no_input(layout):
    plain = cube((5, 33, 4), np.float32)
    member_probas = np.array(plain, order=layout)
    member_probas.flags.writeable = False
    assert Mean().combine(member_probas).tobytes() == Mean().combine(plain).tobytes()
    assert member_probas.tobytes() == plain.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_absent_members_do_not_count_whatever_they_hold(dtype):
    member_probas = np.array([[[1, 0], [0.5, 0.5]], [[np.nan, np.nan], [0.25, 0.75]]], dtype)
    present = np.array([[True, True], [False, True]])
    mean = Mean().combine(member_probas, present=present)
    assert mean.dtype == dtype
    assert mean.tolist() == [[1.0, 0.0], [0.375, 0.625]]


def test_with_all_present_it_is_the_plain_mean():
    member_probas = cube((3, 7, 4))
    mean = Mean().combine(member_probas, present=np.ones((3, 7), bool))
    assert mean.tobytes() == Mean().combine(member_probas).tobytes()


def test_absent_rows_of_dense_outputs():
    member_probas = cube((2, 3, 4, 5, 2))
    present = np.array([[True, True, False], [True, False, True]])
    member_probas[~present] = np.nan
    mean = Mean().combine(member_probas, present=present)
    np.testing.assert_allclose(mean, np.nanmean(member_probas, axis=0), rtol=1e-15)


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
    mean = Mean().combine(keras.ops.convert_to_tensor(member_probas), xp=keras.ops, **given)
    assert keras.backend.standardize_dtype(mean.dtype) == np.dtype(dtype).name
    expected = Mean().combine(member_probas, **kwargs)
    # On torch, Keras takes the mean of float64 in float32.
    eps = np.finfo(np.float32 if BACKEND == "torch" else dtype).eps
    np.testing.assert_allclose(keras.ops.convert_to_numpy(mean), expected, rtol=4 * max(eps, np.finfo(dtype).eps))
