"""What was not seen: rows that are all right, or all equal, do not make an interval without width."""

import numpy as np
import pytest

from ensemblekit import Predictions
from ensemblekit.evaluation import find_metrics, mean_interval, paired_bootstrap, score_table
from ensemblekit.evaluation.significance._contradicted import contradicted, doubts_of, wrong_of
from ensemblekit.registry import default_registry


def equal_rows(n, confidence=0.9999, error=0.0):
    """Predictions of every kind whose rows are all right by as much."""
    ids, rest = range(n), 1 - confidence
    marks = (np.arange(n)[:, np.newaxis] + np.arange(3)) % 2 == 0
    sides = np.array(["out", "in"])
    codes, inside = np.arange(n) % 3, np.zeros((n, 3, 3), dtype=int)
    inside[:, 1] = 1
    share = np.where(inside == 1, confidence, rest)
    three = np.full((n, 3), rest / 2)
    three[np.arange(n), codes] = confidence
    truth = np.linspace(1, 2, n)[:, np.newaxis]
    return [
        Predictions([[confidence, rest]] * n, ids=ids, classes=["n", "y"], labels=["n"] * n),
        Predictions(three, ids=ids, classes=list("abc"), labels=np.array(list("abc"))[codes]),
        Predictions(np.where(marks, confidence, rest), ids=ids, classes=list("abc"), labels=marks, task="multilabel"),
        Predictions(np.stack([1 - share, share], -1), ids=ids, classes=["out", "in"], labels=sides[inside]),
        Predictions(truth + error, ids=ids, classes=["y"], labels=truth, task="regression"),
        Predictions(truth + error + np.zeros((1, 3)), ids=ids, classes=[0.1, 0.5, 0.9], labels=truth, task="quantile"),
    ]  # fmt: skip


def metrics_of(predictions):
    found = []
    for name in default_registry().metrics:
        k = len(predictions.classes)
        options = {"cost": {"costs": (1 - np.eye(k)) * 7}, "top_k": {"k": 1}}.get(name, {})
        try:
            metric = default_registry().create_metric(name, **options)
            if predictions.probas.ndim == 2 or metric.dense:
                found += find_metrics([metric], predictions)
        except ValueError:
            continue
    return found


@pytest.mark.parametrize("n", [2, 6, 1001])
@pytest.mark.parametrize(("confidence", "error"), [(1.0, 0.0), (0.9999, 0.1)])
def test_equal_rows_have_no_interval_without_width(n, confidence, error):
    scored = 0
    for p in equal_rows(n, confidence, error):
        table = score_table({"m": p}, metrics=metrics_of(p), n_resamples=50)
        told = table[table["enough"] & table["value"].notna()]
        width, value = told["high"] - told["low"], told["value"].abs()
        # A thousand rows that are all right leave room for a share of wrong ones of 3.7 in a thousand.
        narrow = told[(width <= 1e-3 * np.maximum(value, 1e-3)) & (told["metric"] != "sharpness")]
        assert narrow.empty, f"{p.task}, {n} rows:\n{narrow[['metric', 'value', 'low', 'high']]}"
        assert (told["low"] <= told["value"] + 1e-9).all()
        assert (told["high"] >= told["value"] - 1e-9).all()
        scored += len(table)
    assert scored > 60


@pytest.mark.parametrize("confidence", [0.9, 0.99, 0.999])
@pytest.mark.parametrize("n", [10, 30, 100, 1200])
def test_rows_that_are_all_right_leave_room_for_what_a_calibrated_model_gets_wrong(n, confidence):
    if (1 - confidence) * n > 2.5:
        return  # then some rows are wrong
    p = Predictions([[confidence, 1 - confidence]] * n, ids=range(n), classes=["n", "y"], labels=["n"] * n)
    told = score_table({"m": p}, metrics=["log_loss", "brier_score", "calibration_error"], n_resamples=200)
    told = told.set_index("metric")
    rest = 1 - confidence
    truth = {
        "log_loss": -confidence * np.log(confidence) - rest * np.log(rest),
        "brier_score": 2 * confidence * rest,
        "calibration_error": 0.0,
    }
    for metric, value in truth.items():
        assert told.loc[metric, "low"] <= value <= told.loc[metric, "high"], metric
    most_wrong = 1 - 0.025 ** (1 / n)
    least = -most_wrong * np.log(rest) - (1 - most_wrong) * np.log(confidence)
    assert told.loc["log_loss", "high"] >= least - 1e-9
    assert told.loc["log_loss", "high"] < 1.1 * least + 0.01


