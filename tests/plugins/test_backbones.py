"""The built-in backbones: shapes, preprocessing, frozen weights, fingerprints, and weights that cannot be had."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from packaging.version import Version

from ensemblekit import Backbone, load_plugins
from ensemblekit.errors import CompatibilityError, InvalidOptionError, WeightsUnavailableError

pytestmark = pytest.mark.keras

PLUGINS = load_plugins()
DATA = Path(os.environ.get("ENSEMBLEKIT_DATA", Path(__file__).parents[2].parent / "shared"))
MOBILENET = DATA / "weights" / "mobilenet_v2_imagenet_notop.weights.h5"
NETWORKS = [pytest.param("resnet50", marks=pytest.mark.slow), "mobilenet_v2"]
"""Both are built by the same code; the larger one is left to the slow tests."""
STAGE3 = DATA / "weights" / "resnet50v2_stage3_imagenet.keras"
PHOTO = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)

real_weights = pytest.mark.skipif(not MOBILENET.is_file(), reason=f"the pretrained weights are not in {DATA}")


@pytest.fixture
def saved(keras, tmp_path):
    """A small convolutional model in a file."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((48, 48, 3)), keras.layers.Conv2D(5, 3, name="maps"), keras.layers.Conv2D(7, 3)]
    model = keras.Sequential(layers)
    model.save(tmp_path / "small.keras")
    return tmp_path / "small.keras", model


@pytest.mark.parametrize(
    ("name", "options", "d"),
    [
        pytest.param("resnet50", {"weights": "none"}, 2048, marks=pytest.mark.slow),
        ("mobilenet_v2", {"weights": "none"}, 1280),
        ("custom_cnn", {}, 2304),
    ],
)
@pytest.mark.slow
def test_a_backbone_maps_raw_pixels_to_one_vector_an_image(keras, name, options, d):
    backbone = PLUGINS.create_backbone(name, **options)
    assert isinstance(backbone, Backbone)
    model = backbone.build((64, 64, 3))
    features = model.predict_on_batch(PHOTO)
    assert (model.name, features.shape) == (name, (2, d))
    assert np.isfinite(features).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("preprocessing", ["imagenet", "study"])
