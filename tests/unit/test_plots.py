"""Each plot: what it draws is what was computed, and what it cannot draw it refuses."""

import html
import io
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from ensemblekit import EnsembleKitError, InvalidOptionError, Predictions, align
from ensemblekit.errors import InvalidPredictionsError, MissingDependencyError
from ensemblekit.plots import (
    plot_confusion,
    plot_copies,
    plot_cost,
    plot_disagreement,
    plot_diversity,
    plot_learning_curves,
    plot_reliability,
    plot_scores,
)


def model(name, probas, labels=("cat", "dog", "dog", "cat")):
    return Predictions(probas, ids=["a", "b", "c", "d"], classes=["cat", "dog"], labels=labels, member=name)


CNN = model("cnn", [[0.75, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.25]])
SVM = model("svm", [[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.55, 0.45]])
BOTH = align([CNN, SVM])


def texts(axes):
    return [text.get_text() for text in axes.texts]


def drawn(figure):
    """Draw it: an error of layout shows only then."""
    figure.savefig(io.BytesIO(), format="svg")
    return figure


def test_reliability_draws_each_bin_at_its_confidence_and_accuracy():
    axes = drawn(plot_reliability({"cnn": CNN}, n_bins=4)).axes[0]
    line = axes.get_lines()[1]
    # All four rows are 0.75 sure; three of them are right.
    np.testing.assert_allclose(line.get_xydata(), [[0.75, 0.75]])
    assert texts(axes) == ["calibration error 0.000"]


def test_confusion_writes_the_counts_row_by_row():
    figure = drawn(plot_confusion(BOTH))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["cnn", "svm"]
    assert texts(figure.axes[0]) == ["2", "0", "1", "1"]


def test_confusion_of_many_models_names_the_classes_once_a_row_and_column():
    figure = drawn(plot_confusion(dict.fromkeys("abc", CNN)))
    named = [
        (axes.yaxis.get_tick_params()["labelleft"], axes.xaxis.get_tick_params()["labelbottom"]) for axes in figure.axes
    ]
    assert named == [(True, False), (False, True), (True, True)]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["cat", "dog"]


@pytest.mark.slow
def test_a_square_of_many_classes_leaves_out_numbers_that_nobody_could_read():
    classes = [f"class {k}" for k in range(60)]
    many = Predictions(np.eye(60), ids=range(60), classes=classes, labels=classes)
    assert texts(drawn(plot_confusion(many)).axes[0]) == []


@pytest.mark.parametrize("name", ["$a$ $\\nope{$", "_hidden", "one $", "x" * 80, "<&>\"'"])
@pytest.mark.slow
def test_every_name_is_text_and_no_formula(name):
    rows = model(name, CNN.probas).rename(aliases={"cat": name})
    history = pd.DataFrame({"loss": [1.0]})
    scores = pd.DataFrame({"row": [name], "value": [0.5], "low": [0.4], "high": [0.6]})
    both = align([rows, SVM.rename(aliases={"cat": name})])
    for figure in (
        plot_confusion(both),
        plot_reliability(both),
        plot_diversity(both),
        plot_learning_curves({name: history}),
        plot_cost({name: 0.5}, {name: 1.0}),
        plot_scores(scores, value="value", low="low", high="high"),
        plot_disagreement(both, lambda _: np.zeros((4, 4))),
        plot_copies([[name, "b"]], lambda _: np.zeros((4, 4))),
    ):
        svg = io.StringIO()
        with mpl.rc_context({"svg.fonttype": "none"}):
            figure.savefig(svg, format="svg")
        shown = html.unescape(svg.getvalue())
        assert name in shown or "…" in shown


@pytest.mark.parametrize(
    "plot",
    [
        lambda: plot_confusion(CNN),
        lambda: plot_reliability(CNN),
        lambda: plot_diversity(BOTH),
        lambda: plot_learning_curves({"cnn": pd.DataFrame({"loss": [1.0]})}),
        lambda: plot_cost({"cnn": 0.5}, {"cnn": 1.0}),
        lambda: plot_scores(pd.DataFrame({"r": ["a"], "v": [1.0]}), value="v", low="v", high="v"),
        lambda: plot_disagreement(BOTH, np.zeros),
        lambda: plot_copies([["a", "b"]], np.zeros),
    ],
)
def test_without_matplotlib_it_is_said_how_to_install_it(monkeypatch, plot):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r'pip install "ensemblekit\[plots\]"'):
        plot()


