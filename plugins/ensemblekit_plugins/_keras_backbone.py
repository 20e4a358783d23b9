"""What the Keras backbones share: building, freezing, weights and fingerprints."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import warnings
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemblekit import InvalidOptionError, RandomWeightsWarning, WeightsUnavailableError
from ensemblekit.assembly import import_keras

if TYPE_CHECKING:
    import keras

__all__ = ["KerasBackbone", "global_pooling"]

DOWNLOAD_TIMEOUT = 30
"""Seconds without an answer before a download of weights is given up."""


class KerasBackbone:
    """A backbone made of Keras layers.

    Attributes
    ----------
    name : str
        Name of the backbone, and of the model that it builds.
    weights_used : str
        After `build`: where its weights came from, ``imagenet``, ``random`` or a path.
    """

    name = ""
    smallest = 32
    """Fewest pixels a side."""

    def __init__(self, *, weights: str | os.PathLike[str] | None = None, frozen: bool) -> None:
        self.weights = weights
        self.frozen = frozen
        self.weights_used = "random"
        self._weights: list[np.ndarray] | None = None
        self._scale: float | None = None
        self._fingerprint: str | None = None

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of weights and options: equal fingerprints give equal features.

        Of a backbone that is trained, it is that of the weights that the last `build` started from.
        """
        if self._fingerprint is None:
            side = max(224, self.smallest)
            self.build((side, side, 3))
        assert self._fingerprint is not None  # noqa: S101 - build sets it
        return self._fingerprint

    def build(self, input_shape: tuple[int, int, int]) -> keras.Model:
        """Build the feature extractor.

        Parameters
        ----------
        input_shape : tuple of int
            ``(height, width, 3)`` of an image in pixels, RGB, 0 to 255.

        Returns
        -------
        keras.Model
            Maps ``(n_samples, height, width, 3)`` to features ``(n_samples, d)``. A frozen backbone has the same
            weights each time.

        Raises
        ------
        InvalidOptionError
            If the images are too small, or do not have 3 channels.
        WeightsUnavailableError
            If the weights cannot be had, or do not fit.
        MissingDependencyError
            If Keras is not installed.
        """
        keras = import_keras(f"Backbone {self.name!r}")
        if len(input_shape) != 3 or input_shape[2] != 3 or min(input_shape[:2]) < self.smallest:
            raise InvalidOptionError(
                f"backbone {self.name!r} takes images of shape (height, width, 3) of at least {self.smallest} pixels a "
                f"side; received {tuple(input_shape)}."
            )
        pixels = keras.Input(input_shape, name="pixels")
        model = keras.Model(pixels, self._features(pixels), name=self.name)
        if self.frozen:
            model.trainable = False
            if self._weights is not None:
                model.set_weights(self._weights)
        weights = model.get_weights()
        if self.frozen:
            self._weights = weights
        self._fingerprint = self._digest(weights)
        return model

    def _features(self, pixels: Any) -> Any:
        """Lay the layers on the symbolic pixels; return the symbolic features, shape ``(None, d)``."""
        raise NotImplementedError

    def _extract(self, make: Callable[[str | None], keras.Model], prepared: Any) -> Any:
        """Lay a network of ``keras.applications`` with the weights asked for on prepared pixels."""
        if self._weights is None:
            network, self.weights_used = _application(make, self.weights, self.name)
            if self.frozen and self.weights_used == "random":
                self._scale = _unit_scale(network)
        else:
            network = make(None)  # `build` puts the weights back
        features = network.call(prepared)
        return features if self._scale is None else import_keras(self.name).layers.Rescaling(self._scale)(features)

    def _digest(self, weights: list[np.ndarray]) -> str:
        digest = hashlib.sha256(self.name.encode())
        options = {
            k: v for k, v in vars(self).items() if not k.startswith("_") and k not in ("weights", "weights_used")
        }
        digest.update(repr(sorted(options.items())).encode())
        for array in weights:
            digest.update(f"{array.shape}{array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def global_pooling(pooling: str) -> Any:
    """Make the layer that turns ``(height, width, d)`` into ``(d,)``."""
    keras = import_keras("Pooling")
    return keras.layers.GlobalMaxPooling2D() if pooling == "max" else keras.layers.GlobalAveragePooling2D()


def _application(
    make: Callable[[str | None], keras.Model], weights: str | os.PathLike[str] | None, name: str
) -> tuple[keras.Model, str]:
    """Make a network of ``keras.applications`` with the weights that were asked for.

    Parameters
    ----------
    make : callable
        From what ``keras.applications`` calls ``weights`` to the network.
    weights : {"auto", "imagenet", "none"}, path-like or None
        ``auto`` falls back to random weights, with a warning.
    name : str
        Of the backbone, for messages.

    Returns
    -------
    network : keras.Model
        With its weights.
    weights_used : str
        ``imagenet``, ``random`` or the path.
    """
    if weights is None or weights == "none":
        return make(None), "random"
    if weights not in ("auto", "imagenet"):
        return _from_file(make, Path(weights), name)
    try:
        with _patience():
            return make("imagenet"), "imagenet"
    except Exception as error:  # Keras raises a plain Exception where a download fails
        reason = f"the ImageNet weights of backbone {name!r} are neither cached nor to be downloaded ({error})."
        remedy = "Give the path of a weights file, or weights='none' for random ones."
        if weights == "imagenet":
            raise WeightsUnavailableError(f"{reason[0].upper()}{reason[1:]} {remedy}") from error
        warnings.warn(
            f"Backbone {name!r} has random weights: {reason} Its features have learned nothing. {remedy}",
            RandomWeightsWarning,
            stacklevel=5,
        )
        return make(None), "random"


def _unit_scale(network: keras.Model) -> float:
    """Find the factor that gives the features of an untrained network a spread of about 1.

    Its batch normalisation layers have seen nothing and let the signal fade, in MobileNetV2 to 1e-12: too small for a
    head to learn from.
    """
    noise = np.random.default_rng(0).standard_normal((8, *network.input_shape[1:])).astype(np.float32)
    spread = float(np.asarray(network.predict_on_batch(noise)).std(axis=0).mean())
    return 1 / spread if spread > 0 else 1.0


def _from_file(make: Callable[[str | None], keras.Model], path: Path, name: str) -> tuple[keras.Model, str]:
    if not path.is_file():
        raise WeightsUnavailableError(
            f"weights must be 'auto', 'imagenet', 'none' or a file; backbone {name!r} received {str(path)!r}, and no "
            "file is there."
        )
    try:
        return make(str(path)), str(path)
    except Exception as error:
        raise WeightsUnavailableError(
            f"the weights of backbone {name!r} must be a Keras weights file of that network without its top; "
            f"{str(path)!r} does not fit: {error}"
        ) from error


@contextlib.contextmanager
def _patience() -> Generator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
