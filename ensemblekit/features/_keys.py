"""Content hashes, which are the keys of images and of their rows of features."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import as_array
from ..errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["KEY", "check_images", "image_keys", "row_keys"]

DIGEST_BYTES = 16
"""128 bits: among a billion images, the probability that two different ones have one key is about 1e-21."""

KEY = np.dtype(f"S{DIGEST_BYTES}")
"""Dtype of the key of a row: bytes that sort and compare as a whole."""

_BYTES_PER_TASK = 2**24


def image_keys(images: ArrayLike) -> np.ndarray:
    """Hash the pixels of each image.

    Parameters
    ----------
    images : array-like of shape (n, height, width, channels)
        Pixels, of any numeric dtype.

    Returns
    -------
    ndarray of str, shape (n,)
        32 hexadecimal digits per image; equal if and only if the images have the same shape, dtype and pixels.

    Raises
    ------
    DataError
        If ``images`` has another number of axes, or does not hold numbers.

    Notes
    -----
    The key is the first 128 bits of SHA-256 over the shape, the dtype and the bytes of an image. The same pixels as
    ``uint8`` and as ``float32`` have different keys.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.features import image_keys
    >>> first, second, changed = image_keys(np.array([0, 0, 1], dtype=np.uint8).reshape(3, 1, 1, 1))
    >>> bool(first == second), bool(first == changed), len(first)
    (True, False, 32)
    """
    images = check_images(images)
    about = hashlib.sha256(f"{images.shape[1:]} {images.dtype.newbyteorder('<').str} ".encode())

    def digests(rows: range) -> list[str]:
        found: list[str] = []
        for row in rows:
            digest = about.copy()
            digest.update(np.ascontiguousarray(images[row]).data.cast("B"))
            found.append(digest.hexdigest()[: 2 * DIGEST_BYTES])
        return found

    step = max(1, _BYTES_PER_TASK // max(1, images[:1].nbytes))
    tasks = [range(start, min(start + step, len(images))) for start in range(0, len(images), step)]
    if len(tasks) < 2:
        hashed = [digests(rows) for rows in tasks]
    else:
        with ThreadPoolExecutor(2) as pool:  # hashlib releases the GIL
            hashed = list(pool.map(digests, tasks))
    return np.array([key for part in hashed for key in part], dtype=f"<U{2 * DIGEST_BYTES}")


def check_images(images: Any) -> np.ndarray:
    """Convert images to an array of numbers with four axes, or refuse them."""
    array = as_array("images", images, error=DataError)
    if array.ndim != 4 or array.dtype.kind not in "biuf" or 0 in array.shape[1:]:
        raise DataError(
            "images must be numbers of shape (n, height, width, channels); received "
            f"{type(images).__name__} of shape {array.shape} and dtype {array.dtype}. Give one image as images[None]."
        )
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def row_keys(keys: np.ndarray, view: int | None) -> np.ndarray:
    """Compute the key of each image's row in a segment: a digest of the image's key and the view, 16 bytes."""
    suffix = "" if view is None else f" {view}"
    digests = [hashlib.sha256(f"{key}{suffix}".encode()).digest()[:DIGEST_BYTES] for key in keys.tolist()]
    return np.frombuffer(b"".join(digests), dtype=KEY)
