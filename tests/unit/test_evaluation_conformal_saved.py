"""Conformal sets and intervals are saved and loaded, also those of earlier versions."""

import numpy as np

from ensemblekit.evaluation import ConformalSets, fit_conformal
from ensemblekit.evaluation.conformal._scores import set_scores
from ensemblekit.store import load, save
from tests.fuzz.store_cases import read, reseal
from tests.unit.test_evaluation_conformal_more import by_id, drawn, numbers


def test_what_is_calibrated_by_fold_and_group_is_saved_and_loaded(tmp_path):
    p, g = drawn(80, 0)
    conformal = fit_conformal(
        p, method="aps", by="class", alpha=0.3, groups=by_id(p, g.tolist()), folds=by_id(p, ["f", "g"] * 40)
    )
    new, h = drawn(20, 1, 1000)
    asked = {"f": new, "g": new}, {"groups": by_id(new, h.tolist())}
    save(conformal, tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert isinstance(again, ConformalSets)
    assert again.predict_sets(asked[0], **asked[1]).equals(conformal.predict_sets(asked[0], **asked[1]))


def test_sets_saved_before_there_were_cells_are_as_they_were():
    former = object.__new__(ConformalSets)
    p = drawn(30, 1, 1000)[0]
    vars(former).update(method="aps", alpha=0.1, threshold=0.8, classes=p.classes, calibration_ids=np.array([1]))
    assert (former.predict_sets(p).to_numpy() == (set_scores(p.probas, "aps") <= 0.8)).all()


def test_intervals_saved_under_their_former_path_load(tmp_path):
    p, new = numbers([1, 2, 3], [1.5, 2, 1]), numbers([10], start=5)
    conformal = fit_conformal(p, alpha=0.5)
    save(conformal, tmp_path / "saved")
    manifest = read(tmp_path / "saved")
    manifest["object"]["class"] = "ensemblekit.evaluation._conformal_results:ConformalIntervals"
    for name in ("method", "cells"):
        del manifest["object"]["state"][name]
    reseal(tmp_path / "saved", manifest)
    assert load(tmp_path / "saved").predict_intervals(new).equals(conformal.predict_intervals(new))


def test_sets_saved_under_their_former_path_load(tmp_path):
    p, new = drawn(30, 0)[0], drawn(10, 1, 1000)[0]
    conformal = fit_conformal(p, alpha=0.3)
    save(conformal, tmp_path / "saved")
    manifest = read(tmp_path / "saved")
    manifest["object"]["class"] = "ensemblekit.evaluation._conformal_results:ConformalSets"
    reseal(tmp_path / "saved", manifest)
    assert load(tmp_path / "saved").predict_sets(new).equals(conformal.predict_sets(new))
