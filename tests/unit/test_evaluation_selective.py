"""Selective prediction: the curve and its area by hand, and the risk that is promised."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, binom

from ensemblekit import InvalidOptionError, LeakageError, Metric, Predictions
from ensemblekit.errors import FewRowsWarning, InvalidPredictionsError
from ensemblekit.evaluation import Selective, aurc, fit_selective, risk_coverage_curve
from ensemblekit.evaluation.conformal._risk_tests import first_failure, risk_p_values


def sure(certainty, right, start=0, **fields):
    """Make predictions of two classes that are this sure, and right or not."""
    certainty, right = np.asarray(certainty, dtype=float), np.asarray(right, dtype=bool)
    fields = {"ids": np.arange(start, start + len(right)), "classes": ["cat", "dog"]} | fields
    labels = np.where(right, "cat", "dog")
    return Predictions(np.column_stack([certainty, 1 - certainty]), labels=labels, **fields)


class Brier(Metric):
    name, higher_is_better, range = "brier", False, (0.0, 2.0)

    def row_values(self, labels, predicted):
        return ((predicted - np.eye(predicted.shape[1])[labels]) ** 2).sum(axis=1)


class Right(Metric):
    name = "right"

    def row_values(self, labels, predicted):
        return predicted.argmax(axis=1) == labels


def test_the_curve_worked_by_hand():
    p = sure([0.6, 0.9, 0.8, 0.8], [0, 1, 0, 1])
    assert risk_coverage_curve(p).to_dict("list") == {
        "coverage": [0.25, 0.75, 1.0],
        "risk": pytest.approx([0, 1 / 3, 1 / 2]),
        "certainty": [0.9, 0.8, 0.6],
        "n": [1, 3, 4],
    }
    # The two that are equally sure have half an error each: (0 + 0.5 / 2 + 1 / 3 + 2 / 4) / 4.
    assert aurc(p) == pytest.approx((0.25 + 1 / 3 + 0.5) / 4)
    # Without errors first: (0 + 0 + 1 / 3 + 2 / 4) / 4.
    assert aurc(p, excess=True) == pytest.approx(0.25 / 4)


def test_no_order_of_the_rows_changes_the_area():
    rng = np.random.default_rng(0)
    p = sure(rng.integers(50, 60, 200) / 100, rng.random(200) < 0.7)
    other = p.take(p.ids[rng.permutation(200)])
    assert aurc(other) == pytest.approx(aurc(p), abs=1e-12)
    pd.testing.assert_frame_equal(risk_coverage_curve(other), risk_coverage_curve(p))


def test_the_area_is_the_mean_over_orders_of_equally_sure_rows():
    rng = np.random.default_rng(0)
    certainty, right = rng.integers(50, 53, 12) / 100, rng.random(12) < 0.6
    areas = []
    for _ in range(4000):
        order = np.lexsort([rng.random(12), -certainty])
        areas.append((np.cumsum(~right[order]) / np.arange(1, 13)).mean())
    assert aurc(sure(certainty, right)) == pytest.approx(np.mean(areas), abs=4 * np.std(areas) / np.sqrt(4000))


def test_a_certainty_of_ones_own_is_matched_by_id():
    p = sure([0.6, 0.9, 0.8], [0, 1, 0])
    given = pd.Series([3.0, -1.0, 2.0], index=[2, 0, 1])
    assert risk_coverage_curve(p, certainty=given)["risk"].tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    with pytest.raises(InvalidOptionError, match="certainty must name its rows"):
        aurc(p, certainty=[1, 2, 3])
    with pytest.raises(InvalidOptionError, match="must have a value for every id"):
        aurc(p, certainty={0: 1.0})


def test_the_loss_is_that_of_the_metric():
    p = sure([0.6, 0.9], [0, 1])
    assert risk_coverage_curve(p, metric=Right())["risk"].tolist() == [0, 0.5]
    assert risk_coverage_curve(p, metric=Brier())["risk"].tolist() == pytest.approx([0.02, (0.02 + 0.72) / 2])
    with pytest.raises(InvalidOptionError, match="needs a metric that is a mean over rows"):
        aurc(p, metric=lambda y_true, y_pred: 1.0)


def test_other_tasks_have_a_loss_and_a_certainty_too():
    p = Predictions(
        [[0.9, 0.4], [0.6, 0.3]], ids=[1, 2], classes=["a", "b"], labels=[[1, 1], [1, 0]], task="multilabel"
    )
    table = risk_coverage_curve(p)
    assert table["certainty"].tolist() == pytest.approx([0.75, 0.65])
    assert table["risk"].tolist() == [0.5, 0.25]
    q = Predictions([[1.0], [2.0]], ids=[1, 2], classes=["v"], labels=[[1.5], [5.0]], task="regression")
    assert risk_coverage_curve(q, certainty={1: 2, 2: 1})["risk"].tolist() == [0.25, (0.25 + 9) / 2]
    with pytest.raises(InvalidOptionError, match="of a regression do not tell how sure"):
        aurc(q)


# The promise.


def test_p_values_are_those_of_scipy():
    losses = np.zeros((1, 60))
    losses[0, :2] = 1
    p_value = risk_p_values(losses, 0.1)[0]
    assert p_value == pytest.approx(binom.cdf(2, 60, 0.1))
    # The interval of Clopper and Pearson ends at the risk whose p value is its level.
    assert risk_p_values(losses, beta.ppf(1 - 0.05, 3, 58))[0] == pytest.approx(0.05)
    methods = pytest.importorskip("mapie.risk_control.methods")
    shares = np.random.default_rng(0).beta(1, 12, size=(5, 80))
    expected = methods.compute_hoeffding_bentkus_p_value(shares.mean(axis=1), 80, 0.15)[:, 0]
    np.testing.assert_allclose(risk_p_values(shares, 0.15), np.minimum(1, expected), rtol=0, atol=1e-12)


def test_tests_in_order_stop_at_the_first_failure():
    assert first_failure(np.array([0.01, 0.04, 0.06, 0.01]), 0.05) == 2
    assert first_failure(np.array([0.06, 0.01]), 0.05) == 0
    assert first_failure(np.array([0.01, 0.01]), 0.05) == 2


def test_the_threshold_worked_by_hand():
    # 59 rows without an error prove 0.05 with 95 %: 0.95 ** 59 < 0.05. One test alone has the whole level.
    p = sure(np.linspace(0.6, 0.9, 59), np.ones(59))
    rule = fit_selective(p)
    assert isinstance(rule, Selective)
    assert (rule.threshold, rule.coverage, rule.observed_risk) == (-np.inf, 1.0, 0.0)
    with pytest.warns(FewRowsWarning, match="cannot be promised for any share of these 58 rows.*with 59 rows"):
        nothing = fit_selective(p.take(p.ids[1:]))
    assert nothing.threshold == np.inf
    assert nothing.promise.startswith("No row is answered")
    assert not nothing.accepts(sure([0.99], [1], 100)).any()
    # The 200 surest of 300 rows are right, of the others one half.
    right = np.arange(300) >= 100
    right[:100:2] = True
    certainty = np.linspace(0.6, 0.9, 300)
    split = fit_selective(sure(certainty, right), n_thresholds=2)
    assert split.observed_risk == 0
    assert split.coverage == pytest.approx(72 / 300)  # 0.95 ** 72 < 0.05 / 2, the level of one of two
    new = sure([split.threshold, split.threshold + 1e-9], [1, 1], 1000)
    assert split.accepts(new).to_dict() == {1000: False, 1001: True}


@pytest.mark.parametrize("first_wrong", [0, 72], ids=["among the surest", "after them"])
def test_the_level_of_a_test_that_failed_is_lost(first_wrong):
    # 8 errors of 300 rows have the p value 0.03: above the level 0.025 of one test of two, below that of both together,
    # which the second has if the first, of the 72 surest rows, was passed.
    right = np.ones(300)
    right[first_wrong : first_wrong + 64 : 8] = 0
    assert right.sum() == 292
    p = sure(np.linspace(0.9, 0.6, 300), right)
    if first_wrong:
        assert fit_selective(p, n_thresholds=2).coverage == 1
    else:
        with pytest.warns(FewRowsWarning):
            assert fit_selective(p, n_thresholds=2).coverage == 0


def draw(n, seed, start=0):
    rng = np.random.default_rng(seed)
    certainty = rng.uniform(0.5, 1, n)
    return sure(certainty, rng.random(n) > 0.6 * (1 - certainty), start)


def true_risk(threshold):
    """Compute the risk of the rows above a threshold, of those that `draw` makes."""
    return 0.6 * (1 - (1 + max(threshold, 0.5)) / 2)


def broken_promises(risk=0.1, n=300, confidence=0.8, n_repeats=150):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewRowsWarning)
        rules = [fit_selective(draw(n, seed), risk=risk, confidence=confidence) for seed in range(n_repeats)]
    return np.mean([true_risk(rule.threshold) > risk for rule in rules]), np.mean([rule.coverage for rule in rules])


def test_the_promise_is_kept():
    broken, coverage = broken_promises()
    assert broken < 0.2
    assert coverage > 0.15  # of 2 / 3 that have this risk


def test_a_threshold_without_a_test_breaks_the_promise(monkeypatch):
    # The check above can fail: the risk that was observed is no promise.
    from ensemblekit.evaluation.conformal import _selective

    monkeypatch.setattr(_selective, "risk_p_values", lambda losses, risk, **_: losses.mean(axis=1) - risk)
    assert broken_promises()[0] > 0.3


def test_the_promise_holds_for_losses_that_are_no_errors():
    p = draw(600, 0)
    rule = fit_selective(p, metric=Brier(), risk=0.3)
    assert rule.metric == "brier"
    assert 0 < rule.coverage < 1
    assert rule.observed_risk < 0.3
    with pytest.raises(InvalidOptionError, match="a loss with a largest value"):
        fit_selective(
            Predictions([[1.0]], ids=[1], classes=["v"], labels=[[1.0]], task="regression"), certainty={1: 1.0}
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"risk": 0.0}, "risk must be a finite number > 0"),
        ({"risk": 1.0}, "risk must be below 1"),
        ({"confidence": 0.0}, "confidence must be a number > 0 and < 1"),
        ({"n_thresholds": 0}, "n_thresholds must be a whole number >= 1"),
    ],
    ids=["no risk", "all risk", "confidence", "thresholds"],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InvalidOptionError, match=message):
        fit_selective(draw(100, 0), **options)


def test_nothing_is_promised_of_rows_that_were_seen():
    p = draw(100, 0)
    rule = fit_selective(p, risk=0.3)
    with pytest.raises(LeakageError, match="rows that it was calibrated on; 100 of 100"):
        rule.accepts(p)
    assert len(rule.accepts(p, allow_leakage=True)) == 100
    with pytest.raises(LeakageError, match="the model was fitted on"):
        fit_selective(sure([0.9, 0.8], [1, 1], fit_ids=[1]))
    with pytest.raises(LeakageError, match="selective prediction is never calibrated on the test split"):
        fit_selective(sure([0.9, 0.8], [1, 1], split="test"))
    with pytest.raises(InvalidPredictionsError, match="without labels"):
        fit_selective(Predictions([[0.5, 0.5]], ids=[1], classes=["cat", "dog"]))