def test_errors_that_are_rare_have_the_place_where_the_model_has_doubts():
    """Worked by hand: two rows with doubts of 0.1 and 0.3, of which in the mean 0.4 are wrong: 0.2 and 0.6."""
    labels, probas = np.array([0, 0]), np.array([[0.9, 0.06, 0.04], [0.7, 0.3, 0.0]])
    (metric,) = find_metrics(["log_loss"], Predictions(probas, ids=[0, 1], classes=[0, 1, 2], labels=[0, 0]))
    assert doubts_of(labels, probas).ravel() == pytest.approx([0.1, 0.3])
    assert wrong_of(np.array([0, 1]), probas).tolist() == [0, 1]
    first = 0.8 * np.log(0.9) + 0.2 * (0.6 * np.log(0.06) + 0.4 * np.log(0.04))
    second = 0.4 * np.log(0.7) + 0.6 * np.log(0.3)
    assert contradicted(metric, labels, probas, None, 0.4) == pytest.approx(-(first + second) / 2, rel=1e-5)
    # None is more than certain: at 0.8 the second row is wrong, and the first one in 0.6.
    second = np.log(0.3)
    first = 0.4 * np.log(0.9) + 0.6 * (0.6 * np.log(0.06) + 0.4 * np.log(0.04))
    assert contradicted(metric, labels, probas, None, 0.8) == pytest.approx(-(first + second) / 2, rel=1e-5)


def test_each_label_is_wrong_as_often_as_its_own_doubts_say():
    labels, probas = np.array([[1, 0]]), np.array([[0.9, 0.3]])
    p = Predictions(probas, ids=[0], classes=["a", "b"], labels=labels, task="multilabel")
    (metric,) = find_metrics(["log_loss"], p)
    expected = 0.8 * np.log(0.9) + 0.2 * np.log(0.1) + 0.4 * np.log(0.7) + 0.6 * np.log(0.3)
    assert contradicted(metric, labels, probas, None, 0.4) == pytest.approx(-expected / 2)


def test_bins_with_errors_have_the_noise_of_resamples_alone():
    rng = np.random.default_rng(0)
    right = np.r_[np.zeros(20), np.ones(80)].astype(int)
    p = Predictions([[0.2, 0.8]] * 100, ids=range(100), classes=["n", "y"], labels=np.array(["n", "y"])[right])
    line = score_table({"m": p}, metrics="calibration_error", n_resamples=2000).iloc[0]
    reach = np.quantile(np.abs(rng.binomial(100, 0.8, 20_000) / 100 - 0.8), 0.95)
    assert line["high"] == pytest.approx(reach, abs=0.011)


def test_copies_in_groups_leave_as_much_room_as_single_rows():
    alone, copies = (
        Predictions([[0.97, 0.03]] * n, ids=range(n), classes=["n", "y"], labels=["n"] * n) for n in (8, 80)
    )
    metrics = ["log_loss", "calibration_error"]
    one = score_table({"m": alone}, metrics=metrics)
    two = score_table({"m": copies}, metrics=metrics, groups={k: k // 10 for k in range(80)})
    assert two["group_high"].tolist() == pytest.approx(one["high"].tolist(), rel=0.05)
    assert (two["high"] < two["group_high"]).all()


@pytest.mark.parametrize("n", [6, 30, 1001])
def test_equal_models_have_no_difference(n):
    for p in equal_rows(n)[:3]:
        table = paired_bootstrap(p, p, metrics=["log_loss", "brier_score"], n_resamples=50)
        assert (table["difference"] == 0).all()
        assert (table["low"] <= 0).all()
        assert (table["high"] >= 0).all()
        assert (table["p_value"] == 1).all()


@pytest.mark.parametrize("n", [6, 1001])
def test_values_that_are_all_zero_have_an_interval_as_wide_as_their_range_allows(n):
    assert mean_interval([0.0] * n, lowest=0.0) == (0, np.inf)
    assert mean_interval([0.0] * n, lowest=0.0, highest=10.0) == pytest.approx((0, 10 * (1 - 0.025 ** (1 / n))))


def test_a_function_of_the_same_name_needs_no_bins():
    def calibration_error(labels, predicted):
        return abs((predicted.argmax(axis=1) == labels).mean() - predicted.max(axis=1).mean())

    p = equal_rows(6, 0.9)[0]
    line = score_table({"m": p}, metrics=[calibration_error], n_resamples=50).iloc[0]
    assert line["value"] == pytest.approx(0.1)


def test_labels_of_a_row_tell_more_than_a_row():
    rng = np.random.default_rng(0)
    marks = rng.random((100, 8)) < 0.5
    probas = np.where(marks ^ (rng.random((100, 8)) < 0.1), 0.9, 0.1)
    p = Predictions(probas, ids=range(100), classes=list("abcdefgh"), labels=marks, task="multilabel")
    line = score_table({"m": p}, metrics="hamming_loss", n_resamples=200).iloc[0]
    assert line["high"] - line["value"] < 0.04  # as of 800 answers; as of 100 it is 0.08
