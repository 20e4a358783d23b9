"""A run that is killed, at whatever moment, goes on and ends as if nothing had been."""

import hashlib
import json
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ensemblekit import Predictions

pytestmark = pytest.mark.keras

REPO = Path(__file__).resolve().parents[2]
SAME = ("results.csv", "scores.csv", "comparisons.csv", "confusion.csv", "notes.json")
"""Files of a finished run that must not show whether it was killed."""


class Study:
    """One command line, run as often as needed."""

    def __init__(self, folder, keras):
        from tests.benchmarks.test_ctscan import draw

        self.folder, self.data = folder, draw(folder / "pets", n=6)
        layers = keras.layers
        keras.utils.set_random_seed(0)
        keras.Sequential([keras.Input((32, 32, 3)), layers.Rescaling(1 / 255), layers.Conv2D(8, 5, 2)]).save(
            folder / "small.keras"
        )
        self.whole = folder / "whole"
        began = time.monotonic()
        done = subprocess.run(self.command(self.whole), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        self.seconds = time.monotonic() - began

    def command(self, out, *options):
        return [
            sys.executable, str(REPO / "benchmarks" / "ctscan.py"), "--data", str(self.data),
            "--backbone", "keras_file", "--weights", str(self.folder / "small.keras"), "--image-size", "32",
            "--epochs", "2", "--views", "2", "--precision", "float32", "--deterministic",
            "--bank", str(self.folder / f"bank-{out.name}"), "--out", str(out), *options,
        ]  # fmt: skip

    def start(self, out):
        """Begin, or go on where there is something to go on with."""
        resume = ["--resume"] if (out / "config.json").is_file() else []
        return subprocess.Popen(self.command(out, *resume), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def check_finished(self, out):
        for name in SAME:
            assert (out / name).read_bytes() == (self.whole / name).read_bytes(), name
        for path in sorted((self.whole / "predictions").iterdir()):
            first, again = Predictions.load(path), Predictions.load(out / "predictions" / path.name)
            np.testing.assert_array_equal(first.probas, again.probas, err_msg=path.name)
            assert first.ids.tolist() == again.ids.tolist()
        assert json.loads((out / "config.json").read_text())["status"] == "finished"
        assert (out / "report.html").is_file()
        assert not [p for p in out.rglob(".*") if p.is_file()]


def end(process):
    """Let it come to its end, which must be a good one."""
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, f"{out}\n{error}"


def kill(process):
    """Say whether it was killed before its own end."""
    process.send_signal(signal.SIGKILL)
    out, error = process.communicate()
    assert process.returncode in (-signal.SIGKILL, 0), f"{out}\n{error}"
    return process.returncode != 0


def check_records(out):
    """What a record tells of is there, whole; every JSON file is whole. Returns the finished pieces."""
    finished = []
    for path in out.rglob("*.json"):
        if path.name.startswith("."):
            continue
        record = json.loads(path.read_text())
        if path.parent.name == "pieces":
            finished.append(path.stem)
            for name, about in record["files"].items():
                assert hashlib.sha256((path.parents[1] / name).read_bytes()).hexdigest() == about["sha256"], name
    return finished


def chain(study, out, draw, most):
    """Kill and resume until a run comes to its end; give what was finished at each kill."""
    kills = []
    while True:
        process = study.start(out)
        if len(kills) < most:
            try:
                # Mostly early: a run that was resumed has less before it, and would come to its end too soon.
                process.wait(draw.uniform(0.2, study.seconds * (1 if draw.random() < 0.2 else 0.5)))
            except subprocess.TimeoutExpired:
                if kill(process):
                    kills.append(len(check_records(out)))
                    continue
                break
        end(process)
        break
    study.check_finished(out)
    return kills


@pytest.fixture(scope="module")
def study(tmp_path_factory, keras):
    return Study(tmp_path_factory.mktemp("study"), keras)


def test_three_kills_at_random_change_nothing(study):
    assert len(chain(study, study.folder / "three", random.Random(3), 3)) <= 3


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_fifty_kills_at_random_change_nothing(study):
    draw, kills, runs = random.Random(0), [], 0
    while len(kills) < 50:
        kills += chain(study, study.folder / f"chain-{runs}", draw, 50 - len(kills))
        runs += 1
    spread = Counter(kills)
    print(f"finished pieces at each kill: {sorted(spread.items())} in {runs} runs")  # noqa: T201 - for who asks, with -s
    assert len(kills) == 50
    assert len(spread) > 3  # they did not all come before the work, nor all at one piece


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", [r"\.first_model\..*\.keras", r"first_model\.keras", r"\.first_model\.train\..*", r"\.results\..*\.csv"]
)
def test_a_kill_while_a_file_is_written_or_before_its_record(study, moment):
    out = study.folder / re.sub(r"\W", "", moment)
    process = study.start(out)
    while process.poll() is None:
        if any(re.fullmatch(moment, path.name) for path in out.rglob("*")):
            kill(process)
            break
        time.sleep(0.0005)
    check_records(out)
    end(study.start(out))
    study.check_finished(out)
