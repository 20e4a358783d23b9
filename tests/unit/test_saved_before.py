"""What version 0.1.0 saved still loads, by the names that its classes had, and gives the same numbers."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from ensemblekit import Predictions, combine, load_plugins
from ensemblekit.errors import StoreError
from ensemblekit.store import load, save
from tests.fuzz.store_cases import read, reseal

pytest.importorskip("skops")
SAVED = Path(__file__).parent / "data" / "saved_0_1"
GIVEN, EXPECTED = np.load(SAVED / "given.npz"), np.load(SAVED / "expected.npz")
CASES = sorted(path.name for path in SAVED.iterdir() if path.is_dir())
SINCE = {
    "inverse_pinball", "inverse_variance", "least_squares", "linear_pool", "pinball_weights", "trimmed_members",
}  # fmt: skip
"""Combiners that version 0.1 did not have."""
TREES = {"classifier-tree", "multiclass-stacking-tree"}
IN_FLOAT32 = {"multiclass-stacking-dense"}  # in it is a network


def test_every_folder_has_its_numbers_and_every_combiner_a_folder():
    assert set(CASES) == set(EXPECTED.files)
    saved = {json.loads((SAVED / case / "manifest.json").read_text())["object"].get("combiner") for case in CASES}
    built_in = {
        r.name for r in load_plugins().registrations if r.kind == "combiner" and r.distribution == "ensemblekit"
    }
    assert built_in - SINCE <= saved
    assert not SINCE & saved


def loaded(case):
    if case in IN_FLOAT32:
        pytest.importorskip("keras")
    return load(SAVED / case, trusted=["sklearn.tree._tree.Tree"] if case in TREES else [])


def answer(case, fitted):
    task = case.partition("-")[0]
    if task == "regressor":
        return fitted.predict(GIVEN[case])
    if task == "classifier":
        return fitted.predict_proba(GIVEN[case])
    ids, classes = [f"row{i:02}" for i in range(GIVEN[task].shape[1])], list(range(GIVEN[task].shape[-1]))
    members = zip(("cnn", "svm", "tree"), GIVEN[task], strict=True)
    return combine([Predictions(p, ids=ids, classes=classes, task=task, member=m) for m, p in members], fitted).probas


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.parametrize("case", CASES)
def test_a_folder_of_the_first_version_gives_the_same_numbers(case):
    # Logarithms and products of matrices may differ in the last digit from one processor to the next.
    last = 1e-6 if case in IN_FLOAT32 else 1e-13
    np.testing.assert_allclose(answer(case, loaded(case)), EXPECTED[case], rtol=last, atol=0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.parametrize("case", ["multiclass-mean", "classifier-heads", "multiclass-stacking-dense"])
def test_what_is_loaded_is_saved_by_the_names_of_now(case, tmp_path):
    save(loaded(case), tmp_path / "again")
    text = (tmp_path / "again" / "manifest.json").read_text()
    assert "ensemblekit_plugins" in (SAVED / case / "manifest.json").read_text()
    named = set(re.findall(r"ensemblekit_plugins\.([\w.]+):", text))
    assert named <= {"combiners.mean", "combiners.stacking", "heads.few_rows", "learning.dense"}
    assert named


def test_a_class_of_a_former_path_that_is_none_of_the_table_is_refused(tmp_path):
    shutil.copytree(SAVED / "multiclass-mean", tmp_path / "saved")
    manifest = read(tmp_path / "saved")
    manifest["object"]["class"] = "ensemblekit_plugins.moan:Mean"
    reseal(tmp_path / "saved", manifest)
    with pytest.raises(StoreError, match=r"'ensemblekit_plugins\.moan' is not"):
        load(tmp_path / "saved")
