"""A run that is killed, at whatever moment, goes on and ends as if nothing had been."""

import json
import random
import signal
import subprocess
from collections import Counter

import pytest

from tests.fuzz.harness import n_cases
from tests.small_study import assert_same, assert_whole, command

pytestmark = pytest.mark.keras

SAME = ("results.csv", "scores.csv", "comparisons.csv", "confusion.csv", "notes.json")
"""Files of a finished run that must not show whether it was killed."""


def start(given, out):
    """Begin, or go on where there is something to go on with."""
    resume = ["--resume"] if (out / "config.json").is_file() else []
    return subprocess.Popen(command(given, out, *resume), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check_finished(out, unbroken):
    assert_same(out, unbroken)
    for name in SAME:
        assert (out / name).read_bytes() == (unbroken / name).read_bytes(), name
    assert json.loads((out / "config.json").read_text())["status"] == "finished"
    assert (out / "report.html").is_file()


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


def chain(given, unbroken, out, draw, most):
    """Kill and resume until a run comes to its end; give what was finished at each kill."""
    kills = []
    while True:
        process = start(given, out)
        if len(kills) < most:
            try:
                # Mostly early: a run that was resumed has less before it, and would come to its end too soon.
                process.wait(draw.uniform(0.2, unbroken[1] * (1 if draw.random() < 0.2 else 0.5)))
            except subprocess.TimeoutExpired:
                if kill(process):
                    kills.append(len(assert_whole(out)))
                    continue
                break
        end(process)
        break
    check_finished(out, unbroken[0])
    return kills


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1500)
def test_kills_at_random_change_nothing(given, unbroken, tmp_path):
    draw, kills, runs, most = random.Random(0), [], 0, n_cases(10, 100)
    while len(kills) < most:
        kills += chain(given, unbroken, tmp_path / f"chain-{runs}", draw, most - len(kills))
        runs += 1
    spread = Counter(kills)
    print(f"finished pieces at each kill: {sorted(spread.items())} in {runs} runs")  # noqa: T201 - for who asks, with -s
    assert len(kills) == most
    assert len(spread) > 1  # they did not all come at one piece


KILLS_ITSELF = """
import os, re, runpy, signal, sys
from pathlib import Path
event, name, half, sys.argv = sys.argv[1], re.compile(sys.argv[2]), sys.argv[3] == "half", sys.argv[4:]
def watch(happens, arguments):
    if happens == event and name.fullmatch(Path(arguments[1]).name):
        if half:
            os.truncate(arguments[0], os.path.getsize(arguments[0]) // 2)
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a script until an event of Python's, os.rename or os.link, is to give a file that name."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("event", "name", "written"),
    [
        # atomic_path writes in a hidden folder, then renames.
        ("os.rename", r"first_model\.keras", "half"),
        pytest.param("os.rename", r"results\.csv", "half", marks=pytest.mark.long),
    ],
)
def test_a_kill_while_a_file_is_written_or_before_its_record(given, unbroken, tmp_path, event, name, written):
    out = tmp_path / "run"
    python, *script = command(given, out)
    done = subprocess.run(
        [python, "-c", KILLS_ITSELF, event, name, written, *script], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == -signal.SIGKILL, f"{done.stdout}\n{done.stderr}"
    assert_whole(out)
    end(start(given, out))
    check_finished(out, unbroken[0])
