"""What everything is drawn with: a source of chance and a sheet of Hounsfield units.

Only sums, products, quotients and square roots are used, each rounded alike on every machine, and the raw stream of
PCG64, which NumPy keeps from version to version. ``sin``, ``exp`` or ``Generator.normal`` promise neither.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import numpy as np

__all__ = ["Canvas", "Source", "coverage", "turn"]

AIR = -1000.0


class Source:
    """Chance, seeded by a name.

    Parameters
    ----------
    name : str
        The seed.
    """

    def __init__(self, name: str) -> None:
        self._bits = np.random.PCG64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big"))

    def uniform(self, low: float, high: float) -> float:
        """Draw from ``[low, high)``."""
        return low + (high - low) * ((int(self._bits.random_raw()) >> 11) * 2.0**-53)

    def chance(self, share: float) -> bool:
        """Draw True in such a share of cases."""
        return self.uniform(0, 1) < share

    def count(self, low: int, high: int) -> int:
        """Draw a whole number, both ends included."""
        return int(self.uniform(low, high + 1))

    def pick(self, shares: Mapping[str, float]) -> str:
        """Draw one of the names, by their shares."""
        rest = self.uniform(0, sum(shares.values()))
        for name, share in shares.items():
            if rest < share:
                return name
            rest -= share
        return max(shares)

    def direction(self) -> tuple[float, float]:
        """Draw a unit vector."""
        while True:
            x, y = self.uniform(-1, 1), self.uniform(-1, 1)
            if 0.01 < (square := x * x + y * y) <= 1:
                length = math.sqrt(square)
                return x / length, y / length

    def noise(self, height: int, width: int) -> np.ndarray:
        """Draw independent, nearly normal values, float32, of mean 0 and deviation 1."""
        raw = np.asarray(self._bits.random_raw((height * width + 1) // 2), dtype="<u8").view(np.uint8)
        sums = raw.reshape(-1, 4).sum(axis=1, dtype=np.int32)[: height * width]
        return ((sums - 510).astype(np.float32) / 147.8).reshape(height, width)

    def clouds(self, height: int, width: int, cell: int) -> np.ndarray:
        """Draw smooth values, float32, of mean 0, that change over so many pixels."""
        coarse = self.noise(height // cell + 2, width // cell + 2)
        for axis, length in enumerate((height, width)):
            place = np.arange(length, dtype=np.float32) / cell
            lower = place.astype(np.intp)
            part = (place - lower.astype(np.float32)).reshape((-1, 1) if axis == 0 else (1, -1))
            low, high = np.take(coarse, lower, axis=axis), np.take(coarse, lower + 1, axis=axis)
            coarse = low + (high - low) * part
        return coarse


def turn(tangent: float) -> tuple[float, float]:
    """Give cosine and sine of the angle whose half has this tangent."""
    square = tangent * tangent
    return (1 - square) / (1 + square), 2 * tangent / (1 + square)


def coverage(inside: np.ndarray, edge: float) -> np.ndarray:
    """Turn distances inside an outline (negative outside) into shares of pixels, over an edge of this breadth."""
    return np.clip(inside / edge + 0.5, 0, 1)


class Canvas:
    """Hounsfield units over a turned and shifted frame, in which the body is 2 wide and its middle is at 0.

    Parameters
    ----------
    height, width : int
        Pixels.
    pixel : float
        Breadth of a pixel in the frame.
    shift : tuple of float
        Of the body, in the frame.
    rotation : tuple of float
        Cosine and sine.

    Attributes
    ----------
    hu : ndarray of float32, shape (height, width)
        The picture.
    u, v : ndarray of float32, shape (height, width)
        Place of each pixel in the frame, rightwards and downwards.
    """

    def __init__(
        self, height: int, width: int, pixel: float, shift: tuple[float, float], rotation: tuple[float, float]
    ) -> None:
        self.height, self.width, self.pixel, self._shift, self._rotation = height, width, pixel, shift, rotation
        x = ((np.arange(width, dtype=np.float32) + 0.5) - width / 2) * pixel - shift[0]
        y = (((np.arange(height, dtype=np.float32) + 0.5) - height / 2) * pixel - shift[1])[:, np.newaxis]
        cosine, sine = rotation
        self.u, self.v = x * cosine + y * sine, y * cosine - x * sine
        self.hu = np.full((height, width), AIR, dtype=np.float32)

    def box(self, u: float, v: float, reach: float) -> tuple[slice, slice]:
        """Give the rows and columns that hold everything within a reach of a place."""
        cosine, sine = self._rotation
        column = (u * cosine - v * sine + self._shift[0]) / self.pixel + self.width / 2
        row = (u * sine + v * cosine + self._shift[1]) / self.pixel + self.height / 2
        pixels = reach / self.pixel + 2
        return (
            slice(max(0, int(row - pixels)), max(0, int(row + pixels) + 1)),
            slice(max(0, int(column - pixels)), max(0, int(column + pixels) + 1)),
        )

    def paint(self, value: float | np.ndarray, cover: np.ndarray, box: tuple[slice, slice] | None = None) -> None:
        """Lay a value over a part of the picture, as far as it is covered."""
        part = self.hu[box] if box else self.hu
        part += (value - part) * cover

    def ellipse(
        self,
        u: float,
        v: float,
        radii: tuple[float, float],
        axis: tuple[float, float] = (1.0, 0.0),
        soft: float = 0.0,
    ) -> tuple[tuple[slice, slice], np.ndarray]:
        """Cover an ellipse whose first radius lies along an axis; give its box and coverage."""
        box = self.box(u, v, max(radii) + soft)
        du, dv = self.u[box] - u, self.v[box] - v
        along, across = (du * axis[0] + dv * axis[1]) / radii[0], (dv * axis[0] - du * axis[1]) / radii[1]
        inside = (1 - np.sqrt(along * along + across * across)) * min(radii)
        return box, coverage(inside, max(soft, self.pixel))

    def tube(
        self, start: tuple[float, float], end: tuple[float, float], radii: tuple[float, float], soft: float = 0.0
    ) -> tuple[tuple[slice, slice], np.ndarray]:
        """Cover a tube that tapers from one place to another; give its box and coverage."""
        along = (end[0] - start[0], end[1] - start[1])
        square = along[0] * along[0] + along[1] * along[1] + 1e-9
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        box = self.box(*middle, math.sqrt(square) / 2 + max(radii) + soft)
        du, dv = self.u[box] - start[0], self.v[box] - start[1]
        share = np.clip((du * along[0] + dv * along[1]) / square, 0, 1)
        du, dv = du - share * along[0], dv - share * along[1]
        inside = radii[0] + share * (radii[1] - radii[0]) - np.sqrt(du * du + dv * dv)
        return box, coverage(inside, max(soft, self.pixel))
