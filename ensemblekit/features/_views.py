"""`AffineViews`: random flips, rotations and zooms; the same image always gets the same views."""

from __future__ import annotations

import hashlib
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from ..errors import DataError, InvalidOptionError
from ._keys import check_images

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["AffineViews", "Augmentation"]

FLIPS = ("horizontal", "vertical", "horizontal_and_vertical", None)
Factor = float | tuple[float, float]
VERSION = 1
"""Of the drawing. A change that gives other pixels for the same parameters must raise it."""


class Augmentation(Protocol):
    """What `extract_features` needs of an augmentation. Any object with these two names can be used."""

    @property
    def fingerprint(self) -> str:
        """Equal fingerprints must give equal views."""
        ...

    def draw(self, images: np.ndarray, keys: np.ndarray, view: int) -> np.ndarray:
        """Draw one view of each image.

        Parameters
        ----------
        images : ndarray of shape (n, height, width, channels)
            Pixels, 0 to 255.
        keys : ndarray of str, shape (n,)
            Keys of the images; see `image_keys`.
        view : int
            Number of the view, >= 0. Equal images, keys and view numbers must give equal views.

        Returns
        -------
        ndarray of shape (n, height, width, channels)
            Pixels, 0 to 255.
        """
        ...


class AffineViews:
    """Views of images by a random flip, rotation and zoom, in one resampling step.

    Parameters
    ----------
    flip : {"horizontal", "vertical", "horizontal_and_vertical", None}, default="horizontal"
        Each direction is flipped with probability 1/2.
    rotation : float or tuple of float, default=0.2
        Largest angle in both directions, or lowest and highest angle, as a fraction of a full turn.
    zoom : float or tuple of float, default=0.2
        Largest change of scale in both directions, or lowest and highest change; the image becomes smaller if it is
        above 0.
    seed : int, default=0
        Another seed gives other views.

    Raises
    ------
    InvalidOptionError
        If an option is none of those above.

    Notes
    -----
    The parameters mean the same as for Keras's ``RandomFlip``, ``RandomRotation`` and ``RandomZoom``, applied in this
    order, each with reflection at the border and bilinear interpolation. They are combined into one affine map, so that
    pixels are interpolated once. A view is drawn from a hash of the seed, the key of the image and the number of the
    view, and not from the state of a generator, so that other random draws do not change it.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.features import AffineViews, image_keys
    >>> images = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    >>> AffineViews().draw(images, image_keys(images), view=0).shape
    (1, 4, 4, 3)
    """

    def __init__(
        self,
        *,
        flip: Literal["horizontal", "vertical", "horizontal_and_vertical"] | None = "horizontal",
        rotation: Factor = 0.2,
        zoom: Factor = 0.2,
        seed: int = 0,
    ) -> None:
        if not (flip is None or isinstance(flip, str)) or flip not in FLIPS:
            raise InvalidOptionError(f"flip must be one of {', '.join(map(repr, FLIPS))}; received {flip!r}.")
        self._rotation = _range("rotation", rotation)
        self._zoom = _range("zoom", zoom)
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise InvalidOptionError(f"seed must be a whole number; received {seed!r}.")
        self.flip, self.rotation, self.zoom, self.seed = flip, rotation, zoom, seed

    def __repr__(self) -> str:
        return f"AffineViews(flip={self.flip!r}, rotation={self.rotation!r}, zoom={self.zoom!r}, seed={self.seed})"

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of the options: equal fingerprints give equal views."""
        what = f"AffineViews {VERSION} {self.flip} {self._rotation} {self._zoom} {self.seed}"
        return hashlib.sha256(what.encode()).hexdigest()

    def draw(self, images: ArrayLike, keys: ArrayLike, view: int) -> np.ndarray:
        """Draw one view of each image.

        Parameters
        ----------
        images : array-like of shape (n, height, width, channels)
            Pixels, 0 to 255.
        keys : array-like of str, shape (n,)
            Keys of the images; see `image_keys`.
        view : int
            Number of the view, >= 0.

        Returns
        -------
        ndarray of float32, shape (n, height, width, channels)
            0 to 255.

        Raises
        ------
        DataError
            If the images are not valid, or the number of keys differs from the number of images.
        InvalidOptionError
            If ``view`` is not a whole number >= 0.
        """
        images, keys = check_images(images), np.asarray(keys)
        if keys.shape != (len(images),):
            raise DataError(f"keys must be one an image; received shape {keys.shape} for {len(images)} images.")
        if not isinstance(view, (int, np.integer)) or isinstance(view, bool) or view < 0:
            raise InvalidOptionError(f"view must be a whole number >= 0; received {view!r}.")
        return _resample(images, self._maps(keys, int(view), images.shape[1], images.shape[2]))

    def _maps(self, keys: np.ndarray, view: int, height: int, width: int) -> np.ndarray:
        """Compute for each image the 2 x 3 matrix that maps a pixel ``(x, y, 1)`` of the view to the image."""
        mirror, flip_y, turn, scale = _uniforms(keys, self.seed, view)
        directions = str(self.flip)
        flip_x = np.where((mirror < 0.5) & ("horizontal" in directions), -1.0, 1.0)
        flip_y = np.where((flip_y < 0.5) & ("vertical" in directions), -1.0, 1.0)
        angle = 2 * np.pi * (self._rotation[0] + turn * (self._rotation[1] - self._rotation[0]))
        zoom = 1 + self._zoom[0] + scale * (self._zoom[1] - self._zoom[0])
        # Keras flips, rotates, then zooms. The map goes from the view back to the image: zoom, rotation, flip.
        cos, sin = np.cos(angle) * zoom, np.sin(angle) * zoom
        linear = np.stack([flip_x * cos, -flip_x * sin, flip_y * sin, flip_y * cos], axis=-1).reshape(-1, 2, 2)
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        return np.concatenate([linear, (centre - linear @ centre)[..., np.newaxis]], axis=-1)


def _range(name: str, factor: Any) -> tuple[float, float]:
    try:
        low, high = (-abs(factor), abs(factor)) if isinstance(factor, (int, float)) else map(float, sorted(factor))
    except (TypeError, ValueError):
        low = high = math.nan
    if isinstance(factor, bool) or not -1 <= low <= high <= 1:
        raise InvalidOptionError(
            f"{name} must be a number from -1 to 1, or a pair of them; received {factor!r}. It is a part of a full "
            "turn, or of the size."
        )
    return float(low), float(high)


def _uniforms(keys: np.ndarray, seed: int, view: int) -> np.ndarray:
    """Draw four numbers in [0, 1) per image, shape ``(4, n)``, from a hash of seed, view and key."""
    start = hashlib.sha256(f"{seed} {view} ".encode())
    digests: list[bytes] = []
    for key in keys.tolist():
        digest = start.copy()
        digest.update(str(key).encode())
        digests.append(digest.digest())
    words = np.frombuffer(b"".join(digests), dtype="<u8").reshape(-1, 4)
    return (words >> np.uint64(11)).T * 2.0**-53


def _resample(images: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Resample images by affine maps, bilinearly, reflected at the border.

    NumPy is faster here than TensorFlow, and TensorFlow need not be installed.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        Pixels.
    maps : ndarray of float64, shape (n, 2, 3)
        From ``(x, y, 1)`` of a pixel of the result to its coordinates in the image, in pixels.

    Returns
    -------
    ndarray of float32, shape (n, height, width, channels)
        Beyond the border, ``a b c d`` continues as ``d c b a | a b c d | d c b a``.
    """
    out = np.empty(images.shape, dtype=np.float32)
    half = (len(images) + 1) // 2
    with ThreadPoolExecutor(2) as pool:  # all NumPy functions that are called here release the GIL
        parts = [(images[part], maps[part], out[part]) for part in (slice(half), slice(half, None))]
        for future in [pool.submit(_resample_all, *part) for part in parts]:
            future.result()
    return out


