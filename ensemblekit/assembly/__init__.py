"""Import Keras with a clear error, load its files safely, copy its models, and build classifiers of its layers."""

from ._classifier import build_classifier
from ._copy import copy_model, copy_untrained, with_bare_output
from ._copy_state import copy_assets, copy_weights
from ._keras import check_tensorflow, import_keras, quiet_tensorflow
from ._keras_file import load_keras_file
from ._own import own_objects

__all__ = [
    "build_classifier",
    "check_tensorflow",
    "copy_assets",
    "copy_model",
    "copy_untrained",
    "copy_weights",
    "import_keras",
    "load_keras_file",
    "own_objects",
    "quiet_tensorflow",
    "with_bare_output",
]
