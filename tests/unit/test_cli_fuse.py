"""`ensemblekit fuse`: Keras files, or a saved ensemble, and a rule become one model in files."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from ensemblekit import EnsembleClassifier, KerasClassifier, Predictions, combine, fit_combiner, open_model
from ensemblekit.cli import app
from ensemblekit.data.reading import read_image
from ensemblekit.store import save
from tests.pets import CLASSES, draw_pets, net

pytest.importorskip("keras")
pytestmark = pytest.mark.keras
NAMES = [word for name in CLASSES for word in ("--class", name)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two members in files, and images."""
    folder = tmp_path_factory.mktemp("made")
    for seed, name in enumerate(("a", "b c")):
        net(seed).save(folder / f"{name}.keras")
    draw_pets(folder / "pets")
    return folder


def run(*arguments):
    # An error of ours comes out as it is; `main` makes one line of it.
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["fuse", *map(str, arguments)])


def expected(made, rule):
    pixels = np.stack([read_image(path, (16, 16)) for path in sorted((made / "pets").rglob("*.png"))])
    fields = {"ids": np.arange(len(pixels)), "classes": CLASSES}
    said = {n: net(seed).predict(pixels, verbose=0) for seed, n in enumerate(("a", "b"))}
    return pixels, combine({n: Predictions(p, member=n, **fields) for n, p in said.items()}, rule).probas


@pytest.mark.slow
def test_files_of_members_become_one_model_in_each_format(made, tmp_path):
    outputs = [tmp_path / "out.keras", tmp_path / "out.onnx"]
    where = [word for path in outputs for word in ("-o", path)]
    given = (made / "a.keras", f"b={made / 'b c.keras'}", "-c", "geometric_mean", *NAMES, "--images", made / "pets")
    done = run(*given, *where, "--json")
    assert done.exit_code == 0, done.output
    kept = json.loads(done.stdout)
    assert [(one["path"], one["format"]) for one in kept] == [(str(outputs[0]), "keras"), (str(outputs[1]), "onnx")]
    assert all(one["max_difference"] <= 1e-5 and one["n_bytes"] > 0 for one in kept)
    pixels, probas = expected(made, "geometric_mean")
    for path in outputs:
        model = open_model(path)
        assert model.classes == CLASSES
        np.testing.assert_allclose(model.predict(pixels), probas, atol=1e-5)
    assert open_model(outputs[0]).members == ("a", "b")
    again = run(*given, *where)
    assert again.exit_code == 1
    assert "out.keras' is there already" in str(again.exception)
    shown = run(*given, *where, "--overwrite", "--samples", "5")
    assert shown.exit_code == 0
    assert "Compared on 5 images with members and rule apart" in shown.output
    assert all(word in shown.output for word in ("out.keras", "out.onnx", "Largest difference", "kB"))


@pytest.mark.slow
def test_a_fitted_rule_and_a_saved_ensemble(made, tmp_path):
    rng = np.random.default_rng(0)
    fields = {"ids": np.arange(30), "classes": CLASSES, "labels": np.asarray(CLASSES)[np.arange(30) % 3]}
    rows = [Predictions(rng.dirichlet(np.ones(3), 30), member=m, **fields) for m in ("a", "b c")]
    rule = fit_combiner(rows, "stacking")
    save(rule, tmp_path / "rule")
    members = (made / "a.keras", made / "b c.keras")
    done = run(*members, "--load", tmp_path / "rule", *NAMES, "--images", made / "pets", "-o", tmp_path / "out.keras")
    assert done.exit_code == 0, done.output
    assert open_model(tmp_path / "out.keras").members == ("a", "b c")

    x, y = rng.uniform(0, 255, (12, 16, 16, 3)).astype("float32"), np.asarray(CLASSES)[np.arange(12) % 3]

    both = [(name, KerasClassifier(net(seed), epochs=1, verbose=0)) for seed, name in enumerate(("one", "other"))]
    for _, member in both:
        member.model.compile("adam", "sparse_categorical_crossentropy")
    ensemble = EnsembleClassifier(both, combiner="mean").fit(x, y)
    save(ensemble, tmp_path / "ensemble")
    done = run(tmp_path / "ensemble", "--images", made / "pets", "-o", tmp_path / "ship.keras")
    assert done.exit_code == 0, done.output
    np.testing.assert_allclose(open_model(tmp_path / "ship.keras").predict(x), ensemble.predict_proba(x), atol=1e-5)
    done = run(tmp_path / "ensemble", "-c", "mean", "--images", made / "pets", "-o", tmp_path / "other.keras")
    assert "a saved ensemble brings its own rule, classes and task" in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.keras", "b c.keras"], "names; those of ['a', 'b c'] have none"),
        (["a.keras", "none.keras", *NAMES], "members must be .keras files, or one folder with a saved ensemble"),
        (["a.keras", "a.keras", *NAMES], "names of members must be different"),
        (["a.keras", "b c.keras", *NAMES, "-c", "stacking"], "must be fitted before it is fused"),
        (["a.keras", "b c.keras", *NAMES, "-c", "mean", "--load", "rule"], "--load brings a fitted rule"),
        (["a.keras", "b c.keras", *NAMES, "--tolerance", "0"], "tolerance must be a number > 0"),
        (["a.keras", "b c.keras", *NAMES, "-o", "out.h5"], "ends in .keras, .onnx or .tflite, or to a folder"),
    ],
)
def test_what_cannot_be_fused_is_told_and_nothing_is_written(made, monkeypatch, arguments, said):
    monkeypatch.chdir(made)
    before = sorted(p.name for p in made.iterdir())
    done = run(*arguments, "--images", "pets", "-o", "out.keras")
    assert done.exit_code == 1
    assert said in str(done.exception)
    assert sorted(p.name for p in made.iterdir()) == before


def test_images_must_be_there(made, tmp_path):
    (tmp_path / "empty").mkdir()
    given = (made / "a.keras", made / "b c.keras", *NAMES, "-o", tmp_path / "out.keras")
    assert "must hold images to compare on" in str(run(*given, "--images", tmp_path / "empty").exception)
    assert "nothing is at" in str(run(*given, "--images", tmp_path / "nowhere").exception)
    (tmp_path / "empty" / "x.png").write_bytes(b"none")
    assert "an image must be readable" in str(run(*given, "--images", tmp_path / "empty").exception)
