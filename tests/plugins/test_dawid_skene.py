"""`dawid_skene`: hand-worked counts and posteriors, absent votes, learning without labels, and Keras."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import Predictions, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError, NotFittedError, VanishedClassWarning
from ensemblekit_plugins.combiners.dawid_skene import DawidSkene

DTYPES = [np.float16, np.float32, np.float64]


class Reference:
    """NumPy under another name, for which there is no fast path."""

    def __getattr__(self, name):
        return getattr(np, name)


def halves(rng, shape):
    return rng.multinomial(2, np.full(shape[-1], 1 / shape[-1]), shape[:-1]) / 2


def rule_of(n_members, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    rule = DawidSkene()
    rule.prior_ = rng.dirichlet(np.ones(n_classes))
    rule.confusions_ = rng.dirichlet(np.ones(n_classes), (n_members, n_classes))
    return rule


def oracle(rule, member_probas, present=None):
    """Compute the posterior row by row, in logarithms of float64."""
    out = np.empty(member_probas.shape[1:])
    for i in range(len(out)):
        logarithm = np.log(rule.prior_)
        for m, confusion in enumerate(rule.confusions_):
            if present is None or present[m, i]:
                top = np.flatnonzero(member_probas[m, i] == member_probas[m, i].max())
                logarithm = logarithm + np.log(confusion[:, top]).mean(axis=1)
        out[i] = np.exp(logarithm - logarithm.max())
    return out / out.sum(axis=-1, keepdims=True)


def members(votes, labels=None, names="abcdefgh"):
    n_classes = 1 + int(np.max(votes))
    fields = {"ids": range(len(votes[0])), "classes": list("pqrs")[:n_classes]}
    labels = None if labels is None else [fields["classes"][y] for y in labels]
    return [Predictions(np.eye(n_classes)[v], labels=labels, member=m, **fields) for v, m in zip(votes, names)]  # noqa: B905


def test_confusions_are_smoothed_frequencies():
    labels = [0, 0, 0, 1, 1]
    fitted = fit_combiner(members([[0, 0, 1, 1, 1], [0, 1, 1, 1, 0]], labels), "dawid_skene")
    np.testing.assert_allclose(fitted.prior_, [4 / 7, 3 / 7])
    np.testing.assert_allclose(fitted.confusions_[0], [[3 / 5, 2 / 5], [1 / 4, 3 / 4]])
    np.testing.assert_allclose(fitted.confusions_[1], [[2 / 5, 3 / 5], [2 / 4, 2 / 4]])
    # both vote for p: 4/7 3/5 2/5 against 3/7 1/4 2/4
    result = combine(members([[0, 1], [0, 1]]), fitted)
    np.testing.assert_allclose(result.probas[0], np.array([24, 9.375]) / 33.375)


def test_rows_are_weighted():
    given = members([[0, 0, 1, 1, 1], [0, 1, 1, 1, 0]], [0, 0, 0, 1, 1])
    fitted = fit_combiner(given, "dawid_skene", sample_weight=[1, 1, 0, 2, 0], smoothing=0.5)
    np.testing.assert_allclose(fitted.prior_, [2.5 / 5, 2.5 / 5])
    np.testing.assert_allclose(fitted.confusions_[0], [[2.5 / 3, 0.5 / 3], [0.5 / 3, 2.5 / 3]])


def test_a_member_that_is_always_wrong_is_understood():
    labels = np.arange(40) % 2
    fitted = fit_combiner(members([1 - labels, np.zeros(40, int)], labels), "dawid_skene")
    assert combine(members([[0, 1], [0, 0]]), fitted).predicted.tolist() == ["q", "p"]


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.sampled_from([1, 7, 33]),
    st.integers(2, 5),
    st.sampled_from(DTYPES),
)
def test_it_agrees_with_an_oracle(seed, n_members, n_samples, n_classes, dtype):
    rng = np.random.default_rng(seed)
    member_probas = halves(rng, (n_members, n_samples, n_classes)).astype(dtype)
    rule = rule_of(n_members, n_classes, seed)
    present = rng.random((n_members, n_samples)) < 0.6
    present[0] = True
    tolerance = {"rtol": 60 * np.finfo(dtype).eps, "atol": np.finfo(dtype).eps}
    result = rule.combine(member_probas)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, oracle(rule, member_probas), **tolerance)
    np.testing.assert_allclose(rule.combine(member_probas, xp=Reference()), result, **tolerance)
    assert rule.combine(member_probas[:, -1:]).tobytes() == result[-1:].tobytes()
    expected = oracle(rule, member_probas, present)
    member_probas[~present] = np.nan
    np.testing.assert_allclose(rule.combine(member_probas, present=present), expected, **tolerance)
    np.testing.assert_allclose(rule.combine(member_probas, present=present, xp=Reference()), expected, **tolerance)


def test_more_classes_than_a_byte_counts():
    member_probas = np.random.default_rng(0).random((2, 5, 300), dtype=np.float32)
    rule = rule_of(2, 300)
    np.testing.assert_allclose(rule.combine(member_probas), oracle(rule, member_probas), rtol=1e-4)


def test_no_layout_changes_a_bit_or_an_input():
    plain = halves(np.random.default_rng(0), (3, 4, 5, 6, 3)).astype(np.float32)
    rule = rule_of(3, 3)
    expected = rule.combine(plain.reshape(3, 120, 3))
    turned = np.array(plain, order="F")
    turned.flags.writeable = False
    assert rule.combine(turned).tobytes() == expected.tobytes()
    np.testing.assert_allclose(rule.combine(plain, xp=Reference()).reshape(120, 3), expected, rtol=1e-5)
    assert (turned == plain).all()


def test_two_threads_give_the_bits_of_one():
    member_probas = np.random.default_rng(0).random((3, 150_000, 5), dtype=np.float32)
    rule = rule_of(3, 5)
    some = slice(70_000, 70_100)
    assert rule.combine(member_probas[:, some]).tobytes() == rule.combine(member_probas)[some].tobytes()


def test_absent_votes_are_not_counted():
    labels = [0, 0, 0, 1, 1]
    whole = members([[0, 0, 1, 1, 1], [0, 1, 1, 1, 0]], labels)
    some = [whole[0], whole[1].take([0, 1, 4])]
    fitted = fit_combiner(some, "dawid_skene", missing="renormalize")
    np.testing.assert_allclose(fitted.confusions_[1], [[2 / 4, 2 / 4], [2 / 3, 1 / 3]])
    alone = combine(some, fitted, missing="renormalize").probas[2]  # 4/7 2/5 against 3/7 3/4
    np.testing.assert_allclose(alone, np.array([1.6, 2.25]) / 3.85)


def test_without_labels_it_learns_whom_to_trust():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 2000)
    skills = [0.9, 0.9, 0.5, 0.5, 0.4]
    votes = [np.where(rng.random(2000) < s, labels, rng.integers(0, 3, 2000)) for s in skills]
    wrong = rng.permutation(labels)  # are not looked at
    fitted = fit_combiner(members(votes, wrong), "dawid_skene", use_labels=False, max_iter=500, tol=1e-8)
    assert 0 < fitted.n_iter_ < 500
    true = np.array([[np.bincount(v[labels == c], minlength=3) / (labels == c).sum() for c in range(3)] for v in votes])
    np.testing.assert_allclose(fitted.confusions_, true, atol=0.06)
    right = combine(members(votes), fitted).probas.argmax(axis=-1) == labels
    majority = combine(members(votes), "voting").probas.argmax(axis=-1) == labels
    assert right.mean() > majority.mean()


@pytest.mark.parametrize("use_labels", [True, False])
def test_no_order_changes_a_bit(use_labels):
    rng = np.random.default_rng(0)
    votes, labels = rng.integers(0, 3, (4, 33)), rng.integers(0, 3, 33)
    given = members(votes, labels)
    expected = fit_combiner(given, "dawid_skene", use_labels=use_labels)
    rows = rng.permutation(33)
    moved = [p.take(p.ids[rows]) for p in given[::-1]]
    fitted = fit_combiner(moved, "dawid_skene", use_labels=use_labels)
    assert fitted.confusions_.tobytes() == expected.confusions_.tobytes()
    result = combine(moved, fitted).take(given[0].ids)
    assert result.probas.tobytes() == combine(given, expected).probas.tobytes()


def test_bad_options_are_refused():
    with pytest.raises(InvalidOptionError, match="smoothing must be a finite number >= 0; received -1"):
        DawidSkene(smoothing=-1)
    with pytest.raises(InvalidOptionError, match="use_labels must be one of True, False; received 'no'"):
        DawidSkene(use_labels="no")
    with pytest.raises(InvalidOptionError, match="max_iter must be a whole number >= 1; received 0"):
        DawidSkene(max_iter=0)
    with pytest.raises(InvalidOptionError, match="tol must be a finite number >= 0; received nan"):
        DawidSkene(tol=float("nan"))
    with pytest.raises(NotFittedError, match="dawid_skene must be fitted before it combines"):
        DawidSkene().combine(np.ones((1, 1, 2)))


@pytest.mark.keras
@pytest.mark.parametrize("dtype", DTYPES)
def test_keras_agrees(keras, dtype):
    member_probas, rule = halves(np.random.default_rng(0), (3, 50, 4)).astype(dtype), rule_of(3, 4)
    result = rule.combine(keras.ops.convert_to_tensor(member_probas), xp=keras.ops)
    assert keras.backend.standardize_dtype(result.dtype) == np.dtype(dtype).name
    result = keras.ops.convert_to_numpy(result)
    np.testing.assert_allclose(result, rule.combine(member_probas), rtol=1e-5 + 2 * np.finfo(dtype).eps)


@pytest.mark.keras
def test_it_is_a_graph_of_any_number_of_rows(keras):
    member_probas, rule = halves(np.random.default_rng(0), (3, 50, 4)).astype(np.float32), rule_of(3, 4)
    inputs = [keras.Input((4,)) for _ in range(3)]
    model = keras.Model(inputs, rule.combine(keras.ops.stack(inputs, axis=0), xp=keras.ops))
    result = keras.ops.convert_to_numpy(model(list(member_probas)))
    np.testing.assert_allclose(result, rule.combine(member_probas), rtol=1e-5)


def sparse_votes():
    """Thirty members that answer six of sixty rows, and one that answers all; most are right. There are 12 classes."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 12, 60)
    out = []
    for m in range(30):
        rows = np.sort(rng.choice(60, 60 if m == 0 else 6, replace=False))
        votes = np.where(rng.random(len(rows)) < 0.67, labels[rows], rng.integers(0, 12, len(rows)))
        fields = {"classes": [f"c{k:02}" for k in range(12)], "member": f"m{m:02}"}
        out.append(Predictions(np.eye(12)[votes], ids=rows, **fields))
    return out, labels