def test_diversity_writes_the_share_of_rows_that_two_members_differ_on():
    axes = drawn(plot_diversity(BOTH)).axes[0]
    assert texts(axes) == ["0.00", "0.50", "0.50", "0.00"]


def test_learning_curves_draw_every_epoch_of_training_and_validation():
    history = pd.DataFrame({"epoch": [1, 2], "loss": [2.0, 1.0], "accuracy": [0.5, 0.6], "val_loss": [3.0, 2.0]})
    loss, accuracy = drawn(plot_learning_curves({"cnn": history})).axes
    assert [line.get_ydata().tolist() for line in loss.get_lines()] == [[2.0, 1.0], [3.0, 2.0]]
    assert [line.get_ydata().tolist() for line in accuracy.get_lines()] == [[0.5, 0.6]]


def test_cost_stands_on_a_logarithmic_axis_with_every_name():
    axes = drawn(plot_cost({"cnn": 0.8, "svm": 0.7}, {"cnn": 50.0, "svm": 1.0}, intervals={"cnn": (0.7, 0.9)})).axes[0]
    assert axes.get_xscale() == "log"
    assert sorted(texts(axes)) == ["cnn", "svm"]


def test_scores_stand_in_the_order_of_the_table_with_their_figures():
    table = pd.DataFrame({"row": ["b", "a"], "value": [0.5, 0.75], "low": [0.4, np.nan], "high": [0.6, np.nan]})
    axes = drawn(plot_scores(table, value="value", low="low", high="high", reference=0.25)).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]
    assert {"0.500", "0.750"} <= set(texts(axes))


def test_disagreement_shows_the_most_doubtful_images_first():
    seen = []
    figure = drawn(plot_disagreement(BOTH, lambda i: seen.append(i) or np.zeros((8, 9, 3), np.uint8), most=2))
    assert seen == ["b", "c"]
    assert figure.axes[0].get_title(loc="left") == "b"
    bold = [t.get_text() for t in figure.axes[1].get_yticklabels() if t.get_fontweight() == "bold"]
    assert bold == ["dog"]


def test_copies_show_two_of_each_group_and_say_how_many_more_there_are():
    figure = drawn(plot_copies([["a", "b", "c"], ["d", "e"]], lambda _: np.zeros((300, 200), np.uint8)))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a", "b and 1 more", "d", "e"]
    assert max(figure.axes[0].get_images()[0].get_array().shape) == 160


@pytest.mark.slow
def test_no_window_and_no_state_of_pyplot_is_made():
    code = (
        "import sys; from tests.unit.test_plots import BOTH, drawn, plot_confusion; drawn(plot_confusion(BOTH)); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


REGRESSION = Predictions(
    [[1.0], [2.0]], ids=[1, 2], classes=["y"], labels=[[1.0], [2.0]], task="regression", member="m"
)


@pytest.mark.parametrize(
    ("plot", "error", "said"),
    [
        (
            lambda: plot_reliability(REGRESSION),
            InvalidPredictionsError,
            "plot_reliability shows classes, and numbers have",
        ),
        (lambda: plot_confusion({}), InvalidPredictionsError, "predictions must hold one model at least; received"),
        (lambda: plot_confusion([CNN.probas]), InvalidPredictionsError, "must be a PredictionSet, Predictions, a list"),
        (lambda: plot_confusion(model("x", CNN.probas, None)), InvalidPredictionsError, "'x' have no labels"),
        (lambda: plot_learning_curves({}), InvalidOptionError, "needs the history of at least one model"),
        (lambda: plot_learning_curves({"a": pd.DataFrame({"x": [1]})}), InvalidOptionError, "the column 'loss' or"),
        (lambda: plot_cost({"a": 1.0}, {"b": 1.0}), InvalidOptionError, "same models"),
        (lambda: plot_cost({"a": 1.0}, {"a": 0.0}), InvalidOptionError, "latency"),
        (lambda: plot_scores(pd.DataFrame(), value="v", low="l", high="h"), InvalidOptionError, "received"),
        (lambda: plot_copies([["a"]], np.zeros), InvalidOptionError, "two ids in each"),
        (lambda: plot_disagreement(BOTH, np.zeros, most=0), InvalidOptionError, "most must be at least 1; received 0"),
        (lambda: plot_copies([["a", "b"]], lambda _: np.zeros(3)), InvalidOptionError, "an image must have the shape"),
    ],
)
def test_what_cannot_be_drawn_is_refused(plot, error, said):
    with pytest.raises(error, match=said) as caught:
        plot()
    assert isinstance(caught.value, EnsembleKitError)
