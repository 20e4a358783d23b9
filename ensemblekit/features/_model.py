"""A backbone's Keras model, run batch by batch in one shape."""

from __future__ import annotations

import sys
import weakref
from typing import Any

import numpy as np

from ..assembly import import_keras
from ..errors import CompatibilityError

__all__ = ["BackboneModel", "check_frozen", "precision"]

_models: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()
"""Frozen backbones -> their models: the splits of a data set come one after the other, and building takes seconds."""


class BackboneModel:
    """A frozen backbone as a function of batches.

    Parameters
    ----------
    backbone : Backbone
        What is built.
    input_shape : tuple of int
        ``(height, width, channels)``.
    must_be_frozen : bool
        Refuse a model with weights that training changes.
    """

    def __init__(self, backbone: Any, input_shape: tuple[int, ...], *, must_be_frozen: bool) -> None:
        self._model = _build(backbone, input_shape)
        if must_be_frozen and self._model.trainable_weights:
            raise CompatibilityError(
                _not_frozen(backbone, f"has {len(self._model.trainable_weights)} trainable weights")
            )
        if len(self._model.output_shape) != 2 or self._model.output_shape[1] is None:
            raise CompatibilityError(
                f"a backbone must map images to features (n, d); {_name(backbone)!r} maps them to "
                f"{self._model.output_shape}. Add a pooling layer."
            )
        self.n_features = int(self._model.output_shape[1])

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Give the features of a batch, float32."""
        return np.asarray(self._model.predict_on_batch(images), dtype=np.float32)


def check_frozen(backbone: Any) -> str:
    """Give the fingerprint of a backbone whose features may be kept, or refuse it.

    Raises
    ------
    CompatibilityError
        If it says that it is trained, or has no fingerprint.
    """
    if getattr(backbone, "frozen", True) is False:
        raise CompatibilityError(_not_frozen(backbone, "says frozen=False"))
    fingerprint = getattr(backbone, "fingerprint", None)
    if not isinstance(fingerprint, str) or not fingerprint:
        raise CompatibilityError(
            "features are kept under the fingerprint of their backbone, a str that changes with weights and "
            f"preprocessing; {_name(backbone)!r} has {fingerprint!r}. Give it one, or leave out the bank."
        )
    return fingerprint


def precision() -> str:
    """Name what Keras computes in: features of another precision are others."""
    keras = sys.modules.get("keras")
    return "float32" if keras is None else str(keras.config.dtype_policy().name)


def _build(backbone: Any, input_shape: tuple[int, ...]) -> Any:
    import_keras("extract_features")
    try:
        known = _models.setdefault(backbone, {})
    except TypeError:  # neither hashable nor to be referred to weakly
        known = {}
    state = (input_shape, precision(), getattr(backbone, "fingerprint", None))
    if state not in known:
        model = backbone.build(input_shape)
        if model.trainable_weights:  # each build may begin with new ones
            return model
        known.clear()
        known[input_shape, precision(), getattr(backbone, "fingerprint", None)] = model
        return model
    return known[state]


def _not_frozen(backbone: Any, why: str) -> str:
    return (
        "only features of frozen backbones are kept, as those of others change with training; "
        f"{_name(backbone)!r} {why}. Make it with frozen=True, or leave out the bank."
    )


def _name(backbone: Any) -> str:
    return str(getattr(backbone, "name", None) or type(backbone).__name__)