def right(given, labels, rule):
    result = combine(given, rule, missing="renormalize")
    return (result.probas.argmax(axis=-1) == labels[result.ids]).mean()


def test_without_labels_few_votes_are_not_outweighed():
    given, labels = sparse_votes()
    fitted = fit_combiner(given, "dawid_skene", use_labels=False, missing="renormalize")
    assert fitted.smoothing is None
    assert right(given, labels, "voting") - 0.1 < right(given, labels, fitted)


def test_a_class_that_vanishes_is_named():
    given, labels = sparse_votes()
    with pytest.warns(VanishedClassWarning, match=r"rule 'dawid_skene' predicts \d of 12 classes for no item.*c01"):
        fitted = fit_combiner(given, "dawid_skene", use_labels=False, smoothing=1, missing="renormalize")
    assert right(given, labels, fitted) < 0.4


def test_members_are_lent_votes_as_those_of_all():
    # The posterior starts as the shares: rows 0 and 1 are p for all, row 2 is q for two of three.
    fitted = fit_combiner(members([[0, 0, 1], [0, 0, 1], [0, 0, 0]]), DawidSkene(use_labels=False, max_iter=1))
    posterior = np.array([[1, 0], [1, 0], [1 / 3, 2 / 3]])
    counts = np.array([posterior.T @ np.eye(2)[v] for v in ([0, 0, 1], [0, 0, 1], [0, 0, 0])])
    lent = 2 * counts.sum(axis=0) / counts.sum(axis=(0, 2))[:, np.newaxis]
    first = (counts + lent) / (counts + lent).sum(axis=-1, keepdims=True)
    odds = (7 / 9) / (2 / 9) * np.prod([first[m, 0, v] / first[m, 1, v] for m, v in enumerate((1, 1, 0))])
    all_p = (7 / 9) / (2 / 9) * np.prod(first[:, 0, 0] / first[:, 1, 0])
    p = np.array([all_p / (1 + all_p)] * 2 + [odds / (1 + odds)])
    np.testing.assert_allclose(fitted.prior_, [p.mean(), 1 - p.mean()], rtol=1e-9)
