"""Saved folders that were damaged or forged, at random: an error of ours each, or harmless."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import sklearn
from packaging.version import Version

from ensemblekit.store import load
from tests.fuzz.harness import n_cases, run_cases

pytest.importorskip("skops")
with_saved_estimators = pytest.mark.skipif(
    Version(sklearn.__version__) < Version("1.9"), reason="the estimators were saved with scikit-learn 1.9"
)


def test_every_edit_of_a_saved_folder_is_noticed():
    assert run_cases("tests.fuzz.store_cases:damaged", n_cases(60, 6000)) == []


@with_saved_estimators
@pytest.mark.slow
def test_forged_folders_are_refused_or_harmless_and_run_nothing():
    assert run_cases("tests.fuzz.store_cases:forged", n_cases(60, 6000)) == []


@pytest.mark.slow
@pytest.mark.keras
def test_forged_folders_with_a_keras_model_are_refused_or_harmless_and_run_nothing(keras):
    assert run_cases("tests.fuzz.store_keras_cases:forged", n_cases(100, 2000)) == []


@pytest.mark.slow
def test_a_watch_that_finds_something_says_so():
    """The watch is no blind one: a store that unpickles is caught."""
    assert any("canary.txt" in said for said in run_cases("tests.fuzz.store_cases:unpickled", 8))


WRITING = """
import itertools, sys
import numpy as np
from ensemblekit import load_plugins
from ensemblekit.store import save
combiner = load_plugins().create_combiner("weighted", weights={"a": 1.0, "b": 2.0})
for turn in itertools.count():
    combiner.turn_, combiner.array_ = turn, np.full(1000, turn)
    save(combiner, sys.argv[1], overwrite=True)
    if turn == 0:
        print("saved", flush=True)
"""


def test_every_load_under_a_writer_is_wholly_old_or_wholly_new(tmp_path):
    memory = Path("/dev/shm")  # noqa: S108 - where it is there, the writer does not wait for a disk
    turns, n_loads, least = set(), 0, n_cases(30, 1000)
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as scratch:
        folder = f"{scratch}/saved"
        with subprocess.Popen([sys.executable, "-c", WRITING, folder], stdout=subprocess.PIPE) as writer:
            try:
                assert writer.stdout.readline() == b"saved\n"
                while n_loads < least or len(turns) < least // 2:  # or the writer was not at work
                    made = load(folder)
                    held = {made.turn_, *made.array_.tolist()}
                    assert len(held) == 1, f"one load holds {held}"
                    turns, n_loads = turns | held, n_loads + 1
            finally:
                os.kill(writer.pid, signal.SIGKILL)
                writer.wait()
