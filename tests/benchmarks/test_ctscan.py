"""The benchmark as a user runs it: a command line, a folder of images, a folder of results."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.ctscan import main
from benchmarks.study import output
from ensemblekit import Predictions, combine
from tests.small_study import draw

pytestmark = pytest.mark.keras

REPO = Path(__file__).resolve().parents[2]
ROWS = [
    "first_model", "second_model", "ensemble_model", "ensemble_mean", "ensemble_average_dense", "ensemble_concat_dense",
    "ensemble_weighted", "ensemble_voting", "ensemble_stacking", "chained_model",
]  # fmt: skip
FIGURES = ["Train Loss", "Train Accuracy", "Validation Loss", "Validation Accuracy", "Test Loss", "Test Accuracy"]
SAME = {"cat": "cat", "dog": "dog", "owl": "owl"}
TINY = ("--backbone", "mobilenet_v2", "--weights", "none", "--image-size", "32", "--views", "2", "--epochs", "1")
BANK = Path(tempfile.mkdtemp(prefix="bank-"))
"""Of all runs here, so that none writes to the bank of the user."""


@pytest.fixture(scope="module", autouse=True)
def no_bank_is_left():
    yield
    shutil.rmtree(BANK, ignore_errors=True)


def command(*arguments):
    return [sys.executable, str(REPO / "benchmarks" / "ctscan.py"), "--bank", str(BANK), *map(str, arguments)]


def ctscan(*arguments, cwd=None):
    # Of TensorFlow's own words nothing is to be seen, whatever its settings are here.
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"} | {"COLUMNS": "80"}
    return subprocess.run(command(*arguments), cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("data") / "pets")


OTHERS = {"cat": "cat_2", "dog": "dog_2", "owl": "owl"}
ALIASES = ["--alias", "cat_2=cat", "--alias", "dog_2=dog"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One whole run, with other class folders in test, a copy of a training image in test, and an unreadable image."""
    data = draw(tmp_path_factory.mktemp("data") / "pets", OTHERS)
    shutil.copy(data / "train" / "cat" / "0.png", data / "test" / "cat_2" / "copy.png")
    (data / "train" / "dog" / "broken.png").write_bytes((data / "train" / "dog" / "0.png").read_bytes()[:300])
    out = tmp_path_factory.mktemp("results") / "run"
    return ctscan("--data", data, *TINY, *ALIASES, "--skip-unreadable", "--out", out), out


def test_a_run_ends_well_and_says_so_without_a_word_of_tensorflow(finished):
    done, _ = finished
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "oneDNN" not in done.stdout
    assert done.stdout.rstrip().endswith("Research software, not for diagnosis.")
    assert max(map(len, done.stdout.splitlines()[5:])) <= 200


def read_results(out):
    # pandas before 3 reads the last digit of a number otherwise than Python.
    return pd.read_csv(out / "results.csv", converters=dict.fromkeys(FIGURES, float))


def test_every_row_of_the_table_is_filled(finished):
    results = read_results(finished[1])
    assert list(results.columns) == ["Model", *FIGURES]
    assert results["Model"].tolist() == ROWS
    assert np.isfinite(results[FIGURES].to_numpy()).all()
    assert (
        results[[f for f in FIGURES if "Accuracy" in f]]
        .isin([k / n for n in (27, 28) for k in range(29)])
        .all(axis=None)
    )


def test_the_marks_say_what_was_fitted_where_and_that_the_backbone_is_random(finished):
    notes = json.loads((finished[1] / "notes.json").read_text())
    assert notes["marks"] == {
        "ensemble_model": ["train"], "ensemble_average_dense": ["train"], "ensemble_concat_dense": ["train"],
        "ensemble_weighted": ["valid"], "ensemble_stacking": ["valid"], "first_model": ["random"],
        "chained_model": ["random"],
    }  # fmt: skip
    assert set(notes["notes"]) == {"train", "valid", "random"}
    assert "random backbone" in notes["notes"]["random"]


