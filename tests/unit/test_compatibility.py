"""The study's compatibility precautions, each held against a real model that keeps it and one that does not."""

import numpy as np
import pytest

from ensemblekit import InvalidOptionError, build_classifier, check_compatible, load_plugins

pytestmark = pytest.mark.keras

PLUGINS = load_plugins()


def classifier(keras, backbone, side=64, n_classes=4, **options):
    layers = [keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.2), keras.layers.RandomZoom(0.2)]
    return build_classifier(
        PLUGINS.create_backbone(backbone, **options),
        PLUGINS.create_head("classifier_head"),
        input_shape=(side, side, 3),
        n_classes=n_classes,
        augmentation=layers,
    )


def answers(**members):
    return {(a.check, a.member): a for a in check_compatible(members)}


@pytest.fixture(scope="module")
def transfer(keras):
    """A transfer model as many write it: flat, rescaled before it is augmented, trained whole."""
    pixels = keras.Input((64, 64, 3))
    augmented = keras.layers.RandomFlip()(keras.layers.Rescaling(1 / 255)(pixels))
    base = keras.applications.ResNet50(weights=None, include_top=False, input_tensor=augmented, pooling="max")
    return keras.Model(pixels, keras.layers.Dense(3)(base.output))


@pytest.mark.slow
def test_models_of_the_corrected_recipe_keep_every_precaution(keras):
    found = answers(
        first=classifier(keras, "resnet50", weights="none"),
        mobile=classifier(keras, "mobilenet_v2", weights="none"),
        second=classifier(keras, "custom_cnn"),
    )
    assert {a.ok for a in found.values()} == {True, None}
    assert found["input", None].sentence == "Every model takes inputs of shape (64, 64, 3)."
    assert found["classes", None].sentence == "Every model has 4 classes."
    assert found["output", None].sentence == "Every model ends in Dense 4 softmax."
    assert found["augmentation", "first"].ok
    assert (
        found["rescaling", "mobile"].sentence == "The MobileNetV2 of 'mobile' receives pixels / 127.5 - 1, as trained."
    )
    assert {found[check, "second"].ok for check in ("rescaling", "frozen", "top")} == {None}


@pytest.mark.slow
def test_the_published_recipe_feeds_its_backbone_what_it_was_not_trained_on(keras):
    found = answers(first=classifier(keras, "resnet50", weights="none", preprocessing="study"))
    assert found["rescaling", "first"].ok is False
    assert found["rescaling", "first"].sentence == (
        "The ResNet of 'first' receives values from 0 to 1, channels in the order RGB; its ImageNet weights were "
        "trained on blue, green, red minus the means of ImageNet."
    )
    assert found["frozen", "first"].ok
    assert found["top", "first"].ok


@pytest.mark.slow
def test_a_transfer_model_written_by_hand_is_seen_through(transfer):
    found = answers(flat=transfer)
    assert found["output", None].ok is False
    assert "Dense 3 linear, which gives no probabilities" in found["output", None].sentence
    assert found["augmentation", "flat"].ok is False
    assert "before it augments" in found["augmentation", "flat"].sentence
    assert found["rescaling", "flat"].ok is False
    assert found["frozen", "flat"].sentence.startswith("106 layers of the ResNet of 'flat' would be trained")
    assert found["top", "flat"].ok


@pytest.mark.slow
def test_a_top_that_was_left_on_is_found(keras):
    network = keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3))
    network.trainable = False
    found = answers(full=network)
    assert found["top", "full"].sentence.startswith("The MobileNetV2 of 'full' still has its own top, 1000 ImageNet")
    assert found["frozen", "full"].ok
    assert "values from 0 to 255" in found["rescaling", "full"].sentence


@pytest.mark.parametrize("name", ["VGG16", "ResNet50V2", "Xception", "MobileNet", "DenseNet121"])
@pytest.mark.slow
def test_each_family_is_recognised_with_its_own_preprocessing(keras, name):
    network = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(96, 96, 3), pooling="avg")
    pixels = keras.Input((96, 96, 3))
    if name == "VGG16":
        means = keras.layers.Normalization(mean=(103.939, 116.779, 123.68), variance=(1, 1, 1))
        prepared = means(keras.ops.flip(pixels, axis=-1))
    elif name == "DenseNet121":
        means, deviations = np.array([0.485, 0.456, 0.406]) * 255, np.array([0.229, 0.224, 0.225]) * 255
        prepared = keras.layers.Normalization(mean=means, variance=deviations**2)(pixels)
    else:
        prepared = keras.layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    for fed, ok in ((prepared, True), (pixels, False)):
        model = keras.Model(pixels, keras.layers.Dense(4, "softmax")(network(fed)))
        assert answers(model=model)["rescaling", "model"].ok is ok


def test_models_that_differ_are_told_apart(keras):
    small = classifier(keras, "custom_cnn", side=32, n_classes=3)
    large = classifier(keras, "custom_cnn", side=64)
    found = answers(small=small, large=large)
    assert "'small' takes (32, 32, 3), 'large' takes (64, 64, 3)" in found["input", None].sentence
    assert "'small' has 3, 'large' has 4" in found["classes", None].sentence
    assert "'small' ends in Dense 3 softmax" in found["output", None].sentence
    assert not any(found[check, None].ok for check in ("input", "classes", "output"))


def test_what_is_no_keras_model_is_named(keras):
    found = answers(forest=object())
    assert found["input", "forest"].ok is None
    assert "'forest' is no Keras model" in found["input", "forest"].sentence


@pytest.mark.parametrize("members", [{}, [1]])
def test_members_must_be_named(keras, members):
    with pytest.raises(InvalidOptionError, match=r"members must be \{name: model\}"):
        check_compatible(members)
