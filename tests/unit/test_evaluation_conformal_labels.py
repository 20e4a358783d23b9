"""Sets of labels: the threshold by hand, the risk that is promised, and what is refused."""

import numpy as np
import pytest

from ensemblekit import InvalidOptionError, LeakageError, Predictions
from ensemblekit.errors import FewRowsWarning
from ensemblekit.evaluation import fit_conformal
from ensemblekit.store import load, save


def labelled(probas, true=None, start=0):
    ids = np.arange(start, start + len(probas))
    return Predictions(probas, ids=ids, classes=["a", "b"], labels=true, task="multilabel")


def test_the_threshold_of_risk_control_worked_by_hand():
    p = labelled([[0.9, 0.6], [0.3, 0.8], [0.7, 0.2]], [[1, 1], [0, 1], [1, 0]])
    # Losses at 0.6: none. Above 0.6: row 0 misses half. Above 0.7 row 2 too; the budget is 0.4 * 4 - 1 = 0.6.
    conformal = fit_conformal(p, alpha=0.4)
    assert conformal.threshold == 0.7
    new = labelled([[0.7, 0.69]], [[1, 1]], 5)
    assert conformal.predict_sets(new).to_numpy().tolist() == [[True, False]]
    assert conformal.measured_risk(new) == 0.5
    assert conformal.mean_size(new) == 1
    each = fit_conformal(p, alpha=0.4, by="class")
    # Two rows have each label; 0.4 * 3 - 1 = 0.2 of one may be missed.
    assert each.thresholds.to_dict("list") == {"label": ["a", "b"], "n": [2, 2], "threshold": [0.7, 0.6]}
    with pytest.warns(FewRowsWarning, match="alpha=0.1 needs at least 9"):
        nothing = fit_conformal(p, alpha=0.1)
    assert nothing.predict_sets(new).all(axis=None)


def many_labels(n, seed, start=0):
    rng = np.random.default_rng(seed)
    true = rng.random((n, 5)) < 0.35
    shares = 1 / (1 + np.exp(-(rng.normal(size=(n, 5)) + 1.5 * (2 * true - 1))))
    return Predictions(
        shares, ids=np.arange(start, start + n), classes=list("vwxyz"), labels=true.astype(int), task="multilabel"
    )


@pytest.mark.parametrize("n", [20, 200])
def test_the_risk_of_labels_is_what_is_promised(n):
    risks = [
        fit_conformal(many_labels(n, seed), alpha=0.15).measured_risk(many_labels(100, 5000 + seed, 10**6))
        for seed in range(150)
    ]
    error = 3 * np.std(risks) / np.sqrt(len(risks))
    assert 0.15 - 2 / (n + 1) - error < np.mean(risks) < 0.15 + error


@pytest.mark.parametrize("risk", ["false_negative_rate", "false_discovery_rate"])
def test_learn_then_test_keeps_the_risk_with_the_confidence(risk):
    fresh = many_labels(8000, 10**6, 10**6)
    options = {"method": "ltt", "risk": risk, "confidence": 0.8, "alpha": 0.2}
    found = [fit_conformal(many_labels(150, seed), **options) for seed in range(25)]
    risks = {c.threshold: c.measured_risk(fresh) for c in {c.threshold: c for c in found}.values()}
    kept = np.mean([risks[c.threshold] <= 0.2 for c in found])
    assert kept >= 0.8
    # It does not hold everything, or nothing, to keep it.
    assert np.mean([risks[c.threshold] for c in found]) > 0.05
    assert 0 < found[0].mean_size(fresh) < 5
    assert f"{risk.replace('_', ' ')} of new rows like these is at most 0.2, with a probability" in found[0].promise


def test_a_risk_that_is_not_proven_is_not_promised():
    with pytest.warns(FewRowsWarning, match="no threshold is proven.*holds no label"):
        nothing = fit_conformal(many_labels(5, 0), method="ltt", risk="false_discovery_rate", alpha=0.1)
    assert nothing.mean_size(many_labels(5, 1, 100)) == 0


def test_labels_by_group_have_thresholds_of_their_own():
    p = labelled([[0.9, 0.1], [0.8, 0.1], [0.4, 0.1], [0.3, 0.1]], [[1, 0]] * 4)
    grouped = fit_conformal(p, alpha=0.4, groups={0: "x", 1: "x", 2: "y", 3: "y"})
    assert grouped.thresholds.to_dict("list") == {"group": ["x", "y"], "n": [2, 2], "threshold": [0.8, 0.3]}
    new = labelled([[0.5, 0.1], [0.5, 0.1]], start=9)
    assert grouped.predict_sets(new, groups={9: "x", 10: "y"})["a"].tolist() == [False, True]


def test_rows_without_a_label_have_no_part_in_the_false_negative_rate():
    p = labelled([[0.9, 0.6], [0.3, 0.8], [0.7, 0.2], [0.5, 0.5]], [[1, 1], [0, 1], [1, 0], [0, 0]])
    assert fit_conformal(p, alpha=0.4).thresholds["n"].tolist() == [3]
    assert np.isnan(fit_conformal(p, alpha=0.4).measured_risk(labelled([[0.1, 0.1]], [[0, 0]], 9)))


def test_a_calibration_row_of_labels_is_not_predicted():
    p = many_labels(40, 0)
    conformal = fit_conformal(p)
    with pytest.raises(LeakageError, match="rows that it was calibrated on; 40 of 40"):
        conformal.predict_sets(p)
    assert len(conformal.predict_sets(p, allow_leakage=True)) == 40


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"risk": "false_discovery_rate"}, "only the method 'ltt'"),
        ({"by": "class", "method": "ltt"}, "by='class' is for classes, and for labels with the method 'crc'"),
        ({"method": "lac"}, "must be 'crc' or 'ltt'; received 'lac'"),
        ({"folds": {k: k % 2 for k in range(40)}}, "promised for one model; received predictions of 2 folds"),
    ],
    ids=["risk", "by", "method", "folds"],
)
def test_options_that_do_not_fit_labels_are_refused(options, message):
    with pytest.raises(InvalidOptionError, match=message):
        fit_conformal(many_labels(40, 0), **options)


def test_labels_are_saved_and_loaded(tmp_path):
    conformal = fit_conformal(many_labels(40, 0), by="class", alpha=0.4)
    save(conformal, tmp_path / "labels")
    again = load(tmp_path / "labels")
    assert repr(again) == repr(conformal)
    assert again.predict_sets(many_labels(5, 1, 100)).equals(conformal.predict_sets(many_labels(5, 1, 100)))
