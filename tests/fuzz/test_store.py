"""Saved folders that were damaged or forged, at random: an error of ours each, or harmless."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from ensemblekit.store import load
from tests.fuzz.harness import n_cases, run_cases

pytest.importorskip("skops")


def test_every_edit_of_a_saved_folder_is_noticed():
    assert run_cases("tests.fuzz.store_cases:damaged", n_cases(150, 6000)) == []


def test_forged_folders_are_refused_or_harmless_and_run_nothing():
    assert run_cases("tests.fuzz.store_cases:forged", n_cases(80, 6000)) == []


@pytest.mark.slow
@pytest.mark.keras
def test_forged_folders_with_a_keras_model_are_refused_or_harmless_and_run_nothing(keras):
    assert run_cases("tests.fuzz.store_cases:forged_keras", n_cases(100, 2000)) == []


def test_a_watch_that_finds_something_says_so():
    """The watch is no blind one: a store that unpickles is caught."""
    assert any("canary.txt" in said for said in run_cases("tests.fuzz.store_cases:unpickled", 8))


WRITING = """
import itertools, sys
import numpy as np
from sklearn.linear_model import Ridge
from ensemblekit import load_plugins
from ensemblekit.store import save
combiner = load_plugins().create_combiner("weighted", weights={"a": 1.0, "b": 2.0})
for turn in itertools.count():
    combiner.turn_, combiner.array_, combiner.lists_ = turn, np.full(2_000, turn), [turn] * 50
    combiner.line_ = Ridge()
    combiner.line_.coef_ = np.full(1000, turn)
    save(combiner, sys.argv[1], overwrite=True)
    if turn == 0:
        print("saved", flush=True)
"""


def test_every_load_under_a_writer_is_wholly_old_or_wholly_new(tmp_path):
    turns = set()
    with subprocess.Popen([sys.executable, "-c", WRITING, str(tmp_path / "saved")], stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout.readline() == b"0\n"
            for _ in range(n_cases(30, 1000)):
                made = load(tmp_path / "saved")
                held = {made.turn_, *made.lists_, *made.array_.tolist(), *np.unique(made.line_.coef_).tolist()}
                assert len(held) == 1, f"one load holds {held}"
                turns |= held
        finally:
            os.kill(writer.pid, signal.SIGKILL)
    assert len(turns) > 3  # the writer was at work
