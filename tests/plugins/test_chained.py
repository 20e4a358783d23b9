"""The study's three networks, layer by layer, and chaining of other people's models."""

import numpy as np
import pytest

from ensemblekit import Chainer, Head, build_classifier, load_plugins
from ensemblekit.errors import CompatibilityError, InvalidOptionError
from tests.backends import needs_tensorflow

pytestmark = pytest.mark.keras

PLUGINS = load_plugins()
CHAINED = PLUGINS.create_chainer("chained")
SECOND_HEAD = PLUGINS.create_head("classifier_head", batch_normalization=False)


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def first_model(**shape):
    backbone = PLUGINS.create_backbone("resnet50", weights="none", preprocessing="study")
    return build_classifier(backbone, PLUGINS.create_head("classifier_head"), n_classes=4, **shape)


def layers_of(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.slow
def test_the_first_model_is_the_studys(keras):
    model = first_model(input_shape=(224, 224, 3))
    assert (model.count_params(), trainable(model)) == (24_121_476, 529_668)
    assert layers_of(model) == ["InputLayer", "Functional", "BatchNormalization", "Dense", "Dropout", "Dense"]
    assert (model.layers[-2].rate, model.layers[-3].units) == (0.25, 256)


def test_the_second_model_is_the_studys(keras):
    head = PLUGINS.create_head("classifier_head", dense_units=128, batch_normalization=False)
    model = build_classifier(PLUGINS.create_backbone("custom_cnn"), head, input_shape=(224, 224, 3), n_classes=4)
    assert model.count_params() == trainable(model) == 5_567_076
    assert layers_of(model.layers[1]) == [
        "InputLayer", "Rescaling", "Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Dropout", "Conv2D",
        "MaxPooling2D", "Dropout", "Flatten",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_chained_model_is_the_studys(keras):
    model = CHAINED.chain(first_model(input_shape=(224, 224, 3)), SECOND_HEAD)
    assert (model.count_params(), trainable(model)) == (24_187_268, 595_460)
    assert layers_of(model) == ["InputLayer", "Functional", "BatchNormalization", "Dense", "Dropout", "Functional"]
    assert layers_of(model.layers[-1]) == ["InputLayer", "Dense", "Dropout", "Dense"]


@pytest.mark.slow
def test_what_is_taken_of_the_first_model_is_a_copy(keras):
    first = build_classifier(
        PLUGINS.create_backbone("custom_cnn"),
        PLUGINS.create_head("classifier_head"),
        input_shape=(32, 32, 3),
        n_classes=3,
    )
    before = [w.copy() for w in first.get_weights()]
    model = CHAINED.chain(first, SECOND_HEAD)
    for theirs, ours in zip(before[:-2], model.get_weights(), strict=False):
        assert np.array_equal(theirs, ours)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(np.random.default_rng(0).uniform(0, 255, (8, 32, 32, 3)), np.arange(8) % 3, verbose=0)
    for was, now in zip(before, first.get_weights(), strict=True):
        assert np.array_equal(was, now)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_a_chained_model_is_saved_reloaded_and_chained_again(keras, tmp_path):
    x = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype(np.float32)
    first = build_classifier(
        PLUGINS.create_backbone("custom_cnn"),
        PLUGINS.create_head("classifier_head"),
        input_shape=(32, 32, 3),
        n_classes=3,
    )
    model = CHAINED.chain(first, SECOND_HEAD)
    model.save(tmp_path / "chained.keras")
    loaded = keras.models.load_model(tmp_path / "chained.keras")
    assert np.array_equal(loaded.predict_on_batch(x), model.predict_on_batch(x))
    assert CHAINED.chain(loaded, SECOND_HEAD).predict_on_batch(x).shape == (4, 3)


@needs_tensorflow
def test_what_the_first_model_has_adapted_is_chained_with_it(keras):
    layers = keras.layers
    x = np.array([["a b"], ["c d"], ["b z"]], dtype=object)
    words = layers.TextVectorization(output_sequence_length=3)
    words.adapt(x[:, 0])
    scale = layers.Normalization()
    scale.adapt(np.array(words(x)))
    parts = [keras.Input((1,), dtype="string"), words, scale, layers.Dense(4, "relu", trainable=False)]
    first = keras.Sequential([*parts, layers.Dense(3, "softmax")])
    chained = CHAINED.chain(first, SECOND_HEAD)
    features = scale(words(keras.ops.convert_to_tensor(x)))
    np.testing.assert_array_equal(chained.layers[2](chained.layers[1](keras.ops.convert_to_tensor(x))), features)
    assert [layer.trainable for layer in chained.layers[1:4]] == [layer.trainable for layer in first.layers[:3]]


def test_an_output_layer_may_be_nested_or_have_its_softmax_apart(keras):
    layers = keras.layers
    flat = keras.Sequential([keras.Input((6,)), layers.Dense(5, "relu"), layers.Dense(3), layers.Softmax()])
    assert [layer.name for layer in CHAINED.chain(flat, SECOND_HEAD).layers][1:] == [flat.layers[0].name, "second_head"]
    nested = keras.Sequential([keras.Input((6,)), layers.Dense(9), flat_classifier(keras)])
    x = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    features = keras.ops.convert_to_numpy(nested.layers[1].layers[0](nested.layers[0](x)))
    chained = CHAINED.chain(nested, SECOND_HEAD)
    np.testing.assert_allclose(chained.layers[-1].predict_on_batch(features), chained.predict_on_batch(x), rtol=1e-5)


def flat_classifier(keras):
    return keras.Sequential([keras.Input((9,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(3, "softmax")])


def test_what_cannot_be_chained_is_refused(keras):
    a, b = keras.Input((3,)), keras.Input((3,))
    two_inputs = keras.Model([a, b], keras.layers.Dense(2)(keras.layers.Add()([a, b])))
    with pytest.raises(CompatibilityError, match="one input and one output"):
        CHAINED.chain(two_inputs, SECOND_HEAD)
    try:
        identity = keras.Model(a, a)
    except ValueError:  # Keras before 3.14 has no such model
        return
    with pytest.raises(CompatibilityError, match="a layer before its output layer"):
        CHAINED.chain(identity, SECOND_HEAD)


class ForestHead:
    def build(self, feature_shape, n_classes):
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier()


def test_a_head_that_is_no_keras_model_is_refused(keras):
    with pytest.raises(CompatibilityError, match="ForestHead built a RandomForestClassifier"):
        CHAINED.chain(flat_classifier(keras), ForestHead())
    with pytest.raises(CompatibilityError, match="ForestHead built a RandomForestClassifier"):
        build_classifier(PLUGINS.create_backbone("custom_cnn"), ForestHead(), input_shape=(32, 32, 3), n_classes=2)


@pytest.mark.parametrize(("activation", "lies"), [(None, "from -"), ("tanh", "from -1 to 1"), ("relu", "from 0 to")])
def test_a_head_without_probabilities_is_refused_before_it_is_trained(keras, activation, lies):
    class Ends:
        def __init__(self, activation):
            self.activation = activation

        def build(self, feature_shape, n_classes):
            features = keras.Input(feature_shape)
            return keras.Model(features, keras.layers.Dense(n_classes, self.activation)(features))

    backbone, shape = PLUGINS.create_backbone("custom_cnn"), (32, 32, 3)
    with pytest.raises(CompatibilityError, match=f"a head must map features to probabilities; .* range {lies}"):
        build_classifier(backbone, Ends(activation), input_shape=shape, n_classes=2)
    for good in ("softmax", "sigmoid"):
        assert build_classifier(backbone, Ends(good), input_shape=shape, n_classes=2).output_shape == (None, 2)


def test_the_parts_keep_their_contracts():
    assert isinstance(CHAINED, Chainer)
    assert isinstance(SECOND_HEAD, Head)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dense_units": -1}, "dense_units must be a whole number >= 0"),
        ({"dropout": -0.1}, "dropout must be a finite number >= 0"),
    ],
)
def test_bad_options_of_a_head_are_refused(options, message):
    with pytest.raises(InvalidOptionError, match=message):
        PLUGINS.create_head("classifier_head", **options)


@pytest.mark.parametrize(("shape", "n_classes"), [((8,), 1), ((4, 4, 8), 2)])
def test_a_head_refuses_one_class_and_feature_maps(keras, shape, n_classes):
    with pytest.raises(InvalidOptionError, match="at least 2 classes"):
        SECOND_HEAD.build(shape, n_classes)


def test_every_part_of_a_head_can_be_left_out(keras):
    bare = PLUGINS.create_head("classifier_head", dense_units=0, dropout=0, batch_normalization=False)
    assert layers_of(bare.build((8,), 3)) == ["InputLayer", "Dense"]
