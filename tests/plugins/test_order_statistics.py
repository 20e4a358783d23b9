"""Median, trimmed and winsorised mean, maximum, minimum: by hand, and beside NumPy, SciPy and DESlib."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import Predictions, combine
from ensemblekit.errors import InvalidOptionError
from ensemblekit_plugins.combiners.maximum import Maximum
from ensemblekit_plugins.combiners.median import Median
from ensemblekit_plugins.combiners.minimum import Minimum
from ensemblekit_plugins.combiners.trimmed_mean import TrimmedMean
from ensemblekit_plugins.combiners.winsorised_mean import WinsorisedMean
from ensemblekit_plugins.kernels.blocks import Scratch, blocks
from ensemblekit_plugins.kernels.sorting import comparators, network, sum_order_statistics

DTYPES = [np.float16, np.float32, np.float64]
SHAPES = [(1, 1, 2), (2, 33, 2), (3, 7, 4), (8, 21, 10), (5, 11, 3, 2, 40), (70, 9, 3), (4, 0, 3)]
TASKS = ["multiclass", "multilabel", "regression"]
RULES = [Median(), TrimmedMean(), TrimmedMean(0.4), WinsorisedMean(), WinsorisedMean(0.4), Maximum(), Minimum()]
NAMES = [f"{type(rule).__name__} {getattr(rule, 'proportion', '')}".strip() for rule in RULES]
every_rule = pytest.mark.parametrize("rule", RULES, ids=NAMES)


def cube(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1]).astype(dtype)


def winsorised(values, proportion):
    ordered, n = np.sort(values, axis=0), int(proportion * len(values))
    return ordered.clip(ordered[n], ordered[-n - 1]).mean(axis=0)


def oracle(rule, member_probas, task="multiclass"):
    stats = pytest.importorskip("scipy.stats")
    values = member_probas.astype(np.float64)
    if isinstance(rule, Median):
        pooled = np.median(values, axis=0)
    elif isinstance(rule, TrimmedMean):
        pooled = stats.trim_mean(values, rule.proportion, axis=0)
    elif isinstance(rule, WinsorisedMean):
        pooled = winsorised(values, rule.proportion)
    else:
        pooled = values.max(axis=0) if isinstance(rule, Maximum) else values.min(axis=0)
    return pooled / pooled.sum(axis=-1, keepdims=True) if task == "multiclass" else pooled


class Reference:
    """NumPy under another name, so that a rule takes its reference lines."""

    def __getattr__(self, name):
        return getattr(np, name)


def of(rule, *rows, **kwargs):
    return rule.combine(np.array(rows, dtype=np.float64)[:, np.newaxis], **kwargs)[0].tolist()


# By hand.


def test_the_median_is_the_value_in_the_middle():
    assert of(Median(), [0.75, 0.25], [0.25, 0.75], [1.0, 0.0]) == [0.75, 0.25]
    assert of(Median(), [5.0], [1.0], [-2.0], [2.0], task="regression") == [1.5]


def test_medians_of_classes_are_divided_by_their_sum():
    # 0.25, 0.25 and 0: half each of the first two.
    assert of(Median(), [0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0, 1]) == [0.5, 0.5, 0]
    assert of(Median(), [0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0, 1], task="multilabel") == [0.25, 0.25, 0]


def test_a_trimmed_mean_leaves_out_either_end():
    assert of(TrimmedMean(0.25), [9.0], [1.0], [3.0], [-100.0], task="regression") == [2.0]
    assert of(TrimmedMean(0.2), [8.0], [1.0], [3.0], [0.0], task="regression") == [3.0]  # floor(0.8) = 0


def test_a_winsorised_mean_draws_in_either_end():
    assert of(WinsorisedMean(0.25), [9.0], [1.0], [3.0], [-100.0], task="regression") == [2.0]  # 1, 1, 3, 3
    assert of(WinsorisedMean(0.2), [0.0], [1.0], [3.0], [4.0], [99.0], task="regression") == [2.6]  # 1, 1, 3, 4, 4


def test_maximum_and_minimum():
    rows = [0.5, 0.25, 0.25], [0.5, 0.5, 0.0]
    assert of(Maximum(), *rows) == [0.4, 0.4, 0.2]
    assert of(Minimum(), *rows) == [2 / 3, 1 / 3, 0]
    assert of(Maximum(), *rows, task="multilabel") == [0.5, 0.5, 0.25]


@every_rule
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_of_zeros_becomes_uniform(rule, dtype):
    one_hot = np.eye(5, dtype=dtype)[:, np.newaxis]
    result = rule.combine(one_hot)
    np.testing.assert_allclose(result, np.full((1, 5), 0.2), rtol=np.finfo(dtype).eps)
    assert result.dtype == dtype


# Beside others.


@every_rule
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_it_agrees_with_numpy_and_scipy_and_with_its_reference(rule, dtype, shape, task):
    member_probas = cube(shape, dtype)
    result = rule.combine(member_probas, task=task)
    assert result.dtype == dtype
    assert result.shape == shape[1:]
    tolerance = {"rtol": 8 * np.finfo(dtype).eps, "atol": np.finfo(dtype).smallest_subnormal}
    np.testing.assert_allclose(rule.combine(member_probas, task=task, xp=Reference()), result, **tolerance)
    if shape[1]:
        np.testing.assert_allclose(result, oracle(rule, member_probas, task), **tolerance)


@pytest.mark.parametrize("proportion", [0.1, 0.25, 0.4])
@pytest.mark.parametrize("n_members", [1, 4, 5, 8, 70])
def test_its_winsorised_means_are_those_of_scipy(n_members, proportion):
    stats = pytest.importorskip("scipy.stats")
    values = cube((n_members, 3, 2))
    flat = values.reshape(n_members, -1).T
    means = [stats.mstats.winsorize(column, (proportion, proportion)).mean() for column in flat]
    np.testing.assert_allclose(winsorised(values, proportion), np.reshape(means, (3, 2)), rtol=1e-14)


@pytest.mark.parametrize(
    ("rule", "peer"), [(Median(), "median_rule"), (Maximum(), "maximum_rule"), (Minimum(), "minimum_rule")]
)
def test_deslib_chooses_the_same_class(rule, peer):
    aggregation = pytest.importorskip("deslib.util.aggregation")
    member_probas = cube((7, 200, 5))
    chosen = getattr(aggregation, peer)(member_probas.transpose(1, 0, 2))
    assert rule.combine(member_probas).argmax(axis=-1).tolist() == np.asarray(chosen).tolist()


@every_rule
@given(seed=st.integers(0, 2**32 - 1), n_members=st.integers(1, 9), n_classes=st.integers(2, 20))
def test_no_order_changes_a_bit(rule, seed, n_members, n_classes):
    rng = np.random.default_rng(seed)
    name = {TrimmedMean: "trimmed_mean", WinsorisedMean: "winsorised_mean"}.get(type(rule), type(rule).__name__.lower())
    options = {"proportion": rule.proportion} if hasattr(rule, "proportion") else {}
    values = rng.multinomial(8, np.full(n_classes, 1 / n_classes), (n_members, 9)) / np.float32(8)
    classes = [f"c{k:02}" for k in range(n_classes)]
    members = [Predictions(p, ids=range(9), classes=classes, member=f"m{k}") for k, p in enumerate(values)]
    expected = combine(members, name, **options)
    rows, columns = rng.permutation(9), rng.permutation(n_classes)
    moved = [
        Predictions(p[rows][:, columns], ids=rows, classes=[classes[c] for c in columns], member=f"m{k}")
        for k, p in enumerate(values)
    ]
    rng.shuffle(moved)
    result = combine(moved, name, **options).take(range(9)).probas[:, np.argsort(columns)]
    assert result.tobytes() == expected.probas.tobytes()
    alone = rule.combine(values[:, 4:5])
    assert alone.tobytes() == expected.probas[4:5].tobytes()


@every_rule
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_layout_in_memory_changes_no_bit_and_no_input(rule, dtype):
    plain = cube((5, 33, 4), dtype)
    member_probas = np.array(plain, order="F")
    member_probas.flags.writeable = False
    assert rule.combine(member_probas).tobytes() == rule.combine(plain).tobytes()
    assert member_probas.tobytes() == plain.tobytes()


@every_rule
def test_many_rows_go_in_blocks_and_threads_to_the_same_bits(rule):
    member_probas = cube((8, 40_000, 7), np.float32)
    whole = rule.combine(member_probas)
    assert whole[39_000:].tobytes() == rule.combine(member_probas[:, 39_000:]).tobytes()
    dense = rule.combine(member_probas.reshape(8, 4, 100, 100, 7))
    assert dense.tobytes() == whole.tobytes()


# Absent rows.


@every_rule
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_absent_members_are_as_if_they_were_not(rule, dtype, task):
    member_probas = cube((5, 33, 4, 3), dtype)
    present = np.random.default_rng(1).random((5, 33)) < 0.6
    present[2] = True
    member_probas[~present] = np.nan
    result = rule.combine(member_probas, present=present, task=task)
    assert result.dtype == dtype
    for i in range(33):
        some = member_probas[present[:, i], i : i + 1]
        assert result[i : i + 1].tobytes() == rule.combine(some, task=task).tobytes()
    reference = rule.combine(member_probas, present=present, task=task, xp=Reference())
    np.testing.assert_allclose(reference, result, rtol=8 * np.finfo(dtype).eps, atol=1e-7)
    everyone = np.ones((5, 33), bool)
    plain = cube((5, 33, 4, 3), dtype)
    assert rule.combine(plain, present=everyone).tobytes() == rule.combine(plain).tobytes()


# Sorting and blocks.


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13, 20, 33, 64])
def test_a_network_sorts_every_pattern_of_zeros_and_ones(n):
    # What sorts all zeros and ones sorts all numbers (Knuth 5.3.4, theorem Z).
    rng = np.random.default_rng(0)
    bits = np.array(np.meshgrid(*[[0, 1]] * n)).reshape(n, -1) if n <= 13 else rng.integers(0, 2, (n, 5000))
    for low, high in network(n):
        bits[[low, high]] = np.minimum(bits[low], bits[high]), np.maximum(bits[low], bits[high])
    assert (np.diff(bits, axis=0) >= 0).all()


def test_a_network_is_pruned_to_what_counts():
    assert comparators((1, 1, 1, 1)) == ()
    assert len(comparators((0, 0, 0, 1, 1, 0, 0, 0))) < len(network(8)) == 19


@given(st.integers(0, 2**32 - 1), st.integers(1, 70))
def test_sums_of_any_order_statistics_are_those_of_sorted_values(seed, n_members):
    rng = np.random.default_rng(seed)
    members = rng.integers(0, 9, (n_members, 3, 4)).astype(np.float64)
    counts = (*rng.integers(0, 3, n_members - 1).tolist(), 1)
    total = np.empty((3, 4))
    before = members.tobytes()
    sum_order_statistics(members, counts, total, Scratch())
    expected = (np.sort(members, axis=0) * np.reshape(counts, (-1, 1, 1))).sum(axis=0)
    assert total.tolist() == expected.tolist()
    assert members.tobytes() == before


@pytest.mark.parametrize("shape", [(0, 3), (7, 3), (100, 64, 64, 3), (3, 100, 1000, 2), (5000, 10), (2, 7, 5, 7000)])
def test_blocks_hold_each_value_once(shape):
    times = np.zeros(shape, int)
    for where in blocks(shape, 5000):
        assert times[where].ndim == len(shape)
        assert times[where].size <= max(5000, shape[-1])
        times[where] += 1
    assert (times == 1).all()


# Options, and Keras.


@pytest.mark.parametrize("rule", [TrimmedMean, WinsorisedMean])
def test_a_proportion_that_is_none_is_refused(rule):
    for proportion in (-0.1, 0.6, np.nan, "a"):
        with pytest.raises(InvalidOptionError, match=r"proportion must be a finite number >= 0 and <= 0.5; received"):
            rule(proportion)
    with pytest.raises(InvalidOptionError, match=r"proportion must be < 0.5, or no member is left; received 0.5"):
        rule(0.5)


@pytest.mark.keras
@every_rule
@pytest.mark.parametrize("absent", [False, True])
def test_a_keras_graph_agrees(keras, rule, absent):
    member_probas = cube((3, 50, 4), np.float32)
    present = np.random.default_rng(1).random((3, 50)) < 0.6
    present[1] = True
    inputs = [keras.Input((4,)) for _ in range(3)]
    there = [keras.Input((), dtype="bool") for _ in range(3)] if absent else []
    kwargs = {"present": keras.ops.stack(there, axis=0)} if absent else {}
    model = keras.Model([*inputs, *there], rule.combine(keras.ops.stack(inputs, axis=0), xp=keras.ops, **kwargs))
    assert model.output_shape == (None, 4)
    result = keras.ops.convert_to_numpy(model([*member_probas, *(present if absent else ())]))
    expected = rule.combine(member_probas, **({"present": present} if absent else {}))
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.keras
@every_rule
@pytest.mark.parametrize("dtype", DTYPES)
def test_keras_keeps_the_dtype(keras, rule, dtype):
    member_probas = cube((5, 9, 4), dtype)
    result = rule.combine(keras.ops.convert_to_tensor(member_probas), xp=keras.ops)
    assert keras.backend.standardize_dtype(result.dtype) == np.dtype(dtype).name
    tolerance = {"rtol": 16 * np.finfo(dtype).eps, "atol": np.finfo(dtype).smallest_subnormal}
    np.testing.assert_allclose(keras.ops.convert_to_numpy(result), rule.combine(member_probas), **tolerance)