def test_the_leak_and_the_unreadable_image_are_said(finished):
    done, out = finished
    text = " ".join(done.stdout.split())
    said = "1 of the 28 test images have the pixels of training or validation images, first 'test/cat_2/copy.png'"
    assert said in text
    assert "1 unreadable images were left out: train/dog/broken.png" in text
    assert "have the pixels of" in (out / "results.md").read_text()
    config = json.loads((out / "config.json").read_text())
    assert config["status"] == "finished"
    assert config["data"]["test_copies_of_fitted_images"] == ["test/cat_2/copy.png"]
    audit = json.loads((out / "audit.json").read_text())
    assert audit["leaked"] == {"valid": [], "test": ["test/cat_2/copy.png"]}
    assert list(audit["unreadable"]) == ["train/dog/broken.png"]
    assert audit["fingerprint"] == config["data"]["fingerprint"]
    assert list(config["data"]["unreadable"]) == ["train/dog/broken.png"]
    assert config["data"]["images"] == {"train": 27, "valid": 27, "test": 28}
    assert {"tensorflow", "keras", "ensemblekit", "python"} <= set(config["versions"])
    assert len(config["data"]["fingerprint"]) == len(config["backbone_fingerprint"]) == 64


def test_what_took_how_long_is_kept(finished):
    done, out = finished
    config = json.loads((out / "config.json").read_text())
    networks = ("first_model", "second_model", "chained_model")
    assert {name: config["epochs"][name] for name in networks} == dict.fromkeys(networks, 1)
    trained = ("ensemble_model", "ensemble_average_dense", "ensemble_concat_dense")
    assert set(config["epochs"]) == {*networks, *trained}
    for name, epochs in config["epochs"].items():
        assert len(pd.read_csv(out / "histories" / f"{name}.csv")) == epochs
    assert config["seconds"].keys() == {"features", "first_model", "second_model", "chained_model"}
    assert min(config["seconds"].values()) > 0
    text = " ".join(done.stdout.split())
    for name in ("first_model", "chained_model"):
        assert f"{name}: from pixels and from banked features it predicts the same, up to" in text


def test_saved_predictions_give_the_table_again(finished):
    out = finished[1]
    results = read_results(out).set_index("Model")
    assert sorted(p.name for p in (out / "predictions").iterdir()) == sorted(
        f"{row}.{split}.parquet" for row in ROWS for split in ("train", "valid", "test")
    )
    members = [out / "predictions" / f"{name}.test.parquet" for name in ("second_model", "first_model")]
    mean = combine(members, "mean")
    assert float(np.mean(mean.predicted == mean.labels)) == results.loc["ensemble_mean", "Test Accuracy"]
    saved = Predictions.load(out / "predictions" / "ensemble_stacking.test.parquet")
    assert float(np.mean(saved.predicted == saved.labels)) == results.loc["ensemble_stacking", "Test Accuracy"]
    assert set(saved.ids[:2]) == {"test/cat_2/0.png", "test/cat_2/1.png"}


def test_saved_models_predict_what_was_saved(finished, keras):
    out = finished[1]
    assert {p.name for p in out.glob("*.keras")} == {
        f"{row}.keras" for row in ROWS if row.endswith(("_model", "_dense"))
    }
    saved = Predictions.load(out / "predictions" / "chained_model.test.parquet")
    model = keras.models.load_model(out / "chained_model.keras")
    with Image.open(Path(json.loads((out / "config.json").read_text())["data"]["folder"]) / saved.ids[0]) as image:
        pixels = keras.ops.image.resize(np.asarray(image, dtype=np.float32), (32, 32))
    np.testing.assert_allclose(model(pixels[None], training=False)[0], saved.probas[0], atol=1e-4)


def test_results_are_never_overwritten_unasked(finished, images):
    out = finished[1]
    before = (out / "results.csv").read_bytes()
    done = ctscan("--data", images, *TINY, "--out", out)
    assert done.returncode == 1
    assert done.stderr.startswith(f"ctscan: '{out}' holds the results of another run. Choose another --out, or give")
    assert (out / "results.csv").read_bytes() == before


@pytest.mark.slow
def test_a_folder_of_other_things_is_never_written_to(images, tmp_path):
    (tmp_path / "model.keras").write_text("mine")
    (tmp_path / "config.json").write_text("{}")  # as many programs have
    done = ctscan("--data", images, *TINY, "--out", tmp_path, "--overwrite")
    assert done.returncode == 1
    assert "holds config.json, model.keras. Choose another." in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "model.keras"]


def folders(tmp_path, names=None, spoil=None):
    data = draw(tmp_path / "data", names or SAME, n=2)
    if spoil:
        spoil(data)
    return data


def lose_valid(data):
    shutil.rmtree(data / "valid")


def empty_a_class(data):
    for path in (data / "valid" / "owl").iterdir():
        path.unlink()


