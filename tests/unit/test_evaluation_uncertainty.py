"""Uncertainty and its parts, against figures worked by hand, scipy and the laws of entropy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from ensemblekit import Predictions, align
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import _uncertainty as module
from ensemblekit.evaluation import uncertainty, uncertainty_maps


def aligned(cube, **fields):
    cube = np.asarray(cube)
    fields = {
        "ids": [f"row{k}" for k in range(cube.shape[1])],
        "classes": [f"class{k}" for k in range(cube.shape[-1])],
    } | fields
    missing = fields.pop("missing", "error")
    return align(
        [Predictions(p, member=f"m{k}", missing=missing, **fields) for k, p in enumerate(cube)], missing=missing
    )


def test_three_rows_worked_by_hand():
    table = uncertainty(aligned([[[0.5, 0.5], [1.0, 0.0], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0], [0.5, 0.5]]]))
    log2 = np.log(2)
    # The third: mean (3/4, 1/4); entropies 0 and log 2; the second member's vote is shared: votes (3/4, 1/4) too.
    third = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert table.index.tolist() == ["row0", "row1", "row2"]
    assert table.index.name == "id"
    assert list(table.columns) == ["total", "aleatoric", "epistemic", "vote_entropy"]
    assert table["total"].tolist() == pytest.approx([log2, log2, third])
    assert table["aleatoric"].tolist() == pytest.approx([log2, 0, log2 / 2])
    assert table["epistemic"].tolist() == pytest.approx([0, log2, third - log2 / 2])
    assert table["vote_entropy"].tolist() == pytest.approx([log2, log2, third])


def test_each_label_of_multilabel_is_a_variable_of_its_own():
    table = uncertainty(aligned([[[1.0, 0.5]], [[0.0, 0.5]]], task="multilabel"))
    log2 = np.log(2)
    # First label: members clash. Second: both toss a coin, and both vote for it.
    assert table.loc["row0"].tolist() == pytest.approx([2 * log2, log2, log2, log2])


def test_absent_rows_do_not_count():
    nan = [np.nan, np.nan]
    table = uncertainty(
        aligned([[[0.9, 0.1], nan], [[0.2, 0.8], [0.3, 0.7]], [nan, [0.6, 0.4]]], missing="renormalize")
    )
    first = uncertainty(aligned([[[0.9, 0.1]], [[0.2, 0.8]]]))
    second = uncertainty(aligned([[[0.3, 0.7]], [[0.6, 0.4]]]))
    assert table.to_numpy() == pytest.approx(np.vstack([first, second]))


@given(st.integers(1, 5), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_the_parts_add_up_and_agree_with_scipy(n_members, n_classes, seed):
    rng = np.random.default_rng(seed)
    cube = rng.dirichlet(np.full(n_classes, rng.choice([0.05, 1.0])), size=(n_members, 7))
    table = uncertainty(aligned(cube))
    assert table["total"].to_numpy() == pytest.approx(entropy(cube.mean(axis=0), axis=-1), abs=1e-12)
    assert table["aleatoric"].to_numpy() == pytest.approx(entropy(cube, axis=-1).mean(axis=0), abs=1e-12)
    votes = np.eye(n_classes)[cube.argmax(axis=-1)].mean(axis=0)
    assert table["vote_entropy"].to_numpy() == pytest.approx(entropy(votes, axis=-1), abs=1e-12)
    divergence = entropy(cube, cube.mean(axis=0, keepdims=True), axis=-1).mean(axis=0)
    assert table["epistemic"].to_numpy() == pytest.approx(divergence, abs=1e-9)
    assert (table >= 0).all(axis=None)


def test_members_that_say_the_same_have_no_epistemic_part():
    cube = np.repeat(np.random.default_rng(0).dirichlet(np.ones(4), size=(1, 50)), 3, axis=0)
    assert uncertainty(aligned(cube))["epistemic"].to_numpy() == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_blocks_change_no_bit(dtype, monkeypatch):
    cube = np.random.default_rng(0).dirichlet(np.ones(3), size=(2, 101)).astype(dtype)
    whole = uncertainty(aligned(cube))
    monkeypatch.setattr(module, "BLOCK", 24)
    assert uncertainty(aligned(cube)).equals(whole)
    assert np.isfinite(whole).all(axis=None)


def test_dense_predictions_give_maps():
    cube = np.random.default_rng(0).dirichlet(np.ones(3), size=(2, 5, 4, 6))
    maps = uncertainty_maps(aligned(cube))
    assert {name: values.shape for name, values in maps.items()} == dict.fromkeys(maps, (5, 4, 6))
    flat = uncertainty(aligned(cube.reshape(2, -1, 3)))
    assert maps["epistemic"].ravel().tolist() == flat["epistemic"].tolist()
    with pytest.raises(
        InvalidPredictionsError, match=r"received dense predictions of shape \(2, 5, 4, 6, 3\). Call unc"
    ):
        uncertainty(aligned(cube))


def test_no_rows_give_an_empty_table():
    assert uncertainty(aligned(np.empty((2, 0, 3)))).shape == (0, 4)


def test_numbers_have_the_spread_of_the_members():
    cube = [[[3.0, 0.0], [1.0, 5.0]], [[5.0, 6.0], [1.0, 5.0]], [[4.0, 3.0], [np.nan, np.nan]]]
    p = aligned(cube, task="regression", missing="renormalize")
    table = uncertainty(p)
    # Row 0: variances 2 / 3 and 6; ranges 2 and 6. Row 1: two members, which agree.
    assert table["epistemic"].tolist() == pytest.approx([np.sqrt((2 / 3 + 6) / 2), 0])
    assert table["range"].tolist() == [6, 0]
    assert {name: values.tolist() for name, values in uncertainty_maps(p).items()} == table.to_dict("list")


def test_one_model_a_list_and_a_mapping_are_as_good_as_a_set():
    p = aligned(np.random.default_rng(0).dirichlet([1, 1, 1], (2, 5)))
    one, two = p
    assert uncertainty([one, two]).equals(uncertainty(p))
    assert uncertainty({"x": one, "y": two}).equals(uncertainty(p))
    alone = uncertainty(one)
    assert (alone["total"] == alone["aleatoric"]).all()
    assert (alone["epistemic"] == 0).all()


def test_a_named_task_has_the_uncertainty_of_its_kind():
    both = [Predictions([0.25, 0.5], ids=[1, 2], classes=["no", "yes"], task="binary", member=m) for m in "ab"]
    plain = [Predictions(m.probas, ids=[1, 2], classes=["no", "yes"], member=m.member) for m in both]
    assert uncertainty(both).equals(uncertainty(plain))
