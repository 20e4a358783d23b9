"""Keras imported with a clear error, its files loaded safely, and classifiers built of a backbone and a head."""

from ._classifier import build_classifier
from ._keras import import_keras, quiet_tensorflow
from ._keras_file import load_keras_file

__all__ = ["build_classifier", "import_keras", "load_keras_file", "quiet_tensorflow"]
