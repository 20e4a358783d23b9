"""The base class of the backbones from ``keras.applications``; it loads their weights."""

from __future__ import annotations

import contextlib
import os
import socket
import warnings
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ensemblekit.assembly import import_keras
from ensemblekit.errors import RandomWeightsWarning, WeightsUnavailableError

from ..options import check_choice
from .keras_backbone import KerasBackbone

if TYPE_CHECKING:
    import keras

__all__ = ["ApplicationBackbone"]

DOWNLOAD_TIMEOUT = 30
"""A download of weights fails if there is no answer for this many seconds."""


class ApplicationBackbone(KerasBackbone):
    """A network of ``keras.applications`` with global pooling; it may be pretrained on ImageNet."""

    def __init__(
        self,
        *,
        weights: str | os.PathLike[str] | None = "auto",
        preprocessing: Literal["imagenet", "study"] = "imagenet",
        pooling: Literal["max", "avg"] = "max",
        frozen: bool = True,
    ) -> None:
        check_choice("preprocessing", preprocessing, ("imagenet", "study"))
        check_choice("pooling", pooling, ("max", "avg"))
        super().__init__(weights=weights, frozen=frozen)
        self.preprocessing = preprocessing
        self.pooling = pooling
        self._scale: float | None = None

    def _prepare(self, pixels: Any) -> Any:
        """Preprocess the pixels in the same way as for the training of the ImageNet weights."""
        raise NotImplementedError

    def _network(self, weights: str | None, input_shape: tuple[int, ...]) -> keras.Model:
        """Build the network without its top layers."""
        raise NotImplementedError

    def _features(self, pixels: Any) -> Any:
        keras = import_keras(f"Backbone {self.name!r}")
        study = self.preprocessing == "study"
        prepared = keras.layers.Rescaling(1 / 255)(pixels) if study else self._prepare(pixels)
        shape = tuple(pixels.shape[1:])
        if self._weights is None:
            network, self.weights_used = _with_weights(lambda w: self._network(w, shape), self.weights, self.name)
            if self.frozen and self.weights_used == "random":
                self._scale = _unit_scale(network)
        else:
            network = self._network(None, shape)  # `build` restores the weights
        features = network.call(prepared)
        return features if self._scale is None else keras.layers.Rescaling(self._scale)(features)

    def _digest(self, weights: list[np.ndarray]) -> str:
        # The scale depends on the shape of the first build. The features depend on the scale, as on a weight.
        return super()._digest(weights if self._scale is None else [*weights, np.array([self._scale])])


def _with_weights(
    make: Callable[[str | None], keras.Model], weights: str | os.PathLike[str] | None, name: str
) -> tuple[keras.Model, str]:
    """Make a network of ``keras.applications`` with the requested weights.

    Parameters
    ----------
    make : callable
        Takes the argument ``weights`` of ``keras.applications`` and returns the network.
    weights : {"auto", "imagenet", "none"}, path-like or None
        ``auto`` uses random weights, with a warning, if the ImageNet weights are not available.
    name : str
        Name of the backbone, for messages.

    Returns
    -------
    network : keras.Model
        The network with its weights.
    weights_used : str
        ``imagenet``, ``random`` or the path.
    """
    if weights is None or weights == "none":
        return make(None), "random"
    if weights not in ("auto", "imagenet"):
        return _from_file(make, Path(weights), name)
    try:
        with _download_timeout():
            return make("imagenet"), "imagenet"
    except Exception as error:  # Keras raises a plain Exception if a download fails
        reason = f"the ImageNet weights of backbone {name!r} are not cached and cannot be downloaded ({error})."
        remedy = "Give the path of a weights file, or weights='none' for random ones."
        if weights == "imagenet":
            raise WeightsUnavailableError(f"{reason[0].upper()}{reason[1:]} {remedy}") from error
        warnings.warn(
            f"Backbone {name!r} has random weights: {reason} Its features are untrained. {remedy}",
            RandomWeightsWarning,
            stacklevel=4,
        )
        return make(None), "random"


def _unit_scale(network: keras.Model) -> float:
    """Find the factor that scales the features of an untrained network to a spread of about 1.

    Untrained batch normalisation layers make the signal vanish, in MobileNetV2 to 1e-12. This is too small for a head
    to learn from.
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
def _download_timeout() -> Generator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
