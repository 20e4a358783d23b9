"""What `adapt` has taught a layer goes into the one model with it: means, bounds, vocabularies."""

import numpy as np
import pytest

from ensemblekit import fuse

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(3, 2, (20, 4)).astype("float32")
TEXTS = np.array([["a b"], ["c d"], ["b z"]], dtype=object)


def normalization(seed):
    layer = layers.Normalization()
    layer.adapt(NUMBERS * (1 + seed))
    return keras.Input((4,)), layer, lambda x: x


def discretization(seed):
    layer = layers.Discretization(num_bins=4, output_mode="multi_hot")  # before 3.14 Keras takes bins for inputs
    layer.adapt(NUMBERS * (1 + seed))
    return keras.Input((4,)), layer, lambda x: x


def integer_lookup(seed):
    layer = layers.IntegerLookup(output_mode="multi_hot")
    layer.adapt(np.array([[3, 4, 5 + seed]]))
    return keras.Input((2,), dtype="int64"), layer, lambda x: x


def text_vectorization(seed):
    layer = layers.TextVectorization(output_sequence_length=3)
    layer.adapt(["a b c", "c d"] if seed else ["z a b"])
    return keras.Input((1,), dtype="string"), layer, lambda x: layers.Flatten()(layers.Embedding(9, 2)(x))


def weighted_words(seed):
    layer = layers.TextVectorization(output_mode="tf_idf")
    layer.adapt(["a b c", "c d"] if seed else ["z a b", "b", "b z"])
    return keras.Input((1,), dtype="string"), layer, lambda x: x


def net(make, seed):
    given, layer, then = make(seed)
    keras.utils.set_random_seed(0)  # members differ in what was adapted alone
    return keras.Model(given, layers.Dense(3, "softmax")(then(layer(given))))


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (normalization, NUMBERS),
        (discretization, NUMBERS),
        (integer_lookup, np.array([[3, 4], [5, 6], [9, 6]])),
        (text_vectorization, TEXTS),
    ],
)
@pytest.mark.slow
def test_what_was_adapted_is_in_the_graph_and_in_its_file(make, x, tmp_path):
    x = keras.ops.convert_to_tensor(x)
    one, other, same = net(make, 0), net(make, 1), net(make, 0)
    fused = fuse([("one", one), ("other", other), ("same", same)], "mean", classes=["cat", "dog", "owl"])
    said = [model.predict(x, verbose=0) for model in (one, other, same)]
    assert np.abs(said[0] - said[1]).max() > 1e-3
    np.testing.assert_allclose(fused.predict(x, verbose=0), np.mean(said, axis=0), atol=1e-6)
    kind = type(make(0)[1])
    assert sum(isinstance(layer, kind) for layer in fused.layers) == 2  # equal ones are there once
    fused.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), fused.predict(x, verbose=0))


@pytest.mark.slow
def test_words_with_weights_of_documents_are_in_the_graph():
    x = keras.ops.convert_to_tensor(TEXTS)
    one, other = net(weighted_words, 0), net(weighted_words, 1)
    fused = fuse([("one", one), ("other", other)], "mean", classes=["cat", "dog", "owl"])
    said = [model.predict(x, verbose=0) for model in (one, other)]
    np.testing.assert_allclose(fused.predict(x, verbose=0), np.mean(said, axis=0), atol=1e-6)