def test_preprocessing_is_inside(keras, name, preprocessing):
    model = PLUGINS.create_backbone(name, weights="none", preprocessing=preprocessing).build((64, 64, 3))
    module = {"resnet50": keras.applications.resnet50, "mobilenet_v2": keras.applications.mobilenet_v2}[name]
    network = {"resnet50": keras.applications.ResNet50, "mobilenet_v2": keras.applications.MobileNetV2}[name]
    bare = network(include_top=False, weights=None, input_shape=(64, 64, 3), pooling="max")
    bare.set_weights(model.get_weights())
    prepared = PHOTO / 255 if preprocessing == "study" else module.preprocess_input(PHOTO.copy())
    found, expected = model.predict_on_batch(PHOTO), bare.predict_on_batch(prepared)
    # The features of random weights are scaled.
    np.testing.assert_allclose(found / found.max(), expected / expected.max(), rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_random_features_are_large_enough_to_learn_from(keras, name):
    features = PLUGINS.create_backbone(name, weights="none").build((64, 64, 3)).predict_on_batch(PHOTO)
    assert 0.01 < features.std(axis=0).mean() < 100


@pytest.mark.slow
def test_a_frozen_backbone_has_no_trainable_weight_and_the_same_weights_each_time(keras):
    backbone = PLUGINS.create_backbone("mobilenet_v2", weights="none")
    first, second = backbone.build((64, 64, 3)), backbone.build((96, 96, 3))
    assert not first.trainable_weights
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert PLUGINS.create_backbone("mobilenet_v2", weights="none", frozen=False).build((64, 64, 3)).trainable_weights


def test_a_trained_backbone_is_drawn_anew_each_time(keras):
    backbone = PLUGINS.create_backbone("custom_cnn")
    first, second = backbone.build((32, 32, 3)), backbone.build((32, 32, 3))
    assert len(first.trainable_weights) == 6
    assert not np.array_equal(first.get_weights()[0], second.get_weights()[0])


@pytest.mark.slow
def test_a_fingerprint_tells_weights_and_preprocessing(keras, saved):
    path, _ = saved

    def fingerprint(**options):
        return PLUGINS.create_backbone("keras_file", weights=path, **options).fingerprint

    assert fingerprint() == fingerprint()
    assert len({fingerprint(), fingerprint(scale=1 / 255), fingerprint(pooling="avg"), fingerprint(layer="maps")}) == 4
    random = [PLUGINS.create_backbone("mobilenet_v2", weights="none") for _ in range(2)]
    assert random[0].fingerprint != random[1].fingerprint
    assert random[0].fingerprint == random[0].fingerprint


def test_layers_without_weights_are_in_the_fingerprint_of_a_file(keras, tmp_path):
    layers = keras.layers
    fingerprints = set()
    for name, scale, activation in (("a", 1 / 255, "relu"), ("b", 1 / 127, "relu"), ("c", 1 / 255, "tanh")):
        keras.utils.set_random_seed(0)
        pixels = keras.Input((48, 48, 3))
        maps = layers.Conv2D(5, 3, activation=activation, name="maps")(layers.Rescaling(scale, name="scale")(pixels))
        path = tmp_path / f"{name}.keras"
        keras.Model(pixels, maps, name="small").save(path)
        first, again = (PLUGINS.create_backbone("keras_file", weights=path).fingerprint for _ in range(2))
        assert first == again
        fingerprints.add(first)
    assert len(fingerprints) == 3


@pytest.mark.slow
def test_the_scale_of_random_features_is_in_the_fingerprint(keras):
    fingerprints = set()
    for side in (64, 96):  # the scale is that of the first build
        keras.utils.set_random_seed(0)
        backbone = PLUGINS.create_backbone("mobilenet_v2", weights="none")
        backbone.build((side, side, 3))
        fingerprints.add(backbone.fingerprint)
    assert len(fingerprints) == 2


def test_keras_file_pools_the_maps_of_a_saved_model_at_any_size(keras, saved):
    path, model = saved
    backbone = PLUGINS.create_backbone("keras_file", weights=path, scale=2.0, offset=1.0)
    expected = model.predict_on_batch(PHOTO[:, :48, :48] * 2 + 1).max(axis=(1, 2))
    np.testing.assert_allclose(
        backbone.build((48, 48, 3)).predict_on_batch(PHOTO[:, :48, :48]), expected, rtol=1e-4, atol=1e-3
    )
    assert backbone.build((64, 64, 3)).predict_on_batch(PHOTO).shape == (2, 7)
    maps = PLUGINS.create_backbone("keras_file", weights=path, layer="maps", pooling="avg").build((64, 64, 3))
    assert maps.output_shape == (None, 5)
    assert not maps.trainable_weights


def test_keras_file_refuses_what_it_cannot_use(keras, saved, tmp_path):
    path, _ = saved
    broken = tmp_path / "broken.keras"
    broken.write_bytes(path.read_bytes()[:1000])
    flat = keras.Sequential([keras.Input((48, 48, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    flat.save(tmp_path / "flat.keras")
    for options, error, message in (
        ({"weights": tmp_path / "none.keras"}, WeightsUnavailableError, "no file is at .*none.keras"),
        ({"weights": broken}, WeightsUnavailableError, "must be a saved Keras model"),
        ({"weights": path, "layer": "top"}, WeightsUnavailableError, r"no layer 'top'; its last are \['maps', "),
        ({"weights": tmp_path / "flat.keras"}, CompatibilityError, r"takes \(48, 48, 3\) and not \(64, 64, 3\)"),
    ):
        with pytest.raises(error, match=message):
            PLUGINS.create_backbone("keras_file", **options).build((64, 64, 3))


UNREACHABLE = """
import warnings
from ensemblekit import load_plugins
from ensemblekit.errors import WeightsUnavailableError

plugins = load_plugins()
for name in ("resnet50", "mobilenet_v2"):
    try:
        plugins.create_backbone(name, weights="imagenet").build((96, 96, 3))
    except WeightsUnavailableError as error:
        print("error:", error)
    backbone = plugins.create_backbone(name)
    with warnings.catch_warnings(record=True, action="always") as caught:
        backbone.build((96, 96, 3))
        backbone.build((64, 64, 3))
    print(*(f"warning: {w.category.__name__}: {w.message}" for w in caught), sep="\\n")
    print(backbone.weights_used)
"""


@pytest.mark.slow
@pytest.mark.long
def test_weights_that_cannot_be_had_are_an_error_or_one_warning(tmp_path):
    # Nothing is cached, and nobody listens at the proxy.
    proxy = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-c", UNREACHABLE],
        env={**os.environ, **proxy, "KERAS_HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith(("error:", "warning:", "random"))]
    for name, lines in (("resnet50", said[:3]), ("mobilenet_v2", said[3:])):
        error, warning, used = lines
        assert f"ImageNet weights of backbone '{name}' are not cached and cannot be downloaded" in error
        assert "Give the path of a weights file, or weights='none'" in error
        assert warning.startswith(f"warning: RandomWeightsWarning: Backbone '{name}' has random weights:")
        assert used == "random"


def test_a_missing_or_foreign_weights_file_is_named(keras, tmp_path):
    foreign = tmp_path / "foreign.weights.h5"
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save_weights(foreign)
    for path, message in ((tmp_path / "none.h5", "no file is there"), (foreign, "foreign.weights.h5' does not fit")):
        with pytest.raises(WeightsUnavailableError, match=message):
            PLUGINS.create_backbone("mobilenet_v2", weights=path).build((96, 96, 3))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet50", {"preprocessing": "caffe"}, "preprocessing must be one of 'imagenet', 'study'; received 'caffe'"),
        ("mobilenet_v2", {"pooling": "min"}, "pooling must be one of 'max', 'avg'; received 'min'"),
        ("custom_cnn", {"filters": []}, "filters must be whole numbers > 0"),
        ("custom_cnn", {"dropout": 1}, r"dropout must lie in \[0, 1\)"),
    ],
)
def test_bad_options_are_refused(name, options, message):
    with pytest.raises(InvalidOptionError, match=message):
        PLUGINS.create_backbone(name, **options)


@pytest.mark.parametrize("shape", [(16, 64, 3), (64, 64, 1), (64, 3)])
def test_images_that_are_too_small_or_not_rgb_are_refused(keras, shape):
    with pytest.raises(InvalidOptionError, match="at least 32 pixels a side"):
        PLUGINS.create_backbone("resnet50", weights="none").build(shape)


@real_weights
@pytest.mark.slow
def test_real_weights_are_read(keras):
    for name, path, d in (("mobilenet_v2", MOBILENET, 1280), ("keras_file", STAGE3, 1024)):
        if path == STAGE3 and Version(keras.__version__) < Version("3.13"):
            continue  # a later Keras has saved it, and says more of its layers
        backbone = PLUGINS.create_backbone(name, weights=path)
        features = backbone.build((64, 64, 3)).predict_on_batch(PHOTO)
        assert features.shape == (2, d)
        assert backbone.weights_used == str(path)
        assert not np.allclose(features[0], features[1])