def _resample_all(images: np.ndarray, maps: np.ndarray, out: np.ndarray) -> None:
    for image, matrix, result in zip(images, maps, out, strict=True):
        _resample_one(image, matrix, result)


def _resample_one(image: np.ndarray, matrix: np.ndarray, out: np.ndarray) -> None:
    height, width, channels = image.shape
    # One plane per channel, with its last row and column repeated: every pixel has a right and a lower neighbour.
    planes = np.empty((channels, height + 1, width + 1), dtype=np.float32)
    planes[:, :height, :width] = np.moveaxis(image, -1, 0)
    planes[:, height, :width] = planes[:, height - 1, :width]
    planes[:, :, width] = planes[:, :, width - 1]
    x, left = _split(_reflected(matrix[0], height, width, width))
    y, upper = _split(_reflected(matrix[1], height, width, height))
    upper *= width + 1
    upper += left
    for channel, plane in enumerate(planes.reshape(channels, -1)):
        top = _interpolate(plane, plane[1:], upper, x)
        bottom = _interpolate(plane[width + 1 :], plane[width + 2 :], upper, x)
        bottom -= top
        bottom *= y
        top += bottom
        out[..., channel] = top


def _reflected(row: np.ndarray, height: int, width: int, length: int) -> np.ndarray:
    """Compute the image coordinate of each pixel of the result, reflected into ``[0, length - 1]``."""
    # The 0.5 is there because the border reflects at the edge of the first pixel, half a pixel before its centre.
    along_x, along_y = row[0] * np.arange(width), row[1] * np.arange(height) + row[2] + 0.5
    place = np.add.outer(along_y.astype(np.float32), along_x.astype(np.float32))
    furthest = max(abs(along_y.min() + along_x.min()), abs(along_y.max() + along_x.max()))
    if furthest >= 2 * length:
        np.mod(place, np.float32(2 * length), out=place)
    np.abs(place, out=place)
    np.subtract(np.float32(length), place, out=place)
    np.abs(place, out=place)
    np.subtract(np.float32(length - 0.5), place, out=place)
    return np.clip(place, 0, np.float32(length - 1), out=place)


def _split(place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    whole = place.astype(np.intp)
    place -= whole
    return place, whole


def _interpolate(first: np.ndarray, second: np.ndarray, at: np.ndarray, part: np.ndarray) -> np.ndarray:
    # All indices are within bounds; with mode="clip" NumPy makes no copy to check them.
    result, other = np.take(first, at, mode="clip"), np.take(second, at, mode="clip")
    other -= result
    other *= part
    result += other
    return result
