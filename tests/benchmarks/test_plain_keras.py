"""The comparison with plain Keras: its arithmetic, and one run on tiny images."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.plain.runs import Ours, Plain
from benchmarks.plain.tables import accuracy_table, broken, ratios, seconds_table

REPO = Path(__file__).resolve().parents[2]
NETWORKS = ("first_model", "second_model", "chained_model")


@pytest.fixture
def plain():
    return Plain(
        epoch={"first_model": 10.0, "second_model": 5.0, "chained_model": 20.0},
        epochs=dict.fromkeys(NETWORKS, 10),
        predict={"first_model": 30.0, "second_model": 5.0, "chained_model": 30.0},
        ensembles=15.0,
        validation=dict.fromkeys(NETWORKS, 0.75),
    )


def ours(features):
    return Ours(
        whole=60.0 + features,
        seconds={"features": features, "first_model": 2.0, "second_model": 20.0, "chained_model": 3.0},
        epochs=dict.fromkeys(NETWORKS, 10),
        validation=dict.fromkeys((*NETWORKS, "ensemble_mean"), 0.5),
        n_validation=72,
    )


def test_ratios_of_hand_worked_figures(plain):
    assert plain.frozen == 360
    assert plain.whole == 430
    found = ratios(plain, ours(25.0), ours(1.0))
    assert found == pytest.approx({"frozen": 360 / 30, "epoch": 2.5, "whole": 430 / 85, "warm": 5.0})
    assert broken(found) == []


def test_a_ratio_that_is_too_small_is_said(plain):
    assert broken(ratios(plain, ours(50.0), ours(48.0))) == [
        "frozen models, plain / ours: must be at least 10; it is 6.5",
        "whole table, plain / ours: must be at least 4; it is 3.9",
        "frozen models, cold bank / warm bank: must be at least 3; it is 1.0",
    ]
    assert len(broken(dict.fromkeys(("frozen", "epoch", "whole", "warm"), float("nan")))) == 4


def test_the_tables(plain):
    table = seconds_table(plain, ours(25.0), ours(1.0))
    rows = {row[0]: [cell.strip() for cell in row[1:]] for row in table.itertuples(index=False)}
    assert rows["features, all splits and views"] == ["–", "25.0", "–", "1.0", "25.0"]
    assert rows["frozen models: first and chained"] == ["360.0", "30.0", "12.0", "6.0", "5.0"]
    assert rows["train second_model, 10 epochs"] == ["50.0", "20.0", "2.5", "20.0", "1.0"]
    accuracies = accuracy_table(plain, ours(25.0)).set_index("Model")
    assert accuracies.loc["first_model", "Plain"] == "0.750 [0.639, 0.836]"
    assert accuracies.loc["first_model", "Ours"].startswith("0.500 [")


@pytest.mark.slow
@pytest.mark.keras
@pytest.mark.long
def test_a_comparison_prints_its_ratios(given, tmp_path):
    rng = np.random.default_rng(0)
    for split in ("train", "valid", "test"):
        for channel, name in enumerate(("cat", "dog")):
            (tmp_path / "pets" / split / name).mkdir(parents=True)
            for k in range(9):
                pixels = rng.integers(0, 120, (40, 36, 3), dtype=np.uint8)
                pixels[..., channel] += 100
                Image.fromarray(pixels).save(tmp_path / "pets" / split / name / f"{k}.png")
    command = [sys.executable, REPO / "benchmarks" / "plain_keras.py", "--data", tmp_path / "pets"]
    options = [*given[2:6], "--image-size", "32", "--epochs", "2", "--views", "2"]
    done = subprocess.run(
        [*command, *options, "--whole", "--check", "--processor"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    for promise in (
        "Validation accuracy, with its 95 % interval",
        "frozen models, plain / ours: ",
        "custom CNN an epoch, plain / ours: ",
        "whole table, plain / ours: ",
    ):
        assert promise in done.stdout
    assert "(run to its end) and ctscan.py, in seconds of the processor" in " ".join(done.stdout.split())
    # Beside the start of a process, two epochs of tiny images are nothing.
    assert done.returncode == 1
    assert "plain_keras: " in done.stderr
    assert "must be at least" in done.stderr
