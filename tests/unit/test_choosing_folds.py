"""Folds of `choose`: even by class, never through a group, and mended or said where they cannot be even."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemblekit.choosing._folds import make_folds, strata_of


def alone(n: int) -> np.ndarray:
    return np.arange(n)


def test_rows_without_groups_are_dealt_evenly_by_class() -> None:
    strata = np.repeat([0, 1, 2], [50, 30, 7])
    folds = make_folds(strata, alone(87), 5, 0, names=["a", "b", "c"])
    counts = np.array([np.bincount(strata[folds.place == fold], minlength=3) for fold in range(5)])
    assert (counts.max(axis=0) - counts.min(axis=0)).max() <= 1
    assert np.ptp(counts.sum(axis=1)) <= 1
    assert folds.can_learn
    assert folds.notes == ()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 8), min_size=20, max_size=60), st.integers(0, 3))
def test_no_group_is_divided_and_no_fold_is_empty(groups: list[int], seed: int) -> None:
    places = np.unique(groups, return_inverse=True)[1]
    strata = np.arange(len(groups)) % 2
    folds = make_folds(strata, places, 5, seed, names=["a", "b"])
    if places.max() < 2:
        assert folds.n_folds == 0
        return
    for group in np.unique(places):
        assert len(np.unique(folds.place[places == group])) == 1
    assert set(folds.place) == set(range(folds.n_folds))
    assert 3 <= folds.n_folds <= 5


def test_a_group_of_262_of_360_rows_is_said_and_no_rule_learns_from_five_rows_of_a_class() -> None:
    """Four classes of 90 rows; 85 of the last are in a group of 262 rows, the others are alone."""
    strata = np.repeat([0, 1, 2, 3], 90)
    of_group = np.r_[np.arange(59), 90 + np.arange(59), 180 + np.arange(59), 270 + np.arange(85)]
    assert len(of_group) == 262
    places = alone(360)
    places[of_group] = of_group[0]
    places = np.unique(places, return_inverse=True)[1]
    folds = make_folds(strata, places, 5, 0, names=["a", "b", "c", "d"])
    assert folds.n_folds == 3
    assert not folds.can_learn
    assert folds.notes == (
        "one group has 262 of 360 rows, more than one of 5 folds: there are 3 folds.",
        "a fold leaves 5 of 90 rows of the class 'd' to fit on, and as few of 3 more, as groups are not divided.",
    )
    sizes = np.sort(np.bincount(folds.place))
    assert sizes.tolist() == [49, 49, 262]


def test_fewer_folds_are_taken_where_groups_leave_too_few_rows_of_a_class() -> None:
    """A class in four groups of 10 rows: with 5 folds each leaves 30 of 40, as even folds nearly would."""
    strata = np.r_[np.zeros(60, dtype=int), np.ones(40, dtype=int)]
    places = np.r_[np.arange(60), 60 + np.repeat(np.arange(4), 10)]
    folds = make_folds(strata, places, 5, 0, names=["a", "b"])
    held = [(strata[folds.place == fold] == 1).sum() for fold in range(folds.n_folds)]
    assert max(held) == 10
    assert folds.can_learn


def test_rare_classes_are_said() -> None:
    strata = np.r_[np.zeros(50, dtype=int), [1, 1]]
    folds = make_folds(strata, alone(52), 5, 0, names=["a", "b"])
    assert folds.notes == ("there are fewer than 6 rows of some classes: 1 ('b').",)
    assert folds.n_folds == 5


def test_two_groups_are_too_few() -> None:
    folds = make_folds(np.zeros(20, dtype=int), np.arange(20) % 2, 5, 0)
    assert folds.n_folds == 0
    assert "the rows are of 2 groups" in folds.notes[0]


def test_numbers_are_spread_by_their_size() -> None:
    labels = np.random.default_rng(0).normal(size=(100, 1)) ** 3
    strata = strata_of(labels, "regression", None)
    assert np.bincount(strata).tolist() == [10] * 10
    assert np.array_equal(np.argsort(strata[np.argsort(labels[:, 0])], kind="stable"), np.arange(100))
    folds = make_folds(strata, alone(100), 5, 0)
    means = [np.median(labels[folds.place == fold]) for fold in range(5)]
    assert np.ptp(means) < np.ptp(np.quantile(labels, [0.3, 0.7]))


def test_labels_are_spread_by_the_rarest_of_a_row() -> None:
    labels = np.zeros((40, 3), dtype=int)
    labels[:, 0] = 1
    labels[:10, 1] = 1
    labels[:5, 2] = 1
    strata = strata_of(labels, "multilabel", None)
    assert strata.tolist() == [2] * 5 + [1] * 5 + [0] * 30


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_decides(seed: int) -> None:
    strata = np.arange(40) % 2
    one, other = (make_folds(strata, alone(40), 5, s).place for s in (seed, seed + 10))
    assert np.array_equal(one, make_folds(strata, alone(40), 5, seed).place)
    assert not np.array_equal(one, other)
