"""The benchmarks of shipping run as their first lines say, on little."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.keras]


def run(name, *arguments):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / name, *map(str, arguments)], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_fused(unbroken, given):
    pytest.importorskip("onnxruntime")
    said = run("fused.py", unbroken[0], "--data", given[1], "--rounds", "3")
    for name in ("mean", "weighted", "geometric_mean", "voting", "stacking", "fused, shared backbone"):
        assert name in said
    worst = float(said.partition("largest difference of a probability ")[2].split()[0])
    assert worst <= 1e-5


def test_scaling():
    pytest.importorskip("duckdb")
    said = run("scaling.py", "--rows", "20000")
    assert "another for each" in said


def test_predicting():
    assert "of the bare model" in run("predicting.py", "--images", "2000", "--width", "2")
