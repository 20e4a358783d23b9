"""`dempster_shafer`: hand-worked masses, the rule over all subsets by brute force, conflict, and Keras."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import Predictions, combine
from ensemblekit.errors import InvalidOptionError
from ensemblekit_plugins.combiners.dempster_shafer import DempsterShafer

DTYPES = [np.float16, np.float32, np.float64]


class Reference:
    """NumPy under another name, for which there is no fast path."""

    def __getattr__(self, name):
        return getattr(np, name)


def by_subsets(rows, reliability):
    """Combine by Dempster's rule over all subsets of the frame, then share each mass among the classes in it."""
    frame = frozenset(range(len(rows[0])))
    combined = {frame: 1.0}
    for row, trust in zip(rows, reliability, strict=True):
        masses = {frozenset([c]): trust * p for c, p in enumerate(row)} | {frame: 1 - trust}
        both = {}
        for (a, x), (b, y) in product(combined.items(), masses.items()):
            both[a & b] = both.get(a & b, 0) + x * y
        both.pop(frozenset(), None)
        total = sum(both.values())
        combined = {a: x / total for a, x in both.items()}
    return [sum(x / len(a) for a, x in combined.items() if c in a) for c in sorted(frame)]


def evidence(*rows, reliability, **kwargs):
    return DempsterShafer(reliability).combine(np.array(rows, dtype=np.float64)[:, np.newaxis], **kwargs)[0]


def test_one_member_is_discounted():
    # 0.8 * (0.75, 0.25) and 0.2 on the frame, shared
    np.testing.assert_allclose(evidence([0.75, 0.25], reliability=0.8), [0.7, 0.3])


def test_two_members_that_disagree():
    # masses {a: 0.8, frame: 0.2} and {b: 0.5, frame: 0.5}: a 0.4, b 0.1, frame 0.1, conflict 0.4
    np.testing.assert_allclose(evidence([1, 0], [0, 1], reliability=[0.8, 0.5]), [0.45 / 0.6, 0.15 / 0.6])


def test_members_of_reliability_one_are_multiplied():
    product = np.array([0.5 * 0.4, 0.3 * 0.4, 0.2 * 0.2])
    np.testing.assert_allclose(evidence([0.5, 0.3, 0.2], [0.4, 0.4, 0.2], reliability=1), product / product.sum())


def test_members_of_reliability_zero_say_nothing():
    assert evidence([1, 0, 0, 0], [0, 1, 0, 0], reliability=0).tolist() == [0.25] * 4
    one = evidence([0.5, 0.3, 0.2], reliability=[0.7])
    np.testing.assert_allclose(evidence([0.5, 0.3, 0.2], [0, 0, 1], reliability=[0.7, 0]), one)


@pytest.mark.parametrize("xp", [np, Reference()], ids=["fast", "reference"])
def test_in_total_conflict_it_is_the_mean(xp):
    assert evidence([1, 0, 0], [0, 1, 0], reliability=1, xp=xp).tolist() == [0.5, 0.5, 0.0]
    # where a third is doubted, the frame of the other two is still empty
    result = evidence([1, 0, 0], [0, 1, 0], [0, 0, 1], reliability=[1, 1, 0.5], xp=xp)
    np.testing.assert_allclose(result, [1 / 3] * 3)
    assert evidence([1, 0.5], [0, 1.0], reliability=1, task="multilabel", xp=xp).tolist() == [0.5, 1.0]


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.integers(2, 4),
    st.sampled_from([None, 0.9, 0.3]),
    st.sampled_from([np.float32, np.float64]),
)
def test_it_agrees_with_the_rule_over_all_subsets(seed, n_members, n_classes, reliability, dtype):
    rng = np.random.default_rng(seed)
    member_probas = rng.dirichlet(np.ones(n_classes), (n_members, 7)).astype(dtype)
    each = rng.random(n_members) if reliability is None else np.full(n_members, reliability)
    rule = DempsterShafer(each.tolist() if reliability is None else reliability)
    expected = [by_subsets(member_probas[:, i].astype(float), each) for i in range(7)]
    tolerance = 100 * np.finfo(dtype).eps
    result = rule.combine(member_probas)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, rtol=tolerance)
    np.testing.assert_allclose(rule.combine(member_probas, xp=Reference()), expected, rtol=tolerance)
    labels = rule.combine(member_probas, task="multilabel")
    answers = np.stack([member_probas, 1 - member_probas], axis=-1).astype(float)
    expected = [[by_subsets(answers[:, i, c], each)[0] for c in range(n_classes)] for i in range(7)]
    np.testing.assert_allclose(labels, expected, rtol=tolerance)
    reference = rule.combine(member_probas, task="multilabel", xp=Reference())
    np.testing.assert_allclose(reference, expected, rtol=tolerance)
    assert rule.combine(member_probas[:, 3:4]).tobytes() == result[3:4].tobytes()


