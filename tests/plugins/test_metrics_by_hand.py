"""Metrics of masks and of few rows, worked by hand, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemblekit import Predictions
from ensemblekit.errors import InvalidOptionError
from ensemblekit.evaluation import LOG_LOSS_CLIP, METRICS, N_BINS, calibration_error, find_metric, statistic
from ensemblekit.registry import default_registry

from .metric_cases import CASES, by_class, drawn, on_decisions, weights_for

DENSE = sorted(name for name in default_registry().metrics if default_registry().create_metric(name).dense)


def masks(kind, seed, n=6):
    """Draw masks of 6 by 8 positions: enough for the way of few places."""
    labels, predicted = drawn(kind, seed, n=n * 48)
    shape = (n, 6, 8)
    return labels.reshape(shape + labels.shape[1:]), predicted.reshape((*shape, predicted.shape[-1]))


def made(name, **options):
    return default_registry().create_metric(name, **options)


@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "regression"])
@pytest.mark.parametrize("name", DENSE)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=3)
def test_masks_are_scored_as_their_positions(name, kind, seed):
    metric = made(name, **({"of": 1} if name == "f1" else {}))
    if kind not in metric.tasks:
        return
    labels, predicted = masks(kind, seed)
    weights = np.column_stack([weights_for(seed + k, len(labels)) for k in range(3)])
    flat = labels.reshape((-1, *labels.shape[3:])), predicted.reshape(-1, predicted.shape[-1])
    expected = metric.of_weights(*flat)(np.repeat(weights, 48, axis=0))
    np.testing.assert_allclose(metric.of_weights(labels, predicted)(weights), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
@pytest.mark.parametrize("name", ["dice", "iou", "f1_macro", "accuracy"])
def test_dice_and_iou_are_f1_and_jaccard_of_flattened_positions(name, kind):
    labels, predicted = masks(kind, 3)
    weights = weights_for(3, len(labels))
    if (name, kind) == ("accuracy", "multilabel"):
        return
    expected = CASES[name, kind](kind, labels, predicted, weights)
    assert made(name).score(labels, predicted, sample_weight=weights) == pytest.approx(expected, rel=1e-12)
    score = sk.jaccard_score if name == "iou" else sk.f1_score
    if name != "accuracy":
        one = on_decisions(score, kind, labels, predicted, weights, labels=[2], average="macro")
        assert made(name, of=2).score(labels, predicted, sample_weight=weights) == pytest.approx(one, rel=1e-12)


def test_a_few_masks_by_hand():
    truth = np.array([[[0, 1], [1, 1]], [[0, 0], [0, 2]]])
    decided = np.array([[[0, 1], [1, 0]], [[0, 0], [1, 0]]])
    predicted = np.eye(3)[decided] * 0.7 + 0.1
    # Of 0: overlap 3, areas 4 and 5. Of 1: overlap 2, areas 3 and 3. Of 2: overlap 0, areas 1 and 0.
    assert made("iou", of=0).score(truth, predicted) == pytest.approx(3 / 6)
    assert made("iou").score(truth, predicted) == pytest.approx((3 / 6 + 2 / 4 + 0) / 3)
    assert made("dice").score(truth, predicted) == pytest.approx((6 / 9 + 4 / 6 + 0) / 3)
    assert made("dice").score(truth, predicted, sample_weight=np.array([1, 0])) == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_the_calibration_error_by_hand_with_weights():
    labels = np.array([0, 1, 0, 0])
    predicted = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.6, 0.4]])
    metric = made("calibration_error", n_bins=4)
    # Bins (0.5, 0.75] and (0.75, 1]: |1 - 0.6| and |0.5 - 0.85|.
    assert metric.score(labels, predicted) == pytest.approx(0.5 * 0.4 + 0.5 * 0.35)
    # The wrong row counts three times: |0.25 - 0.825| of 4 of 6.
    assert metric.score(labels, predicted, sample_weight=[1, 3, 1, 1]) == pytest.approx(2 / 6 * 0.4 + 4 / 6 * 0.575)
    # Of the first class alone, the same bins and one more; for two classes each is the mirror of the other.
    assert made("calibration_error", n_bins=4, of=0).score(labels, predicted) == pytest.approx(0.375)
    labels = np.array([[1, 0], [0, 0]])
    predicted = np.array([[0.7, 0.3], [0.7, 0.3]])
    assert made("calibration_error").score(labels, predicted) == pytest.approx((0.2 + 0.3) / 2)


def test_one_bin_count_everywhere():
    import inspect

    from ensemblekit import plots
    from ensemblekit.evaluation import confidence_bins, reliability_curve

    functions = (
        calibration_error,
        confidence_bins,
        reliability_curve,
        plots.plot_reliability,
        type(made("calibration_error")),
    )
    assert {inspect.signature(one).parameters["n_bins"].default for one in functions} == {N_BINS}


def test_the_median_by_hand():
    labels, errors = np.zeros((5, 1)), np.array([[4.0], [1.0], [3.0], [2.0], [9.0]])
    weights = np.array(
        [[1, 1, 0, 2, 1], [1, 1, 2, 1, 1], [1, 0, 1, 1, 3], [1, 0, 2, 1, 1], [1, 0, 0, 0, 0]], dtype=float
    )
    # Errors in order: 1 2 3 4 9, with the weights of the columns: 11111, 10111 (without 1 2), ...
    expected = [np.median(np.repeat(errors[:, 0], column.astype(int))) for column in weights.T]
    assert made("median_absolute_error").of_weights(labels, errors)(weights).tolist() == expected
    tenths = made("median_absolute_error").of_weights(labels, errors)(weights / 10)
    assert tenths.tolist() == expected
    assert np.isnan(made("median_absolute_error").score(labels, errors, sample_weight=np.zeros(5)))


def test_r2_of_rows_that_are_nearly_or_wholly_equal():
    labels, predicted = np.array([[0.1], [0.1], [0.1], [5.3], [0.7]]), np.array([[0.2], [0.1], [0.3], [5.0], [0.1]])
    weights = np.array([[1, 2, 1, 0, 0], [1e9, 0, 0, 1, 0], [1, 1, 1, 0, 1e-9], [1, 1, 1, 1, 1]]).T
    found = made("r2").of_weights(labels, predicted)(weights)
    assert np.isnan(found[0])
    for column, value in zip(weights.T[1:], found[1:], strict=True):
        assert value == pytest.approx(sk.r2_score(labels, predicted, sample_weight=column), rel=1e-9)


def test_one_class_against_the_rest_is_scikit_learns_binary_figure():
    for kind in ("multiclass", "multilabel"):
        labels, predicted = drawn(kind, 8)
        decided = predicted.argmax(axis=1) == 2 if kind == "multiclass" else predicted[:, 2] >= 0.5
        true = labels == 2 if kind == "multiclass" else labels[:, 2] == 1
        asked = {
            "accuracy": sk.accuracy_score(true, decided),
            "balanced_accuracy": sk.balanced_accuracy_score(true, decided),
            "mcc": sk.matthews_corrcoef(true, decided), "kappa": sk.cohen_kappa_score(true, decided),
            "f1": sk.f1_score(true, decided), "iou": sk.jaccard_score(true, decided),
            "macro_auroc": sk.roc_auc_score(true, predicted[:, 2]), "log_loss": sk.log_loss(true, predicted[:, 2]),
            "average_precision": sk.average_precision_score(true, predicted[:, 2]),
            "brier_score": sk.mean_squared_error(true.astype(float), predicted[:, 2]),
        }  # fmt: skip
        for name, expected in asked.items():
            metric = find_metric(f"{name}:of=fox").for_classes(("cat", "dog", "fox", "gnu"), kind)
            assert metric.score(labels, predicted) == pytest.approx(expected, rel=1e-12), name
    assert by_class(sk.accuracy_score, "multilabel", labels, predicted, None, decided=True) == pytest.approx(
        1 - made("hamming_loss").score(labels, predicted)
    )


def test_old_and_new_metrics_agree():
    assert made("log_loss").range == (-np.log1p(-LOG_LOSS_CLIP), -np.log(LOG_LOSS_CLIP))
    labels, predicted = drawn("multiclass", 2)
    p = Predictions(predicted, ids=range(len(labels)), classes=["a", "b", "c", "d"], labels=labels)
    ones = np.ones((len(labels), 1))
    for name, old in METRICS.items():
        assert old.higher_is_better == made(name).higher_is_better
        assert old.score(p) == statistic(p, name)(ones)[0] == old.weighted(predicted, labels)(ones)[0]


CLASSES = ("ill", "well")


@pytest.mark.parametrize(
    "costs",
    [
        {"ill": {"well": 10}, "well": {"ill": 1}},
        pd.DataFrame([[1.0, 0.0], [0.0, 10.0]], index=["well", "ill"], columns=["ill", "well"]),
        [[0, 10], [1, 0]],
    ],
    ids=["mapping", "table", "array"],
)
def test_costs_by_name_and_by_position(costs):
    metric = made("cost", costs=costs).for_classes(CLASSES, "binary")
    assert metric.score(np.array([0, 0, 1, 1]), np.eye(2)[[0, 1, 0, 1]]) == pytest.approx(11 / 4)
    assert metric.range == (0, 10)


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ({"ill": {"well": 1}}, r"missing \[\('well', 'ill'\)\], unknown \[\]"),
        ({"ill": {"well": 1}, "well": {"ill": 1, "dead": 2}}, r"unknown \[\"'dead'\"\]"),
        ([[0, 1, 1], [1, 0, 1], [1, 1, 0]], r"received shape \(3, 3\) for 2 classes"),
        ([[0, np.nan], [1, 0]], "costs must be finite numbers"),
        ([[0, 1]], "or a square array; received"),
        ({"ill": 3}, "costs by name must be {true: {predicted: cost}}; received {'ill': 3}"),
    ],
    ids=["missing", "unknown", "shape", "nan", "not square", "not nested"],
)
def test_costs_that_are_refused(costs, message):
    with pytest.raises(InvalidOptionError, match=message):
        made("cost", costs=costs).for_classes(CLASSES, "binary")


def test_names_must_be_positions_before_arrays_are_scored():
    labels, predicted = drawn("multiclass", 1)
    for metric in (made("f1", of="cat"), made("cost", costs={"ill": {"well": 1}, "well": {"ill": 1}})):
        with pytest.raises(InvalidOptionError, match=r"must be made (a position|positions) by for_classes"):
            metric.score(labels, predicted)
    with pytest.raises(InvalidOptionError, match="must be made a position by for_classes"):
        made("rmse", of="height").score(*drawn("regression", 1))
