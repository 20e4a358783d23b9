"""`AffineViews`: random flips, rotations and zooms, the same for the same image whenever they are drawn."""

from __future__ import annotations

import hashlib
import math
from typing import Any, Literal

import numpy as np

from ..errors import DataError, InvalidOptionError
from ._keys import check_images
from ._warp import warp

__all__ = ["AffineViews"]

FLIPS = ("horizontal", "vertical", "horizontal_and_vertical", None)
Factor = float | tuple[float, float]
VERSION = 1
"""Of the drawing: raised whenever the same parameters come to give other pixels."""


class AffineViews:
    """Views of images by a random flip, rotation and zoom, in one resampling.

    Parameters
    ----------
    flip : {"horizontal", "vertical", "horizontal_and_vertical", None}, default="horizontal"
        Each direction is flipped with probability 1/2.
    rotation : float or tuple of float, default=0.2
        Largest angle either way, or the lowest and highest, as a part of a full turn.
    zoom : float or tuple of float, default=0.2
        Largest change of scale either way, or the lowest and highest; above 0 the image becomes smaller.
    seed : int, default=0
        Another seed gives other views.

    Raises
    ------
    InvalidOptionError
        If an option is none of those above.

    Notes
    -----
    The numbers mean what they mean for Keras's ``RandomFlip``, ``RandomRotation`` and ``RandomZoom``, one after the
    other, each with reflection at the border and bilinear interpolation. They are joined to one map of the plane, so
    that pixels are interpolated once. The parameters of a view are drawn from a hash of the seed, the key of the image
    and the number of the view, and not from a state: the same view comes out whatever else is drawn.

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

    def draw(self, images: Any, keys: Any, view: int) -> np.ndarray:
        """Draw one view of each image.

        Parameters
        ----------
        images : array-like of shape (n, height, width, channels)
            Pixels, 0 to 255.
        keys : array-like of str, shape (n,)
            Which image is which; see `image_keys`.
        view : int
            Number of the view, >= 0.

        Returns
        -------
        ndarray of float32, shape (n, height, width, channels)
            0 to 255.

        Raises
        ------
        DataError
            If the images are none, or have not one key each.
        InvalidOptionError
            If ``view`` is no whole number >= 0.
        """
        images, keys = check_images(images), np.asarray(keys)
        if keys.shape != (len(images),):
            raise DataError(f"keys must be one an image; received shape {keys.shape} for {len(images)} images.")
        if not isinstance(view, (int, np.integer)) or isinstance(view, bool) or view < 0:
            raise InvalidOptionError(f"view must be a whole number >= 0; received {view!r}.")
        return warp(images, self._maps(keys, int(view), images.shape[1], images.shape[2]))

    def _maps(self, keys: np.ndarray, view: int, height: int, width: int) -> np.ndarray:
        """Give for each image the 2 x 3 matrix from a pixel ``(x, y, 1)`` of the view to its place in the image."""
        mirror, flip_y, turn, scale = _uniforms(keys, self.seed, view)
        directions = str(self.flip)
        flip_x = np.where((mirror < 0.5) & ("horizontal" in directions), -1.0, 1.0)
        flip_y = np.where((flip_y < 0.5) & ("vertical" in directions), -1.0, 1.0)
        angle = 2 * np.pi * (self._rotation[0] + turn * (self._rotation[1] - self._rotation[0]))
        zoom = 1 + self._zoom[0] + scale * (self._zoom[1] - self._zoom[0])
        # Keras flips, turns, then zooms. A pixel of the view is taken back: zoom first, then turn, then flip.
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
    """Give four numbers in [0, 1) an image, shape ``(4, n)``, from a hash of seed, view and key."""
    start = hashlib.sha256(f"{seed} {view} ".encode())
    digests: list[bytes] = []
    for key in keys.tolist():
        digest = start.copy()
        digest.update(str(key).encode())
        digests.append(digest.digest())
    words = np.frombuffer(b"".join(digests), dtype="<u8").reshape(-1, 4)
    return (words >> np.uint64(11)).T * 2.0**-53
