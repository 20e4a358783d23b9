"""Conformal sets and intervals: the quantile by hand, and the coverage that is promised."""

import numpy as np
import pytest

from ensemblekit import AlignmentError, InvalidOptionError, LeakageError, Predictions, combine
from ensemblekit.errors import FewRowsWarning, InvalidPredictionsError
from ensemblekit.evaluation import ConformalIntervals, ConformalSets, fit_conformal
from ensemblekit.store import load, save

METHODS = ["lac", "aps"]


def predictions(probas, labels=None, start=0, **fields):
    fields = {"classes": [f"class{k}" for k in range(np.shape(probas)[-1])]} | fields
    return Predictions(probas, ids=np.arange(start, start + len(probas)), labels=labels, **fields)


def exchangeable(n_samples, seed, start=0):
    """Draw rows of a model that is wrong in its own way."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(4, size=n_samples)
    probas = np.array([rng.dirichlet(0.3 + 1.5 * np.eye(4)[c]) for c in codes]) if n_samples else np.empty((0, 4))
    return predictions(probas, codes, start)


def test_the_quantile_worked_by_hand():
    # Scores 0.1, 0.2, 0.3, 0.4. ceil(5 * 0.6) = 3: the third. ceil(5 * 0.8) = 4: the last. ceil(5 * 0.9) = 5 > 4.
    p = predictions([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]], [0, 1, 0, 1])
    thresholds = [fit_conformal(p, alpha=alpha).threshold for alpha in (0.4, 0.39, 0.2)]
    assert thresholds == pytest.approx([0.3, 0.4, 0.4])
    with pytest.warns(FewRowsWarning, match=r"alpha=0.1 needs at least 9 .*; received 4. What they decide holds every"):
        too_few = fit_conformal(p, alpha=0.1)
    assert too_few.threshold == np.inf
    assert too_few.predict_sets(predictions([[1, 0]], start=9)).all(axis=None)
    assert "The threshold is infinite, as there are too few calibration rows" in too_few.promise


def test_a_whole_number_of_the_quantile_is_not_missed_by_rounding():
    # 10 * (1 - 0.7) is 3.0000000000000004 in floats, 300 * (1 - 0.66) is 101.99999999999999.
    for n_samples, alpha, place in ((9, 0.7, 3), (99, 0.07, 93), (299, 0.66, 102), (49, 0.9, 5), (9, 0.1, 9)):
        falling = 1 - np.arange(1, n_samples + 1) / 1000
        p = predictions(np.column_stack([falling, 1 - falling]), [0] * n_samples)
        assert fit_conformal(p, alpha=alpha).threshold == pytest.approx(place / 1000)


def test_lac_and_aps_sets_worked_by_hand():
    p = predictions([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7]])
    sets = {m: ConformalSets(m, 0.1, t, p.classes, np.array([9])) for m, t in (("lac", 0.65), ("aps", 0.8))}
    assert sets["lac"].predict_sets(p).to_numpy().tolist() == [
        [True, False, False],
        [True, True, False],
        [False, False, True],
    ]
    # Sums from the top: 0.5, 0.8, 1; of the two equal ones 0.8 for both; 0.7, 0.9, 1.
    assert sets["aps"].predict_sets(p).to_numpy().tolist() == [
        [True, True, False],
        [True, True, False],
        [False, False, True],
    ]
    assert sets["aps"].mean_size(p) == pytest.approx(5 / 3)
    assert sets["lac"].coverage(predictions(p.probas, [0, 2, 2])) == pytest.approx(2 / 3)


def test_the_sets_name_rows_and_classes_in_any_order():
    conformal = fit_conformal(exchangeable(100, 0))
    p = exchangeable(20, 1, start=500)
    turned = predictions(p.probas[:, ::-1], start=500, classes=p.classes[::-1])
    table = conformal.predict_sets(p)
    assert table.index.tolist() == p.ids.tolist()
    assert table.index.name == "id"
    assert conformal.predict_sets(turned)[list(p.classes)].equals(table)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("method", METHODS)
def test_coverage_is_what_is_promised(method, alpha):
    shares = []
    for seed in range(60):
        conformal = fit_conformal(exchangeable(100, seed), alpha=alpha, method=method)
        shares.append(conformal.coverage(exchangeable(200, 1000 + seed, start=1000)))
    # Mean coverage lies in [1 - alpha, 1 - alpha + 1 / 101]; the mean of 60 is off by about 0.03 / sqrt(60).
    assert 1 - alpha - 0.015 <= np.mean(shares) <= 1 - alpha + 1 / 101 + 0.015


def test_overconfident_scores_would_not_cover():
    # The check above can fail: sets of the most probable class alone miss more than they promise.
    p = exchangeable(2000, 0)
    assert np.mean(p.probas.argmax(axis=1) == p.label_codes) < 0.85


def test_it_comes_after_any_combiner():
    rng = np.random.default_rng(0)
    fields = {"ids": np.arange(50), "classes": ["a", "b"], "labels": rng.integers(2, size=50)}
    both = [Predictions(rng.dirichlet([1, 1], 50), member=m, fit_ids=[77], **fields) for m in ("x", "y")]
    assert 0 < fit_conformal(combine(both, "mean")).threshold < 1
    seen = Predictions(rng.dirichlet([1, 1], 50), member="z", fit_ids=[3], **fields)
    with pytest.raises(LeakageError, match="rows that the model was fitted on; 1 of 50 are among them, first 3"):
        fit_conformal(combine([*both, seen], "mean"))


def test_coverage_is_not_measured_on_calibration_rows():
    p = exchangeable(30, 0)
    with pytest.raises(LeakageError, match="rows that it was calibrated on; 30 of 30"):
        fit_conformal(p).coverage(p)


@pytest.mark.parametrize(
    ("made", "options", "error", "message"),
    [
        (
            lambda: exchangeable(9, 0),
            {"alpha": 0},
            InvalidOptionError,
            "alpha must be a number > 0 and < 1; received 0",
        ),
        (lambda: exchangeable(9, 0), {"alpha": float("nan")}, InvalidOptionError, "received nan"),
        (lambda: exchangeable(9, 0), {"method": "top"}, InvalidOptionError, "'lac' or 'aps' or 'raps'; received 'top'"),
        (lambda: exchangeable(0, 0), {}, InvalidPredictionsError, "at least one row"),
        (lambda: predictions([[0.5, 0.5]]), {}, InvalidPredictionsError, "without labels"),
        (
            lambda: predictions([[[0.5, 0.5]]], [["class0"]]),
            {},
            InvalidPredictionsError,
            r"shape \(n_samples, n_classes\) .* of shape \(1, 1, 2\)",
        ),
        (
            lambda: predictions([[0.5, 0.5], [np.nan] * 2], [0, 1], missing="renormalize"),
            {},
            InvalidPredictionsError,
            "1 rows absent",
        ),
    ],
)
def test_what_cannot_be_calibrated_is_refused(made, options, error, message):
    with pytest.raises(error, match=message):
        fit_conformal(made(), **options)


def test_other_classes_are_refused():
    conformal = fit_conformal(exchangeable(30, 0))
    with pytest.raises(AlignmentError, match=r"calibrated for, \('class0', .*; received \('class0', 'class1'\)"):
        conformal.predict_sets(predictions([[0.5, 0.5]]))


# Regression.


def test_intervals_worked_by_hand():
    p = predictions([[1.0], [2.0], [3.0]], [[1.5], [2.0], [1.0]], task="regression", classes=["height"])
    # Residuals 0.5, 0, 2; ceil(4 * 0.5) = 2: the second smallest, 0.5.
    conformal = fit_conformal(p, alpha=0.5)
    assert isinstance(conformal, ConformalIntervals)
    new = predictions([[10.0], [20.0]], [[10.5], [18.0]], 5, task="regression", classes=["height"])
    table = conformal.predict_intervals(new)
    assert table.to_dict("list") == {"id": [5, 6], "output": ["height"] * 2, "low": [9.5, 19.5], "high": [10.5, 20.5]}
    assert conformal.coverage(new) == {"height": 0.5}
    with pytest.warns(FewRowsWarning, match="received 3"):
        assert np.isinf(fit_conformal(p, alpha=0.1).half_widths).all()


def test_each_output_has_its_own_interval():
    rng = np.random.default_rng(0)
    true = rng.normal(size=(2000, 2)) * [1, 10]
    p = predictions(np.zeros((2000, 2)), true, task="regression", classes=["a", "b"])
    conformal = fit_conformal(p.take(np.arange(1000)), alpha=0.1)
    turned = predictions(np.zeros((1000, 2)), true[1000:, ::-1], 1000, task="regression", classes=["b", "a"])
    covered = conformal.coverage(turned)
    assert list(covered) == ["b", "a"]
    assert list(covered.values()) == pytest.approx([0.9, 0.9], abs=0.03)


@pytest.mark.parametrize("method", [*METHODS, "residual"])
def test_what_is_calibrated_is_saved_and_loaded(method, tmp_path):
    p = exchangeable(30, 0)
    if method == "residual":
        p = predictions(p.probas, p.probas + 1, task="regression")
    conformal = fit_conformal(p, method=method)
    save(conformal, tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert repr(again) == repr(conformal)
    assert again.calibration_ids.tolist() == conformal.calibration_ids.tolist()
