"""What version 0.1.0 saved still loads, by the names that its classes had, and gives the same numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import sklearn
from packaging.version import Version

from ensemblekit import Predictions, combine
from ensemblekit.store import load, save

pytest.importorskip("skops")
SAVED = Path(__file__).parent / "data" / "saved_0_1"
GIVEN, EXPECTED = np.load(SAVED / "given.npz"), np.load(SAVED / "expected.npz")
CASES = sorted(path.name for path in SAVED.iterdir() if path.is_dir())
TREES = {"classifier-tree", "multiclass-stacking-tree"}


def test_every_folder_has_its_numbers_and_every_combiner_a_folder():
    from ensemblekit import load_plugins

    assert set(CASES) == set(EXPECTED.files)
    assert set(load_plugins().combiners) >= {
        json.loads((SAVED / case / "manifest.json").read_text())["object"].get("combiner", "mean") for case in CASES
    }


def loaded(case):
    if case == "multiclass-stacking-dense":
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
    print(case, np.array_equal(answer(case, loaded(case)), EXPECTED[case]))
