"""The features of the preset ``best``: the last map of a frozen backbone, pooled in several ways, for two views."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ensemblekit.assembly import import_keras

N_VIEWS = 2
GEM_ORDER = 3
SMALL = 1e-6
"""Under a root, so that a channel without any value has a finite slope and a value that is the same everywhere."""


class Mirror:
    """Two views of an image: view 0 as it is, view 1 mirrored left to right."""

    fingerprint = "mirror 1"

    def __repr__(self) -> str:
        return "Mirror()"

    def draw(self, images: Any, keys: Any, view: int) -> np.ndarray:
        """Draw one view of each image."""
        images = np.asarray(images, dtype=np.float32)
        return np.ascontiguousarray(images[:, :, ::-1]) if view % N_VIEWS else images


class Pooled:
    """A frozen backbone whose map is pooled in several ways.

    These are the largest value, the mean, the generalised mean of order 3 of the positive part ("gem"), which is
    between the two, and the standard deviation ("spread").

    A backbone that does not end in a global pooling of its map, or in layers after one, is taken as it is. After
    `build`, ``parts`` names the parts of the features, in order, all of one width.
    """

    frozen = True

    def __init__(self, backbone: Any) -> None:
        self._backbone = backbone
        self.name = f"{backbone.name}_pooled"
        self.parts: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Digest of the backbone's own and of the pooling."""
        return hashlib.sha256(f"pooled 3 {self._backbone.fingerprint}".encode()).hexdigest()

    def build(self, input_shape: tuple[int, int, int]) -> Any:
        """Build the feature extractor: pixels in, all parts side by side out."""
        keras = import_keras("The preset 'best'")
        model = self._backbone.build(input_shape)
        parts = _parts(keras, model)
        if not parts:
            self.parts = ("whole",)
            return model
        self.parts = tuple(parts)
        whole = keras.Model(model.inputs[0], keras.layers.Concatenate()(list(parts.values())), name=self.name)
        whole.trainable = False
        return whole

    def columns(self, features: np.ndarray, part: str) -> np.ndarray:
        """Take one part out of features ``(..., n, d)``."""
        width = features.shape[-1] // len(self.parts)
        start = self.parts.index(part) * width
        return features[..., start : start + width]


def _parts(keras: Any, model: Any) -> dict[str, Any]:
    """Pool the map that the model pools in all ways; layers that follow its own pooling follow each of them."""
    layers = keras.layers
    features, after = _map_of(keras, model.outputs[0])
    if features is None:
        return {}
    mean = layers.GlobalAveragePooling2D(keepdims=True)(features)
    variance = layers.GlobalAveragePooling2D()(keras.ops.square(features - mean))
    cubes = layers.GlobalAveragePooling2D()(keras.ops.maximum(features, 0.0) ** GEM_ORDER)
    pooled = {
        "max": layers.GlobalMaxPooling2D()(features),
        "mean": layers.GlobalAveragePooling2D()(features),
        "gem": (cubes + SMALL) ** (1 / GEM_ORDER),
        "spread": keras.ops.sqrt(variance + SMALL),
    }
    for operation in reversed(after):
        pooled = {name: operation(value) for name, value in pooled.items()}
    return pooled


def _map_of(keras: Any, output: Any) -> tuple[Any, list[Any]]:
    """Go back from the output to the map that is pooled; return it and the later layers, last first."""
    pooling = (keras.layers.GlobalMaxPooling2D, keras.layers.GlobalAveragePooling2D)
    after: list[Any] = []
    while True:
        # A layer may be part of several graphs: its own `input` is that of the first.
        operation, node, _ = output._keras_history
        fed = operation._inbound_nodes[node].input_tensors
        if isinstance(operation, pooling):
            return fed[0], after
        if len(fed) != 1:
            return None, []
        after.append(operation)
        output = fed[0]
