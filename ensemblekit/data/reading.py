"""Decode image files as Keras does, without TensorFlow, and in threads that run ahead of the caller."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from itertools import islice
from types import ModuleType
from typing import Any, BinaryIO, TypeVar

import numpy as np

from ..arguments import typed
from ..errors import EnsembleKitError, InvalidOptionError, MissingDependencyError, UnreadableImageError
from ..limits import check_size, largest
from ..regular import bytes_on_disk, open_regular

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "check_image_size",
    "decode",
    "in_threads",
    "read_image",
    "reason_of",
    "resize_image",
]

Item = TypeVar("Item")
Result = TypeVar("Result")

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Suffixes, in lower case, of the files that are taken for images."""
FORMATS = {name: f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Png", "Tiff", "WebP")}
"""Formats that are decoded -> their module in Pillow. Pillow knows more, and runs other programs for some of them."""
BYTES_PER_PIXEL = {"WEBP": 18}
"""Largest memory while an image is decoded, where it is not 12 bytes per pixel: WebP's decoder holds two canvases."""

MAX_JPEG_SCANS = 100
"""As in libtiff. A progressive JPEG has about ten."""
_JPEG_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])", re.DOTALL)
"""A marker that is neither data, a filling byte, nor a restart of the decoder within a scan."""
_JPEG_END, _JPEG_SCAN = 0xD9, 0xDA
_WITHOUT_LENGTH = (0x01, 0xD8)


