"""The simulation of few rows counts wrong answers, finds what is too sure, and finds nothing in what is shipped."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import small_samples
from benchmarks.small_samples import Cell


@pytest.fixture
def few_metrics(monkeypatch):
    """Only a mean, a share and a figure that is no mean; and truths of fewer rows."""
    every = small_samples.metrics_of
    wanted = {"log_loss", "accuracy", "macro_auroc", "mae", "r2"}
    monkeypatch.setattr(small_samples, "metrics_of", lambda p: [m for m in every(p) if m.name in wanted])
    monkeypatch.setattr(small_samples, "TRUTH_ROWS", 20_000)
    small_samples.truths.cache_clear()
    yield
    small_samples.truths.cache_clear()


def bound(repeats):
    return small_samples.LEVEL + 3 * np.sqrt(small_samples.LEVEL * (1 - small_samples.LEVEL) / repeats)


@pytest.mark.parametrize("world", small_samples.WORLDS)
@pytest.mark.parametrize("by", ["row", "group"])
def test_every_kind_of_predictions_is_drawn(world, by):
    first, second = small_samples.draw(np.random.default_rng(0), Cell(world, by, 8), 2, (1.5, 1.5))
    assert first.ids.tolist() == second.ids.tolist()
    assert len({name.split("/")[0] for name in first.ids.tolist()}) == 8
    assert (len(first) == 8) == (by == "row")
    assert {"accuracy", "mae"} & {metric.name for metric in small_samples.metrics_of(first)}


def test_two_rows_are_never_told_apart(few_metrics):
    table = small_samples.simulate(Cell("multiclass", "row", 2), 5, 99, 0)
    assert set(table["what"]) == set(small_samples.WHAT)
    assert (table.loc[table["what"].isin(["interval", "verdict", "difference"]), "wrong"] == 0).all()


def test_the_summary_shows_the_worst_metric_and_marks_what_is_above_the_level():
    rows = [
        {"world": world, "by": "row", "n": n, "what": "verdict", "metric": "m", "wrong": wrong}
        for world, n, wrong in (("binary", 2, 0.0), ("masks", 2, 0.04), ("binary", 5, 0.3), ("masks", 5, 0.01))
    ]
    (line,) = small_samples.summary(pd.DataFrame(rows), 400).to_dict("records")
    assert (line["2"], line["5"]) == ("0.040", "0.300 !")


@pytest.mark.slow
@pytest.mark.parametrize(("world", "by", "n"), [("multiclass", "row", 10), ("multiclass", "group", 10),
                                                ("regression", "row", 30)])  # fmt: skip
def test_no_answer_is_wrong_more_often_than_promised(few_metrics, world, by, n):
    table = small_samples.simulate(Cell(world, by, n), 60, 199, 0)
    assert (table["wrong"] <= bound(60)).all(), table[table["wrong"] > bound(60)].to_string()


@pytest.mark.slow
def test_intervals_that_are_too_sure_are_found(few_metrics, monkeypatch):
    """The percentile interval of before, on three rows."""
    from ensemblekit.evaluation.significance import _one_model, _paired

    for module in (_paired, _one_model):
        monkeypatch.setattr(module, "MOST_UNITS", 0)
    table = small_samples.simulate(Cell("multiclass", "row", 3), 60, 199, 0)
    claims = table[(table["what"] == "interval") & (table["metric"] == "log_loss")]
    assert claims["wrong"].item() > bound(60)


def test_parts_are_together_what_they_are_at_once(few_metrics):
    cell = Cell("regression", "row", 5)
    whole = small_samples.simulate(cell, 6, 99, 0)
    parts = [small_samples.simulate(cell, 4, 99, 0), small_samples.simulate(cell, 2, 99, 0, 4)]
    found = small_samples.together(parts)
    assert found["repeats"].tolist() == [6] * len(whole)
    assert np.allclose(found["wrong"], whole["wrong"])