def truncate(data):
    (data / "test" / "cat" / "1.png").write_bytes((data / "test" / "cat" / "1.png").read_bytes()[:200])


@pytest.mark.parametrize(
    ("spoil", "arguments", "said"),
    [
        (None, ["--data", "nowhere"], ["nothing is at 'nowhere'"]),
        (None, ["--preset", "good"], ["--preset must be one of quick, published, corrected, best; received 'good'"]),
        (None, ["--backbone", "resnet5"], ["No backbone is registered as 'resnet5'", "Did you mean 'resnet50'"]),
        (None, ["--backbone", "resnet50", "--backbone", "mobilenet_v2"], ["uses one backbone; received --backbone"]),
        (None, ["--alias", "cat"], ["--alias must be CLASS_FOLDER=COMMON_NAME; received 'cat'"]),
        (None, ["--weights", "nowhere.h5"], ["no file is there"]),
        (None, ["--views", "many"], ["--views must be a whole number >= 1, or fresh; received 'many'"]),
        (None, ["--precision", "half"], ["--precision must be one of float32, bfloat16, auto; received 'half'"]),
        (None, ["--also", "stacking"], ["--also must be one of bagging, boosting; received 'stacking'"]),
        (
            None,
            ["--preset", "best", "--epochs", "3", "--precision", "float32"],
            ["the preset 'best' trains no network and has no use for --epochs, --precision; leave them out, or give"],
        ),
        (lose_valid, [], ["must hold train, valid, test", "lacks valid"]),
        (empty_a_class, [], ["each class folder must hold an image", "owl' holds none"]),
        (truncate, [], ["1 are not, first", "test/cat/1.png': ", "on this command line: --skip-unreadable"]),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path, spoil, arguments, said, monkeypatch, capfd):
    data = folders(tmp_path, spoil=spoil)
    options = ["--bank", BANK, "--data", data, "--image-size", "32", "--out", tmp_path / "out", *arguments]
    monkeypatch.setattr(sys, "argv", ["ctscan", *map(str, options)])
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # as a run sets it
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    error = capfd.readouterr().err
    assert error.startswith("ctscan: ")
    assert len(error.splitlines()) == 1
    assert "Traceback" not in error
    for words in said:
        assert words in error


def test_other_class_folders_in_test_need_an_alias_which_the_error_proposes(tmp_path):
    data = folders(tmp_path, OTHERS)
    done = ctscan("--data", data, *TINY, "--out", tmp_path / "out")
    assert done.returncode == 1
    # The run of `finished` gives what is proposed.
    assert f"If these are other names of the same classes, give {' '.join(ALIASES)}." in done.stderr
    assert "aliases={" not in done.stderr  # the words of Python are of no use here
    assert not output.prepare(tmp_path / "out", overwrite=False, resume=False)  # the same folder serves


@pytest.mark.slow
def test_an_interrupted_run_leaves_what_was_finished(images, tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(
        command("--data", images, *TINY[:-1], "300", "--out", out),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Where the tests run in the background of a shell, their children would ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 300
    while not list(out.glob("[!.]*.keras")) and time.monotonic() < deadline:
        time.sleep(0.2)
        assert process.poll() is None, process.stdout.read()
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert f"Interrupted. {out} holds what was finished: first_model.keras" in said
    assert "Traceback" not in said
    assert json.loads((out / "config.json").read_text())["status"] == "interrupted"
    assert not list(out.glob(".*"))


def test_help_shows_what_there_is():
    done = ctscan("--help")
    assert done.returncode == 0
    for word in (
        "synthetic",
        "kaggle",
        "--preset",
        "published",
        "--backbone",
        "--skip-unreadable",
        "--drop-leaks",
        "not for diagnosis",
    ):
        assert word in done.stdout


@pytest.mark.slow
@pytest.mark.long
def test_the_embedded_default_makes_the_whole_table(given, tmp_path):
    # The images are the default ones; the default backbone would take ten times as long.
    done = ctscan(*given[2:], "--epochs", "1", "--views", "1", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "Results on 1000 synthetic phantoms" in done.stdout
    assert "The images are synthetic drawings: these figures say nothing about CT scans" in " ".join(
        done.stdout.split()
    )
    assert "synthetic" in (tmp_path / "out" / "results.md").read_text()
    assert pd.read_csv(tmp_path / "out" / "results.csv")["Model"].tolist() == ROWS
