"""Overlap and surface distances of two masks."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["compared"]


def compared(first: np.ndarray, second: np.ndarray, spacing: tuple[float, ...], *, distances: bool) -> dict[str, float]:
    """Compare two masks on one grid; what is not defined is NaN.

    Parameters
    ----------
    first, second : ndarray of bool
        The masks.
    spacing : tuple of float
        Distance between voxels on each axis.
    distances : bool
        Whether surface distances are computed.

    Returns
    -------
    dict
        ``dice``, ``iou`` and, with ``distances``, ``surface_distance`` and ``hausdorff_95``.
    """
    n_first, n_second = int(np.count_nonzero(first)), int(np.count_nonzero(second))
    shared = int(np.count_nonzero(first & second))
    both = n_first + n_second
    found = {
        "dice": 2 * shared / both if both else np.nan,
        "iou": shared / (both - shared) if both else np.nan,
    }
    if distances:
        found |= _distances(first, second, spacing) if n_first and n_second else _NONE
    return found


_NONE = {"surface_distance": np.nan, "hausdorff_95": np.nan}


def _distances(first: np.ndarray, second: np.ndarray, spacing: tuple[float, ...]) -> dict[str, float]:
    from scipy.ndimage import distance_transform_edt

    where = tuple(slice(a, b) for a, b in _bounds(first | second))
    edges = [_surface(np.pad(mask[where], 1)) for mask in (first, second)]
    to_second, to_first = (
        distance_transform_edt(~there, sampling=spacing)[from_]  # type: ignore[index]
        for from_, there in (edges, edges[::-1])
    )
    every: Any = np.concatenate([to_second, to_first])
    return {
        "surface_distance": float(every.mean()),
        "hausdorff_95": float(max(np.percentile(to_second, 95), np.percentile(to_first, 95))),
    }


def _bounds(mask: np.ndarray) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for axis in range(mask.ndim):
        along = np.flatnonzero(mask.any(axis=tuple(k for k in range(mask.ndim) if k != axis)))
        found.append((int(along[0]), int(along[-1]) + 1))
    return found


def _surface(mask: np.ndarray) -> np.ndarray:
    """Find the voxels of a mask that have a neighbour outside; faces connect."""
    from scipy.ndimage import binary_erosion

    return mask & ~binary_erosion(mask)
