"""Keras on TensorFlow, torch and jax: what needs no TensorFlow works on each, and what needs it says so."""

import importlib.util
import sys

import numpy as np
import pytest

from ensemblekit import (
    EnsembleClassifier,
    EnsembleRegressor,
    KerasClassifier,
    KerasRegressor,
    build_classifier,
    collect,
    combine,
    export_fused,
    fuse,
    load_plugins,
    profile_model,
)
from ensemblekit.assembly import load_keras_file
from ensemblekit.errors import CompatibilityError
from ensemblekit.store import load, save
from tests.backends import BACKEND

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras

not_again = pytest.mark.skipif(
    BACKEND == "tensorflow", reason="test_ensemble_keras.py and test_chained.py say so of TensorFlow"
)
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (6, 16, 16, 3)).astype("float32")
IDS = [f"i{k}" for k in range(6)]
CLASSES = ("cat", "dog")


def net(seed):
    keras.utils.set_random_seed(seed)
    scale = layers.Normalization()
    scale.adapt(IMAGES)
    parts = [scale, layers.Conv2D(2, 3), layers.BatchNormalization(), layers.Flatten(), layers.Dense(2, "softmax")]
    return keras.Sequential([keras.Input((16, 16, 3)), *parts])


@pytest.fixture(scope="module")
def members():
    return {"one": net(1), "other": net(2)}


def test_the_backend_is_the_one_that_was_asked_for():
    assert keras.backend.backend() == BACKEND


@pytest.mark.parametrize("combiner", ["mean", "geometric_mean", "median", "trimmed_mean", "borda", "voting", "product"])
def test_a_fused_model_says_what_combine_says_of_what_was_collected(combiner, members):
    said = combine(collect(members, (IDS, IMAGES), classes=CLASSES), combiner).probas
    fused = fuse(members, combiner, classes=CLASSES)
    np.testing.assert_allclose(fused.predict_on_batch(IMAGES), said, atol=1e-6)


def test_a_fused_file_is_compared_and_read_again(members, tmp_path):
    (kept,) = export_fused(members, "mean", to=tmp_path / "m.keras", inputs=IMAGES, classes=CLASSES)
    assert kept.max_difference < 1e-6
    said = load_keras_file(tmp_path / "m.keras").predict_on_batch(IMAGES)
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-6)


def test_what_tensorflow_alone_can_do_is_refused_in_one_line_on_others(members, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    for name, what in (("m", "A SavedModel"), ("m.onnx", "An ONNX file of a Keras model")):
        with pytest.raises(CompatibilityError, match=f"{what} is made and read by TensorFlow, .* torch here"):
            export_fused(members, "mean", to=tmp_path / name, inputs=IMAGES, classes=CLASSES)
    assert list(tmp_path.iterdir()) == []


def test_the_cost_of_members_is_measured(members):
    table = profile_model(fuse(members, "mean", classes=CLASSES), seconds=0.01, batch_sizes=[1], memory=False).members
    assert (table["alone_ms"] > 0).all()


@not_again
def test_estimators_are_fitted_saved_and_read_again(tmp_path):
    pytest.importorskip("skops")
    x, y = IMAGES[:, 0, 0], np.array(["no", "yes"])[np.arange(6) % 2]

    def compiled(last, loss):
        model = keras.Sequential([keras.Input((3,)), layers.Dense(3), last])
        model.compile("adam", loss)
        return model

    classifier = KerasClassifier(compiled(layers.Dense(2, "softmax"), "sparse_categorical_crossentropy"), epochs=1)
    ensemble = EnsembleClassifier([("a", classifier), ("b", classifier)], cv=2).fit(x, y)
    regressor = KerasRegressor(compiled(layers.Dense(1), "mse"), epochs=1)
    numbers = EnsembleRegressor([("a", regressor), ("b", regressor)], cv=2).fit(x, x[:, 0])
    for fitted, method in ((ensemble, "predict_proba"), (numbers, "predict")):
        save(fitted, tmp_path / method)
        said = getattr(load(tmp_path / method), method)(x)
        np.testing.assert_array_equal(said, getattr(fitted, method)(x))


@not_again
def test_parts_are_joined_and_chained():
    plugins = load_plugins()
    backbone = plugins.create_backbone("custom_cnn", filters=(2, 2, 2))
    first = build_classifier(backbone, plugins.create_head("classifier_head"), input_shape=(32, 32, 3), n_classes=2)
    second = plugins.create_head("classifier_head", batch_normalization=False)
    chained = plugins.create_chainer("chained").chain(first, second)
    images = RNG.uniform(0, 255, (3, 32, 32, 3)).astype("float32")
    assert chained.predict_on_batch(images).shape == (3, 2)
    chained.compile("sgd", "sparse_categorical_crossentropy")
    chained.fit(images, np.array([0, 1, 0]), verbose=0)


@pytest.mark.skipif(BACKEND == "tensorflow", reason="the environment of this backend is the one without TensorFlow")
def test_tensorflow_is_not_there():
    assert "tensorflow" not in sys.modules
    assert importlib.util.find_spec("tensorflow") is None
