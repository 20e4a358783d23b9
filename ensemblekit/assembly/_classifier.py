"""`build_classifier`: join augmentation, a backbone and a head to one Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CompatibilityError
from ._keras import import_keras

if TYPE_CHECKING:
    import keras

    from ..interfaces import Backbone, Head

__all__ = ["build_classifier"]


def build_classifier(
    backbone: Backbone,
    head: Head,
    *,
    input_shape: tuple[int, int, int],
    n_classes: int,
    augmentation: Sequence[keras.Layer] = (),
    name: str | None = None,
) -> keras.Model:
    """Join augmentation layers, a backbone and a head to one Keras model.

    Parameters
    ----------
    backbone : Backbone
        Maps raw pixels to features.
    head : Head
        Maps features to probabilities; it must build a Keras model.
    input_shape : tuple of int
        ``(height, width, channels)`` of an image in pixels.
    n_classes : int
        Number of classes, at least 2.
    augmentation : sequence of keras.Layer, optional
        Applied to the raw pixels, 0 to 255, before the backbone and its preprocessing.
    name : str, optional
        Name of the model.

    Returns
    -------
    keras.Model
        Maps ``(n_samples, height, width, channels)`` to ``(n_samples, n_classes)``; not compiled. The backbone is one
        nested layer; the layers of the head are layers of the model itself.

    Raises
    ------
    CompatibilityError
        If the head does not build a Keras model, does not fit the features, or its outputs are no probabilities.
    MissingDependencyError
        If Keras is not installed.

    Examples
    --------
    >>> from ensemblekit import build_classifier, load_plugins
    >>> plugins = load_plugins()
    >>> backbone, head = plugins.create_backbone("custom_cnn"), plugins.create_head("classifier_head")
    >>> build_classifier(backbone, head, input_shape=(32, 32, 3), n_classes=4).output_shape
    (None, 4)
    """
    keras = import_keras("build_classifier")
    pixels = keras.Input(input_shape, name="pixels")
    augmented = pixels
    for layer in augmentation:
        augmented = layer(augmented)
    features = backbone.build(input_shape)(augmented)
    built = head.build(tuple(features.shape[1:]), n_classes)
    if not isinstance(built, keras.Model):
        raise CompatibilityError(
            f"build_classifier needs a head that builds a Keras model; {type(head).__name__} built a "
            f"{type(built).__name__}. Fit that on the backbone's features instead."
        )
    # `call` adds the head's layers to this model's graph one by one, so that a chainer finds the features.
    probas = built.call(features)
    if tuple(probas.shape[1:]) != (n_classes,):
        raise CompatibilityError(
            f"a head must map features to one probability a class, shape (n_samples, {n_classes}); "
            f"{type(head).__name__} maps them to {tuple(probas.shape)}."
        )
    _check_probas(head, built, features)
    return keras.Model(pixels, probas, name=name)


def _check_probas(head: Head, built: keras.Model, features: Any) -> None:
    """Refuse a head whose outputs are no probabilities: that would be noticed only after it is trained."""
    shape = tuple(features.shape[1:])
    if None in shape:
        return
    # Any outputs are probabilities somewhere, and logits lie outside of [0, 1] for features that are large enough.
    some = np.random.default_rng(0).normal(scale=10, size=(8, *shape)).astype("float32")
    outputs: Any = import_keras("build_classifier").ops.convert_to_numpy(built(some, training=False))
    values = np.asarray(outputs, dtype=np.float64)
    if not ((values >= -1e-3) & (values <= 1 + 1e-3)).all():
        raise CompatibilityError(
            f"a head must map features to probabilities; the outputs of {type(head).__name__} range from "
            f"{values.min():.3g} to {values.max():.3g}. End it with the activation 'softmax'."
        )