@typed()
def read_image(path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> np.ndarray:
    """Decode one image as RGB, and resize it if a size is given.

    Parameters
    ----------
    path : path-like
        A bmp, gif, jpeg, png, tiff or webp file with any suffix. Transparency is dropped, grey becomes RGB, and the
        upper 8 of 16 bits are kept. If the file holds several pictures, the first is used.
    size : tuple of int, optional
        ``(height, width)`` in pixels; by default the size of the image.

    Returns
    -------
    ndarray of shape (height, width, 3)
        0 to 255; float32 if it was resized, else uint8.

    Raises
    ------
    UnreadableImageError
        If the file is truncated, is not an image, has 32 bits per channel, or has more pixels than the memory limit of
        one input allows.
    InvalidOptionError
        If ``size`` is not a valid size.
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
    """Refuse a value that is not ``(height, width)`` in pixels.

    Parameters
    ----------
    size : any
        The value to check.

    Raises
    ------
    InvalidOptionError
        If it is not a pair of whole numbers > 0.
    """
    if not isinstance(size, (tuple, list)) or len(size) != 2 or not all(isinstance(s, int) and s > 0 for s in size):
        raise InvalidOptionError(f"size must be (height, width) in pixels, whole numbers > 0; received {size!r}.")


def decode(file: BinaryIO) -> tuple[np.ndarray, str, str]:
    """Decode an image in the form that models get: RGB, transparency dropped, not rotated by its orientation tag.

    Parameters
    ----------
    file : BinaryIO
        An open file, at its start.

    Returns
    -------
    pixels : ndarray of uint8, shape (height, width, 3)
        Grey becomes RGB; the upper 8 of 16 bits are kept.
    mode, format : str
        Mode and format, as Pillow names them.

    Raises
    ------
    UnreadableImageError
        If the image cannot be decoded; the error states the reason in a few words.
    MissingDependencyError
        If Pillow is not installed.
    """
    pillow = _import_pillow()
    try:
        return _decode(_open(pillow, file))
    except EnsembleKitError:
        raise
    except Exception as error:  # Pillow can raise almost any error for a broken file
        raise UnreadableImageError(reason_of(error)) from error


def reason_of(error: BaseException) -> str:
    """Explain in a few words why a file cannot be read as an image.

    Parameters
    ----------
    error : BaseException
        The error that was raised when the file was opened or decoded.

    Returns
    -------
    str
        The reason, without a full stop.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).rstrip(".")
    if isinstance(error, (OSError, ValueError, SyntaxError)) and text:
        return text
    # The text of other errors, such as a KeyError, is not clear without their type.
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def in_threads(work: Callable[[Item], Result], items: Sequence[Item], ahead: int) -> Generator[Result]:
    """Call a function for each item in two threads that run ahead of the caller; yield the results in order.

    Parameters
    ----------
    work : callable
        Called with one item, in one of the threads.
    items : sequence
        The items. When the caller closes the generator, work on further items is not started.
    ahead : int
        Largest number of items that are started or finished, but whose results were not yielded yet.

    Yields
    ------
    object
        The result of each item.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        following = iter(items)
        begun = deque(pool.submit(work, item) for item in islice(following, ahead))
        try:
            while begun:
                result = begun.popleft().result()
                begun.extend(pool.submit(work, item) for item in islice(following, 1))
                yield result
        finally:
            for future in begun:
                future.cancel()


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
    """Read the header of an image, and check its size before memory for the pixels is allocated."""
    start = file.read(16)
    # Image.open would do the same for these formats, but its limit of pixels applies to the whole process.
    for name in map(str.upper, FORMATS):
        factory, accepts = pillow.OPEN[name]
        if accepts(start) is not True:
            continue
        file.seek(0)
        image = factory(file, "")
        width, height = image.size
        if not width or not height:
            raise ValueError("it has no pixels")
        check_size(
            width * height * BYTES_PER_PIXEL.get(name, 12),
            f"an image of {width} x {height} pixels",
            UnreadableImageError,
            stored=bytes_on_disk(file),
        )
        if name == "JPEG":
            _check_jpeg_scans(file)
        return image
    raise ValueError("it is empty" if not start else "no image, whatever its name says")


def _check_jpeg_scans(file: BinaryIO) -> None:
    """Refuse a file with too many scans: each scan is a pass over all pixels, and a small file can have thousands."""
    position = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(position)
    scans = at = 0
    while (marker := _JPEG_MARKER.search(content, at)) and marker[1][0] != _JPEG_END:
        at = marker.end()
        if marker[1][0] not in _WITHOUT_LENGTH:
            at += int.from_bytes(content[at : at + 2], "big")
        scans += marker[1][0] == _JPEG_SCAN
        if scans > MAX_JPEG_SCANS:
            raise UnreadableImageError(f"a JPEG has at most {MAX_JPEG_SCANS} scans, and this one has more")


def _decode(image: Any) -> tuple[np.ndarray, str, str]:
    mode, form = image.mode, str(image.format)
    if mode.startswith("I;16") or (mode, form) == ("I", "PNG"):
        # Pillow would clip grey values of 16 bits.
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., np.newaxis], 3, axis=-1), mode, form
    if mode in ("I", "F"):
        raise ValueError(f"its mode {mode!r}, 32 bits a channel, does not say which value is white")
    # Pillow warns if a palette with transparency is converted directly to RGB. Reassigning frees each step's memory.
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
        Pixels, of any numeric dtype.
    size : tuple of int
        ``(height, width)`` of the result.

    Returns
    -------
    ndarray of float32, shape (size[0], size[1], 3)
        Values in the range of ``pixels``.
    """
    if pixels.dtype.kind not in "biuf" or pixels.ndim != 3 or not pixels.size or min(size) < 1:
        raise InvalidOptionError(
            f"pixels must be numbers of shape (height, width, channels), and size >= 1; received shape {pixels.shape}, "
            f"dtype {pixels.dtype} and size {size}."
        )
    across = _neighbours(pixels.shape[1], size[1])
    if pixels.shape[1] > 2 * size[1]:
        # Only these columns of a wide image are used, because rows are interpolated first, over all columns that are
        # kept.
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
    """Return, for each new coordinate, the old pixels below and above it, and its distance from the first, 0 to 1."""
    scale = np.float32(length) / np.float32(wanted)
    centre = (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    floor = np.floor(centre)
    lower = np.maximum(floor, 0).astype(np.intp)
    # Rounding to float32 can put the last coordinate of a very long side beyond its end.
    upper = np.minimum(np.ceil(centre), length - 1).astype(np.intp)
    return np.minimum(lower, length - 1), upper, centre - floor
