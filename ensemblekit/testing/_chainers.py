"""The checks of chainers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..assembly import import_keras
from ._failure import Violation
from ._models import (
    ModelSubject,
    deterministic,
    equal_weights,
    frozen_weights,
    no_keras,
    probabilities,
    reloaded,
    train,
    weights_of,
)
from ._running import Check, check_all

__all__ = ["CHAINER_CHECKS", "ChainerSubject", "check_chainer"]


class _SmallHead:
    """The second head for chainers under test."""

    def build(self, feature_shape: tuple[int, ...], n_classes: int) -> Any:
        keras = import_keras("checking a chainer")
        features = keras.Input(feature_shape)
        return keras.Model(features, keras.layers.Dense(n_classes, "softmax")(features))


class ChainerSubject(ModelSubject):
    """A chainer under test."""

    kind = "chainer"
    x = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)

    def first(self) -> Any:
        """Build a small classifier with one frozen layer."""
        layers = self.keras.layers
        inputs = self.keras.Input((5,), name="inputs")
        frozen = layers.Dense(7, "relu", name="frozen", trainable=False)(inputs)
        hidden = layers.Dense(4, "tanh", name="hidden")(frozen)
        return self.keras.Model(inputs, layers.Dense(3, "softmax", name="probas")(hidden), name="first")

    def chain(self, first: Any) -> Any:
        """Chain a model with a small head."""
        chainer = self.make()
        if not callable(getattr(chainer, "chain", None)):
            raise Violation("a chainer must have a method chain", received=type(chainer))
        model = self.call("chain(first, second_head)", chainer.chain, first, _SmallHead())
        if not isinstance(model, self.keras.Model):
            raise Violation("chain must return a Keras model", received=type(model))
        return model


def _chain_probabilities(subject: ChainerSubject, draw: Any) -> None:
    probabilities(subject.predict(subject.chain(subject.first()), subject.x), (len(subject.x), 3))


def _chain_first_unchanged(subject: ChainerSubject, draw: Any) -> None:
    first = subject.first()
    before, config = weights_of(first), first.get_config()
    trainable = [layer.trainable for layer in first.layers]
    model = subject.chain(first)
    if first.get_config() != config or [layer.trainable for layer in first.layers] != trainable:
        raise Violation("chain changed the layers of the first model")
    if not equal_weights(before, weights_of(first)):
        raise Violation("chain changed the weights of the first model")
    train(subject, model, subject.x, 3)
    if not equal_weights(before, weights_of(first)):
        raise Violation("training the chained model changed the first one: what is taken of it must be a copy")


def _chain_features(subject: ChainerSubject, draw: Any) -> None:
    first = subject.first()
    kept = [weight.tobytes() for weight in weights_of(subject.chain(first))]
    if weights_of(first)[0].tobytes() not in kept:
        raise Violation("nothing of the first model is in the chained one: its features must come with their weights")


def _chain_new_head(subject: ChainerSubject, draw: Any) -> None:
    first = subject.first()
    a, b = subject.chain(first), subject.chain(first)
    if {id(weight) for weight in a.weights} & {id(weight) for weight in b.weights}:
        raise Violation("two chained models share weights")
    if equal_weights(weights_of(a), weights_of(b)):
        raise Violation("the second head of two chained models has the same weights: it must be newly initialised")


def _chain_frozen(subject: ChainerSubject, draw: Any) -> None:
    model = subject.chain(subject.first())
    before, frozen = weights_of(model), frozen_weights(model)
    train(subject, model, subject.x, 3)
    if not frozen:
        raise Violation("a layer that is frozen in the first model is trained in the chained one")
    if not equal_weights(frozen, frozen_weights(model)):
        raise Violation("a step of training changed weights that are frozen")
    if equal_weights(before, weights_of(model)):
        raise Violation("a step of training changes no weight")


def _chain_model(then: Callable[[Any, Any, np.ndarray], None]) -> Callable[[Any, Any], None]:
    return lambda subject, draw: then(subject, subject.chain(subject.first()), subject.x)


CHAINER_CHECKS = (
    Check("probabilities", "one model gives probabilities of the first one's classes", _chain_probabilities, no_keras,
          0),
    Check("first_unchanged", "the first model stays as it is", _chain_first_unchanged, no_keras, 0),
    Check("features", "the features of the first model come with their weights", _chain_features, no_keras, 0),
    Check("new_head", "the second head is newly initialised each time", _chain_new_head, no_keras, 0),
    Check("frozen", "frozen layers stay frozen, the others are trained", _chain_frozen, no_keras, 0),
    Check("deterministic", "inference gives each sample the same output each time", _chain_model(deterministic),
          no_keras, 0),
    Check("saved", "saved as .keras and loaded in safe mode, it gives the same", _chain_model(reloaded), no_keras, 0),
)  # fmt: skip


def check_chainer(factory: Callable[[], Any], *, expected_failed_checks: Mapping[str, str] | None = None) -> None:
    """Check that a chainer keeps its promises; see `check_backbone`."""
    check_all(ChainerSubject(factory), CHAINER_CHECKS, expected_failed_checks, 1)
