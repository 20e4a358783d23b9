"""One Keras classifier out of augmentation, a backbone and a head."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .errors import CompatibilityError, MissingDependencyError

if TYPE_CHECKING:
    import keras

    from .interfaces import Backbone, Head

__all__ = ["build_classifier", "import_keras", "quiet_tensorflow"]


def import_keras(what: str) -> Any:
    """Import Keras, or say how to install it.

    Parameters
    ----------
    what : str
        What needs it, as the subject of the error.

    Returns
    -------
    module
        Keras.

    Raises
    ------
    MissingDependencyError
        If Keras or TensorFlow is not installed.
    """
    try:
        import keras
    except ImportError as error:
        raise MissingDependencyError(
            f'{what} needs Keras and TensorFlow, which are not installed: pip install "ensemblekit[tensorflow]".'
        ) from error
    return keras


@contextmanager
def quiet_tensorflow() -> Generator[None]:
    """Import TensorFlow without its start-up lines, which it writes past Python, before it reads its own settings.

    Yields
    ------
    None
        While this lasts, standard error is lost: import, and nothing else.

    Examples
    --------
    >>> from ensemblekit.assembly import quiet_tensorflow
    >>> with quiet_tensorflow():
    ...     import keras
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    kept = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


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
        Maps features to probabilities; must build a Keras model.
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
        nested layer, the layers of the head stand beside it.

    Raises
    ------
    CompatibilityError
        If the head does not build a Keras model, or does not fit the features.
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
    # `call` lays the head's own layers into this model's graph: its features stay within reach of a chainer.
    probas = built.call(features)
    if tuple(probas.shape[1:]) != (n_classes,):
        raise CompatibilityError(
            f"a head must map features to one probability a class, shape (n_samples, {n_classes}); "
            f"{type(head).__name__} maps them to {tuple(probas.shape)}."
        )
    return keras.Model(pixels, probas, name=name)
