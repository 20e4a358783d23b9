"""The benchmark of `choose`: its table says what the trials say, and it runs at small scale."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.choices.tables import mean_ranks, to_markdown
from benchmarks.choices.trial import RULES, Trial
from benchmarks.choosing import app


def trial(name: str, *, gain: float, expected: float, promised: float, came: float, **losses: float) -> Trial:
    """Make a trial whose intervals are as wide as this, on both sides of the gain."""
    return Trial(
        name, 0, "mean" if gain else "forest", {rule: losses.get(rule, 0.5) for rule in RULES},
        (gain, gain - expected, gain + expected), (gain, gain - promised, gain + promised), came, 1.0, 100,
    )  # fmt: skip


TRIALS = [
    trial("iris", gain=0.0, expected=0.0, promised=0.0, came=0.0, choose=0.5, mean=0.6),
    trial("wine", gain=0.1, expected=0.1, promised=0.15, came=0.12, choose=0.4, mean=0.4),
    trial("digits", gain=0.1, expected=0.1, promised=0.15, came=-0.04, choose=0.54, mean=0.3),
    trial("pima", gain=0.1, expected=0.1, promised=0.15, came=0.3, choose=0.2, mean=0.3),
]


def test_the_promises_that_were_kept_are_counted_with_and_without_the_noise_of_new_rows() -> None:
    page = to_markdown(TRIALS)
    assert "is kept on the untouched rows in 3 of 4 trials" in page
    assert "and of the 3 others it is kept in 2." in page
    assert "contains that gain in 2 of 4, of the others in 1 of 3." in page
    assert "| wine | 100 | mean | 0.400 | 0.500 | 0.400 | 0.500 | 0.500 | 0.100 (-0.050 to 0.250) | 0.120 |" in page
    assert "the choice gains 0.095 of the loss of the constant answer over the best member; at worst, on digits" in page


def test_equal_losses_share_their_rank() -> None:
    ranks = mean_ranks(TRIALS[:2])
    assert ranks["choose"] == (2.5 + 1.5) / 2
    assert ranks["mean"] == (5 + 1.5) / 2
    assert ranks["stacking"] == (2.5 + 4) / 2


@pytest.mark.slow
def test_two_sets_that_ship_with_scikit_learn(tmp_path: Any) -> None:
    kept = tmp_path / "trials.json"
    options = ["--sets", "iris,diabetes", "--repeats", "1", "--n-jobs", "1", "--json", str(kept)]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    rows = [line for line in result.stdout.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows] == [
        "| data set",
        "| iris",
        "| diabetes",
        "| **mean**",
        "| **mean rank**",
    ]
    assert len({row.count("|") for row in rows}) == 1
    record = json.loads(kept.read_text())
    assert record["sources"] == {"iris": "scikit-learn", "diabetes": "scikit-learn"}
    for figures in record["trials"]:
        assert figures["losses"].keys() == {*RULES}
        assert figures["losses"]["choose"] < 1  # better than the constant answer
        _, low, high = figures["promised"]
        assert low <= figures["expected"][1] <= figures["expected"][2] <= high
