"""Saved ensembles that are damaged, forged or cut off: an error of ours each, no code run, nothing written."""

import hashlib
import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import sklearn
from packaging.version import Version
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from ensemblekit import Combiner, EnsembleClassifier, InvalidOptionError, KerasClassifier, combine, load_plugins
from ensemblekit.errors import OutputExistsError, StoreError
from ensemblekit.store import load, save
from ensemblekit.store._folder import read_folder
from ensemblekit.store._manifest import versions
from tests.fuzz.store_cases import read, reseal

pytest.importorskip("skops")
X, CODES = load_iris(return_X_y=True)
X = X.astype(np.float32)
Y = load_iris().target_names[CODES]
DATA = Path(__file__).parent / "data" / "saved"


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


@pytest.mark.slow
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
@pytest.mark.long
@pytest.mark.keras
def test_many_bytes_that_are_flipped_are_noticed(saved, saved_keras):
    assert check_flips(saved, 300) + check_flips(saved_keras, 200) >= 1000


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", [".", "..", "../saved/.."])
def test_a_folder_is_not_replaced_from_inside(name, overwrite, saved, tmp_path, monkeypatch):
    shutil.copytree(saved, tmp_path / "saved")
    monkeypatch.chdir(tmp_path / "saved")
    with pytest.raises(OutputExistsError, match=re.escape(f"given by its name; received {name!r}, which cannot be")):
        save(load_plugins().create_combiner("mean"), name, overwrite=overwrite)
    assert isinstance(load(tmp_path / "saved"), EnsembleClassifier)


def test_load_refuses_another_kind_than_was_expected(saved):
    assert isinstance(load(saved, kind=EnsembleClassifier), EnsembleClassifier)
    with pytest.raises(StoreError, match=r"saved' must hold a Combiner \(kind\); it holds a EnsembleClassifier\."):
        load(saved, kind=Combiner)
    with pytest.raises(InvalidOptionError, match=r"kind must be type or None; received 'Combiner' of the type str"):
        load(saved, kind="Combiner")
    with pytest.raises(InvalidOptionError, match=r"kind must be a class to compare with; received .*Protocol"):
        load(saved, kind=Protocol)


def test_a_folder_that_is_replaced_while_it_is_read_is_read_again(saved, tmp_path):
    folder = tmp_path / "saved"
    shutil.copytree(saved, folder)
    texts = []

    def parse(text):
        texts.append(text)
        if len(texts) == 1:
            save(load_plugins().create_combiner("mean"), folder, overwrite=True)
        return json.loads(text)

    with read_folder(folder, parse) as held:
        assert held.manifest["object"]["class"] == "ensemblekit_plugins.combiners.mean:Mean"
        assert held.digest == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert len(texts) == 2


def test_a_folder_that_never_rests_is_given_up(saved, tmp_path):
    folder = tmp_path / "saved"

    def parse(text):
        folder.rename(tmp_path / f"gone{len(list(tmp_path.iterdir()))}")
        shutil.copytree(saved, folder)
        return {"files": {"missing.npz": ""}}

    shutil.copytree(saved, folder)
    with pytest.raises(StoreError, match="was replaced 100 times while it was read"), read_folder(folder, parse):
        pass


def test_what_was_checked_is_what_is_parsed(saved, tmp_path):
    """A file that is replaced, or written into, after its digest was taken changes nothing."""
    folder = tmp_path / "saved"
    shutil.copytree(saved, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with read_folder(folder, json.loads) as held:
        for path in folder.iterdir():
            path.write_bytes(b"another")
        assert {name: file.read() for name, file in held.files.items()}.items() <= before.items()


def test_no_place_for_the_copy_is_one_line(tmp_path, monkeypatch):
    combiner = load_plugins().create_combiner("mean")
    combiner.array_ = np.arange(10_000.0)
    save(combiner, tmp_path / "saved")
    monkeypatch.setattr("ensemblekit.store._folder.IN_MEMORY", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(StoreError, match=r"cannot be read: .*No such file or directory"):
        load(tmp_path / "saved")


def test_however_many_files_a_folder_has_one_is_open(tmp_path, monkeypatch):
    combiner = load_plugins().create_combiner("mean")
    combiner.held_ = [GaussianNB(var_smoothing=10.0**-k) for k in range(60)]
    combiner.array_ = np.arange(10_000.0)
    save(combiner, tmp_path / "saved")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    load(tmp_path / "saved")
    for in_memory in (2**26, 1):
        monkeypatch.setattr("ensemblekit.store._folder.IN_MEMORY", in_memory)
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 10, limits[1]))
        try:
            again = load(tmp_path / "saved")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert [held.var_smoothing for held in again.held_] == [held.var_smoothing for held in combiner.held_]
        assert again.array_.tobytes() == combiner.array_.tobytes()


def test_a_link_to_a_folder_is_followed_and_a_pipe_in_it_is_not_waited_for(saved, tmp_path):
    (tmp_path / "link").symlink_to(saved)
    assert type(load(tmp_path / "link")).__name__ == "EnsembleClassifier"
    for name in ("manifest.json", "skops0.skops"):
        folder = tmp_path / f"pipe {name}"
        shutil.copytree(saved, folder)
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(StoreError, match=r"has no manifest.json|the file skops0.skops is missing"):
            load(folder)


@pytest.mark.parametrize("shape", [(10**12,), (2**40, 2**40), (-1,), (3,)])
def test_an_array_is_as_large_as_its_header_says_before_memory_is_taken(shape, tmp_path):
    combiner = load_plugins().create_combiner("mean")
    combiner.array_ = np.arange(5.0)
    save(combiner, tmp_path / "saved")
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(tmp_path / "saved" / "arrays.npz", "w") as archive:
        archive.writestr("a0.npy", buffer.getvalue() + bytes(40))
    reseal(tmp_path / "saved", read(tmp_path / "saved"), digests=True)
    with pytest.raises(StoreError, match="an array must be as large as its header says"):
        load(tmp_path / "saved")


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
def test_arrays_of_any_type_and_order_have_the_size_of_their_header(tmp_path):
    combiner = load_plugins().create_combiner("mean")
    fields = np.zeros(3, dtype=[("α", "f4"), ("b", "U7", (2,))])
    held = [fields, np.zeros((0, 4)), np.array(2), np.array(["é" * 9]), np.asfortranarray(np.ones((3, 2), "c16"))]
    combiner.held_ = [*held, np.array([b"ab"]), np.array(["2020-01-01"], "M8[D]"), np.zeros(2, "V5")]
    save(combiner, tmp_path / "saved")
    again = load(tmp_path / "saved").held_
    assert all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(again, combiner.held_, strict=True))


@pytest.mark.parametrize("name", ["greedy_selection", "stacking", "ensemble"])
def test_folders_of_the_first_version_still_load_and_predict_the_same(name):
    saved_with = json.loads((DATA / name / "manifest.json").read_text())["versions"]["scikit-learn"]
    if name != "greedy_selection" and Version(sklearn.__version__) < Version(saved_with):
        pytest.skip(f"scikit-learn reads no estimators of a later version, {saved_with}")
    again = load(DATA / name)
    if name == "ensemble":
        probas = again.predict_proba(load_iris().data[::10])
    else:
        from tests.unit.test_store import members

        probas = combine(members(20, seed=1), again).probas
    np.testing.assert_allclose(probas, np.load(DATA / f"{name}.npy"), rtol=0, atol=1e-12)


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
@pytest.mark.slow
def test_a_save_that_is_killed_leaves_the_old_one_whole(wait, saved, tmp_path):
    folder = tmp_path / "saved"
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
