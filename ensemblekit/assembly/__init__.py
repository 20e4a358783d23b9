"""Import Keras with a clear error, load its files safely, and build classifiers from a backbone and a head."""

from ._classifier import build_classifier
from ._keras import import_keras, quiet_tensorflow
from ._keras_file import load_keras_file

__all__ = ["build_classifier", "import_keras", "load_keras_file", "quiet_tensorflow"]
