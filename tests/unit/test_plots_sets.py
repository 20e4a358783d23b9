"""Plots of prediction sets and of selective prediction: what is drawn is what was computed."""

import io

import numpy as np
import pandas as pd
import pytest

from ensemblekit import InvalidOptionError, Predictions, align
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import risk_coverage_curve
from ensemblekit.plots import plot_risk_coverage, plot_set_sizes


def drawn(figure):
    figure.savefig(io.BytesIO(), format="svg")
    return figure


def model(name, seed):
    rng = np.random.default_rng(seed)
    probas = rng.dirichlet([1, 1], 30)
    labels = np.where(rng.random(30) < probas[:, 0], "cat", "dog")
    return Predictions(probas, ids=range(30), classes=["cat", "dog"], labels=labels, member=name)


def test_risk_coverage_draws_the_curve_of_each_model():
    first = model("cnn", 0)
    second = Predictions(model("_", 1).probas, ids=range(30), classes=["cat", "dog"], labels=first.labels, member="_$x")
    figure = drawn(plot_risk_coverage(align([first, second])))
    lines = figure.axes[0].get_lines()
    for line, one in zip(lines, (first, second), strict=True):
        curve = risk_coverage_curve(one)
        np.testing.assert_allclose(line.get_xydata(), curve[["coverage", "risk"]].to_numpy())
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [text.partition(", area")[0] for text in texts] == ["cnn", r"_\$x"]
    assert lines[0].get_linestyle() != lines[1].get_linestyle()


def test_set_sizes_draws_the_share_of_rows_of_each_size():
    lac = pd.DataFrame({"cat": [True, True, False, True], "dog": [False, True, False, False]})
    aps = pd.DataFrame({"cat": [True] * 4, "dog": [True] * 4})
    figure = drawn(plot_set_sizes({"lac": lac, "aps": aps}))
    axes = figure.axes[0]
    heights = [{round(b.get_x() + b.get_width() / 2): b.get_height() for b in bars} for bars in axes.containers]
    assert heights == [{0: 0.25, 1: 0.5, 2: 0.25}, {2: 1.0}]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["lac, mean 1.00", "aps, mean 2.00"]
    assert len(drawn(plot_set_sizes(lac)).axes[0].containers) == 1
    many = drawn(plot_set_sizes({str(k): lac for k in range(4)}))
    assert [len(panel.containers) for panel in many.axes] == [1] * 4
    assert [panel.get_title(loc="left") for panel in many.axes] == ["0", "1", "2", "3"]


def test_what_is_no_table_of_sets_is_refused():
    for wrong in ({}, {"a": 1}, pd.DataFrame({"cat": [0.5]}), pd.DataFrame({"cat": pd.Series([], dtype=bool)})):
        with pytest.raises(InvalidOptionError, match=r"plot_set_sizes needs|must be a table of True and False"):
            plot_set_sizes(wrong)
    with pytest.raises(InvalidPredictionsError, match="labelled"):
        plot_risk_coverage(Predictions([[0.5, 0.5]], ids=[1], classes=["cat", "dog"]))
