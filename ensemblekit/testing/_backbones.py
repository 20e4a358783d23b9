"""The checks of backbones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ._failure import Violation
from ._models import (
    ModelSubject,
    deterministic,
    equal_weights,
    frozen_weights,
    near,
    no_keras,
    reloaded,
    train,
    weights_of,
)
from ._running import Check, check_all

__all__ = ["BACKBONE_CHECKS", "BackboneSubject", "check_backbone"]


class BackboneSubject(ModelSubject):
    """A backbone under test."""

    kind = "backbone"
    input_shape = (32, 32, 3)

    @cached_property
    def pixels(self) -> np.ndarray:
        """A black, a white and two random images, 0 to 255."""
        rng = np.random.default_rng(0)
        plain = [np.zeros(self.input_shape), np.full(self.input_shape, 255.0)]
        return np.stack([*plain, *rng.uniform(0, 255, (2, *self.input_shape))]).astype(np.float32)

    @cached_property
    def built(self) -> tuple[Any, Any]:
        """A backbone and its model."""
        return self.build()

    def build(self) -> tuple[Any, Any]:
        """Create another backbone and build its model."""
        backbone = self.make()
        if not callable(getattr(backbone, "build", None)):
            raise Violation("a backbone must have a method build", received=type(backbone))
        return backbone, self.call(f"build({self.input_shape})", backbone.build, self.input_shape)


def _backbone_features(subject: BackboneSubject, draw: Any) -> None:
    backbone, model = subject.built
    if not isinstance(getattr(backbone, "name", None), str) or not backbone.name:
        raise Violation("a backbone must have a name", received=getattr(backbone, "name", None))
    if not isinstance(model, subject.keras.Model):
        raise Violation("build must return a Keras model", received=type(model))
    features = subject.predict(model, subject.pixels)
    if features.ndim != 2 or len(features) != len(subject.pixels):
        raise Violation("features must be one vector an image, (n_samples, d)", received=features.shape)
    if not np.isfinite(features).all():
        raise Violation("features of pixels from 0 to 255 must be finite", received=features[:, :4])
    if near(features[2], features[3]):
        raise Violation("two different images have the same features", received=features[2:, :4])


def _fingerprint(subject: BackboneSubject, draw: Any) -> None:
    (first, model), (second, other) = subject.built, subject.build()
    fingerprints = [first.fingerprint, first.fingerprint, second.fingerprint]
    if not all(isinstance(f, str) and f and set(f.lower()) <= set("0123456789abcdef") for f in fingerprints):
        raise Violation("a fingerprint is a hexadecimal digest", received=fingerprints)
    if fingerprints[0] != fingerprints[1]:
        raise Violation("the fingerprint of one backbone changes", received=fingerprints[:2])
    same = near(subject.predict(model, subject.pixels), subject.predict(other, subject.pixels))
    if same != (fingerprints[0] == fingerprints[2]):
        raise Violation(
            "two builds give the same features and have other fingerprints"
            if same
            else "two builds give other features and have the same fingerprint: weights and preprocessing belong to it",
            received=[fingerprints[0], fingerprints[2]],
        )


def _backbone_frozen(subject: BackboneSubject, draw: Any) -> None:
    backbone, model = subject.build()
    keras = subject.keras
    if getattr(backbone, "frozen", False) and model.trainable_weights:
        raise Violation("it is frozen and has weights that are trained", received=len(model.trainable_weights))
    pixels = keras.Input(subject.input_shape)
    classifier = keras.Model(pixels, keras.layers.Dense(2, "softmax")(model(pixels)))
    frozen = not model.trainable_weights
    before = weights_of(model) if frozen else frozen_weights(model)
    train(subject, classifier, subject.pixels, 2)
    after = weights_of(model) if frozen else frozen_weights(model)
    if not equal_weights(before, after):
        raise Violation("a step of training changed weights that are frozen")


BACKBONE_CHECKS = (
    Check("features", "raw pixels from 0 to 255 give one finite vector an image", _backbone_features, no_keras, 0),
    Check("fingerprint", "equal fingerprints, equal features", _fingerprint, no_keras, 0),
    Check(
        "deterministic",
        "inference gives each image the same features each time",
        lambda subject, draw: deterministic(subject, subject.built[1], subject.pixels),
        no_keras,
        0,
    ),
    Check("frozen", "frozen layers stay as they are in training", _backbone_frozen, no_keras, 0),
    Check(
        "saved",
        "saved as .keras and loaded in safe mode, it gives the same features",
        lambda subject, draw: reloaded(subject, subject.built[1], subject.pixels),
        no_keras,
        0,
    ),
)


def check_backbone(factory: Callable[[], Any], *, expected_failed_checks: Mapping[str, str] | None = None) -> None:
    """Check on four images of 32 x 32 pixels that a backbone keeps its promises.

    Parameters
    ----------
    factory : callable
        Makes a backbone without arguments.
    expected_failed_checks : mapping of str to str, optional
        As in `check_combiner`.

    Raises
    ------
    CheckFailedError
        At the first broken promise.
    """
    check_all(BackboneSubject(factory), BACKBONE_CHECKS, expected_failed_checks, 1)
