"""The base class of the Keras backbones: it builds and freezes them, and computes fingerprints."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemblekit.assembly import import_keras
from ensemblekit.errors import InvalidOptionError

if TYPE_CHECKING:
    import keras

__all__ = ["KerasBackbone", "global_pooling"]


class KerasBackbone:
    """A backbone made of Keras layers.

    Attributes
    ----------
    name : str
        Name of the backbone, and of the model that it builds.
    weights_used : str
        Set by `build`: the source of the weights, ``imagenet``, ``random`` or a path.
    """

    name = ""
    smallest = 32
    """Fewest pixels a side."""

    def __init__(self, *, weights: str | os.PathLike[str] | None = None, frozen: bool) -> None:
        self.weights = weights
        self.frozen = frozen
        self.weights_used = "random"
        self._weights: list[np.ndarray] | None = None
        self._fingerprint: str | None = None
        self._definition = ""

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of layers, weights and options: equal fingerprints mean equal features.

        For a backbone that is trained, it is the digest of the initial weights of the last `build`.
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
            ``(height, width, 3)`` of the images: RGB pixels from 0 to 255.

        Returns
        -------
        keras.Model
            Maps ``(n_samples, height, width, 3)`` to features ``(n_samples, d)``. A frozen backbone has the same
            weights in each build.

        Raises
        ------
        InvalidOptionError
            If the images are too small, or do not have 3 channels.
        WeightsUnavailableError
            If the weights are not available, or do not fit.
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
        """Apply the layers to the symbolic pixels; return the symbolic features, shape ``(None, d)``."""
        raise NotImplementedError

    def _digest(self, weights: list[np.ndarray]) -> str:
        digest = hashlib.sha256(self.name.encode())
        options = {
            k: v for k, v in vars(self).items() if not k.startswith("_") and k not in ("weights", "weights_used")
        }
        digest.update(repr(sorted(options.items())).encode())
        digest.update(self._definition.encode())
        for array in weights:
            digest.update(f"{array.shape}{array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def global_pooling(pooling: str) -> Any:
    """Make the layer that turns ``(height, width, d)`` into ``(d,)``."""
    keras = import_keras("Pooling")
    return keras.layers.GlobalMaxPooling2D() if pooling == "max" else keras.layers.GlobalAveragePooling2D()