@pytest.mark.parametrize("n_members", [100, 1000])
def test_many_members_do_not_underflow(n_members):
    member_probas = np.tile(np.array([[[1e-30, 1e-20, 1 - 1e-20]], [[0.5, 0.5, 0.0]]], np.float32), (n_members, 1, 1))
    np.testing.assert_allclose(DempsterShafer(1.0).combine(member_probas), [[0, 1, 0]], atol=1e-6)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_an_absent_member_is_no_evidence(task):
    member_probas = np.random.default_rng(0).dirichlet(np.ones(3), (4, 33))
    present = np.random.default_rng(1).random((4, 33)) < 0.6
    present[0] = True
    reliability = np.array([0.9, 0.5, 1, 0.3])
    expected = [
        DempsterShafer(reliability[there]).combine(member_probas[there, i][:, np.newaxis], task=task)[0]
        for i, there in enumerate(present.T)
    ]
    member_probas[~present] = np.nan
    for xp in (np, Reference()):
        result = DempsterShafer(reliability).combine(member_probas, present=present, task=task, xp=xp)
        np.testing.assert_allclose(result, expected, rtol=1e-13)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_no_layout_changes_a_bit_or_an_input(task):
    plain = np.random.default_rng(0).dirichlet(np.ones(3), (3, 4, 5, 6)).astype(np.float32)
    expected = DempsterShafer().combine(plain.reshape(3, 120, 3), task=task)
    turned = np.array(plain, order="F")
    turned.flags.writeable = False
    assert DempsterShafer().combine(turned, task=task).tobytes() == expected.tobytes()
    assert (turned == plain).all()


def test_two_threads_give_the_bits_of_one():
    member_probas = np.random.default_rng(0).random((3, 150_000, 5), dtype=np.float32)
    result = DempsterShafer().combine(member_probas)
    some = slice(70_000, 70_100)
    assert DempsterShafer().combine(member_probas[:, some]).tobytes() == result[some].tobytes()


def test_reliability_goes_by_name_in_any_order():
    rng = np.random.default_rng(0)
    members = [
        Predictions(p, ids=range(33), classes=list("abc"), member=f"m{k}")
        for k, p in enumerate(rng.dirichlet(np.ones(3), (4, 33)))
    ]
    reliability = {"m3": 0.2, "m1": 0.9, "m0": 0.7, "m2": 1}
    expected = combine(members, "dempster_shafer", reliability=reliability)
    moved = combine(members[::-1], "dempster_shafer", reliability=reliability)
    assert moved.probas.tobytes() == expected.probas.tobytes()
    given = combine(members, "dempster_shafer", reliability=[0.7, 0.9, 1, 0.2])
    assert given.probas.tobytes() == expected.probas.tobytes()


@pytest.mark.parametrize(
    ("reliability", "message"),
    [
        (1.5, r"reliability must be a finite number >= 0 and <= 1; received 1\.5\."),
        ([0.5, -1], "reliability must be a finite number >= 0 and <= 1; received -1"),
        ({"cnn": float("nan")}, "reliability of 'cnn' must be a finite number >= 0 and <= 1; received nan"),
        ("high", "reliability must be a finite number >= 0 and <= 1; received 'high'"),
        ({0.5}, r"reliability must be a finite number >= 0 and <= 1; received \{0\.5\}"),
        (None, "reliability must be a finite number >= 0 and <= 1; received None"),
    ],
)
def test_what_is_no_reliability_is_refused(reliability, message):
    with pytest.raises(InvalidOptionError, match=message):
        DempsterShafer(reliability)


def test_reliability_of_other_members_is_refused():
    with pytest.raises(InvalidOptionError, match=r"missing \['b'\], unknown \['c'\], for members \('a', 'b'\)"):
        DempsterShafer({"a": 1, "c": 1}).for_members(("a", "b"))
    with pytest.raises(InvalidOptionError, match=r"one number, or one a member; received 3 for 2 members"):
        DempsterShafer([1, 1, 1]).for_members(("a", "b"))
    with pytest.raises(InvalidOptionError, match="reliability by name needs the members' names"):
        DempsterShafer({"a": 1}).combine(np.ones((1, 1, 2)) / 2)
    with pytest.raises(InvalidOptionError, match="'dempster_shafer' makes no sense for the task 'regression'"):
        combine([Predictions([[1.0]], ids=[1], classes=["y"], task="regression", member="a")], "dempster_shafer")


@pytest.mark.keras
@pytest.mark.parametrize("reliability", [0.9, [1, 0.5, 1]])
@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_keras_agrees(keras, dtype, task, reliability):
    rule = DempsterShafer(reliability)
    member_probas = (np.random.default_rng(0).multinomial(2, np.ones(4) / 4, (3, 50)) / 2).astype(dtype)
    result = rule.combine(keras.ops.convert_to_tensor(member_probas), xp=keras.ops, task=task)
    assert keras.backend.standardize_dtype(result.dtype) == np.dtype(dtype).name
    expected = rule.combine(member_probas, task=task)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(result), expected, rtol=0, atol=20 * np.finfo(dtype).eps)


@pytest.mark.keras
def test_it_is_a_graph_of_any_number_of_rows(keras):
    member_probas = np.random.default_rng(0).dirichlet(np.ones(4), (3, 50)).astype(np.float32)
    inputs, there = [keras.Input((4,)) for _ in range(3)], [keras.Input((), dtype="bool") for _ in range(3)]
    stacked, present = keras.ops.stack(inputs, axis=0), keras.ops.stack(there, axis=0)
    model = keras.Model([*inputs, *there], DempsterShafer().combine(stacked, present=present, xp=keras.ops))
    given = np.random.default_rng(1).random((3, 50)) < 0.6
    given[1] = True
    result = keras.ops.convert_to_numpy(model([*member_probas, *given]))
    np.testing.assert_allclose(result, DempsterShafer().combine(member_probas, present=given), rtol=1e-5)
