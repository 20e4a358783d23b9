"""Pixels as pictures for people: bytes of grey or RGB, made small."""

from __future__ import annotations

import numpy as np

__all__ = ["byte_range", "shrink", "to_bytes"]


def byte_range(pixels: np.ndarray) -> tuple[float, float]:
    """Return the values that become black and white: 0 and 255, or the least and greatest where any is beyond these."""
    low, high = float(pixels.min()), float(pixels.max())
    return (0.0, 255.0) if low >= 0 and high <= 255 else (low, high)


def to_bytes(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Round values to bytes.

    Parameters
    ----------
    values : ndarray
        Numbers from ``low`` to ``high``.
    low, high : float
        What becomes 0 and 255; if they are equal, all becomes 0.

    Returns
    -------
    ndarray of uint8
        Of the same shape.
    """
    numbers = values.astype(np.float64, copy=False)
    return np.rint((numbers - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)


def shrink(pixels: np.ndarray, side: int) -> np.ndarray:
    """Make a picture of an image, no higher and no wider than ``side``.

    Parameters
    ----------
    pixels : ndarray of shape (height, width) or (height, width, n_channels)
        Finite numbers. One channel is grey, three are RGB; of other numbers the mean is shown, as grey.
    side : int
        Largest height and width in pixels. A smaller image keeps its size.

    Returns
    -------
    ndarray of uint8, shape (height, width) or (height, width, 3)
        The proportions are kept.
    """
    from PIL import Image

    if pixels.dtype != np.uint8:
        pixels = to_bytes(pixels, *byte_range(pixels))
    if pixels.ndim == 3 and pixels.shape[-1] != 3:
        grey = pixels[..., 0] if pixels.shape[-1] == 1 else pixels.mean(axis=-1)
        pixels = np.rint(grey).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.asarray(image)
