"""The Keras model of a backbone, which runs on batches of only a few different sizes."""

from __future__ import annotations

import sys
import weakref
from typing import Any

import numpy as np

from ..errors import CompatibilityError

__all__ = ["BackboneModel", "backbone_name", "check_bankable", "precision"]

_Built = tuple[Any, set[int]]

_built: weakref.WeakKeyDictionary[Any, dict[Any, _Built]] = weakref.WeakKeyDictionary()
"""Frozen backbones -> their model and the batch sizes that it was traced for.

Building and tracing takes seconds, and the splits of a data set are extracted one after the other.
"""


class BackboneModel:
    """A backbone as a function of batches.

    Parameters
    ----------
    backbone : Backbone
        The backbone.
    input_shape : tuple of int
        ``(height, width, channels)``.
    frozen : bool
        Refuse a model with trainable weights.
    """

    def __init__(self, backbone: Any, input_shape: tuple[int, ...], *, frozen: bool) -> None:
        self._model, self._sizes = _build(backbone, input_shape)
        if frozen and self._model.trainable_weights:
            raise CompatibilityError(
                _not_frozen(backbone, f"has {len(self._model.trainable_weights)} weights that training changes")
            )
        shape = self._model.output_shape
        if len(shape) != 2 or shape[1] is None:
            raise CompatibilityError(
                f"a backbone must map images to features of shape (n, d); {backbone_name(backbone)!r} maps them to "
                f"{shape}. Add a pooling layer."
            )
        self.n_features = int(shape[1])

    def __call__(self, images: np.ndarray, batch_size: int) -> np.ndarray:
        """Compute the float32 features of at most ``batch_size`` images; pad them to a size that was traced before."""
        n = len(images)
        fitting = [size for size in self._sizes if n <= size <= batch_size]
        # Tracing a new size takes as long as a batch of images.
        size = min(fitting, default=min(batch_size, 1 << (n - 1).bit_length()))
        self._sizes.add(size)
        if size > n:
            images = np.concatenate([images, np.zeros((size - n, *images.shape[1:]), dtype=images.dtype)])
        return np.asarray(self._model.predict_on_batch(images), dtype=np.float32)[:n]


def check_bankable(backbone: Any) -> str:
    """Return the fingerprint of a backbone; refuse a backbone if its features cannot be stored.

    Raises
    ------
    CompatibilityError
        If the backbone is not frozen, or has no fingerprint.
    """
    if getattr(backbone, "frozen", True) is False:
        raise CompatibilityError(_not_frozen(backbone, "has frozen=False"))
    fingerprint = getattr(backbone, "fingerprint", None)
    if not isinstance(fingerprint, str) or not fingerprint:
        raise CompatibilityError(
            "features are kept under the fingerprint of their backbone, a str that changes with its weights and "
            f"preprocessing; {backbone_name(backbone)!r} has {fingerprint!r}. Give it one, or leave out the bank."
        )
    return fingerprint


def precision() -> str:
    """Return Keras's dtype policy, on which features depend."""
    keras = sys.modules.get("keras")
    return "float32" if keras is None else str(keras.config.dtype_policy().name)


def backbone_name(backbone: Any) -> str:
    """Return the name of a backbone, or of its class."""
    return str(getattr(backbone, "name", None) or type(backbone).__name__)


def _build(backbone: Any, input_shape: tuple[int, ...]) -> _Built:
    try:
        known = _built.setdefault(backbone, {})
    except TypeError:  # the backbone cannot be hashed, or cannot have weak references
        known = {}
    key = (input_shape, precision(), getattr(backbone, "fingerprint", None))
    if key not in known:
        model = backbone.build(input_shape)
        if model.trainable_weights:  # the next build may start with other weights
            return model, set()
        known.clear()
        known[key] = model, set()
    return known[key]


def _not_frozen(backbone: Any, why: str) -> str:
    return (
        "only features of frozen backbones are kept, as training changes those of others; "
        f"{backbone_name(backbone)!r} {why}. Make it with frozen=True, or leave out the bank."
    )
