"""Folds in time: no fit knows an outcome that was not known at the first cutoff of what it predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemblekit import Predictions, PredictionSet, align
from ensemblekit.combining.forward import forward_folds


def forecasts(cutoff: np.ndarray, outcome: np.ndarray | None = None) -> PredictionSet:
    key: dict[str, Any] = {"cutoff": cutoff, "row": np.arange(len(cutoff))}
    if outcome is not None:
        key["outcome"] = outcome
    time = "cutoff" if outcome is None else ("cutoff", "outcome")
    return align(Predictions(np.full((len(cutoff), 2), 0.5), ids=key, classes=["dry", "wet"], time=time))


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    cutoff = rng.integers(0, draw(st.integers(1, 25)), n)
    outcome = cutoff + rng.integers(0, draw(st.integers(1, 15)), n) if draw(st.booleans()) else None
    groups = None
    if draw(st.booleans()):  # some follow time, others are drawn
        groups = cutoff // draw(st.integers(1, 8)) if draw(st.booleans()) else rng.integers(0, n, n)
    return cutoff, outcome, groups, rng.integers(0, 3, n) if draw(st.booleans()) else None


@settings(max_examples=60, deadline=None)
@given(tables(), st.integers(1, 7), st.integers(1, 4), st.integers(0, 99))
def test_nothing_later_is_ever_fitted_on(table: Any, n_folds: int, fewest: int, seed: int) -> None:
    cutoff, outcome, groups, classes = table
    asked = {"groups": groups, "classes": classes, "fewest": fewest}
    folds = forward_folds(forecasts(cutoff, outcome), n_folds, **asked)
    assert len(folds.place) == len(cutoff)
    assert 0 <= folds.n_folds <= n_folds
    assert {*folds.place.tolist()} == {*range(folds.n_folds + 1)}  # no fold is empty, nor is the first block
    in_order = np.argsort(cutoff, kind="stable")
    assert (np.diff(folds.place[in_order]) >= 0).all()
    for value in np.unique(cutoff):
        assert len(np.unique(folds.place[cutoff == value])) == 1
    for group in () if groups is None else np.unique(groups):
        assert len(np.unique(folds.place[groups == group])) == 1
    for fold, (fit, held) in enumerate(folds.splits(), 1):
        first = cutoff[held].min()
        assert folds.cutoffs[fold - 1] == str(first)
        assert len(fit)
        known = (folds.place < fold) & (True if outcome is None else outcome <= first)
        assert fit.tolist() == np.flatnonzero(known).tolist()
        assert cutoff[fit].max() < first
    if outcome is None:
        assert folds.n_folds >= min(folds.n_parts - 1, n_folds, fewest)
    order = np.random.default_rng(seed).permutation(len(cutoff))
    of = {name: value if value is None or name == "fewest" else value[order] for name, value in asked.items()}
    shuffled = forward_folds(forecasts(cutoff[order], None if outcome is None else outcome[order]), n_folds, **of)
    assert shuffled.place.tolist() == folds.place[order].tolist()


def test_blocks_have_nearly_as_many_rows() -> None:
    folds = forward_folds(forecasts(np.repeat(np.arange(60), 2)), 5)
    assert np.bincount(folds.place).tolist() == [20] * 6


def test_the_first_block_grows_until_outcomes_are_known_and_each_class_is_there() -> None:
    week = np.arange(24)
    assert np.bincount(forward_folds(forecasts(week), 5).place)[0] == 4
    late = forward_folds(forecasts(week, week + 9), 5)
    assert late.fits[0].tolist() == [0]
    assert late.cutoffs[0] == "9"
    classes = np.r_[np.zeros(6, dtype=int), np.arange(18) % 2]
    folds = forward_folds(forecasts(week), 5, classes=classes)
    assert np.bincount(classes[folds.fits[0]]).min() == np.bincount(classes)[1] // 2
    only_late = np.r_[np.zeros(20, dtype=int), np.ones(4, dtype=int)]
    assert np.bincount(forward_folds(forecasts(week), 5, classes=only_late).place)[0] == 4


def test_outcomes_that_are_never_known_leave_no_fold() -> None:
    week = np.arange(8)
    assert forward_folds(forecasts(week, week + 100), 3).n_folds == 0
    assert forward_folds(forecasts(week * 0), 3).n_folds == 0


def test_series_that_last_all_the_time_leave_one_part() -> None:
    folds = forward_folds(forecasts(np.arange(20)), 3, groups=np.arange(20) % 2)
    assert (folds.n_folds, folds.n_parts, folds.n_cutoffs) == (0, 1, 20)


@pytest.mark.parametrize("unit", ["D", "s", "ns"])
def test_dates_are_cutoffs(unit: str) -> None:
    days = np.datetime64("2024-01-01") + np.arange(12)
    folds = forward_folds(forecasts(days.astype(f"datetime64[{unit}]"), (days + 1).astype(f"datetime64[{unit}]")), 3)
    assert [cutoff[:10] for cutoff in folds.cutoffs] == ["2024-01-04", "2024-01-07", "2024-01-10"]
