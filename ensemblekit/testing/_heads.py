"""The checks of heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from ._failure import Violation
from ._models import ModelSubject, deterministic, equal_weights, probabilities, reloaded, train, weights_of
from ._running import Check, check_all

__all__ = ["HEAD_CHECKS", "HeadSubject", "check_head"]


class HeadSubject(ModelSubject):
    """A head under test."""

    kind = "head"
    features = np.random.default_rng(0).normal(size=(12, 6)).astype(np.float32)

    def build(self, feature_shape: tuple[int, ...] = (6,), n_classes: int = 3) -> Any:
        """Build the head."""
        head = self.make()
        if not callable(getattr(head, "build", None)):
            raise Violation("a head must have a method build", received=type(head))
        return self.call(f"build({feature_shape}, {n_classes})", head.build, feature_shape, n_classes)

    def is_keras(self, built: Any) -> bool:
        """Whether the head built a Keras model; anything except a Keras model or a classifier is a violation."""
        if find_spec("keras") and isinstance(built, self.keras.Model):
            return True
        if not callable(getattr(built, "fit", None)) or not callable(getattr(built, "predict_proba", None)):
            raise Violation("build must return a Keras model or a classifier with predict_proba", received=type(built))
        return False


def _head_probabilities(subject: HeadSubject, draw: Any) -> None:
    for n_features, n_classes in ((6, 3), (5, 2)):
        built, x = subject.build((n_features,), n_classes), subject.features[:, :n_features]
        if subject.is_keras(built):
            output = np.concatenate([subject.predict(built, x), subject.predict(built, 100 * x)])
        else:
            fitted = subject.call("fit", built.fit, x, np.arange(len(x)) % n_classes)
            output = np.concatenate([fitted.predict_proba(x), fitted.predict_proba(100 * x)])
        probabilities(output, (2 * len(x), n_classes))


def _head_new(subject: HeadSubject, draw: Any) -> None:
    head = subject.make()
    first = subject.call("build((6,), 3)", head.build, (6,), 3)
    if subject.is_keras(first):
        train(subject, first, subject.features, 3)
        trained = weights_of(first)
        second = subject.call("build((6,), 3)", head.build, (6,), 3)
        shared = {id(weight) for weight in first.weights} & {id(weight) for weight in second.weights}
        if second is first or shared:
            raise Violation("two builds share their weights")
        if trained and equal_weights(trained, weights_of(second)):
            raise Violation("a build has the weights of one that was trained before")
        if not equal_weights(trained, weights_of(first)):
            raise Violation("building again changed the weights of the first model")
        return
    first.fit(subject.features, np.arange(len(subject.features)) % 3)
    second = subject.call("build((6,), 3)", head.build, (6,), 3)
    if second is first or any(name.endswith("_") and not name.startswith("_") for name in vars(second)):
        raise Violation("a second build must be another, unfitted classifier")


def _head_trains(subject: HeadSubject, draw: Any) -> None:
    built = subject.build()
    if subject.is_keras(built):
        before = weights_of(built)
        train(subject, built, subject.features, 3)
        if equal_weights(before, weights_of(built)):
            raise Violation("a step of training changes no weight")


def _head_model(then: Callable[[Any, Any, np.ndarray], None]) -> Callable[[Any, Any], None]:
    def run(subject: HeadSubject, draw: Any) -> None:
        built = subject.build()
        if subject.is_keras(built):
            then(subject, built, subject.features)

    return run


HEAD_CHECKS = (
    Check("probabilities", "features of any size give probabilities of any number of classes", _head_probabilities,
          share=0),
    Check("new_each_time", "each build is newly initialised", _head_new, share=0),
    Check("trains", "a step of training changes its weights", _head_trains, share=0),
    Check("deterministic", "inference gives each sample the same output each time", _head_model(deterministic),
          share=0),
    Check("saved", "saved as .keras and loaded in safe mode, it gives the same", _head_model(reloaded), share=0),
)  # fmt: skip


def check_head(factory: Callable[[], Any], *, expected_failed_checks: Mapping[str, str] | None = None) -> None:
    """Check that a head keeps its promises; see `check_backbone`."""
    check_all(HeadSubject(factory), HEAD_CHECKS, expected_failed_checks, 1)
