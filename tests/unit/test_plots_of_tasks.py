"""Every plot of predictions, for every task, from whatever holds the models."""

import io

import numpy as np
import pytest

from ensemblekit import Predictions, align
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import confusion_matrix, reliability_curve, uncertainty_maps
from ensemblekit.plots import plot_confusion, plot_disagreement, plot_diversity, plot_reliability

BLANK = np.zeros((4, 4))


def models_of(task, seed=0, n=6):
    """Two labelled models of a task."""
    rng = np.random.default_rng(seed)
    classes = {"binary": ["no", "yes"], "regression": ["u", "v"]}.get(task, ["a", "b", "c"])
    shape = (n, 4, 5, 3) if task == "masks" else (n, 4, 3) if task == "lines" else (n, len(classes))
    if task in ("multilabel", "regression"):
        labels = rng.random(shape) < 0.5 if task == "multilabel" else rng.normal(size=shape)
        probas = [rng.random(shape) for _ in range(2)]
    else:
        labels = np.array(classes)[rng.integers(len(classes), size=shape[:-1])]
        probas = [rng.dirichlet(np.ones(len(classes)), shape[:-1]) for _ in range(2)]
    kind = task if task in ("binary", "multilabel", "regression") else "multiclass"
    fields = {"ids": [f"{k}.png" for k in range(n)], "classes": classes, "labels": labels, "task": kind}
    return [Predictions(p, member=name, **fields) for p, name in zip(probas, ("one", "two"), strict=True)]


def drawn(figure):
    figure.savefig(io.BytesIO(), format="svg")
    return figure


def texts(axes):
    return [text.get_text() for text in axes.texts]


TASKS = ["multiclass", "binary", "multilabel", "regression", "lines", "masks"]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("plot", [plot_confusion, plot_reliability, plot_diversity], ids=lambda plot: plot.__name__)
def test_every_task_is_drawn_or_refused_with_the_reason(plot, task):
    one, two = models_of(task)
    if task == "regression" and plot is not plot_diversity:
        with pytest.raises(InvalidPredictionsError, match="shows classes, and numbers have none"):
            plot(one)
        return
    figure = drawn(plot([one, two]))
    n_panels = 1 if plot is plot_diversity else 6 if plot is plot_confusion and task == "multilabel" else 2
    assert len(figure.axes) == n_panels
    if task in ("multiclass", "masks"):  # how models are read does not depend on the task
        assert [texts(a) for a in plot(align(one, two)).axes] == [texts(a) for a in figure.axes]
        assert [texts(a) for a in plot({"x": one, "y": two}).axes] == [texts(a) for a in figure.axes]
    assert drawn(plot(one)).axes


@pytest.mark.parametrize("task", TASKS)
def test_the_rows_that_members_disagree_on_are_shown_for_every_task(task):
    one, two = models_of(task)
    figure = drawn(plot_disagreement([one, two], lambda _: BLANK, most=2))
    assert len(figure.axes) == 4
    epistemic = uncertainty_maps([one, two])["epistemic"].reshape(6, -1).mean(axis=1)
    first = one.ids[np.argmax(epistemic)]
    assert figure.axes[0].get_title(loc="left") == first
    row = list(one.ids).index(first)
    panel = figure.axes[1]
    if task in ("lines", "masks"):
        shown = np.asarray(panel.images[0].get_array())
        assert shown.ravel().tolist() == uncertainty_maps([one, two])["epistemic"][row].ravel().tolist()
        return
    assert panel.get_lines()[1].get_xdata().tolist() == two.probas[row].tolist()
    bold = [t.get_text() for t in panel.get_yticklabels() if t.get_fontweight() == "bold"]
    truth = one.label_codes[row]
    if task == "multilabel":
        assert bold == [c for c, true in zip(one.classes, truth, strict=True) if true]
    elif task == "regression":
        assert bold == []
        segments = panel.collections[-1].get_segments()
        assert [segment[0][0] for segment in segments] == truth.tolist()
    else:
        assert bold == [one.classes[truth]]


def test_confusion_of_labels_and_of_masks_worked_by_hand():
    fields = {"ids": [1, 2], "classes": ["x", "y"], "task": "multilabel"}
    p = Predictions([[0.5, 0.2], [0.4, 0.9]], labels=[[1, 1], [1, 0]], member="m", **fields)
    matrix = confusion_matrix(p)
    assert matrix.loc["x"].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert matrix.loc["y"].to_numpy().tolist() == [[0, 1], [1, 0]]
    figure = plot_confusion(p)
    assert [a.get_title(loc="left") for a in figure.axes] == ["m: x", "m: y"]
    assert [texts(a) for a in figure.axes] == [["0", "0", "1", "1"], ["0", "1", "1", "0"]]
    mask = Predictions([[[0.9, 0.1], [0.4, 0.6]]], ids=[1], classes=["a", "b"], labels=[["a", "a"]])
    assert confusion_matrix(mask).to_numpy().tolist() == [[1, 1], [0, 0]]
    with pytest.raises(InvalidPredictionsError, match="confusion_matrix needs labelled predictions of classes"):
        confusion_matrix(models_of("regression")[0])


def test_reliability_of_labels_and_of_masks_worked_by_hand():
    fields = {"ids": [1, 2], "classes": ["x", "y"], "task": "multilabel"}
    p = Predictions([[0.75, 0.25], [0.75, 0.75]], labels=[[1, 0], [1, 0]], **fields)
    curve = reliability_curve(p, n_bins=2)
    assert curve["n"].tolist() == [1, 3]
    assert curve["confidence"].tolist() == [0.25, 0.75]
    assert curve["accuracy"].tolist() == [0, 2 / 3]
    mask = Predictions([[[0.75, 0.25], [0.25, 0.75]]], ids=[1], classes=["a", "b"], labels=[["a", "a"]])
    assert reliability_curve(mask, n_bins=2)["accuracy"].tolist()[1] == 0.5
    with pytest.raises(InvalidPredictionsError, match="reliability_curve needs labelled predictions of classes"):
        reliability_curve(models_of("regression")[0])


def test_a_spread_of_large_numbers_is_readable():
    one, two = models_of("regression")
    far = [Predictions(1000 * m.probas, ids=m.ids, classes=m.classes, task=m.task, member=m.member) for m in (one, two)]
    axes = drawn(plot_diversity(far)).axes[0]
    assert all(len(text) <= 6 for text in texts(axes))
    alphas = [patch.get_alpha() for patch in axes.patches]
    assert max(alphas) == alphas[1]
    assert alphas[0] == 0
