"""`rank_average`: hand-worked ranks, SciPy's, one row alone, and compressed samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import Predictions, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError, NotFittedError
from ensemblekit_plugins.combiners.rank_average import RankAverage
from ensemblekit_plugins.kernels.blocks import Scratch
from ensemblekit_plugins.kernels.ranks import MOST_CELLS, SEARCHED_VALUES, MemberRanks, cells_a_table

DTYPES = [np.float16, np.float32, np.float64]


def members(cube, labels=None, task="multilabel"):
    """Name everything; the labels are of no use to this rule."""
    n, n_classes = cube.shape[1], cube.shape[-1]
    if labels is None:
        labels = np.zeros((n, n_classes), bool) if task == "multilabel" else ["a"] * n
    return [
        Predictions(p, ids=range(n), classes=list("abcdefg")[:n_classes], labels=labels, task=task, member=f"m{k}")
        for k, p in enumerate(cube)
    ]


def column(*values):
    return np.array(values, dtype=np.float64)[np.newaxis, :, np.newaxis]


def test_ranks_are_the_shares_below():
    fitted = fit_combiner(members(column(0.1, 0.2, 0.2, 0.9)), "rank_average")
    # at 0.1 (0 + 1) / 8, at 0.2 (1 + 3) / 8, at 0.9 (3 + 4) / 8, between them 1/4 and 3/4
    result = fitted.combine(column(0.1, 0.2, 0.9, 0.15, 0.5, 0.0, 1.0), task="multilabel")
    assert result.ravel().tolist() == [0.125, 0.5, 0.875, 0.25, 0.75, 0, 1]


def test_members_of_other_scales_count_the_same():
    cube = np.concatenate([column(0.01, 0.02, 0.03), column(0.2, 0.9, 0.95)])
    fitted = fit_combiner(members(cube), "rank_average")
    np.testing.assert_allclose(fitted.combine(cube, task="multilabel").ravel(), [1 / 6, 3 / 6, 5 / 6])


def test_members_are_weighted():
    cube = np.concatenate([column(0.1, 0.2), column(0.9, 0.8)])
    fitted = fit_combiner(members(cube), "rank_average", weights={"m1": 3, "m0": 1})
    assert combine(members(cube), fitted).probas.ravel().tolist() == [0.625, 0.375]


def test_multiclass_is_divided_by_its_sum():
    cube = np.array([[[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]]])
    fitted = fit_combiner(members(cube, task="multiclass"), "rank_average")
    # ranks 3/4 1/4 1/4 and 1/4 3/4 3/4
    np.testing.assert_allclose(fitted.combine(cube), [[3 / 5, 1 / 5, 1 / 5], [1 / 7, 3 / 7, 3 / 7]])
    assert fitted.combine(np.zeros((1, 1, 3))).tolist() == [[1 / 3] * 3]


def test_rows_of_the_sample_are_weighted():
    fitted = fit_combiner(members(column(0.1, 0.2, 0.3, 0.4)), "rank_average", sample_weight=[1, 0, 2, 1])
    assert fitted.references_[0][0][0].tolist() == [0.1, 0.3, 0.4]
    assert fitted.combine(column(0.1, 0.3, 0.4), task="multilabel").ravel().tolist() == [0.125, 0.5, 0.875]


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 40), st.booleans(), st.sampled_from(DTYPES))
def test_on_its_sample_it_agrees_with_scipy(seed, n_members, n_samples, ties, dtype):
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(seed)
    cube = rng.integers(0, 5, (n_members, n_samples, 3)) / 4 if ties else rng.random((n_members, n_samples, 3))
    cube = cube.astype(dtype)
    fitted = fit_combiner(members(cube), "rank_average")
    result = fitted.combine(cube, task="multilabel")
    assert result.dtype == dtype
    expected = ((stats.rankdata(cube, axis=1) - 0.5) / n_samples).mean(axis=0)
    np.testing.assert_allclose(result, expected, rtol=4 * np.finfo(dtype).eps)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["multiclass", "multilabel"]), st.sampled_from([5, 1000]))
def test_a_row_alone_gives_the_bits_it_gives_among_others(seed, task, n_quantiles):
    rng = np.random.default_rng(seed)
    cube = rng.dirichlet(np.ones(3), (3, 60))
    fitted = fit_combiner(members(cube, task=task), "rank_average", n_quantiles=n_quantiles)
    fresh = rng.dirichlet(np.ones(3), (3, 33)).astype(rng.choice([np.float32, np.float64]))
    whole = fitted.combine(fresh, task=task)
    for i in (0, 13, 32):
        assert fitted.combine(fresh[:, i : i + 1], task=task).tobytes() == whole[i : i + 1].tobytes()


def test_a_large_sample_is_compressed_and_stays_near():
    rng = np.random.default_rng(0)
    sample = np.concatenate([rng.beta(0.2, 2, 50_000), np.full(20_000, 0.5)])  # half a heap on one value
    rng.shuffle(sample)
    given = members(sample[np.newaxis, :, np.newaxis])
    few, all_ = (fit_combiner(given, "rank_average", n_quantiles=q) for q in (200, 10**6))
    assert few.references_[0][0].shape[1] <= 200
    x = np.concatenate([sample[:5000], [0.5, 0, 1]])[np.newaxis, :, np.newaxis]
    compressed, exact = (f.combine(x, task="multilabel").ravel() for f in (few, all_))
    np.testing.assert_allclose(compressed, exact, atol=1 / 199)
    assert compressed[5000] == pytest.approx(exact[5000], abs=1e-12)
    order = np.argsort(x.ravel(), kind="stable")
    assert (np.diff(compressed[order]) >= -1e-15).all()


def drawn(kind, rng, shape):
    """Values from 0 to 1 of several kinds, zeros and heaps among them."""
    if kind == "few":
        return rng.integers(0, 5, shape) / 4
    if kind == "one hot":
        return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
    if kind == "confident":  # crowded at both ends: many kept values to a cell
        return np.where(rng.random(shape) < 0.5, 1 - 10 ** -rng.uniform(0, 9, shape), 10 ** -rng.uniform(0, 60, shape))
    if kind == "spread":
        return rng.beta(2, 5, shape)
    smooth = rng.beta(0.3, 1, shape)
    return np.where(rng.random(shape) < 0.2, -0.0, smooth)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["few", "one hot", "confident", "spread", "smooth"])
@pytest.mark.parametrize("n_quantiles", [3, 300, 10**5])
def test_tables_find_what_a_search_finds(kind, n_quantiles, dtype):
    rng = np.random.default_rng(0)
    sample = members(drawn(kind, rng, (2, 2000, 3)).astype(dtype))
    fitted = fit_combiner(sample, "rank_average", n_quantiles=n_quantiles)
    n = SEARCHED_VALUES + 1000
    x = drawn(kind, rng, (2, n, 3)).astype(dtype)
    kept = fitted.references_[0][0][0]
    x[0, : len(kept), 0] = kept
    x[:, -2:] = [[0], [1]]
    by_table = fitted.combine(x, task="multilabel")
    halves = [fitted.combine(half, task="multilabel") for half in (x[:, : n // 2], x[:, n // 2 :])]
    assert by_table.tobytes() == np.concatenate(halves).tobytes()
    order = np.argsort(x[1, :, 1], kind="stable")
    ranks = MemberRanks(fitted.references_[1], np.dtype(np.float64), cells_a_table(x.shape))
    rank = ranks(np.array(x[1, order].T, np.float64), Scratch())[1]
    assert (np.diff(rank) >= 0).all()
    assert rank.min() >= 0
    assert rank.max() <= 1


def test_a_rank_is_exact_where_all_values_are_kept():
    rng = np.random.default_rng(0)
    sample, x = (drawn("confident", rng, (1, n, 1)).astype(np.float32) for n in (500, SEARCHED_VALUES + 1))
    x[0, :500] = sample[0]
    result = fit_combiner(members(sample), "rank_average").combine(x, task="multilabel").ravel()
    ordered = np.sort(sample.ravel())
    twice = np.searchsorted(ordered, x.ravel()) + np.searchsorted(ordered, x.ravel(), side="right")
    np.testing.assert_allclose(result, twice / 1000, rtol=1e-6)


def test_many_members_share_the_room_for_tables():
    assert cells_a_table((8, SEARCHED_VALUES, 10)) == 0
    assert cells_a_table((8, 2**20, 8)) == MOST_CELLS // 64
    assert cells_a_table((2**13, 2**16, 2**13)) == 1
    rng = np.random.default_rng(0)
    fitted = fit_combiner(members(rng.random((1, 50, 2))), "rank_average")
    x = rng.random((2, 1000))
    search, one_cell, seven = (MemberRanks(fitted.references_[0], x.dtype, n)(x.copy(), Scratch()) for n in (0, 1, 7))
    assert search.tobytes() == one_cell.tobytes() == seven.tobytes()


def test_values_too_near_for_a_slope_are_ranked():
    tiny = np.arange(1, 2001)[np.newaxis, :, np.newaxis] * np.float32(1e-45)
    fitted = fit_combiner(members(tiny), "rank_average", n_quantiles=100)
    result = fitted.combine(tiny, task="multilabel").ravel()
    assert (np.diff(result) >= 0).all()
    np.testing.assert_allclose(result, (np.arange(2000) + 0.5) / 2000, atol=1 / 99)


def test_values_that_float32_cannot_hold_are_compared_exactly():
    fitted = fit_combiner(members(column(0.1, 0.3)), "rank_average")
    low = np.float32(0.1)  # 0.100000001: above the float64 of that name
    assert fitted.combine(column(low).astype(np.float32), task="multilabel").item() == 0.5


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_absent_members_do_not_count(task):
    cube = np.random.default_rng(0).dirichlet(np.ones(3), (3, 33))
    whole = members(cube, task=task)
    some = [whole[0], whole[1].take(range(20)), whole[2]]
    fitted = fit_combiner(some, "rank_average", missing="renormalize")
    assert fitted.references_[1][0].shape == (3, 20)
    result = combine(some, fitted, missing="renormalize").probas
    pair = RankAverage()
    pair.references_ = [fitted.references_[0], fitted.references_[2]]
    assert result[20:].tobytes() == pair.combine(cube[[0, 2], 20:], task=task).tobytes()
    assert result[:20].tobytes() == fitted.combine(cube[:, :20], task=task).tobytes()


def test_a_member_without_a_row_in_the_sample_ranks_in_the_middle():
    whole = members(np.concatenate([column(0.1, 0.2), column(0.3, 0.4)]))
    fitted = fit_combiner(whole, "rank_average", sample_weight=[1, 0])
    fitted.references_[1] = [np.empty((3, 0))]
    assert fitted.combine(np.concatenate([column(0.5), column(0.5)]), task="multilabel").item() == 0.75


def test_dense_outputs_are_ranked_pixel_by_pixel_in_any_layout():
    plain = np.random.default_rng(0).dirichlet(np.ones(3), (2, 4, 5, 6)).astype(np.float32)
    fields = {"classes": list("abc"), "labels": np.full((4, 5, 6), "a")}
    given = [Predictions(p, ids=range(4), member=f"m{k}", **fields) for k, p in enumerate(plain)]
    fitted = fit_combiner(given, "rank_average")
    assert fitted.references_[0][0].shape == (3, len(np.unique(plain[0, ..., 0])))
    expected = fitted.combine(plain.reshape(2, 120, 3))
    turned = np.array(plain, order="F")
    turned.flags.writeable = False
    assert fitted.combine(turned).tobytes() == expected.tobytes()
    np.testing.assert_array_equal(turned, plain)
    assert fitted.combine(plain[:, :0]).shape == (0, 5, 6, 3)


def test_bad_options_are_refused():
    with pytest.raises(InvalidOptionError, match="n_quantiles must be a whole number >= 2; received 1"):
        RankAverage(n_quantiles=1)
    with pytest.raises(NotFittedError, match="rank_average must be fitted before it combines"):
        RankAverage().combine(column(0.5))
    fitted = fit_combiner(members(column(0.1, 0.2)), "rank_average", weights={"m0": 1})
    with pytest.raises(InvalidOptionError, match="weights by name need the members' names"):
        fitted.combine(column(0.5))
    numbers = Predictions([[1.0]], ids=[1], classes=["y"], task="regression", labels=[[1.0]], member="a")
    with pytest.raises(InvalidOptionError, match="'rank_average' makes no sense for the task 'regression'"):
        fit_combiner([numbers], "rank_average")
