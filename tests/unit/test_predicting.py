"""Any number of images through a model: ids and labels kept, and the same from every kind of model."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ensemblekit import (
    EnsembleClassifier,
    InvalidOptionError,
    KerasClassifier,
    Predictions,
    as_member,
    combine,
    image_folder,
    open_model,
    predict_images,
)
from ensemblekit.cli import app
from ensemblekit.errors import CompatibilityError, DataError, FolderNotFoundError, OutputExistsError
from ensemblekit.predicting import _run
from ensemblekit.store import save
from tests.pets import CLASSES, FORMATS, draw_pets, make_models, net

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_models(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return draw_pets(tmp_path_factory.mktemp("data") / "pets")


@pytest.fixture(autouse=True)
def few_a_part(monkeypatch):
    monkeypatch.setattr(_run, "PART", 4)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".npz"])
@pytest.mark.slow
def test_predictions_line_up_with_those_of_the_members(made, images, tmp_path, suffix):
    folder, members = made
    out = tmp_path / f"p{suffix}"
    done = predict_images(folder / "m.keras", images / "test", out, members=True, labels=True, batch_size=3)
    assert (done.n_images, done.unreadable, done.n_others) == (15, {}, 0)
    source = image_folder(images / "test", size=(16, 16))
    ids, x, labels = source.load()
    got = Predictions.load(done.outputs["combined"])
    assert got.ids.tolist() == ids.tolist()
    assert got.labels.tolist() == labels.tolist()
    assert got.split == "test"
    apart = [
        Predictions(m.predict(x, verbose=0), ids=ids, classes=CLASSES, member=name) for name, m in members
    ]  # fmt: skip
    np.testing.assert_allclose(got.probas, combine(apart, "mean").probas, atol=1e-6)
    for one in apart:
        own = Predictions.load(done.outputs[one.member])
        assert own.member == one.member
        np.testing.assert_allclose(own.probas, one.probas, atol=1e-6)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"p{m}{suffix}" for m in ("", ".a", ".b%20c"))


def test_every_kind_of_model_says_the_same(made, images, tmp_path):
    folder, members = made
    said = {}
    for name, model, classes in (
        *((suffix, folder / f"m.{suffix}", None) for suffix in FORMATS),
        ("object", keras.models.load_model(folder / "m.keras"), None),
    ):  # fmt: skip
        predict_images(model, images, tmp_path / f"{name}.parquet", classes=classes)
        said[name] = Predictions.load(tmp_path / f"{name}.parquet")
    wrapped = [(n, as_member(m, name=n, classes=CLASSES)) for n, m in members]
    x = np.zeros((3, 16, 16, 3), "float32")
    ensemble = EnsembleClassifier(wrapped, cv="prefit").fit(x, np.array(CLASSES))
    save(ensemble, tmp_path / "saved")
    assert [open_model(m).combiner.__class__.__name__ for m in (ensemble, tmp_path / "saved")] == ["Mean", "Mean"]
    assert open_model(folder / "m.keras").combiner is None
    predict_images(tmp_path / "saved", images, tmp_path / "folder.parquet")
    said["folder"] = Predictions.load(tmp_path / "folder.parquet")
    first = said.pop("keras")
    assert first.ids[0] == "test/cat/0 ü.png"
    assert first.split is None
    for name, other in said.items():
        assert other.ids.tolist() == first.ids.tolist(), name
        np.testing.assert_allclose(other.probas, first.probas, atol=1e-5)


def test_a_list_of_images(made, images, tmp_path):
    shutil.copytree(images / "test", tmp_path / "test")
    names = ["test/owl/1 ü.png", "test/cat/0 ü.png", "./test/cat/none.png", str(images / "train" / "dog" / "0 ü.png")]
    (tmp_path / "list.txt").write_text("\n".join(names) + "\n\n", encoding="utf-8")
    done = predict_images(made[0] / "m.keras", tmp_path / "list.txt", tmp_path / "p.parquet")
    got = Predictions.load(tmp_path / "p.parquet")
    assert got.ids.tolist() == [names[0], names[1], names[3]]
    assert done.unreadable == {"test/cat/none.png": "No such file or directory"}
    predict_images(made[0] / "m.keras", images / "test", tmp_path / "whole.parquet")
    whole = Predictions.load(tmp_path / "whole.parquet")
    np.testing.assert_allclose(got.probas[0], whole.probas[whole.ids.tolist().index(names[0])], atol=1e-6)
    (tmp_path / "list.txt").write_text("test/owl/1 ü.png\ntest/owl/1 ü.png\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"ids must be unique; 'test/owl/1 ü\.png' comes twice"):
        predict_images(made[0] / "m.keras", tmp_path / "list.txt", tmp_path / "q.parquet")


def test_a_large_batch_is_no_larger_than_the_images(made, images, tmp_path):
    model = open_model(made[0] / "m.keras")
    sizes, whole = [], model._run
    model._run = lambda x: (sizes.append(len(x)), whole(x))[1]
    predict_images(model, images / "test" / "cat", tmp_path / "p.parquet", batch_size=64)
    predict_images(model, [images / "test" / "cat" / f"{k} ü.png" for k in range(3)], tmp_path / "q.parquet")
    assert sizes == [4, 4, 3]  # a part has four here


def test_what_cannot_be_is_refused(made, images, tmp_path):
    model = made[0] / "m.keras"
    with pytest.raises(InvalidOptionError, match=r"output must end in \.parquet, \.csv or \.npz; received 'p\.txt'"):
        predict_images(model, images, tmp_path / "p.txt")
    with pytest.raises(FolderNotFoundError, match="the folder of the output must be there"):
        predict_images(model, images, tmp_path / "no" / "p.csv")
    with pytest.raises(FolderNotFoundError, match="nothing is at"):
        predict_images(model, images / "no", tmp_path / "p.csv")
    with pytest.raises(FolderNotFoundError, match=r"\.keras or \.onnx file.*nothing is at"):
        predict_images(tmp_path / "m.keras", images, tmp_path / "p.csv")
    with pytest.raises(InvalidOptionError, match="batch_size must be a whole number >= 1"):
        predict_images(model, images, tmp_path / "p.csv", batch_size=0)
    with pytest.raises(InvalidOptionError, match=r"'m' holds the names of its classes, .*Leave them out"):
        open_model(model, classes=["a", "b", "c"])
    with pytest.raises(InvalidOptionError, match=r"does not hold the names of its 3 outputs"):
        open_model(net(1))
    with pytest.raises(InvalidOptionError, match="'net' has 3 outputs; received 2 classes"):
        open_model(net(1), classes=["a", "b"])
    with pytest.raises(InvalidOptionError, match="'net' does not know its members"):
        predict_images(open_model(net(1), classes=CLASSES), images, tmp_path / "p.csv", members=True)
    with pytest.raises(CompatibilityError, match=r"must take one size, \(height, width, .*; 'flat' takes \(4,\)"):
        open_model(keras.Sequential([keras.Input((4,)), layers.Dense(3)], name="flat"), classes=CLASSES)
    with pytest.raises(DataError, match=r"ids must be unique; 'test/cat/0 ü\.png' comes twice"):
        predict_images(model, [images / "test", images / "test"], tmp_path / "p.csv")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("")
    with pytest.raises(DataError, match=r"at least one image .*found 1 other files"):
        predict_images(model, tmp_path / "empty", tmp_path / "p.csv")
    shutil.copytree(images / "test", tmp_path / "test")
    (tmp_path / "test" / "owl").rename(tmp_path / "test" / "eagle")
    with pytest.raises(InvalidOptionError, match=r"lies in 'eagle', which is none of .*--alias OLD=NEW"):
        predict_images(model, tmp_path / "test", tmp_path / "p.csv", labels=True)
    done = predict_images(model, tmp_path / "test", tmp_path / "p.csv", labels=True, aliases={"eagle": "owl"})
    assert set(Predictions.load(done.outputs["combined"]).labels) == set(CLASSES)
    with pytest.raises(InvalidOptionError, match="which only labels=True looks at"):
        predict_images(model, images, tmp_path / "r.csv", aliases={"eagle": "owl"})
    (tmp_path / "m.keras").write_text("no model")
    with pytest.raises(InvalidOptionError, match="cannot be loaded by Keras in safe mode"):
        open_model(tmp_path / "m.keras")


def test_an_ensemble_that_is_no_model_of_images(tmp_path):
    from sklearn.linear_model import LogisticRegression

    x, y = np.eye(4).repeat(3, axis=0), np.array(["cat", "dog"]).repeat(6)
    with pytest.raises(CompatibilityError, match=r"must be of Keras members .* member 'line' is a LogisticRegression"):
        open_model(EnsembleClassifier([("line", LogisticRegression())]).fit(x, y))
    small = keras.Sequential([keras.Input((4,)), layers.Dense(2, "softmax")])
    small.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(CompatibilityError, match=r"takes \(4,\)"):
        open_model(EnsembleClassifier([("net", KerasClassifier(small, epochs=1))]).fit(x, y))


def test_the_command(made, images, tmp_path):
    run = CliRunner()
    arguments = ["predict", str(made[0] / "m.keras"), str(images / "test"), "-o", str(tmp_path / "p.csv"), "--labels"]
    done = run.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "15 images in" in done.output
    assert str(tmp_path / "p.csv") in done.output
    (tmp_path / "bad.png").write_text("no image")
    done = run.invoke(app, [*arguments, str(tmp_path / "bad.png"), "--overwrite", "--json", "--members"])
    assert done.exit_code == 1  # bad.png lies in no class folder
    done = run.invoke(
        app, [a for a in arguments if a != "--labels"] + [str(tmp_path / "bad.png"), "--overwrite", "--json"]
    )
    assert done.exit_code == 4
    record = json.loads(done.stdout)
    assert record["n_images"] == 15
    assert list(record["unreadable"]) == [str(tmp_path / "bad.png")]
    done = run.invoke(app, arguments)
    assert isinstance(done.exception, OutputExistsError)
    assert run.invoke(app, ["predict", "--nonsense"]).exit_code == 2


@pytest.mark.slow
@pytest.mark.long
def test_memory_does_not_grow(tmp_path):
    """RSS after the first thousand images and at the end, in a process of its own."""
    folder = tmp_path / "test" / "cat"
    folder.mkdir(parents=True)
    keras.Model.save(net(1), tmp_path / "m.keras")
    pixels = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "0.jpg")
    for k in range(1, 6000):
        os.link(folder / "0.jpg", folder / f"{k}.jpg")
    code = """
import sys
from ensemblekit import predict_images
seen = []
def tell(done, total):
    pages = int(open("/proc/self/statm").read().split()[1])
    seen.append((done, pages * 4096))
predict_images(sys.argv[1], sys.argv[2], sys.argv[3], classes=["cat", "dog", "owl"], progress=tell)
first = next(rss for done, rss in seen if done >= 1000)
print(max(rss for done, rss in seen if done >= 1000) / first)
"""
    if not os.path.exists("/proc/self/statm"):  # noqa: PTH110
        pytest.skip("the size of a process is read from /proc, which is not here")
    command = [
        sys.executable,
        "-c",
        code,
        str(tmp_path / "m.keras"),
        str(tmp_path / "test"),
        str(tmp_path / "p.parquet"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < 1.1
