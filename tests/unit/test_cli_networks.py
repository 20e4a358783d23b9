"""The commands `fuse` and `predict` for labels, logits and members of several sizes."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ensemblekit import Predictions
from ensemblekit.cli import app
from ensemblekit.errors import CompatibilityError, InvalidOptionError

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras


def net(path, side, activation, n_outputs=2):
    last = layers.Dense(n_outputs, activation, kernel_initializer="zeros", bias_initializer="ones")
    keras.Sequential([keras.Input((side, side, 3)), layers.Flatten(), last]).save(path)
    return path


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def run(*arguments):
    done = CliRunner().invoke(app, [*map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output


def test_labels_of_logits_go_from_files_to_predictions(tmp_path, pictures):
    one, out, predicted = net(tmp_path / "one.keras", 4, None), tmp_path / "out.keras", tmp_path / "p.csv"
    given = ("fuse", one, "-c", "mean", "--class", "cough", "--class", "rash", "--images", pictures, "-o", out)
    with pytest.raises(CompatibilityError, match="outputs of labels must be a probability"):
        run(*given, "--task", "multilabel")
    run(*given, "--task", "multilabel", "--activation", "sigmoid")
    run("predict", out, pictures, "-o", predicted)
    found = Predictions.load(predicted)
    assert found.task == "multilabel"
    np.testing.assert_allclose(found.probas, 1 / (1 + np.exp(-1)), atol=1e-6)
    again = tmp_path / "again.parquet"
    told = ("--task", "multilabel", "--activation", "sigmoid", "--class", "cough", "--class", "rash")
    run("predict", one, pictures, "-o", again, *told)
    np.testing.assert_allclose(Predictions.load(again).probas, found.probas, atol=1e-6)
    with pytest.raises(InvalidOptionError, match="labels=True takes class folders as labels, one an image"):
        run("predict", out, pictures, "-o", tmp_path / "q.csv", "--labels")


@pytest.mark.slow
def test_members_of_two_sizes_are_told_the_size(tmp_path, pictures):
    members = [net(tmp_path / f"of_{side}.keras", side, "softmax") for side in (4, 8)]
    out = tmp_path / "out.keras"
    given = ("fuse", *members, "-c", "mean", "--class", "no", "--class", "yes", "--images", pictures, "-o", out)
    with pytest.raises(InvalidOptionError, match=r"take \(4, 4, 3\), \(8, 8, 3\)\. Give it: --size HEIGHTxWIDTH"):
        run(*given)
    run(*given, "--size", "8x8", "--scale", "of_4=0.5", "--offset", "of_4=-1")
    for wrong in (("--size", "8"), ("--size", "8x8", "--scale", "of_4=big")):
        with pytest.raises(InvalidOptionError, match=r"must be (HEIGHTxWIDTH|MEMBER=NUMBER)"):
            run(*given, "--overwrite", *wrong)
