"""Shapes of regions: boxes, and points with a radius. What pairs of them share, where they lie, how large they are."""

from __future__ import annotations

import math
from typing import Protocol, Self

import numpy as np

from ..errors import InvalidPredictionsError
from ..predictions.names import shown

__all__ = ["Balls", "Boxes", "Shapes"]


class Shapes(Protocol):
    """The shapes of all regions, one a row.

    Attributes
    ----------
    kind : str
        ``boxes``, ``balls`` or ``masks``.
    names : tuple of str
        Names of the coordinates.
    """

    kind: str
    names: tuple[str, ...]

    def __len__(self) -> int: ...
    def take(self, rows: np.ndarray) -> Self: ...
    @property
    def coordinates(self) -> np.ndarray: ...
    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]: ...
    @property
    def centres(self) -> np.ndarray: ...
    @property
    def sizes(self) -> np.ndarray: ...
    def sort_keys(self) -> list[np.ndarray]: ...
    def shared(self, first: np.ndarray, second: np.ndarray) -> np.ndarray: ...


LARGEST = 1e70
"""Of a coordinate; so large, and so small as its inverse, that products of four are numbers."""


def _check_magnitudes(what: str, coordinates: np.ndarray, extents: np.ndarray) -> None:
    """Refuse shapes whose areas overflow or vanish, so that nothing would overlap, not even two that are the same."""
    wrong = (np.abs(coordinates) > LARGEST).any(axis=1) | (extents < 1 / LARGEST).any(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        raise InvalidPredictionsError(
            f"each {what} must have coordinates from -{LARGEST:g} to {LARGEST:g} and be {1 / LARGEST:g} wide or more, "
            f"so that its size is a number; {int(wrong.sum())} are not so, first in row {row}: "
            f"{shown(coordinates[row].tolist())}. Give lengths in another unit."
        )


class Boxes:
    """Boxes by their lower and upper corners, in any number of dimensions.

    Parameters
    ----------
    low, high : ndarray of float64 of shape (n, n_dimensions)
        Corners; each box has a positive extent.
    names : tuple of str
        Names of the coordinates, those of the lower corner first.
    """

    kind = "boxes"

    def __init__(self, low: np.ndarray, high: np.ndarray, names: tuple[str, ...]) -> None:
        self.low, self.high, self.names = low, high, names
        flat = ~(high > low).all(axis=1)
        if flat.any():
            row = int(flat.argmax())
            corners = [*low[row].tolist(), *high[row].tolist()]
            raise InvalidPredictionsError(
                f"each box must have a positive extent on each axis, {shown(names)}; {int(flat.sum())} have none, "
                f"first in row {row}: {shown(corners)}. Drop them, swap corners that are the wrong way round, or add 1 "
                "to the upper corner where it is the last pixel."
            )
        _check_magnitudes("box", np.concatenate([low, high], axis=1), high - low)

    def __len__(self) -> int:
        return len(self.low)

    def take(self, rows: np.ndarray) -> Boxes:
        return Boxes(self.low[rows], self.high[rows], self.names)

    @property
    def coordinates(self) -> np.ndarray:
        return np.concatenate([self.low, self.high], axis=1)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return self.low, self.high

    @property
    def centres(self) -> np.ndarray:
        return (self.low + self.high) / 2

    @property
    def sizes(self) -> np.ndarray:
        return (self.high - self.low).prod(axis=1)

    def sort_keys(self) -> list[np.ndarray]:
        return [*self.low.T, *self.high.T]

    def shared(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        found = np.ones(len(first))
        for low, high in zip(self.low.T, self.high.T, strict=True):
            found *= np.maximum(np.minimum(high[first], high[second]) - np.maximum(low[first], low[second]), 0)
        return found


class Balls:
    """Points with a radius: intervals, discs or balls.

    Parameters
    ----------
    points : ndarray of float64 of shape (n, n_dimensions)
        Centres, of one, two or three dimensions.
    radius : ndarray of float64 of shape (n,)
        Radii > 0.
    names : tuple of str
        Names of the coordinates, the radius last.
    """

    kind = "balls"

    def __init__(self, points: np.ndarray, radius: np.ndarray, names: tuple[str, ...]) -> None:
        self.points, self.radius, self.names = points, radius, names
        if not (radius > 0).all():
            row = int((~(radius > 0)).argmax())
            raise InvalidPredictionsError(
                f"each radius must be > 0; row {row} has {radius[row]:g}. Drop it, or give the radius that a point "
                "stands for, such as the uncertainty of its place."
            )
        _check_magnitudes("region", np.concatenate([points, radius[:, np.newaxis]], axis=1), radius[:, np.newaxis])

    def __len__(self) -> int:
        return len(self.points)

    def take(self, rows: np.ndarray) -> Balls:
        return Balls(self.points[rows], self.radius[rows], self.names)

    @property
    def coordinates(self) -> np.ndarray:
        return np.concatenate([self.points, self.radius[:, np.newaxis]], axis=1)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return self.points - self.radius[:, np.newaxis], self.points + self.radius[:, np.newaxis]

    @property
    def centres(self) -> np.ndarray:
        return self.points

    @property
    def sizes(self) -> np.ndarray:
        return _ball_size(self.radius, self.points.shape[1])

    def sort_keys(self) -> list[np.ndarray]:
        return [*self.points.T, self.radius]

    def shared(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        apart = np.sqrt(((self.points[first] - self.points[second]) ** 2).sum(axis=1))
        small = np.minimum(self.radius[first], self.radius[second])
        large = np.maximum(self.radius[first], self.radius[second])
        inside, outside = apart <= large - small, apart >= large + small
        with np.errstate(divide="ignore", invalid="ignore"):
            lens = _LENSES[self.points.shape[1]](apart, small, large)
        return np.where(inside, _ball_size(small, self.points.shape[1]), np.where(outside, 0.0, lens))


def _ball_size(radius: np.ndarray, n: int) -> np.ndarray:
    return np.pi ** (n / 2) / math.gamma(n / 2 + 1) * radius**n


def _common_length(apart: np.ndarray, small: np.ndarray, large: np.ndarray) -> np.ndarray:
    return small + large - apart


def _common_area(apart: np.ndarray, small: np.ndarray, large: np.ndarray) -> np.ndarray:
    to_small = (apart**2 + small**2 - large**2) / (2 * apart)
    to_large = (apart**2 + large**2 - small**2) / (2 * apart)
    sectors = small**2 * np.arccos(np.clip(to_small / small, -1, 1))
    sectors += large**2 * np.arccos(np.clip(to_large / large, -1, 1))
    product = (small + large - apart) * (apart + small - large) * (apart - small + large) * (apart + small + large)
    return sectors - 0.5 * np.sqrt(np.maximum(product, 0))


def _common_volume(apart: np.ndarray, small: np.ndarray, large: np.ndarray) -> np.ndarray:
    both = small + large
    return np.pi * (both - apart) ** 2 * (apart**2 + 2 * apart * both - 3 * (large - small) ** 2) / (12 * apart)


_LENSES = {1: _common_length, 2: _common_area, 3: _common_volume}
