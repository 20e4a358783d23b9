"""`geometric_mean` and `product`: worked by hand, vetoes, and beside SciPy and DESlib."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import Predictions, combine
from ensemblekit.errors import InvalidOptionError
from ensemblekit_plugins.combiners.geometric_mean import GeometricMean
from ensemblekit_plugins.combiners.product import Product

DTYPES = [np.float16, np.float32, np.float64]
SHAPES = [(1, 1, 2), (2, 33, 2), (3, 7, 4), (8, 21, 10), (5, 11, 3, 2, 40), (4, 0, 3)]
TASKS = ["multiclass", "multilabel"]
RULES = [
    (GeometricMean, {}),
    (GeometricMean, {"weights": True}),
    (GeometricMean, {"weights": True, "temperature": 0.5}),
    (Product, {}),
]
every_rule = pytest.mark.parametrize(("factory", "options"), RULES, ids=["geometric", "weighted", "sharp", "product"])
both_tasks = pytest.mark.parametrize("task", TASKS)


class Reference:
    """NumPy under another name, so that a rule takes its reference lines."""

    def __getattr__(self, name):
        return getattr(np, name)


def cube(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1]).astype(dtype)


def made(factory, options, n_members):
    return factory(**options | ({"weights": [k % 4 for k in range(1, n_members + 1)]} if "weights" in options else {}))


def tolerance(dtype, n_members=8):
    return {"rtol": 16 * n_members * np.finfo(dtype).eps, "atol": np.finfo(dtype).smallest_normal}


def of(rule, *rows, **kwargs):
    return rule.combine(np.array(rows, dtype=np.float64)[:, np.newaxis], **kwargs)[0].tolist()


# By hand.


def test_the_geometric_mean_is_normalised():
    # sqrt(0.9 * 0.5) : sqrt(0.1 * 0.5) = 3 : 1
    assert of(GeometricMean(), [0.9, 0.1], [0.5, 0.5]) == pytest.approx([0.75, 0.25])


def test_the_product_is_normalised():
    assert of(Product(), [0.75, 0.25], [0.75, 0.25]) == pytest.approx([0.9, 0.1])
    assert of(Product(), [0.5, 0.25, 0.25], [0.2, 0.4, 0.4]) == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_columns_of_multilabel_stand_against_their_complements():
    assert of(GeometricMean(), [0.9, 0.5], [0.5, 0.5], task="multilabel") == pytest.approx([0.75, 0.5])
    assert of(Product(), [0.75, 0.9], [0.75, 0.1], task="multilabel") == pytest.approx([0.9, 0.5])


def test_weights_are_powers_and_the_temperature_divides_them():
    # (0.8 / 0.2) ** (3/4) * (0.5 / 0.5) ** (1/4) = 2 ** 1.5
    expected = [2**1.5 / (1 + 2**1.5), 1 / (1 + 2**1.5)]
    assert of(GeometricMean([3, 1]), [0.8, 0.2], [0.5, 0.5]) == pytest.approx(expected)
    assert of(GeometricMean([3e300, 1e300]), [0.8, 0.2], [0.5, 0.5]) == pytest.approx(expected)
    sharp = GeometricMean(temperature=0.5)
    assert of(sharp, [0.75, 0.25], [0.75, 0.25]) == pytest.approx([0.9, 0.1])
    assert of(GeometricMean(temperature=2.0), [0.9, 0.1]) == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("xp", [np, Reference()], ids=["fast", "reference"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_zero_is_a_veto(dtype, xp):
    rows = np.array([[[0.5, 0.5, 0]], [[0, 0.5, 0.5]]], dtype)
    for rule in (GeometricMean(), Product()):
        assert rule.combine(rows, xp=xp).tolist() == [[0, 1, 0]]
    assert GeometricMean([1, 0]).combine(rows, xp=xp).tolist() == [[0.5, 0.5, 0]]


@pytest.mark.parametrize("xp", [np, Reference()], ids=["fast", "reference"])
@pytest.mark.parametrize("rule", [GeometricMean(), Product()])
def test_where_all_are_vetoed_the_fewest_vetoes_win(rule, xp):
    assert of(rule, [1, 0], [0, 1], xp=xp) == [0.5, 0.5]
    assert of(rule, [1, 0, 0], [1, 0, 0], [0, 1, 0], xp=xp) == [1, 0, 0]
    assert of(rule, [1, 0, 0], [0, 1, 0], [0.5, 0.5, 0], xp=xp) == [0.5, 0.5, 0]
    power = 1 if isinstance(rule, Product) else 0.5
    rest = np.array([0.75, 0.25, 1]) ** power
    assert of(rule, [0.75, 0.25, 0], [0, 0, 1], xp=xp) == pytest.approx(rest / rest.sum())
    assert of(rule, [1.0, 0.0, 1.0], [0.0, 0.0, 1.0], task="multilabel", xp=xp) == [0.5, 0, 1]


def test_vetoes_are_weighed():
    assert of(GeometricMean([2, 1]), [1, 0], [0, 1]) == [1, 0]
    # 0.1 + 0.2 > 0.3 in floating point alone.
    assert of(GeometricMean([0.1, 0.2, 0.3]), [1, 0], [1, 0], [0, 1]) == [0.5, 0.5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_number_of_members_and_no_tiny_value_makes_a_row_zero(dtype):
    tiny = float(np.finfo(dtype).tiny)
    opposed = np.tile(np.array([[[1, tiny]], [[tiny, 1]]], dtype), (50, 1, 1))
    for rule in (GeometricMean(), Product(), GeometricMean(temperature=1e-3)):
        np.testing.assert_allclose(rule.combine(opposed), [[0.5, 0.5]], rtol=1e-2 if dtype == np.float32 else 1e-9)
    many = np.broadcast_to(np.array([0.1] * 10, dtype), (1000, 2, 10))
    np.testing.assert_allclose(Product().combine(many), np.full((2, 10), 0.1), rtol=1e-6)


def test_a_column_a_little_above_one_counts_as_one():
    assert of(GeometricMean(), [1.0005], [1.0], task="multilabel") == [1]


# Beside others.


@every_rule
@both_tasks
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_it_agrees_with_scipy_and_with_its_reference(dtype, shape, task, factory, options):
    stats = pytest.importorskip("scipy.stats")
    rule, member_probas = made(factory, options, shape[0]), cube(shape, dtype)
    result = rule.combine(member_probas, task=task)
    assert result.dtype == dtype
    assert result.shape == shape[1:]
    reference = rule.combine(member_probas, task=task, xp=Reference())
    assert reference.dtype == dtype
    np.testing.assert_allclose(reference, result, **tolerance(dtype, shape[0]))
    if not shape[1]:
        return
    weights = np.array(rule.weights if options.get("weights") else np.ones(shape[0]), dtype=np.float64)
    power = shape[0] if factory is Product else 1 / rule.temperature
    values = member_probas.astype(np.float64)
    values = np.stack([values, 1 - values], axis=-1) if task == "multilabel" else values
    with np.errstate(divide="ignore"):
        expected = stats.gmean(values, axis=0, weights=weights.reshape(-1, *[1] * (values.ndim - 1))) ** power
    expected /= expected.sum(axis=-1, keepdims=True)
    expected = expected[..., 0] if task == "multilabel" else expected
    np.testing.assert_allclose(result, expected, **tolerance(dtype, shape[0]))


def test_deslib_chooses_the_same_class():
    aggregation = pytest.importorskip("deslib.util.aggregation")
    member_probas = cube((7, 200, 5))
    chosen = aggregation.product_rule(member_probas.transpose(1, 0, 2))
    for rule in (Product(), GeometricMean()):
        assert rule.combine(member_probas).argmax(axis=-1).tolist() == np.asarray(chosen).tolist()


@every_rule
@both_tasks
@given(seed=st.integers(0, 2**32 - 1), n_members=st.integers(1, 9), n_classes=st.integers(2, 20))
def test_no_order_changes_a_bit(task, factory, options, seed, n_members, n_classes):
    rng = np.random.default_rng(seed)
    name = "product" if factory is Product else "geometric_mean"
    options = options | ({"weights": {f"m{k}": k % 3 for k in range(1, n_members + 1)}} if "weights" in options else {})
    values = rng.multinomial(8, np.full(n_classes, 1 / n_classes), (n_members, 9)) / np.float32(8)
    classes = [f"c{k:02}" for k in range(n_classes)]
    members = [
        Predictions(p, ids=range(9), classes=classes, member=f"m{k}", task=task) for k, p in enumerate(values, 1)
    ]
    expected = combine(members, name, **options)
    rows, columns = rng.permutation(9), rng.permutation(n_classes)
    moved = [
        Predictions(p[rows][:, columns], ids=rows, classes=[classes[c] for c in columns], member=f"m{k}", task=task)
        for k, p in enumerate(values, 1)
    ]
    rng.shuffle(moved)
    result = combine(moved, name, **options).take(range(9)).probas[:, np.argsort(columns)]
    assert result.tobytes() == expected.probas.tobytes()
    alone = combine([p.take([4]) for p in members], name, **options)
    assert alone.probas.tobytes() == expected.probas[4:5].tobytes()


@every_rule
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_layout_in_memory_changes_no_bit_and_no_input(factory, options, dtype):
    plain, rule = cube((5, 33, 4), dtype), made(factory, options, 5)
    plain[0, :5] = [1, 0, 0, 0]
    plain[1, :5] = [0, 0, 1, 0]
    member_probas = np.array(plain, order="F")
    member_probas.flags.writeable = False
    assert rule.combine(member_probas).tobytes() == rule.combine(plain).tobytes()
    assert member_probas.tobytes() == plain.tobytes()


@every_rule
@both_tasks
def test_many_rows_go_in_blocks_and_threads_to_the_same_bits(factory, options, task):
    member_probas, rule = cube((8, 40_000, 7), np.float32), made(factory, options, 8)
    whole = rule.combine(member_probas, task=task)
    assert whole[39_000:].tobytes() == rule.combine(member_probas[:, 39_000:], task=task).tobytes()
    dense = rule.combine(member_probas.reshape(8, 4, 100, 100, 7), task=task)
    assert dense.tobytes() == whole.tobytes()


@every_rule
@both_tasks
@pytest.mark.parametrize("dtype", DTYPES)
def test_absent_members_are_as_if_they_were_not(dtype, task, factory, options):
    rule, member_probas = made(factory, options, 5), cube((5, 33, 4, 3), dtype)
    present = np.random.default_rng(1).random((5, 33)) < 0.6
    present[1] = True
    member_probas[~present] = np.nan
    result = rule.combine(member_probas, present=present, task=task)
    assert result.dtype == dtype
    for i in range(33):
        members = np.flatnonzero(present[:, i])
        some = rule
        if "weights" in options:
            some = factory(**options | {"weights": np.array(rule.weights)[members]})
        alone = some.combine(member_probas[members, i : i + 1], task=task)
        np.testing.assert_allclose(result[i : i + 1], alone, **tolerance(dtype, 1))
    reference = rule.combine(member_probas, present=present, task=task, xp=Reference())
    np.testing.assert_allclose(reference, result, **tolerance(dtype))


# Options, tasks and Keras.


@pytest.mark.parametrize("temperature", [0, -1, np.inf, np.nan, "hot"])
def test_a_temperature_that_is_none_is_refused(temperature):
    with pytest.raises(InvalidOptionError, match="temperature must be a finite number > 0; received"):
        GeometricMean(temperature=temperature)


def test_weights_by_name_need_names():
    with pytest.raises(InvalidOptionError, match="weights by name need the members' names"):
        GeometricMean({"a": 1}).combine(cube((1, 2, 2)))


@pytest.mark.parametrize("name", ["geometric_mean", "product"])
def test_regression_is_refused(name):
    values = [Predictions([[2.0]], ids=[1], classes=["y"], task="regression", member=m) for m in "ab"]
    with pytest.raises(InvalidOptionError, match=f"combiner '{name}' makes no sense for the task 'regression'"):
        combine(values, name)


@pytest.mark.keras
@every_rule
@both_tasks
@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_keras_graph_agrees(keras, dtype, absent, task, factory, options):
    rule, member_probas = made(factory, options, 3), cube((3, 50, 4), dtype)
    member_probas[:2, :4] = np.eye(4)[[[0, 1, 2, 3], [1, 1, 1, 0]]]
    present = np.random.default_rng(1).random((3, 50)) < 0.6
    present[1] = True
    inputs = [keras.Input((4,), dtype=dtype) for _ in range(3)]
    there = [keras.Input((), dtype="bool") for _ in range(3)] if absent else []
    kwargs = {"present": keras.ops.stack(there, axis=0)} if absent else {}
    stacked = keras.ops.stack(inputs, axis=0)
    model = keras.Model([*inputs, *there], rule.combine(stacked, xp=keras.ops, task=task, **kwargs))
    assert model.output_shape == (None, 4)
    given = [keras.ops.convert_to_tensor(p) for p in (*member_probas, *(present if absent else ()))]
    result = model(given)
    assert keras.backend.standardize_dtype(result.dtype) == dtype
    expected = rule.combine(member_probas, task=task, **({"present": present} if absent else {}))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(result), expected, **tolerance(dtype))
