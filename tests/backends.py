"""Which backend Keras runs on, for tests of what one of them alone can do."""

import os

import pytest

BACKEND = os.environ.get("KERAS_BACKEND") or "tensorflow"

needs_tensorflow = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="text layers, tf.data, SavedModel and export to ONNX are TensorFlow's"
)
