"""Nothing is fitted, stopped, chosen or calibrated on the test split, unless someone says so knowingly."""

import numpy as np
import pytest

from ensemblekit import LeakageError, Predictions, align, fit_combiner
from ensemblekit.evaluation import fit_conformal, leave_one_member_out


def pair(split, prefix=None):
    rng = np.random.default_rng(0)
    fields = {
        "ids": [f"{prefix or split}/{k}" for k in range(12)],
        "classes": ["cat", "dog"],
        "labels": ["cat", "dog"] * 6,
        "split": split,
    }
    return align(*(Predictions(rng.dirichlet([1, 1], size=12), member=name, **fields) for name in ("cnn", "svm")))


@pytest.mark.parametrize("combiner", ["weighted", "stacking", "greedy_selection", "mean"])
def test_no_combiner_is_fitted_on_the_test_split(combiner):
    with pytest.raises(
        LeakageError, match=r"never fitted on the test split.*received 12 rows.*'test/0'.*allow_leakage"
    ):
        fit_combiner(pair("test"), combiner)
    assert fit_combiner(pair("valid"), combiner).leaked_ == {}


def test_ids_tell_the_split_where_nothing_else_does():
    with pytest.raises(LeakageError, match="12 of them of the split 'test'"):
        fit_combiner(pair(None, "test"), "weighted")
    fit_combiner(pair(None, "tested"), "weighted")
    fit_combiner(pair("valid", "test"), "weighted")


def test_it_can_be_done_knowingly():
    assert fit_combiner(pair("test"), "weighted", allow_leakage=True).leaked_ == {}
    held_out = pair("test")["cnn"]
    assert fit_conformal(held_out, allow_leakage=True).calibration_ids.tolist() == held_out.ids.tolist()


def test_nothing_is_calibrated_on_the_test_split():
    with pytest.raises(LeakageError, match="conformal prediction is never calibrated on the test split"):
        fit_conformal(pair("test")["cnn"])
    conformal = fit_conformal(pair("calibration")["cnn"])
    assert 0 <= conformal.coverage(pair("test")["cnn"]) <= 1


def test_nothing_is_left_out_by_a_combiner_fitted_on_the_test_split():
    with pytest.raises(LeakageError, match="never fitted on the test split"):
        leave_one_member_out(pair("new"), "weighted", fit_on=pair("test"))


def test_nothing_is_stopped_early_on_the_test_split():
    from ensemblekit import Combiner

    class Stops(Combiner):
        traits = frozenset({"learns"})

        def fit(self, predictions, *, validation=None, sample_weight=None):
            return self

        def combine(self, member_probas, *, xp=np):
            return xp.mean(member_probas, axis=0)

    with pytest.raises(LeakageError, match="never fitted on the test split"):
        fit_combiner(pair("train"), Stops(), validation=pair("test"))
    fit_combiner(pair("train"), Stops(), validation=pair("valid"))
