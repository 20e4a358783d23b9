"""What `choose` promises for new rows: the formula, by hand and by scipy; and that the promise is kept."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t
from typer.testing import CliRunner

from ensemblekit import InvalidOptionError, Predictions, choose
from ensemblekit.choosing._promise import promise
from ensemblekit.cli import app


def members(n: int, seed: int, *, noise: tuple[float, ...] = (2.0, 2.0, 2.0)) -> list[Predictions]:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2
    made: list[Predictions] = []
    for name, size in zip("abc", noise, strict=False):
        p = 1 / (1 + np.exp(-(2 * (2 * truth - 1) + size * rng.normal(size=n))))
        fields: dict[str, Any] = {"ids": [f"r{k:04d}" for k in range(n)], "classes": ["no", "yes"], "member": name}
        made.append(Predictions(np.column_stack([1 - p, p]), labels=np.array(["no", "yes"])[truth], **fields))
    return made


def test_each_side_adds_the_other_tail_of_the_new_rows_by_hand() -> None:
    """From 5, 3 below and 4 above: as many new rows add 4 and 3, a quarter as many twice that."""
    assert promise([(5.0, 2.0, 9.0)], 1.0, math.inf) == (0.0, 10.0)
    low, high = promise([(5.0, 2.0, 9.0)], 4.0, math.inf)
    assert (low, high) == pytest.approx((5 - math.hypot(3, 8), 5 + math.hypot(4, 6)))
    assert promise([(5.0, 2.0, 9.0)], 0.0, math.inf) == (2.0, 9.0)


def test_it_reaches_over_all_estimates_and_no_further_than_the_metric() -> None:
    assert promise([(5.0, 2.0, 9.0), (7.0, 4.0, 11.0)], 1.0, math.inf) == (0.0, 12.0)
    assert promise([(5.0, 2.0, 9.0), (7.0, 4.0, 11.0)], 1.0, 8.0) == (0.0, 8.0)
    assert all(map(math.isnan, promise([(math.nan, math.nan, math.nan)], 1.0, 1.0)))


def test_for_equal_sides_it_is_students_prediction_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(1, 2, size=20)
    m, mean, error = 5, values.mean(), values.std(ddof=1) / math.sqrt(20)
    half = t.ppf(0.975, 19) * error
    expected = t.ppf(0.975, 19) * values.std(ddof=1) * math.sqrt(1 / 20 + 1 / m)
    low, high = promise([(mean, mean - half, mean + half)], 20 / m, math.inf)
    assert (mean - low, high - mean) == pytest.approx((expected, expected))


@settings(max_examples=40, deadline=None)
@given(
    gain=st.floats(-1, 1), below=st.floats(0, 1), above=st.floats(0, 1), ratio=st.floats(0, 10), more=st.floats(0, 10)
)
def test_it_contains_the_confidence_interval_and_grows_with_fewer_new_rows(
    gain: float, below: float, above: float, ratio: float, more: float
) -> None:
    estimate = (gain, gain - below, gain + above)
    low, high = promise([estimate], ratio, math.inf)
    assert low <= gain - below + 1e-12
    assert high >= gain + above - 1e-12
    wider = promise([estimate], ratio + more, math.inf)
    assert wider[0] <= low
    assert wider[1] >= high


def test_a_choice_promises_for_as_many_rows_and_for_others() -> None:
    choice = choose(members(100, 0), rules=["mean"])
    assert choice.promise() == choice.promise(100) == (choice.promised_low, choice.promised_high)
    assert choice.promised_low < choice.gain_low < choice.gain < choice.gain_high < choice.promised_high
    assert choice.promise(10**12) == pytest.approx((choice.gain_low, choice.gain_high), abs=1e-5)
    few, many = choice.promise(20), choice.promise(1000)
    assert few[0] < choice.promised_low < many[0]
    assert many[1] < choice.promised_high < few[1]
    low, high = choice.promise()
    assert choice.sentence.endswith(f" On as many new rows, expect a gain between {low:.3f} and {high:.3f}.")
    with pytest.raises(InvalidOptionError, match="n_new must be a number of new rows"):
        choice.promise(0)


def test_groups_are_counted_and_not_rows() -> None:
    choice = choose(members(90, 0), rules=["mean"], groups={f"r{k:04d}": k // 3 for k in range(90)})
    assert choice.promise(30) == choice.promise()
    assert choice.promise(90)[0] > choice.promised_low


def test_the_best_member_promises_nothing_over_itself_and_few_rows_nothing_at_all() -> None:
    single = choose(members(60, 0, noise=(0.3, 6.0)), rules=["mean"])
    assert single.promise() == (0, 0)
    assert "expect" not in single.sentence
    assert np.isnan(choose(members(8, 0)).promise()).all()


def test_a_smallest_gain_of_interest_is_asked_of_the_choice_and_of_the_verdict() -> None:
    given = members(150, 0)
    choice = choose(given, rules=["mean"])
    assert choice.beats
    between = choose(given, rules=["mean"], smallest=(choice.gain_low + choice.gain) / 2)
    assert between.name == "mean"
    assert not between.beats
    assert between.gain == choice.gain
    assert f"cannot tell whether it beats the best member, {choice.best_member}, by more than " in between.sentence
    little = choose(given, rules=["mean"], smallest=choice.gain_low / 2)
    assert little.beats
    assert little.sentence.startswith(f"mean beats the best member, {choice.best_member}, by more than ")
    above = choose(given, rules=["mean"], smallest=choice.gain * 1.01)
    assert above.name == choice.best_member
    p = [dict(zip(c.table["candidate"], c.table["p_holm"], strict=True))["mean"] for c in (choice, between)]
    assert p[1] > p[0]
    with pytest.raises(InvalidOptionError, match="smallest must be a number >= 0"):
        choose(given, smallest=-0.1)


def test_the_command_shows_both_intervals(tmp_path: Any) -> None:
    for p in members(100, 0):
        p.save(tmp_path / f"{p.member}.csv")
    files = [str(tmp_path / f"{name}.csv") for name in "abc"]
    shown = CliRunner().invoke(app, ["choose", *files, "--rule", "mean"])
    assert shown.exit_code == 0
    assert "gain on as many new rows" in shown.output
    answer = CliRunner().invoke(app, ["choose", *files, "--rule", "mean", "--json", "--smallest", "0.001"])
    record = json.loads(answer.output)
    assert record["promised_low"] < record["gain_low"] < record["gain_high"] < record["promised_high"]
    assert "by more than 0.001" in record["sentence"]


@pytest.mark.slow
def test_the_promise_is_kept_where_the_interval_of_the_expected_gain_is_not_meant_to() -> None:
    """Eighty draws of the rows to choose on, and as many new rows each: the gain that comes is where it is promised."""
    from ensemblekit import combine
    from ensemblekit.evaluation import log_loss

    kept = expected = trials = 0
    for seed in range(80):
        choice = choose(members(60, seed), rules=["mean"])
        new = members(60, 1000 + seed)
        by_name = {str(p.member): p for p in new}
        came = log_loss(by_name[choice.best_member]) - log_loss(combine(new, choice.combiner))
        if choice.name != "mean":
            continue
        trials += 1
        kept += choice.promised_low <= came <= choice.promised_high
        expected += choice.gain_low <= came <= choice.gain_high
    assert trials > 40
    assert kept >= 0.95 * trials
    assert expected < 0.95 * trials
