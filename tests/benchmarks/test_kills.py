"""A run that is killed, at whatever moment, goes on and ends as if nothing had been."""

import json
import random
import re
import signal
import subprocess
import time
from collections import Counter

import pytest

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


def test_three_kills_at_random_change_nothing(given, unbroken, tmp_path):
    assert len(chain(given, unbroken, tmp_path / "three", random.Random(3), 3)) <= 3


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_fifty_kills_at_random_change_nothing(given, unbroken, tmp_path):
    draw, kills, runs = random.Random(0), [], 0
    while len(kills) < 50:
        kills += chain(given, unbroken, tmp_path / f"chain-{runs}", draw, 50 - len(kills))
        runs += 1
    spread = Counter(kills)
    print(f"finished pieces at each kill: {sorted(spread.items())} in {runs} runs")  # noqa: T201 - for who asks, with -s
    assert len(kills) == 50
    assert len(spread) > 3  # they did not all come before the work, nor all at one piece


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", [r"\.first_model\..*\.keras", r"first_model\.keras", r"\.first_model\.train\..*", r"\.results\..*\.csv"]
)
def test_a_kill_while_a_file_is_written_or_before_its_record(given, unbroken, tmp_path, moment):
    out = tmp_path / re.sub(r"\W", "", moment)
    process = start(given, out)
    while process.poll() is None:
        if any(re.fullmatch(moment, path.name) for path in out.rglob("*")):
            kill(process)
            break
        time.sleep(0.0005)
    assert_whole(out)
    end(start(given, out))
    check_finished(out, unbroken[0])
