"""How long a model takes for an image."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

__all__ = ["ms_per_image"]

BATCH = 32
SECONDS = 1.0
MOST = 10


def ms_per_image(model: Any, images: np.ndarray) -> float:
    """Measure the milliseconds that a whole model takes for an image, in batches of 32: the median of a few.

    Parameters
    ----------
    model : keras.Model
        Raw pixels in.
    images : ndarray of shape (n, height, width, 3)
        The first are repeated where there are fewer than a batch.

    Returns
    -------
    float
        Without the first batch, in which the model is prepared.
    """
    batch = np.resize(images[:BATCH], (BATCH, *images.shape[1:]))
    model.predict_on_batch(batch)
    seconds: list[float] = []
    while len(seconds) < MOST and sum(seconds) < SECONDS:
        start = time.perf_counter()
        model.predict_on_batch(batch)
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds) / BATCH
