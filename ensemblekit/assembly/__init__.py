"""Import Keras with a clear error, load its files safely, copy its models, and build classifiers of its layers."""

from ._classifier import build_classifier
from ._copy import copy_model, copy_untrained
from ._copy_state import copy_assets, copy_weights
from ._keras import import_keras, quiet_tensorflow
from ._keras_file import load_keras_file

__all__ = [
    "build_classifier",
    "copy_assets",
    "copy_model",
    "copy_untrained",
    "copy_weights",
    "import_keras",
    "load_keras_file",
    "quiet_tensorflow",
]
