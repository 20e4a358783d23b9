"""Keras, its files, and one classifier out of augmentation, a backbone and a head."""

from ._classifier import build_classifier
from ._file import load_keras_file
from ._keras import import_keras, quiet_tensorflow

__all__ = ["build_classifier", "import_keras", "load_keras_file", "quiet_tensorflow"]
