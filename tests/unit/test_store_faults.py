"""Saved ensembles that are damaged, forged or cut off: an error of ours each, no code run, nothing written."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from ensemblekit import EnsembleClassifier, KerasClassifier, StoreError
from ensemblekit.store import load, save
from ensemblekit.store._manifest import versions

pytest.importorskip("skops")
X, CODES = load_iris(return_X_y=True)
X = X.astype(np.float32)
Y = load_iris().target_names[CODES]
REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def fitted():
    members = [("line", LogisticRegression(max_iter=500)), ("bayes", GaussianNB())]
    return EnsembleClassifier(members, combiner="stacking", cv=3).fit(X, Y)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensembles") / "saved"
    save(fitted, folder)
    return folder


@pytest.fixture(scope="module")
def saved_keras(tmp_path_factory, keras):
    layers = keras.layers
    net = keras.Sequential([keras.Input((4,)), layers.Dense(3, "softmax")])
    net.compile("adam", "sparse_categorical_crossentropy")
    members = [("net", KerasClassifier(net, epochs=1, seed=0)), ("line", LogisticRegression(max_iter=500))]
    folder = tmp_path_factory.mktemp("ensembles") / "saved"
    save(EnsembleClassifier(members, combiner="weighted", cv=2).fit(X, Y), folder)
    return folder


def test_the_manifest_says_what_it_is_of(saved, fitted, tmp_path):
    manifest = json.loads((saved / "manifest.json").read_text())
    assert manifest["versions"] == versions()
    assert {"python", "numpy", "scikit-learn", "skops"} <= set(manifest["versions"])
    assert manifest["classes"] == ["setosa", "versicolor", "virginica"]
    assert list(manifest["members"]) == ["line", "bayes"]
    assert manifest["members"]["bayes"]["type"] == "sklearn.naive_bayes:GaussianNB"
    save(fitted, tmp_path / "again")
    again = json.loads((tmp_path / "again" / "manifest.json").read_text())["members"]
    assert again["line"]["fingerprint"] == manifest["members"]["line"]["fingerprint"]
    assert again["line"]["fingerprint"] != again["bayes"]["fingerprint"]
    other = EnsembleClassifier([("bayes", GaussianNB())]).fit(X[10:], Y[10:])
    save(other, tmp_path / "other")
    others = json.loads((tmp_path / "other" / "manifest.json").read_text())["members"]
    assert others["bayes"]["fingerprint"] != again["bayes"]["fingerprint"]


def flips(folder, n):
    """Places to flip a bit at: spread over the manifest and over each file, and the ends of each."""
    rng = np.random.default_rng(0)
    for path in sorted(folder.iterdir()):
        size = path.stat().st_size
        places = {0, 1, size - 1, *rng.integers(0, size, n).tolist()}
        yield from ((path, place) for place in sorted(places))


def check_flips(folder, n):
    refused = 0
    for path, place in flips(folder, n):
        content = path.read_bytes()
        spoiled = bytearray(content)
        spoiled[place] ^= 1 << (place % 8)
        path.write_bytes(spoiled)
        try:
            with pytest.raises(StoreError):
                load(folder)
            refused += 1
        finally:
            path.write_bytes(content)
    load(folder)
    return refused


def test_every_byte_that_is_flipped_is_noticed(saved):
    assert check_flips(saved, 25) >= 70


@pytest.mark.slow
@pytest.mark.keras
def test_many_bytes_that_are_flipped_are_noticed(saved, saved_keras):
    assert check_flips(saved, 300) + check_flips(saved_keras, 200) >= 1000


def fuzz(saved, scratch, n):
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.store_fuzz", str(saved), str(scratch), str(n)],
        cwd=REPO, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert found["touched"] == []
    assert found["outside"] == []
    assert found["refused"] + found["harmless"] == n
    return found


def test_forged_folders_are_refused_and_run_nothing(saved, tmp_path):
    assert fuzz(saved, tmp_path / "scratch", 60)["refused"] > 40


@pytest.mark.slow
@pytest.mark.keras
def test_five_hundred_forged_folders_are_refused_and_run_nothing(saved, saved_keras, tmp_path):
    found = [fuzz(saved, tmp_path / "one", 300), fuzz(saved_keras, tmp_path / "two", 200)]
    assert sum(f["refused"] for f in found) > 380


@pytest.mark.slow
def test_a_fuzz_that_finds_something_says_so(saved, tmp_path):
    """The watch is no blind one: a store that unpickles is caught."""
    (tmp_path / "scratch").mkdir()
    code = """
import sys
import numpy as np
from pathlib import Path
from tests import store_fuzz
real = np.load
np.load = lambda file, allow_pickle=False: real(file, allow_pickle=True)
store_fuzz.SPOILERS = (store_fuzz.spoil_pickle,)
store_fuzz.main(Path(sys.argv[1]), Path(sys.argv[2]), 30)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(saved), str(tmp_path / "scratch")], cwd=REPO, capture_output=True, text=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["touched"]
    assert "canary.txt" in found["outside"]


SAVING = """
import sys, time
import numpy as np
from ensemblekit import load_plugins
from ensemblekit.store import save
combiner = load_plugins().create_combiner("weighted", weights={"a": 1.0, "b": 2.0})
combiner.large_ = np.random.default_rng(0).normal(size=(400, 50_000))
print("saving", flush=True)
save(combiner, sys.argv[1], overwrite=True)
print("saved", flush=True)
"""


@pytest.mark.parametrize("wait", [0.0, 0.05, 0.2])
def test_a_save_that_is_killed_leaves_the_old_one_whole(wait, saved, tmp_path):
    folder = tmp_path / "saved"
    import shutil

    shutil.copytree(saved, folder)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with subprocess.Popen([sys.executable, "-c", SAVING, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "saving\n"
        time.sleep(wait)
        os.kill(process.pid, signal.SIGKILL)
        ended = process.stdout.read()
    if "saved" not in ended:  # it was not yet through
        now = {p.name: p.read_bytes() for p in folder.iterdir()}
        assert now == before or type(load(folder)).__name__ == "Weighted"
    load(folder)
