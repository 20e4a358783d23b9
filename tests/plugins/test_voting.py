"""`voting`: hand-worked ties, an oracle of exact fractions, absent rows, and the same lines in Keras."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import Predictions, combine
from ensemblekit.errors import InvalidOptionError
from ensemblekit_plugins.combiners.mean import Mean
from ensemblekit_plugins.combiners.voting import Voting
from ensemblekit_plugins.combiners.weighted import Weighted

DTYPES = [np.float16, np.float32, np.float64]


def eighths(rng, shape):
    """Draw probabilities in eighths, so that ties are many and every sum is exact."""
    return rng.multinomial(8, np.full(shape[-1], 1 / shape[-1]), shape[:-1]) / 8


def oracle(member_probas, weights=None, present=None):
    """Count the votes in exact fractions: shares and the position of the winner of each row."""
    n_members, n_samples, n_classes = member_probas.shape
    weights = [1] * n_members if weights is None else weights
    shares = [[Fraction(0)] * n_classes for _ in range(n_samples)]
    winners = []
    for i in range(n_samples):
        summed = [Fraction(0)] * n_classes
        voters = [m for m in range(n_members) if present is None or present[m, i]]
        for m in voters:
            row = [Fraction(float(p)) for p in member_probas[m, i]]
            top = [c for c in range(n_classes) if row[c] == max(row)]
            for c in range(n_classes):
                summed[c] += weights[m] * row[c]
                shares[i][c] += Fraction(weights[m], len(top)) if c in top else 0
        total = sum(weights[m] for m in voters)
        shares[i] = [share / total for share in shares[i]]
        winners.append(max(range(n_classes), key=lambda c: (shares[i][c], summed[c], -c)))
    return np.array(shares, dtype=np.float64), np.array(winners)


def vote(*rows, **options):
    return Voting(**options).combine(np.array(rows, dtype=np.float64)[:, np.newaxis])[0]


def ulps(value):
    return value + 2 * np.spacing(value)


# Hard votes.


def test_the_result_is_the_share_of_the_votes():
    assert vote([0.6, 0.4, 0.0], [0.5, 0.3, 0.2], [0.0, 0.1, 0.9], [0.4, 0.3, 0.3]).tolist() == [0.75, 0.0, 0.25]


def test_a_member_shares_its_vote_between_its_own_tied_classes():
    assert vote([0.4, 0.4, 0.2], [0.1, 0.2, 0.7]).tolist() == [0.25, 0.25, 0.5]
    third = vote([1 / 3, 1 / 3, 1 / 3], [0.1, 0.2, 0.7])
    np.testing.assert_allclose(third, [1 / 6, 1 / 6, 4 / 6])


def test_a_tie_goes_to_the_larger_summed_probability():
    shares = vote([0.9, 0.1], [0.4, 0.6])
    assert shares.argmax() == 0
    assert shares[1] == 0.5
    assert 0.5 < shares[0] <= ulps(0.5)
    assert vote([0.6, 0.4], [0.1, 0.9]).argmax() == 1


def test_the_first_column_wins_where_the_sums_are_equal_too():
    assert vote([0.25, 0.75], [0.75, 0.25]).argmax() == 0


@pytest.mark.parametrize("classes", [["cat", "dog"], ["dog", "cat"]])
def test_a_full_tie_goes_to_the_first_by_name(classes):
    rows = [Predictions([p], ids=[1], classes=classes, member=str(p)) for p in ([0.25, 0.75], [0.75, 0.25])]
    assert combine(rows, "voting").predicted.tolist() == ["cat"]
    assert combine(rows[::-1], "voting").predicted.tolist() == ["cat"]


def test_no_tie_no_nudge():
    assert vote([0.9, 0.1], [0.4, 0.6], [0.3, 0.7]).tolist() == [1 / 3, 2 / 3]


def test_votes_are_weighted():
    rows = [0.9, 0.1], [0.4, 0.6], [0.3, 0.7]
    assert vote(*rows, weights=[6, 1, 1]).tolist() == [0.75, 0.25]
    assert vote(*rows, weights=[2, 1, 1]).argmax() == 0  # a tie: 2 * 0.9 + 0.4 + 0.3 > 2 * 0.1 + 0.6 + 0.7


def test_weights_that_are_equal_but_for_rounding_tie():
    rows = [0.55, 0.45], [0.51, 0.49], [0.1, 0.9]
    shares = vote(*rows, weights=[0.1, 0.2, 0.3])  # 0.1 + 0.2 > 0.3 in floating point
    assert shares.argmax() == 1


@pytest.mark.parametrize("scale", [1e-30, 1e5, 1e300])
@pytest.mark.parametrize("dtype", DTYPES)
def test_only_the_ratio_of_the_weights_counts(dtype, scale):
    member_probas = eighths(np.random.default_rng(0), (3, 40, 4)).astype(dtype)
    expected = Voting(weights=[1, 2, 4]).combine(member_probas)
    assert (
        Voting(weights=scale * np.array([1, 2, 4])).combine(member_probas).argmax(-1).tolist()
        == expected.argmax(-1).tolist()
    )


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.sampled_from([1, 7, 33]),
    st.integers(2, 5),
    st.booleans(),
    st.booleans(),
)
def test_it_agrees_with_a_count_in_exact_fractions(seed, n_members, n_samples, n_classes, weighted, absent):
    rng = np.random.default_rng(seed)
    member_probas = eighths(rng, (n_members, n_samples, n_classes))
    weights = rng.integers(1, 4, n_members).tolist() if weighted else None
    present = rng.random((n_members, n_samples)) < 0.6 if absent else None
    if absent:
        present[rng.integers(n_members)] = True
    shares, winners = oracle(member_probas, weights, present)
    for dtype in DTYPES:
        came = member_probas.astype(dtype)
        if absent:
            came[~present] = np.nan
        result = Voting(weights=weights).combine(came, present=present)
        assert result.dtype == dtype
        np.testing.assert_allclose(result, shares, rtol=6 * np.finfo(dtype).eps)
        assert result.argmax(axis=-1).tolist() == winners.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_winner_has_the_largest_share_alone(dtype):
    rng = np.random.default_rng(0)
    for n_members in range(2, 12):
        result = Voting().combine(eighths(rng, (n_members, 200, 3)).astype(dtype))
        ordered = np.sort(result, axis=-1)
        assert (ordered[:, -1] > ordered[:, -2]).all()
        assert (result <= 1).all()


def test_dense_outputs_are_voted_on_pixel_by_pixel():
    member_probas = eighths(np.random.default_rng(0), (3, 4, 5, 6, 3))
    dense = Voting().combine(member_probas)
    assert dense.tobytes() == Voting().combine(member_probas.reshape(3, 120, 3)).tobytes()


@pytest.mark.parametrize("options", [{}, {"weights": [3, 1, 2]}, {"kind": "soft"}])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_the_layout_in_memory_changes_no_bit_and_no_input(layout, options):
    plain = eighths(np.random.default_rng(0), (3, 33, 4)).astype(np.float32)
    member_probas = np.array(plain, order=layout)
    member_probas.flags.writeable = False
    assert Voting(**options).combine(member_probas).tobytes() == Voting(**options).combine(plain).tobytes()
    assert member_probas.tobytes() == plain.tobytes()


def test_absent_members_do_not_vote():
    member_probas = np.array([[[0.9, 0.1]], [[np.nan, np.nan]], [[0.4, 0.6]], [[0.4, 0.6]]])
    present = np.array([[True], [False], [True], [True]])
    result = Voting(weights=[2, 100, 3, 3]).combine(member_probas, present=present)
    assert result.tolist() == [[0.25, 0.75]]


# Soft votes.


@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_soft_votes_are_the_mean(dtype, absent):
    member_probas = eighths(np.random.default_rng(0), (3, 33, 4)).astype(dtype)
    kwargs = {"present": np.arange(99).reshape(3, 33) % 4 > 0} if absent else {}
    soft = Voting("soft").combine(member_probas, **kwargs)
    assert soft.tobytes() == Mean().combine(member_probas, **kwargs).tobytes()
    weighted = Voting("soft", weights=[1, 2, 3]).combine(member_probas, **kwargs)
    assert weighted.tobytes() == Weighted([1, 2, 3]).combine(member_probas, **kwargs).tobytes()


def test_an_unknown_kind_is_refused():
    with pytest.raises(InvalidOptionError, match="kind must be one of 'hard', 'soft'; received 'loud'"):
        Voting("loud")


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_weights_by_name_need_names(kind):
    with pytest.raises(InvalidOptionError, match=r"weights by name need the members' names: .*for_members"):
        Voting(kind, weights={"a": 1}).combine(np.full((1, 2, 2), 0.5))


# The fast path.


class Reference:
    """NumPy under another name, for which there is no fast path."""

    def __getattr__(self, name):
        return getattr(np, name)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([1, 7, 33]), st.integers(2, 5), st.booleans())
def test_the_fast_path_gives_what_the_reference_gives(seed, n_members, n_samples, n_classes, weighted):
    rng = np.random.default_rng(seed)
    member_probas = eighths(rng, (n_members, n_samples, n_classes))
    rule = Voting(weights=rng.integers(1, 4, n_members) if weighted else None)
    for dtype in DTYPES:
        fast, slow = (rule.combine(member_probas.astype(dtype), xp=xp) for xp in (np, Reference()))
        np.testing.assert_allclose(fast, slow, rtol=6 * np.finfo(dtype).eps)
        assert fast.argmax(axis=-1).tolist() == slow.argmax(axis=-1).tolist()


@pytest.mark.parametrize("options", [{}, {"weights": [3, 1, 2]}])
def test_two_threads_give_the_bits_of_one(options):
    member_probas = eighths(np.random.default_rng(0), (3, 150_000, 5)).astype(np.float32)
    result = Voting(**options).combine(member_probas)
    some = slice(70_000, 70_100)
    assert Voting(**options).combine(member_probas[:, some]).tobytes() == result[some].tobytes()


def test_more_classes_and_members_than_a_byte_counts():
    member_probas = np.random.default_rng(0).random((300, 3, 300), dtype=np.float32)
    member_probas[:, 0] = 0.5
    member_probas[:, 1, 7] = 1
    result = Voting().combine(member_probas)
    np.testing.assert_allclose(result[0], 1 / 300, rtol=1e-5)
    assert result[1].tolist() == np.eye(300)[7].tolist()
    assert Voting().combine(np.empty((3, 0, 4), np.float16)).shape == (0, 4)


@pytest.mark.keras
@pytest.mark.parametrize(
    "options", [{}, {"weights": [3, 1, 2]}, {"kind": "soft"}, {"kind": "soft", "weights": [3, 1, 2]}]
)
@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_keras_agrees(keras, dtype, absent, options):
    rng = np.random.default_rng(0)
    member_probas = eighths(rng, (3, 200, 4)).astype(dtype)
    kwargs = {"present": rng.random((3, 200)) < 0.7} if absent else {}
    if absent:
        kwargs["present"][0] = True
        member_probas[~kwargs["present"]] = np.nan
    given = {name: keras.ops.convert_to_tensor(value) for name, value in kwargs.items()}
    result = Voting(**options).combine(keras.ops.convert_to_tensor(member_probas), xp=keras.ops, **given)
    assert keras.backend.standardize_dtype(result.dtype) == np.dtype(dtype).name
    result, expected = keras.ops.convert_to_numpy(result), Voting(**options).combine(member_probas, **kwargs)
    np.testing.assert_allclose(result, expected, rtol=8 * np.finfo(dtype).eps)
    if options.get("kind") != "soft":
        assert result.argmax(axis=-1).tolist() == expected.argmax(axis=-1).tolist()
