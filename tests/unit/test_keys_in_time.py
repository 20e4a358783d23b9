"""A combiner is never used on cutoffs at which the outcomes that it was fitted on were not known yet."""

import numpy as np
import pandas as pd
import pytest

from ensemblekit import LeakageError, Predictions, align, combine, fit_combiner
from ensemblekit.errors import AlignmentError, InvalidPredictionsError
from ensemblekit.store import load, save

TIME = ("cutoff", "target")


def forecasts(member, cutoffs, leads=(7,), time=TIME, names=TIME, seed=0):
    days = pd.to_datetime([*cutoffs])
    rows = [(day, day + pd.Timedelta(lead, "D"), place) for day in days for lead in leads for place in "abcd"]
    index = pd.MultiIndex.from_tuples(rows, names=[*names, "place"])
    rng = np.random.default_rng(seed)
    share = rng.random(len(rows))
    labels = np.where(rng.random(len(rows)) < 0.5, "dry", "wet")
    frame = pd.DataFrame({"dry": share, "wet": 1 - share}, index=index)
    return Predictions(frame, labels=pd.Series(labels, index=index), member=member, time=time)


def pair(cutoffs, **fields):
    return [forecasts(member, cutoffs, seed=seed, **fields) for seed, member in enumerate("ab")]


def with_labels_of_one(members):
    return [p.with_labels(members[0].labels) for p in members]


def fitted(cutoffs, rule="stacking", **fields):
    return fit_combiner(with_labels_of_one(pair(cutoffs, **fields)), rule)


EARLY, LATE = ("2024-01-01", "2024-01-08"), ("2024-01-15", "2024-01-22")


def test_a_combiner_is_used_forwards_in_time():
    rule = fitted(EARLY)
    assert rule.fit_times_ == {"cutoff": "2024-01-08", "target": "2024-01-15"}
    answer = combine(with_labels_of_one(pair(LATE)), rule)
    assert answer.time == TIME


@pytest.mark.parametrize("cutoff", ["2024-01-01", "2024-01-08", "2024-01-14"])
def test_a_future_leak_is_refused(cutoff):
    rule = fitted(EARLY)
    message = r"combiner '\w+' must be used on cutoffs at which the last outcome of the fit, target 2024-01-15, was "
    rows = with_labels_of_one(pair([cutoff, *LATE]))
    with pytest.raises(LeakageError, match=message + rf"known; received 4 of 12 rows before.*cutoff {cutoff}\. Give a"):
        combine(rows, rule)
    assert len(combine(rows, rule, allow_leakage=True)) == 12


def test_an_outcome_far_ahead_is_not_known_at_the_next_cutoffs():
    rule = fitted(EARLY, leads=(7, 28))
    with pytest.raises(LeakageError, match=r"target 2024-02-05.*received 8 of 8 rows"):
        combine(with_labels_of_one(pair(LATE)), rule)
    assert len(combine(with_labels_of_one(pair(["2024-02-05"])), rule)) == 4


def test_the_cutoff_alone_must_be_later_than_those_of_the_fit():
    rule = fitted(EARLY, time="cutoff")
    assert rule.fit_times_ == {"cutoff": "2024-01-08"}
    combine(with_labels_of_one(pair(["2024-01-09"], time="cutoff")), rule)
    with pytest.raises(LeakageError, match=r"cutoffs after the last one of the fit, 2024-01-08; received 4 of 8"):
        combine(with_labels_of_one(pair(["2024-01-08", "2024-01-15"], time="cutoff")), rule)


def test_times_of_day_and_whole_numbers_are_compared_too():
    rule = fitted(["2024-01-01 06:00"], time="cutoff")
    combine(with_labels_of_one(pair(["2024-01-01 12:00"], time="cutoff")), rule)
    with pytest.raises(LeakageError):
        combine(with_labels_of_one(pair(["2024-01-01"], time="cutoff")), rule)

    def numbered(week):
        key = {"week": [week] * 4, "place": [*"abcd"]}
        fields = {"ids": key, "classes": ["dry", "wet"], "labels": ["dry", "wet"] * 2, "time": "week"}
        return [Predictions([[0.2, 0.8]] * 4, member=m, **fields) for m in "ab"]

    rule = fit_combiner(numbered(9), "stacking")
    assert len(combine(numbered(10), rule)) == 4
    with pytest.raises(LeakageError, match="after the last one of the fit, 9; received 4 of 4"):
        combine(numbered(9), rule)


def test_a_combiner_keeps_its_times_in_a_folder(tmp_path):
    rule = fitted(EARLY)
    save(rule, tmp_path / "rule")
    again = load(tmp_path / "rule")
    assert again.fit_times_ == rule.fit_times_
    assert again.fit_ids_.tolist() == rule.fit_ids_.tolist()
    late = with_labels_of_one(pair(LATE))
    assert combine(late, again).fit_ids.tolist() == combine(late, rule).fit_ids.tolist()
    with pytest.raises(LeakageError):
        combine(with_labels_of_one(pair(EARLY)), again)


def test_predictions_without_the_cutoff_are_refused():
    rule = fitted(EARLY)
    other = with_labels_of_one(pair(LATE, time=None, names=("origin", "target")))
    with pytest.raises(LeakageError, match=r"fitted on cutoffs up to 2024-01-08.*without the key column 'cutoff'"):
        combine(other, rule)
    assert len(combine(with_labels_of_one(pair(LATE, time=None)), rule)) == 8  # the column is there


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".npz"])
def test_files_and_rows_keep_the_time(tmp_path, suffix):
    p = forecasts("a", EARLY)
    p.save(tmp_path / f"p{suffix}")
    assert Predictions.load(tmp_path / f"p{suffix}").time == TIME
    assert p.take(p.ids[:2]).time == align(p).time == p.rename("b").time == TIME
    assert p.with_time(None).time == ()
    assert p.with_time(None).with_time("cutoff").time == ("cutoff",)


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("origin", r"received 'origin', and ids with the key columns \('cutoff', 'target', 'place'\)"),
        ("place", r"key columns of dates, or of whole numbers; received \{'place': 'text'\}"),
        (("cutoff", "cutoff"), "must name the key column of the forecast origin"),
    ],
)
def test_what_is_no_time_is_refused(time, message):
    with pytest.raises(InvalidPredictionsError, match=message):
        forecasts("a", EARLY, time=time)
    with pytest.raises(InvalidPredictionsError, match="no key columns"):
        Predictions([[0.5, 0.5]], ids=["a"], classes=["x", "y"], time="cutoff")


def test_members_must_agree_on_the_time():
    with pytest.raises(AlignmentError, match=r"time must name the same columns for every member"):
        align(forecasts("a", EARLY), forecasts("b", EARLY, time="cutoff"))
    assert align(forecasts("a", EARLY), forecasts("b", EARLY, time=None).with_labels(forecasts("a", EARLY).labels)).time
