"""The benchmark of cascades: trials are judged as their rows say, at small scale."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks.cascades import app
from benchmarks.fewer.trials import Setting, Stage, Trial, run_trials, summary


class Coin:
    """A model that is sure of the first class where its number is large; its answers need no fit."""

    classes_ = np.array(["cat", "dog"])

    def __init__(self, turned=False):
        self.turned = turned

    def fit(self, x, y):
        return self

    def predict_proba(self, x):
        p = np.where(x[:, 0] > 0.9, 1 - x[:, 0], x[:, 0]) if self.turned else x[:, 0]
        return np.column_stack([p, 1 - p])


def setting(turned):
    x = np.linspace(0.5, 1, 1000)[:, np.newaxis]
    stages = [Stage("small", lambda: Coin(turned), x, 1.0), Stage("large", Coin, x, 9.0)]
    return Setting("coins", stages, np.array(["cat"] * 1000), 200, 300)


def test_stages_that_agree_need_only_the_first():
    trials = run_trials(setting(False), 3, 0.98, 0.95)
    assert [(t.agreement, t.agreement_all, t.accuracy) for t in trials] == [(1.0, 1.0, 1.0)] * 3
    assert all(t.reach < 0.02 for t in trials)
    assert trials[0].cost == pytest.approx(1 / 9 + trials[0].reach, abs=0.01)


def test_stages_that_differ_where_they_are_sure_need_the_last():
    # Of 300 rows one may differ, the surest; the next one does, too.
    assert all(t.reach > 0.98 and t.agreement == t.reach for t in run_trials(setting(True), 2, 0.98, 0.95))


def test_the_table_counts_the_trials_that_keep_the_promise():
    trials = [Trial(0.97, 0.985, 0.5, 0.6, 0.9, 0.9), Trial(0.99, 0.975, 0.3, 0.4, 0.8, 0.9)]
    row = pd.Series(summary(setting(False), trials, 0.98))
    assert row["holds"] == "50.0 %"
    assert row["holds on new rows alone"] == "50.0 %"
    assert row["cost saved"] == "50 %"
    assert row["reach the last"] == "40 %"


@pytest.mark.slow
def test_digits_are_run_by_the_command():
    result = CliRunner().invoke(app, ["--sets", "digits", "--splits", "2"])
    assert result.exit_code == 0, result.output
    assert result.stdout.count("| digits") == 2
