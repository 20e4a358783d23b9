"""`borda`: hand-worked points, SciPy's ranks, ties, and the same lines in Keras."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import Predictions, combine
from ensemblekit.errors import InvalidOptionError
from ensemblekit_plugins.combiners.borda import Borda

DTYPES = [np.float16, np.float32, np.float64]


class Reference:
    """NumPy under another name, for which there is no fast path."""

    def __getattr__(self, name):
        return getattr(np, name)


def eighths(rng, shape):
    return rng.multinomial(8, np.full(shape[-1], 1 / shape[-1]), shape[:-1]) / 8


def borda(*rows, **options):
    return Borda(**options).combine(np.array(rows, dtype=np.float64)[:, np.newaxis])[0]


def test_points_are_the_classes_that_are_beaten():
    # 2 + 0, 1 + 2 and 0 + 1 points out of 6
    np.testing.assert_allclose(borda([0.5, 0.3, 0.2], [0.1, 0.6, 0.3]), [2 / 6, 3 / 6, 1 / 6], rtol=1e-15)


def test_tied_classes_share_their_points():
    # 3/2, 3/2, 0 and 2, 1/2, 1/2
    np.testing.assert_allclose(borda([0.4, 0.4, 0.2], [0.8, 0.1, 0.1]), [3.5 / 6, 2 / 6, 0.5 / 6], rtol=1e-15)


def test_points_are_weighted():
    # 3 * (2, 1, 0) + (0, 2, 1), out of 4 * 3
    np.testing.assert_allclose(borda([0.5, 0.3, 0.2], [0.1, 0.6, 0.3], weights=[3, 1]), [6 / 12, 5 / 12, 1 / 12])


def test_only_the_order_counts():
    assert borda([0.5, 0.3, 0.2], [0.1, 0.6, 0.3]).tolist() == borda([0.98, 0.02, 0.0], [0.2, 0.41, 0.39]).tolist()


def test_a_tie_goes_to_the_larger_summed_probability_then_to_the_first():
    points = borda([0.9, 0.1], [0.4, 0.6])
    assert points[1] == 0.5
    assert 0.5 < points[0] <= 0.5 + 2 * np.spacing(0.5)
    assert borda([0.6, 0.4], [0.1, 0.9]).argmax() == 1
    assert borda([0.25, 0.75], [0.75, 0.25]).argmax() == 0


@pytest.mark.parametrize("classes", [["cat", "dog"], ["dog", "cat"]])
def test_a_full_tie_goes_to_the_first_by_name(classes):
    rows = [Predictions([p], ids=[1], classes=classes, member=str(p)) for p in ([0.25, 0.75], [0.75, 0.25])]
    assert combine(rows, "borda").predicted.tolist() == ["cat"]


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.sampled_from([1, 7, 33]),
    st.sampled_from([2, 3, 7, 32, 33, 70]),
    st.booleans(),
    st.sampled_from(DTYPES),
)
def test_it_agrees_with_the_ranks_of_scipy(seed, n_members, n_samples, n_classes, weighted, dtype):
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(seed)
    member_probas = eighths(rng, (n_members, n_samples, n_classes)).astype(dtype)
    weights = rng.integers(1, 4, n_members) if weighted else None
    w = np.ones(n_members) if weights is None else weights
    points = stats.rankdata(member_probas, axis=-1) - 1
    expected = np.einsum("m,mic->ic", w, points) / (w.sum() * n_classes * (n_classes - 1) / 2)
    result = Borda(weights).combine(member_probas)
    assert result.dtype == dtype
    assert (result >= 0).all()
    np.testing.assert_allclose(result, expected, rtol=4 * np.finfo(dtype).eps, atol=np.finfo(dtype).smallest_subnormal)
    reference = Borda(weights).combine(member_probas, xp=Reference())
    np.testing.assert_allclose(reference, expected, rtol=(2 * n_members + n_classes / 2) * np.finfo(dtype).eps)
    alone = Borda(weights).combine(member_probas[:, -1:])
    assert alone.tobytes() == result[-1:].tobytes()


def test_absent_members_give_no_points():
    member_probas = np.array([[[0.9, 0.1]], [[np.nan, np.nan]], [[0.4, 0.6]], [[0.4, 0.6]]])
    present = np.array([[True], [False], [True], [True]])
    for xp in (np, Reference()):
        result = Borda([2, 100, 3, 3]).combine(member_probas, present=present, xp=xp)
        assert result.tolist() == [[0.25, 0.75]]


@pytest.mark.parametrize("weights", [None, [3, 1, 2]])
def test_no_layout_changes_a_bit_or_an_input(weights):
    plain = eighths(np.random.default_rng(0), (3, 4, 5, 6, 3)).astype(np.float32)
    expected = Borda(weights).combine(plain.reshape(3, 120, 3))
    turned = np.array(plain, order="F")
    turned.flags.writeable = False
    assert Borda(weights).combine(turned).tobytes() == expected.tobytes()
    assert (turned == plain).all()


def test_two_threads_give_the_bits_of_one():
    member_probas = np.random.default_rng(0).random((3, 150_000, 5), dtype=np.float32)  # above THREADED_VALUES
    result = Borda().combine(member_probas)
    some = slice(70_000, 70_100)
    assert Borda().combine(member_probas[:, some]).tobytes() == result[some].tobytes()


def test_no_rows_are_no_trouble():
    assert Borda().combine(np.empty((3, 0, 4), np.float32)).shape == (0, 4)


def test_weights_by_name():
    member_probas = np.array([[[0.5, 0.3, 0.2]], [[0.1, 0.6, 0.3]]])
    with pytest.raises(InvalidOptionError, match=r"weights by name need the members' names: .*for_members"):
        Borda({"a": 1, "b": 2}).combine(member_probas)
    settled = Borda({"a": 3, "b": 1}).for_members(("b", "a"))
    assert settled.combine(member_probas).tolist() == Borda([1, 3]).combine(member_probas).tolist()


def test_other_tasks_are_refused():
    numbers = Predictions([[1.0]], ids=[1], classes=["y"], task="regression", member="a")
    with pytest.raises(InvalidOptionError, match="combiner 'borda' makes no sense for the task 'regression'"):
        combine([numbers], "borda")


@pytest.mark.keras
@pytest.mark.parametrize("weights", [None, [3, 1, 2]])
@pytest.mark.parametrize("dtype", DTYPES)
def test_keras_agrees(keras, dtype, weights):
    member_probas = eighths(np.random.default_rng(0), (3, 50, 4)).astype(dtype)
    result = Borda(weights).combine(keras.ops.convert_to_tensor(member_probas), xp=keras.ops)
    assert keras.backend.standardize_dtype(result.dtype) == np.dtype(dtype).name
    result, expected = keras.ops.convert_to_numpy(result), Borda(weights).combine(member_probas)
    np.testing.assert_allclose(result, expected, rtol=8 * np.finfo(dtype).eps)
    assert result.argmax(axis=-1).tolist() == expected.argmax(axis=-1).tolist()


@pytest.mark.keras
def test_it_is_a_graph_of_any_number_of_rows(keras):
    member_probas = eighths(np.random.default_rng(0), (3, 50, 4)).astype(np.float32)
    inputs = [keras.Input((4,)) for _ in range(3)]
    model = keras.Model(inputs, Borda().combine(keras.ops.stack(inputs, axis=0), xp=keras.ops))
    result = keras.ops.convert_to_numpy(model(list(member_probas)))
    np.testing.assert_allclose(result, Borda().combine(member_probas), rtol=1e-6)
