"""Decode image files as Keras does, without TensorFlow, and in threads that run ahead of the caller."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from ..arguments import typed
from ..errors import ImageReadingWarning, InvalidOptionError
from ._pictures import FORMATS
from ._reader import AnyReader, ImageReader, channels_of, decode, fingerprint_of, read_pixels, reason_of

__all__ = [
    "FORMATS",
    "OTHER_SUFFIXES",
    "SUFFIXES",
    "AnyReader",
    "ImageReader",
    "channels_of",
    "check_image_size",
    "check_reader",
    "decode",
    "fingerprint_of",
    "in_threads",
    "is_image_name",
    "read_image",
    "read_pixels",
    "read_sized",
    "reason_of",
    "resize_image",
    "warn_of",
]

Item = TypeVar("Item")
Result = TypeVar("Result")

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Suffixes, in lower case, of pictures."""
OTHER_SUFFIXES = frozenset({".dcm", ".dicom", ".nii", ".nii.gz", ".npy"})
"""Suffixes of DICOM and NIfTI files and of arrays, which are images too."""


@typed(but=("reader",))
def read_image(
    path: str | os.PathLike[str], size: tuple[int, int] | None = None, *, reader: AnyReader | None = None
) -> np.ndarray:
    """Decode one image as RGB, and resize it if a size is given.

    Parameters
    ----------
    path : path-like
        A bmp, gif, jpeg, png, tiff or webp picture, a DICOM or NIfTI file or an array (npy), with any suffix. Of
        pictures transparency is dropped, grey becomes RGB, and the upper 8 of 16 bits are kept.
    size : tuple of int, optional
        ``(height, width)`` in pixels; by default the size of the image.
    reader : ImageReader or callable, optional
        Window, frame and channels; or a function of a path that returns ``(height, width, 3)``.

    Returns
    -------
    ndarray of shape (height, width, n_channels)
        0 to 255; float32 if it was resized, or if 16 bits came through a window; else uint8.

    Raises
    ------
    UnreadableImageError
        If the file is truncated, is not an image, does not say which of its values is white, holds several frames
        of which none is chosen, or has more pixels than the memory limit of one input allows.
    InvalidOptionError
        If ``size`` or ``reader`` is not valid.
    MissingDependencyError
        If Pillow, pydicom or nibabel is needed, and not installed.

    Warns
    -----
    ImageReadingWarning
        If few grey levels are left, or a picture has frames that are left out.
    """
    if size is not None:
        check_image_size(size)
    check_reader(reader)
    pixels, note = read_sized(path, size, reader)
    if note:
        warn_of(note, os.fspath(path), stacklevel=4)
    return pixels


def read_sized(
    path: str | os.PathLike[str], size: tuple[int, int] | None, reader: AnyReader | None
) -> tuple[np.ndarray, str]:
    """Read an image as `read_image` does, without its warning.

    Parameters
    ----------
    path, size, reader
        As in `read_image`.

    Returns
    -------
    pixels : ndarray
        As `read_image` returns them.
    note : str
        What is lost; empty if nothing is.
    """
    read = read_pixels(path, reader)
    return read.pixels if size is None else resize_image(read.pixels, size), read.note


def warn_of(note: str, name: str, *, stacklevel: int, more: str = "") -> None:
    """Warn that something of an image is lost.

    Parameters
    ----------
    note : str
        As `read_sized` returns it.
    name : str
        Id or path of the image.
    stacklevel : int
        As in `warnings.warn`, counted from the caller of this function.
    more : str, optional
        A sentence on other images.
    """
    warnings.warn(f"{name!r} {note}{more}", ImageReadingWarning, stacklevel=stacklevel)


def check_reader(reader: Any) -> None:
    """Refuse what cannot read images.

    Parameters
    ----------
    reader : any
        The value to check.

    Raises
    ------
    InvalidOptionError
        If it is no `ImageReader`, function or None.
    """
    if reader is not None and not callable(reader):
        raise InvalidOptionError(
            f"reader must be an ImageReader, or a function of a path; received {type(reader).__name__}."
        )


def is_image_name(name: str, reader: Any = None) -> bool:
    """Tell by its suffix whether a file is taken for an image.

    Parameters
    ----------
    name : str
        Name of the file.
    reader : ImageReader or callable, optional
        It may have more ``suffixes``; ``""`` stands for a name without a dot.

    Returns
    -------
    bool
    """
    lower = name.lower()
    dot = lower.rfind(".")
    suffix = lower[dot:] if dot > 0 else ""
    more: tuple[str, ...] = tuple(str(one).lower() for one in getattr(reader, "suffixes", ()))
    if suffix in SUFFIXES or suffix in OTHER_SUFFIXES or suffix in more:
        return True
    return lower.endswith((".nii.gz", *(one for one in more if one)))


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
