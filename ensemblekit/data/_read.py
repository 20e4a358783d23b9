"""One image file, as Keras would read it, without TensorFlow."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from ..arguments import typed
from ..errors import EnsembleKitError, InvalidOptionError, MissingDependencyError, UnreadableImageError
from ..limits import check_size, largest
from ..regular import bytes_on_disk, open_regular
from ._scans import check_scans

__all__ = ["FORMATS", "SUFFIXES", "check_image_size", "decode", "read_image", "reason_of", "resize_image"]

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
FORMATS = {name: f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Png", "Tiff", "WebP")}
"""What the suffixes promise, and where Pillow has it. It knows more, and runs other programs for some of them."""
BYTES_A_PIXEL = {"WEBP": 18}
"""Memory at the most while an image is decoded, where it is not 12 bytes a pixel: its decoder holds two canvases."""


@typed()
def read_image(path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> np.ndarray:
    """Decode one image as RGB and, where a size is given, resize it.

    Parameters
    ----------
    path : path-like
        A bmp, gif, jpeg, png, tiff or webp file, whatever its name says; transparency is dropped, grey becomes RGB, of
        16 bits the upper 8 are kept, of several pictures the first.
    size : tuple of int, optional
        ``(height, width)`` in pixels; by default its own.

    Returns
    -------
    ndarray of shape (height, width, 3)
        0 to 255; float32, or uint8 in its own size.

    Raises
    ------
    UnreadableImageError
        If the file is truncated, or no image, or has 32 bits a channel, or more pixels than the memory allows that one
        input may take.
    InvalidOptionError
        If ``size`` is no size.
    MissingDependencyError
        If Pillow is not installed.
    """
    if size is not None:
        check_image_size(size)
    try:
        with open_regular(path, most=largest()) as file:
            pixels = decode(file)[0]
    except OSError as error:
        raise UnreadableImageError(
            f"an image must be readable; {os.fspath(path)!r} is not: {reason_of(error)}. Replace it, or leave it out "
            "with skip_unreadable=True."
        ) from error
    return pixels if size is None else resize_image(pixels, size)


def check_image_size(size: Any) -> None:
    """Refuse what is not ``(height, width)`` in pixels."""
    if not isinstance(size, (tuple, list)) or len(size) != 2 or not all(isinstance(s, int) and s > 0 for s in size):
        raise InvalidOptionError(f"size must be (height, width) in pixels, whole numbers > 0; received {size!r}.")


def decode(file: BinaryIO) -> tuple[np.ndarray, str, str]:
    """Decode an image as models see it: RGB, transparency dropped, not turned by its orientation tag.

    Parameters
    ----------
    file : BinaryIO
        Open at its start.

    Returns
    -------
    pixels : ndarray of uint8, shape (height, width, 3)
        Grey becomes RGB, of 16 bits the upper 8 are kept.
    mode, format : str
        As Pillow calls them.

    Raises
    ------
    UnreadableImageError
        Whatever Pillow makes of a broken file: it says in a few words why.
    MissingDependencyError
        If Pillow is not installed.
    """
    pillow = _import_pillow()
    try:
        return _decode(_open(pillow, file))
    except EnsembleKitError:
        raise
    except Exception as error:  # a broken file makes Pillow raise nearly anything
        raise UnreadableImageError(reason_of(error)) from error


def reason_of(error: BaseException) -> str:
    """Say in a few words why a file is no readable image."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = str(error).rstrip(".")
    if isinstance(error, (OSError, ValueError, SyntaxError)) and said:
        return said
    # Of others, such as a KeyError, the text alone says nothing.
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


@cache
def _import_pillow() -> ModuleType:
    try:
        for module in FORMATS.values():
            import_module(module)
        return import_module("PIL.Image")
    except ImportError as error:
        raise MissingDependencyError(
            'Reading images needs Pillow, which is not installed: pip install "ensemblekit[images]".'
        ) from error


def _open(pillow: ModuleType, file: BinaryIO) -> Any:
    """Read the header of an image: its size is known, and no memory is taken for its pixels."""
    start = file.read(16)
    # Image.open would do the same for these formats, and refuse by a limit of its own, which is one for a process.
    for name in map(str.upper, FORMATS):
        make, accepts = pillow.OPEN[name]
        if accepts(start) is not True:
            continue
        file.seek(0)
        image = make(file, "")
        width, height = image.size
        if not width or not height:
            raise ValueError("it has no pixels")
        check_size(
            width * height * BYTES_A_PIXEL.get(name, 12),
            f"an image of {width} x {height} pixels",
            UnreadableImageError,
            stored=bytes_on_disk(file),
        )
        if name == "JPEG":
            check_scans(file)
        return image
    raise ValueError("it is empty" if not start else "no image, whatever its name says")


def _decode(image: Any) -> tuple[np.ndarray, str, str]:
    mode, form = image.mode, str(image.format)
    if mode.startswith("I;16") or (mode, form) == ("I", "PNG"):
        # Pillow would clip grey of 16 bits.
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., np.newaxis], 3, axis=-1), mode, form
    if mode in ("I", "F"):
        raise ValueError(f"its mode {mode!r}, 32 bits a channel, does not say which value is white")
    # Straight from a palette with transparency to RGB, Pillow warns. What was there before is held no longer.
    if mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode != "RGB":
        image = image.convert("RGB")
    return np.asarray(image), mode, form


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
    across = _neighbours(pixels.shape[1], size[1])
    if pixels.shape[1] > 2 * size[1]:
        # Of a wide image only these columns are looked at. Its rows are mixed first, all as wide as it is.
        lower, upper, part = across
        pixels = np.take(pixels, np.stack([lower, upper], axis=-1).ravel(), axis=1)
        across = np.arange(0, 2 * size[1], 2), np.arange(1, 2 * size[1], 2), part
    for axis, (lower, upper, part) in enumerate((_neighbours(pixels.shape[0], size[0]), across)):
        if pixels.shape[axis] == size[axis]:
            continue
        low = np.take(pixels, lower, axis=axis).astype(np.float32, copy=False)
        high = np.take(pixels, upper, axis=axis)
        pixels = low + (high - low) * part.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    return pixels.astype(np.float32, copy=False)


def _neighbours(length: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give for each new place the old ones below and above it, and how far it is from the first, in parts of one."""
    scale = np.float32(length) / np.float32(wanted)
    centre = (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    floor = np.floor(centre)
    lower = np.maximum(floor, 0).astype(np.intp)
    # In float32 the last place of a very long side may lie beyond it.
    upper = np.minimum(np.ceil(centre), length - 1).astype(np.intp)
    return np.minimum(lower, length - 1), upper, centre - floor
