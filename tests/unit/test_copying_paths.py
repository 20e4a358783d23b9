"""Stateful layers of Keras through every path that copies a model: the same output before and after."""

import copy

import numpy as np
import pytest
from packaging.version import Version

from ensemblekit import EnsembleClassifier, KerasClassifier, fuse, load_plugins
from ensemblekit.assembly import copy_model, load_keras_file
from ensemblekit.store import load, save

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(3, 2, (12, 4)).astype("float32")
TEXTS = np.array(["a b", "c d", "b z", "a a"] * 3, dtype=object)
CODES = RNG.integers(3, 9, (12, 3))
LABELS = np.array(["no", "yes"] * 6)


def adapted(layer, data):
    layer.adapt(data)
    return layer


def of_numbers():
    frozen = layers.Dense(5, "tanh", trainable=False)
    normal = layers.BatchNormalization()
    model = keras.Sequential([
        keras.Input((4,)), adapted(layers.Normalization(), NUMBERS), frozen, normal,
        layers.SpectralNormalization(layers.Dense(4)), layers.GaussianNoise(1.0, seed=3), layers.Dropout(0.5, seed=4),
        layers.Dense(2, "softmax"),
    ])  # fmt: skip
    for weight in (normal.moving_mean, normal.moving_variance, frozen.bias):
        weight.assign(RNG.uniform(1, 2, weight.shape))
    model(NUMBERS, training=True)  # the seeds go on, the moving means move
    return model, NUMBERS


def of_bins():
    bins = adapted(layers.Discretization(num_bins=4, output_mode="multi_hot"), NUMBERS)
    return keras.Sequential([keras.Input((4,)), bins, layers.Dense(3), layers.Dense(2, "softmax")]), NUMBERS


def of_words():
    given = keras.Input((1,), dtype="string")
    words = adapted(layers.TextVectorization(output_sequence_length=3), TEXTS)(given)
    counted = layers.Flatten()(adapted(layers.TextVectorization(output_mode="tf_idf"), TEXTS)(given))
    whole = adapted(layers.StringLookup(output_mode="multi_hot"), TEXTS)(given)
    embedded = layers.Flatten()(layers.Embedding(9, 2)(words))
    hidden = layers.Dense(4)(layers.Concatenate()([embedded, counted, whole]))
    return keras.Model(given, layers.Dense(2, "softmax")(hidden)), TEXTS


def of_codes():
    looked = adapted(layers.IntegerLookup(output_mode="count"), CODES)
    model = [keras.Input((3,), dtype="int64"), looked, layers.Dense(3), layers.Dense(2, "softmax")]
    return keras.Sequential(model), CODES


ZOO = {"numbers": of_numbers, "bins": of_bins, "words": of_words, "codes": of_codes}


def said(model, x):
    return np.asarray(model(keras.ops.convert_to_tensor(x[:, None] if x.dtype == object else x), training=False))


def classifier(model, x):
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)  # Keras warns when it copies an optimizer that is not built
    return KerasClassifier(model, epochs=0, initial_weights="given").fit(x, LABELS)


def stored(model, x, folder):
    ensemble = EnsembleClassifier([("m", classifier(model, x))], cv="prefit").fit(x, LABELS)
    save(ensemble, folder / "saved")
    return load(folder / "saved").predict_proba(x)


def in_a_file(model, x, folder):
    fuse({"m": model}, "mean", classes=["no", "yes"]).save(folder / "m.keras")
    return said(load_keras_file(folder / "m.keras"), x)


PATHS = {
    "copy_model": lambda model, x, folder: said(copy_model(model), x),
    "classifier": lambda model, x, folder: classifier(model, x).predict_proba(x),
    "deep copy": lambda model, x, folder: copy.deepcopy(classifier(model, x)).predict_proba(x),
    "fuse": lambda model, x, folder: said(fuse({"m": model, "n": copy_model(model)}, "mean", classes=["no", "yes"]), x),
    "file": in_a_file,
    "store": stored,
}


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ZOO)
def test_each_path_keeps_what_was_learned(kind, path, tmp_path):
    model, x = ZOO[kind]()
    before = said(model, x)
    np.testing.assert_allclose(PATHS[path](model, x, tmp_path), before, atol=1e-6)
    np.testing.assert_array_equal(said(model, x), before)


class Features:
    """A head that hands on the features."""

    def build(self, shape, n_classes):
        given = keras.Input(shape)
        return keras.Model(given, layers.Identity()(given))


@pytest.mark.parametrize("kind", ZOO)
def test_a_chained_model_has_the_features_of_the_first(kind, tmp_path):
    if kind == "words" and Version(keras.__version__) < Version("3.13"):
        pytest.skip("Keras 3.12 cannot load what it has learned of texts out of a chained model")
    model, x = ZOO[kind]()
    features = said(keras.Model(model.inputs[0], model.layers[-1].input), x)
    chained = load_plugins().create_chainer("chained").chain(model, Features())
    np.testing.assert_allclose(said(chained, x), features, atol=1e-6)
    chained.save(tmp_path / "m.keras")
    np.testing.assert_allclose(said(load_keras_file(tmp_path / "m.keras"), x), features, atol=1e-6)


def test_a_copy_with_set_weights_would_be_noticed():
    model, x = of_numbers()
    lost = keras.models.clone_model(model)
    lost.set_weights(model.get_weights())
    assert np.abs(said(lost, x) - said(model, x)).max() > 1e-3
