"""Brier score, balanced accuracy, AUROC, calibration and confusion: by hand, against scikit-learn, as properties."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import InvalidOptionError, Predictions
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import (
    balanced_accuracy,
    brier_score,
    calibration_error,
    confidence_bins,
    confusion_matrix,
    macro_auroc,
    reliability_curve,
    score_table,
)

FIGURES = (balanced_accuracy, brier_score, calibration_error, confusion_matrix, macro_auroc, reliability_curve)


def predictions(probas, codes, **fields):
    ids = [f"row{k}" for k in range(len(probas))]
    classes = [f"class{k}" for k in range(np.shape(probas)[-1])]
    return Predictions(probas, ids=ids, classes=classes, labels=codes, **fields)


def drawn(seed, n_samples=200, n_classes=4, decimals=None):
    rng = np.random.default_rng(seed)
    codes = np.r_[np.arange(n_classes), rng.integers(n_classes, size=n_samples - n_classes)]
    probas = np.array([rng.dirichlet(0.7 + np.eye(n_classes)[c]) for c in codes])
    if decimals is not None:  # ties
        counts = np.round(probas * decimals) + 1
        probas = counts / counts.sum(axis=1, keepdims=True)
    return predictions(probas, codes)


@pytest.mark.parametrize("decimals", [None, 3])
@pytest.mark.parametrize("n_classes", [3, 5])
def test_figures_agree_with_scikit_learn(n_classes, decimals):
    p = drawn(0, n_classes=n_classes, decimals=decimals)
    codes, probas = p.label_codes, p.probas
    assert balanced_accuracy(p) == pytest.approx(sklearn.metrics.balanced_accuracy_score(codes, probas.argmax(axis=1)))
    assert macro_auroc(p) == pytest.approx(sklearn.metrics.roc_auc_score(codes, probas, multi_class="ovr"))
    assert brier_score(p) == pytest.approx(
        sum(sklearn.metrics.brier_score_loss(codes == c, probas[:, c]) for c in range(n_classes))
    )
    assert np.array_equal(confusion_matrix(p), sklearn.metrics.confusion_matrix(codes, probas.argmax(axis=1)))


def test_a_class_that_no_label_names_is_left_out_of_the_means():
    p = predictions([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1]], [0, 0, 1])
    assert balanced_accuracy(p) == pytest.approx((1 / 2 + 1) / 2)
    assert macro_auroc(p) == pytest.approx(1.0)
    assert confusion_matrix(p).loc["class2"].tolist() == [0, 0, 0]


def test_one_class_alone_has_no_area():
    assert np.isnan(macro_auroc(predictions([[0.8, 0.2], [0.3, 0.7]], [0, 0])))


def test_calibration_of_four_rows_worked_by_hand():
    p = predictions([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.6, 0.4]], [0, 1, 0, 0])
    # Bins (0.5, 0.75] and (0.75, 1]: |1 - 0.6| and |0.5 - 0.85|.
    assert calibration_error(p, n_bins=4) == pytest.approx(0.5 * 0.4 + 0.5 * 0.35)
    assert calibration_error(p, n_bins=1) == pytest.approx(abs(0.75 - 0.725))
    curve = reliability_curve(p, n_bins=4)
    assert curve["n"].tolist() == [0, 0, 2, 2]
    assert curve["accuracy"].tolist()[2:] == [1.0, 0.5]
    assert curve["confidence"].tolist()[2:] == pytest.approx([0.6, 0.85])
    assert reliability_curve(p, n_bins=2, strategy="mass")["n"].tolist() == [2, 2]


@given(st.integers(0, 1000), st.sampled_from(["width", "mass"]), st.integers(1, 20))
def test_the_error_is_that_of_the_curve(seed, strategy, n_bins):
    p = drawn(seed, n_samples=50, decimals=4)
    curve = reliability_curve(p, n_bins=n_bins, strategy=strategy).dropna()
    assert curve["n"].sum() == len(p)
    assert ((curve["low"] <= curve["confidence"]) & (curve["confidence"] <= curve["high"] + 1e-12)).all()
    error = (curve["n"] * (curve["accuracy"] - curve["confidence"]).abs()).sum() / len(p)
    assert calibration_error(p, n_bins=n_bins, strategy=strategy) == pytest.approx(error)


@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_no_order_of_rows_changes_a_figure(seed, random):
    p = drawn(seed, n_samples=40)
    ids = p.ids.tolist()
    random.shuffle(ids)
    for figure in (balanced_accuracy, brier_score, calibration_error, macro_auroc):
        assert figure(p.take(ids)) == pytest.approx(figure(p), abs=1e-12)


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: predictions([[0.5, 0.5]], None), "needs labelled multiclass.* predictions.* without labels"),
        (lambda: predictions(np.empty((0, 2)), []), "at least one row"),
        (lambda: predictions(np.full((1, 3, 2), 0.5), [[0, 1, 0]]), "dense predictions of shape .1, 3, 2.. Score each"),
        (lambda: predictions([[np.nan] * 2, [0.5, 0.5]], [0, 1], missing="renormalize"), "1 rows are NaN. Take the"),
    ],
)
def test_what_cannot_be_scored_is_refused(figure, made, message):
    if figure in (balanced_accuracy, brier_score) and "dense" in message:
        assert 0 <= figure(made()) <= 2
        return
    if figure in (confusion_matrix, reliability_curve) and "dense" in message:
        assert figure(made()).sum().sum() >= 3
        return
    with pytest.raises(InvalidPredictionsError, match=f"{figure.__name__.split('_curve')[0]}.*{message}"):
        figure(made())


@pytest.mark.parametrize(("option", "message"), [({"n_bins": 0}, "n_bins"), ({"strategy": "depth"}, "'width' or")])
def test_bins_that_make_no_sense_are_refused(option, message):
    for figure in (calibration_error, reliability_curve):
        with pytest.raises(InvalidOptionError, match=message):
            figure(drawn(0), **option)


@pytest.mark.parametrize("confidence", [np.ones((2, 2)), np.array([1, 0]), np.array([0.5, np.nan])])
def test_confidence_that_is_no_row_of_numbers_is_refused(confidence):
    with pytest.raises(InvalidOptionError, match=r"finite floats, shape \(n_samples,\); received"):
        confidence_bins(confidence)


def test_labels_of_one_model_serve_all_that_have_none():
    fields = {"classes": ["no", "yes"], "member": "one"}
    one = Predictions([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], ids=["a", "b", "c"], labels=["no", "yes", "yes"], **fields)
    bare = Predictions([[0.3, 0.7], [0.6, 0.4]], ids=["c", "a"], **{**fields, "member": "bare"})
    turned = Predictions(bare.probas[:, ::-1], ids=bare.ids, classes=["yes", "no"], member="turned")
    table = score_table([bare, turned, one], metrics=["accuracy"])
    assert table["value"].tolist() == [1, 1, pytest.approx(2 / 3)]
    with pytest.raises(InvalidPredictionsError, match="label"):
        score_table([one, Predictions([[0.3, 0.7]], ids=["d"], classes=["no", "yes"], member="bare")])
    other = one.rename("other").with_labels(["no", "yes", "no"])
    with pytest.raises(InvalidPredictionsError, match="label"):  # whose labels would it be?
        score_table([one, other, bare], metrics=["accuracy"])
    y = [Predictions([[1.0], [2.0]], ids=[1, 2], classes=["y"], task="regression", member=m) for m in "ab"]
    assert score_table([y[0].with_labels([[1.0], [2.0]]), y[1]], metrics=["rmse"])["value"].tolist() == [0, 0]
    with pytest.raises(InvalidPredictionsError, match="label"):
        score_table([one, y[0]])
