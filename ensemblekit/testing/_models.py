"""Shared parts of the checks of backbones, heads and chainers: build a model, train one step, save and reload."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..assembly import import_keras
from ._failure import Violation, raise_violation
from ._subject import Subject

__all__ = [
    "ModelSubject",
    "deterministic",
    "equal_weights",
    "frozen_weights",
    "near",
    "no_keras",
    "probabilities",
    "reloaded",
    "train",
    "weights_of",
]

TOLERANCE = 1e-4
"""Largest difference between two runs of one network, relative to the largest output."""


class ModelSubject(Subject):
    """A backbone, head or chainer under test. Built models are cached, as building is slow."""

    kind = ""

    @cached_property
    def keras(self) -> Any:
        """The module keras; it is imported when it is first used."""
        return import_keras(f"checking a {self.kind}")

    def call(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call one of its methods; an exception is a violation."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return function(*arguments)
        except Exception as error:
            return raise_violation(error, what, {})

    def predict(self, model: Any, x: np.ndarray) -> np.ndarray:
        """Run a model in inference mode."""
        return np.asarray(self.call("running the model", self._run, model, x))

    def _run(self, model: Any, x: np.ndarray) -> Any:
        return self.keras.ops.convert_to_numpy(model(x, training=False))


def no_keras(subject: Any) -> str | None:
    """Skip a check if Keras is not installed."""
    return None if find_spec("keras") else "no Keras"


def near(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two outputs are equal within `TOLERANCE`."""
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE * float(np.abs(a).max())))


def deterministic(subject: Any, model: Any, x: np.ndarray) -> None:
    """Check that inference is deterministic, and that a sample's output does not depend on its batch."""
    whole = subject.predict(model, x)
    for what, again in (
        ("a second run gives other outputs: dropout or noise is active in inference", subject.predict(model, x)),
        (
            "a sample alone gets another output than in a batch",
            np.concatenate([subject.predict(model, row[np.newaxis]) for row in x]),
        ),
    ):
        if not near(whole, again):
            raise Violation(what, expected=whole.ravel()[:6], received=again.ravel()[:6])


def reloaded(subject: Any, model: Any, x: np.ndarray) -> None:
    """Check that a model saved as ``.keras`` and loaded in safe mode gives the same outputs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        try:
            model.save(path)
            again = subject.keras.models.load_model(path, safe_mode=True, compile=False)
        except Exception as error:
            raise_violation(error, "saving as .keras and loading in safe mode", {})
        expected, received = subject.predict(model, x), subject.predict(again, x)
    if not near(expected, received):
        raise Violation(
            "the reloaded model gives other outputs", expected=expected.ravel()[:6], received=received.ravel()[:6]
        )


def probabilities(model_output: np.ndarray, shape: tuple[int, ...]) -> None:
    """Check the shape and values of rows of probabilities."""
    if model_output.shape != shape:
        raise Violation("the output has another shape", expected=shape, received=model_output.shape)
    sums = model_output.sum(axis=-1)
    if not (np.isfinite(model_output).all() and model_output.min() >= 0 and np.abs(sums - 1).max() < 1e-3):
        raise Violation("each row must be probabilities that sum to 1", received=model_output[:2])


def train(subject: Any, model: Any, x: np.ndarray, n_classes: int) -> None:
    """Train one step."""
    model.compile(subject.keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    subject.call("a step of training", model.train_on_batch, x, np.arange(len(x)) % n_classes)


def weights_of(model: Any) -> list[np.ndarray]:
    """Copy the weights of a model."""
    return [np.array(weight) for weight in model.get_weights()]


def equal_weights(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    """Whether weights are equal to the bit."""
    return len(a) == len(b) and all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


def frozen_weights(model: Any) -> list[np.ndarray]:
    """Copy the weights of all frozen layers, including nested ones."""
    return [
        np.array(weight)
        for layer in model._flatten_layers(include_self=False)
        if not layer.trainable
        for weight in layer.get_weights()
    ]
