"""Backbones, heads and chainers that are each wrong in a way of its own, and the check that must say so."""

import uuid

import numpy as np
import pytest

from ensemblekit.testing import CheckFailedError, check_backbone, check_chainer, check_head
from ensemblekit.testing._backbones import BACKBONE_CHECKS
from ensemblekit.testing._chainers import CHAINER_CHECKS
from ensemblekit.testing._heads import HEAD_CHECKS

pytestmark = pytest.mark.keras

WRONG = []


def breaks(kind, check):
    def mark(wrong):
        WRONG.append(pytest.param(kind, check, wrong, id=f"{wrong.__name__}-{check}"))
        return wrong

    return mark


def noisy(values):
    """Add noise, in inference too."""
    import keras

    class Noise(keras.layers.Layer):
        def call(self, x):
            return x + keras.random.normal(keras.ops.shape(x))

    return Noise()(values)


class Colours:
    """Right: the mean of each colour."""

    name = "colours"
    fingerprint = "c0"

    def build(self, input_shape):
        import keras

        pixels = keras.Input(input_shape)
        return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pixels)))


@breaks("backbone", "features")
class Maps(Colours):
    def build(self, input_shape):
        import keras

        pixels = keras.Input(input_shape)
        return keras.Model(pixels, keras.layers.Rescaling(1 / 255)(pixels))


@breaks("backbone", "features")
class Saturated(Colours):
    def build(self, input_shape):
        import keras

        pixels = keras.Input(input_shape)
        hot = keras.layers.Rescaling(1e38)(keras.layers.Rescaling(1e38)(pixels))
        return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(hot))


@breaks("backbone", "fingerprint")
class OtherEachTime(Colours):
    @property
    def fingerprint(self):
        return uuid.uuid4().hex


def convolved(input_shape, *, trainable=True):
    import keras

    pixels = keras.Input(input_shape)
    maps = keras.layers.Conv2D(3, 3, trainable=trainable)(keras.layers.Rescaling(1 / 255)(pixels))
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(maps))


@breaks("backbone", "fingerprint")
class OneFingerprintForRandomWeights(Colours):
    def build(self, input_shape):
        return convolved(input_shape)


@breaks("backbone", "deterministic")
class NoisyInInference(Colours):
    def build(self, input_shape):
        import keras

        model = super().build(input_shape)
        return keras.Model(model.inputs[0], noisy(model.outputs[0]))

    fingerprints = iter(range(100))

    @property
    def fingerprint(self):
        if not hasattr(self, "own"):
            self.own = f"{next(self.fingerprints):x}"
        return self.own


@breaks("backbone", "frozen")
class FrozenInNameOnly(Colours):
    frozen = True

    def build(self, input_shape):
        import keras

        keras.utils.set_random_seed(0)
        return convolved(input_shape)


@breaks("backbone", "saved")
class HoldsAFunction(Colours):
    def build(self, input_shape):
        import keras

        pixels = keras.Input(input_shape)
        scaled = keras.layers.Lambda(lambda x: x / 255)(pixels)
        return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(scaled))


class Linear:
    """Right: one Dense softmax layer."""

    activation = "softmax"

    def build(self, feature_shape, n_classes):
        import keras

        features = keras.Input(feature_shape)
        return keras.Model(features, keras.layers.Dense(n_classes, self.activation)(features))


@breaks("head", "probabilities")
class Logits(Linear):
    activation = None


@breaks("head", "probabilities")
class AlwaysThreeClasses(Linear):
    def build(self, feature_shape, n_classes):
        return super().build(feature_shape, 3)


@breaks("head", "new_each_time")
class BuildsOnce(Linear):
    def build(self, feature_shape, n_classes):
        built = self.__dict__.setdefault("built", {})
        return built.setdefault((feature_shape, n_classes), super().build(feature_shape, n_classes))


@breaks("head", "trains")
class Frozen(Linear):
    def build(self, feature_shape, n_classes):
        model = super().build(feature_shape, n_classes)
        for layer in model.layers:
            layer.trainable = False
        return model


@breaks("head", "deterministic")
class HeadWithNoise(Linear):
    def build(self, feature_shape, n_classes):
        import keras

        features = keras.Input(feature_shape)
        return keras.Model(features, keras.layers.Dense(n_classes, "softmax")(noisy(features)))


@breaks("head", "saved")
class HeadWithAFunction(Linear):
    def build(self, feature_shape, n_classes):
        import keras

        features = keras.Input(feature_shape)
        doubled = keras.layers.Lambda(lambda x: 2 * x)(features)
        return keras.Model(features, keras.layers.Dense(n_classes, "softmax")(doubled))


class ForestHead:
    def build(self, feature_shape, n_classes):
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(3, random_state=0)


class WithoutLast:
    """Right: the first model without its last layer, then the second head."""

    def chain(self, first, second_head):
        import keras

        copied = self.copied(keras, first)
        features = copied.layers[-1].input
        head = second_head.build(tuple(features.shape[1:]), first.output_shape[-1])
        return keras.Model(copied.inputs[0], self.join(keras, head, features))

    def copied(self, keras, first):
        copied = keras.models.clone_model(first)
        copied.set_weights(first.get_weights())
        return copied

    def join(self, keras, head, features):
        return head(features)


@breaks("chainer", "probabilities")
class ChainsLogits(WithoutLast):
    def join(self, keras, head, features):
        return keras.layers.Rescaling(2.0)(head(features))


@breaks("chainer", "first_unchanged")
class SharesTheFirst(WithoutLast):
    def copied(self, keras, first):
        return first


@breaks("chainer", "features")
class ForgetsTheWeights(WithoutLast):
    def copied(self, keras, first):
        return keras.models.clone_model(first)


@breaks("chainer", "new_head")
class SameSeed(WithoutLast):
    def join(self, keras, head, features):
        for place, weight in enumerate(head.weights):
            weight.assign(np.full(weight.shape, 0.1 * place))
        return head(features)


@breaks("chainer", "frozen")
class Thaws(WithoutLast):
    def copied(self, keras, first):
        copied = super().copied(keras, first)
        copied.trainable = True
        for layer in copied.layers:
            layer.trainable = True
        return copied


@breaks("chainer", "deterministic")
class ChainsNoise(WithoutLast):
    def join(self, keras, head, features):
        return head(noisy(features))


@breaks("chainer", "saved")
class ChainsAFunction(WithoutLast):
    def join(self, keras, head, features):
        return head(keras.layers.Lambda(lambda x: 2 * x)(features))


CHECK = {"backbone": check_backbone, "head": check_head, "chainer": check_chainer}


@pytest.mark.parametrize(("kind", "check", "wrong"), WRONG)
def test_a_wrong_part_is_rejected(kind, check, wrong, keras):
    with pytest.raises(CheckFailedError) as caught:
        CHECK[kind](wrong)
    assert caught.value.check == check, str(caught.value)
    assert str(caught.value).startswith(f"{wrong.__name__} breaks the promise {check!r}: ")


@pytest.mark.parametrize(
    ("kind", "right"), [("backbone", Colours), ("head", Linear), ("head", ForestHead), ("chainer", WithoutLast)]
)
def test_right_parts_pass(kind, right, keras):
    CHECK[kind](right)


def test_every_check_has_a_part_that_it_rejects():
    found = {(p.values[0], p.values[1]) for p in WRONG}
    checks = {"backbone": BACKBONE_CHECKS, "head": HEAD_CHECKS, "chainer": CHAINER_CHECKS}
    assert found == {(kind, check.name) for kind, several in checks.items() for check in several}
