"""One image file, as Keras would read it, without TensorFlow."""

from __future__ import annotations

import os
from typing import IO

import numpy as np

from ..arguments import typed
from ..errors import InvalidOptionError, MissingDependencyError, UnreadableImageError

__all__ = ["BROKEN", "decode", "read_image", "resize_image"]

BROKEN = (OSError, ValueError, SyntaxError, EOFError)
"""What Pillow raises where a file is no image, or not a whole one."""


@typed()
def read_image(path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> np.ndarray:
    """Decode one image as RGB and, where a size is given, resize it.

    Parameters
    ----------
    path : path-like
        An image file; transparency is dropped, grey becomes RGB, of 16 bits the upper 8 are kept.
    size : tuple of int, optional
        ``(height, width)`` in pixels; by default its own.

    Returns
    -------
    ndarray of shape (height, width, 3)
        0 to 255; float32, or uint8 in its own size.

    Raises
    ------
    UnreadableImageError
        If the file is truncated, or no image, or has 32 bits a channel.
    MissingDependencyError
        If Pillow is not installed.
    """
    try:
        pixels = decode(path)[0]
        return pixels if size is None else resize_image(pixels, size)
    except BROKEN as error:
        raise UnreadableImageError(
            f"an image must be readable; {os.fspath(path)!r} is not: {error}. Replace it, or leave it out with "
            "skip_unreadable=True."
        ) from error


def decode(file: str | os.PathLike[str] | IO[bytes]) -> tuple[np.ndarray, str, str]:
    """Decode an image as models see it: RGB, transparency dropped, not turned by its orientation tag.

    Returns
    -------
    pixels : ndarray of uint8, shape (height, width, 3)
        Grey becomes RGB, of 16 bits the upper 8 are kept.
    mode, format : str
        As Pillow calls them.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError(
            'Reading images needs Pillow, which is not installed: pip install "ensemblekit[images]".'
        ) from error
    try:
        with Image.open(file) as image:
            mode = image.mode
            if mode.startswith("I;16") or (mode, image.format) == ("I", "PNG"):
                # Pillow would clip grey of 16 bits.
                pixels = np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., np.newaxis], 3, axis=-1)
            elif mode in ("I", "F"):
                raise ValueError(f"its mode {mode!r}, 32 bits a channel, does not say which value is white")
            else:
                # Straight from a palette with transparency to RGB, Pillow warns.
                transparent = mode == "P" and "transparency" in image.info
                pixels = np.asarray((image.convert("RGBA") if transparent else image).convert("RGB"))
            return pixels, mode, str(image.format)
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error


@typed()
def resize_image(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize bilinearly without antialiasing, pixel centres at halves, as ``tf.image.resize`` does.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3)
        Of any numeric type.
    size : tuple of int
        ``(height, width)`` that is wanted.

    Returns
    -------
    ndarray of float32, shape (size[0], size[1], 3)
        In the range of ``pixels``.
    """
    if pixels.dtype.kind not in "biuf" or pixels.ndim != 3 or not pixels.size or min(size) < 1:
        raise InvalidOptionError(
            f"pixels must be numbers of shape (height, width, channels), and size >= 1; received shape {pixels.shape}, "
            f"dtype {pixels.dtype} and size {size}."
        )
    for axis, length in enumerate(size):
        if pixels.shape[axis] == length:
            continue
        scale = np.float32(pixels.shape[axis]) / np.float32(length)
        centre = (np.arange(length, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
        floor = np.floor(centre)
        lower = np.maximum(floor, 0).astype(np.intp)
        upper = np.minimum(np.ceil(centre), pixels.shape[axis] - 1).astype(np.intp)
        part = (centre - floor).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        low = np.take(pixels, lower, axis=axis).astype(np.float32, copy=False)
        high = np.take(pixels, upper, axis=axis)
        pixels = low + (high - low) * part
    return pixels.astype(np.float32, copy=False)
