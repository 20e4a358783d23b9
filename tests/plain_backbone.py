"""A frozen backbone in NumPy alone: what it needs of Keras is three names, and processes that use it start at once."""

import time

import numpy as np


class PlainModel:
    """Means of the pixels, their sums of squares, and so on: ``d`` features an image."""

    trainable_weights = ()

    def __init__(self, d, batches, seconds):
        self.output_shape = (None, d)
        self._batches, self._seconds = batches, seconds

    def predict_on_batch(self, images):
        assert images.dtype == np.float32
        self._batches.append(len(images))
        time.sleep(self._seconds)
        pixels = images.reshape(len(images), -1) / 255
        return np.stack([(pixels ** (power + 1)).mean(axis=1) for power in range(self.output_shape[1])], axis=1)


class PlainBackbone:
    """Keeps count of the batches that were computed, and can be slow."""

    name = "plain"

    def __init__(self, d=4, *, fingerprint="plain", seconds=0.0):
        self.fingerprint, self.batches = fingerprint, []
        self._d, self._seconds = d, seconds

    def build(self, input_shape):
        return PlainModel(self._d, self.batches, self._seconds)


def make_images(n, *, size=8, seed=0):
    """Make different images, uint8."""
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)
