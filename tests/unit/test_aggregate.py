"""Slices to patients: by any rule, of any number of slices, with labels and what was fitted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemblekit import AlignmentError, InvalidOptionError, Predictions, combine, fit_combiner
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import score_table
from ensemblekit.predictions.formats._metadata import digest_of

CLASSES = ["well", "ill"]
PROBAS = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.6, 0.4], [0.6, 0.4], [0.0, 1.0]])
GROUPS = ["ann", "ann", "bob", "cid", "cid", "cid"]


def make(probas=PROBAS, groups=GROUPS, **fields):
    ids = [f"s{i}" for i in range(len(probas))]
    return Predictions(probas, **{"ids": ids, "classes": CLASSES, "groups": groups, "member": "m", **fields})


def test_slices_become_patients():
    found = make(labels=["well", "well", "ill", "ill", "ill", "ill"], split="valid").aggregate()
    assert found.ids.tolist() == ["ann", "bob", "cid"]
    assert np.allclose(found.probas, [[0.7, 0.3], [0.2, 0.8], [0.4, 0.6]])
    assert found.labels.tolist() == ["well", "ill", "ill"]
    assert (found.member, found.split, found.groups) == ("m", "valid", None)
    assert np.allclose(make().aggregate("group", "median").probas[2], [0.6, 0.4])
    by_ward = make().aggregate({f"s{i}": "A" if i < 3 else "B" for i in range(6)})
    assert np.allclose(by_ward.probas[:, 0], [(0.9 + 0.5 + 0.2) / 3, 0.4])


@pytest.mark.parametrize("rule", ["mean", "median", "maximum", "geometric_mean", "voting", "trimmed_mean"])
def test_each_group_is_combined_as_members_are(rule):
    p = make()
    found = p.aggregate("group", rule)
    for group in ("ann", "bob", "cid"):
        rows = [f"s{i}" for i in range(6) if GROUPS[i] == group]
        slices = {row: Predictions(p.take([row]).probas, ids=["x"], classes=CLASSES, member=row) for row in rows}
        assert np.array_equal(found.take([group]).probas, combine(slices, rule).probas)


def test_labels_of_a_group_agree_or_follow_what_is_asked():
    mixed = make(labels=["well", "ill", "ill", "ill", "well", "well"])
    with pytest.raises(AlignmentError, match=r"those of 2 \('ann', 'cid'\) of 3 groups differ.*labels='majority'"):
        mixed.aggregate()
    assert mixed.aggregate(labels="majority").labels.tolist() == ["well", "ill", "well"]  # the first of equals
    assert mixed.aggregate(labels=None).labels is None
    assert mixed.aggregate(labels={"cid": "ill", "bob": "well", "ann": "ill"}).labels.tolist() == ["ill", "well", "ill"]
    with pytest.raises(InvalidOptionError, match=r"'error', 'majority', None, or .*received 'any'"):
        mixed.aggregate(labels="any")
    signs = np.array([[1, 0], [0, 0], [0, 0], [0, 1], [1, 0], [0, 0]])
    several = make(labels=signs, task="multilabel")
    assert several.aggregate(labels="any").labels.tolist() == [[True, False], [False, False], [True, True]]
    heights = make(PROBAS[:, :1], classes=["height"], labels=[1, 3, 5, 0, 0, 3.0], task="regression")
    assert heights.aggregate(labels="mean").labels.ravel().tolist() == [2, 5, 1]


def test_rules_that_need_members_are_refused():
    with pytest.raises(InvalidOptionError, match=r"knows no members.*'stacking', which learns"):
        make().aggregate("group", "stacking")
    with pytest.raises(InvalidOptionError, match="'weighted', which learns or has weights"):
        make().aggregate("group", "weighted", weights=[0.5, 0.5])
    with pytest.raises(InvalidPredictionsError, match=r"have no groups\. Give groups="):
        make(groups=None).aggregate()
    with pytest.raises(InvalidOptionError, match="by must be 'group'"):
        make().aggregate("patient")


def test_absent_slices_are_left_out():
    probas = PROBAS.copy()
    probas[[1, 2]] = np.nan
    found = make(probas, missing="renormalize").aggregate()
    assert found.present.tolist() == [True, False, True]
    assert np.allclose(found.probas[[0, 2]], [[0.9, 0.1], [0.4, 0.6]])


def test_patients_know_what_their_models_were_fitted_on():
    labels = ["well", "well", "ill", "ill", "ill", "ill"]
    found = make(labels=labels, folds=[0, 0, 1, 2, 2, 2]).aggregate()
    assert found.folds.tolist() == ["0", "1", "2"]
    assert found.fits.fit_ids("2").tolist() == ["ann", "bob"]
    assert not found.seen.any()
    fit_combiner([found, found.rename("k")], "weighted")
    leaked = make(labels=labels, folds=[0, 1, 1, 2, 2, 2]).aggregate()  # ann is in two folds
    assert leaked.folds.tolist() == ["0+1", "1", "2"]
    assert leaked.seen.tolist() == [True, False, False]
    assert make(fit_ids=["s2"]).aggregate().seen.tolist() == [False, True, False]
    assert make(fit_ids=["s2"]).aggregate([1, 1, 1, 2, 2, 2]).fit_ids.tolist() == ["1"]
    assert make(fit_ids=["s9"]).aggregate().fit_ids is None


def test_intervals_of_patients_follow():
    p = make(labels=["well", "well", "ill", "ill", "ill", "ill"])
    by_slice = score_table({"m": p}, metrics=["accuracy"])
    assert (by_slice["n"].item(), by_slice["n_groups"].item()) == (6, 3)
    by_patient = score_table({"m": p.aggregate()}, metrics=["accuracy"])
    assert by_patient["n"].item() == 3
    assert "n_groups" not in by_patient


@settings(max_examples=25, deadline=None)
@given(data=st.data(), sizes=st.lists(st.integers(1, 5), min_size=1, max_size=6), dense=st.booleans())
def test_no_order_of_the_rows_changes_a_bit(data, sizes, dense):
    groups = np.repeat([f"p{k}" for k in range(len(sizes))], sizes)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    shape = (len(groups), 3) if dense else (len(groups),)
    p = make(rng.dirichlet([1, 1], size=shape).astype(np.float32), groups=groups, folds=groups)
    moved = p.take(p.ids[data.draw(st.permutations(range(len(groups))))])
    for rule in ("mean", "median"):
        assert digest_of(moved.aggregate("group", rule)) == digest_of(p.aggregate("group", rule))
    one_by_one = [p.probas[groups == name].mean(axis=0) for name in np.unique(groups)]
    assert np.allclose(p.aggregate().probas, one_by_one, atol=1e-6)
