"""Affine resampling of images."""

from __future__ import annotations

import numpy as np

__all__ = ["warp"]


def warp(images: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Resample images, bilinearly, reflected at the border.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        Pixels.
    maps : ndarray of float64, shape (n, 2, 3)
        From ``(x, y, 1)`` of a pixel of the result to its place in the image, in pixels.

    Returns
    -------
    ndarray of float32, shape (n, height, width, channels)
    """
    out = np.empty(images.shape, dtype=np.float32)
    height, width = images.shape[1:3]
    columns, rows = np.arange(width), np.arange(height)[:, np.newaxis]
    for image, ((a, b, c), (d, e, f)), result in zip(images, maps, out, strict=True):
        x, left, right = _between(a * columns + (b * rows + c), width)
        y, upper, lower = _between(d * columns + (e * rows + f), height)
        pixels = image.astype(np.float32, copy=False).reshape(height * width, -1)
        top, bottom = upper * width, lower * width
        first = _mix(pixels[top + left], pixels[top + right], x)
        second = _mix(pixels[bottom + left], pixels[bottom + right], x)
        result[...] = _mix(first, second, y)
    return out


def _between(place: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # Reflected as d c b a | a b c d | d c b a.
    place = np.mod(place + 0.5, 2 * length)
    place = np.clip(np.minimum(place, 2 * length - place) - 0.5, 0, length - 1)
    lower = place.astype(np.intp)
    return (place - lower).astype(np.float32)[..., np.newaxis], lower, np.minimum(lower + 1, length - 1)


def _mix(first: np.ndarray, second: np.ndarray, part: np.ndarray) -> np.ndarray:
    return first + (second - first) * part
