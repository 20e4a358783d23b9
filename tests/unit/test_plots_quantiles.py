"""Plots of the calibration of quantiles: what is drawn is what was counted."""

import numpy as np
import pytest
from scipy.stats import norm

from ensemblekit import InvalidOptionError, Predictions
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.plots import plot_pit, plot_quantile_coverage
from ensemblekit.quantiles import pit_histogram

FIELDS = {"ids": [1, 2, 3, 4], "classes": [0.25, 0.75], "task": "quantile"}
QUARTERS = Predictions([[1.0, 3.0]] * 4, labels=[0.0, 1.0, 2.0, 9.0], member="m", **FIELDS)


def test_true_numbers_between_levels_are_counted_and_those_on_an_edge_by_halves():
    table = pit_histogram(QUARTERS)
    assert table["start"].tolist() == [0, 0.25, 0.75]
    assert table["share"].tolist() == [0.375, 0.375, 0.25]
    assert table["density"].tolist() == [1.5, 0.75, 1.0]
    assert table["n"].tolist() == [4, 4, 4]


def test_many_levels_make_as_many_bins_as_asked_and_calibrated_ones_lie_in_the_band():
    levels = np.array([0.01, 0.025, *np.arange(0.05, 0.96, 0.05).round(2), 0.975, 0.99])
    rng = np.random.default_rng(0)
    inside, spread = [], {}
    for scale in (1.0, 0.6):
        fields = {"ids": range(400), "classes": levels.tolist(), "task": "quantile"}
        for _ in range(20):
            values = np.tile(scale * norm.ppf(levels), (400, 1))
            table = pit_histogram(Predictions(values, labels=rng.normal(size=400), **fields))
            assert table["start"].round(9).tolist() == [k / 10 for k in range(10)]
            assert table["share"].sum() == pytest.approx(1)
            inside.append(table["density"].between(table["low"] - 1e-9, table["high"] + 1e-9).mean())
        spread[scale] = np.mean(inside[-20:])
    assert 0.85 < spread[1.0] < 0.97
    assert spread[0.6] < 0.6  # too sure
    assert pit_histogram(QUARTERS, n_bins=1)["share"].tolist() == [1]


def test_bars_and_lines_are_those_figures():
    figure = plot_pit({"one": QUARTERS, "_two": QUARTERS})
    assert [bar.get_height() for bar in figure.axes[1].containers[0]] == [1.5, 0.75, 1.0]
    assert [bar.get_width() for bar in figure.axes[1].containers[0]] == [0.25, 0.5, 0.25]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["one", "_two"]
    coverage = plot_quantile_coverage({"one": QUARTERS, "_two": QUARTERS})
    assert coverage.axes[0].get_lines()[2].get_xydata().tolist() == [[0.25, 0.5], [0.75, 0.75]]
    assert [t.get_text() for t in coverage.legends[0].get_texts()] == ["one, off by 0.125", "_two, off by 0.125"]


@pytest.mark.parametrize("plot", [plot_pit, plot_quantile_coverage])
def test_what_has_no_levels_or_no_labels_is_refused(plot):
    with pytest.raises(InvalidPredictionsError, match="labelled predictions of the task 'quantile'"):
        plot(Predictions([[1.0, 3.0]] * 4, **FIELDS))
    with pytest.raises(InvalidPredictionsError, match="labelled predictions of the task 'quantile'"):
        plot(Predictions([[0.5, 0.5]], ids=[1], classes=["a", "b"], labels=["a"]))


def test_a_number_of_bins_below_one_is_refused():
    with pytest.raises(InvalidOptionError, match="n_bins must be a whole number >= 1; received 0"):
        plot_pit(QUARTERS, n_bins=0)
