"""Comparison of images by a digest of their pixels, a thumbnail, and a perceptual hash of the thumbnail."""

from __future__ import annotations

import hashlib

import numpy as np

from ..errors import InvalidOptionError
from .showing import byte_range, to_bytes

__all__ = ["BITS", "SIDE", "check_thresholds", "digest_pixels", "hash_thumbnails", "make_thumbnail", "search_near"]

SIDE = 32
"""Height and width of a thumbnail in pixels."""
LOW = 16
"""Number of frequencies, in each direction, that the hash keeps."""
BITS = LOW * LOW - 1
FLAT = 1.0
"""Variance, in squared grey levels: a thumbnail with less is one colour, and is not compared."""
BLOCK = 2048


def digest_pixels(pixels: np.ndarray) -> str:
    """Compute a digest of the size and values of decoded pixels; the format of the file does not matter."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def make_thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Average an image to a grey thumbnail, shape ``(SIDE, SIDE)``, uint8; its proportions are not kept."""
    from PIL import Image

    if pixels.dtype != np.uint8 or pixels.shape[-1] != 3:
        # Grey levels of more than 8 bits, other channels, or what a function of the user gives.
        pixels = to_bytes(pixels.mean(axis=-1, dtype=np.float64), *byte_range(pixels))
    grey = Image.fromarray(pixels).convert("L")
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX))


def hash_thumbnails(thumbnails: np.ndarray) -> np.ndarray:
    """Compute perceptual hashes of thumbnails: the signs of their low frequencies.

    Parameters
    ----------
    thumbnails : ndarray of uint8, shape (n, SIDE, SIDE)
        Grey.

    Returns
    -------
    ndarray of int8, shape (n, BITS)
        1 where a coefficient of the discrete cosine transform (type II) is above the median of the image, else -1. The
        constant term is left out, so that the hash depends on neither brightness nor contrast.
    """
    place, frequency = np.arange(SIDE) + 0.5, np.arange(LOW)
    basis = np.cos(np.pi / SIDE * frequency[:, np.newaxis] * place)
    basis[0] /= np.sqrt(2)
    signs = np.empty((len(thumbnails), BITS), dtype=np.int8)
    for start in range(0, len(thumbnails), BLOCK):
        waves = (basis @ thumbnails[start : start + BLOCK].astype(np.float64) @ basis.T).reshape(-1, LOW * LOW)[:, 1:]
        signs[start : start + BLOCK] = np.where(waves > np.median(waves, axis=1, keepdims=True), 1, -1)
    return signs


def search_near(
    thumbnails: np.ndarray, max_distance: int, min_correlation: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the pairs of thumbnails that are nearly equal.

    Parameters
    ----------
    thumbnails : ndarray of uint8, shape (n, SIDE, SIDE)
        Grey. A thumbnail of one colour is in no pair.
    max_distance : int
        Largest number of bits, of `BITS`, in which the hashes of a pair differ.
    min_correlation : float
        Least Pearson correlation between the thumbnails of a pair.

    Returns
    -------
    pairs : ndarray of int64, shape (n_pairs, 2)
        Positions in ``thumbnails``, the lower first, sorted.
    distances : ndarray of int64, shape (n_pairs,)
        Number of bits that differ.
    correlations : ndarray of float64, shape (n_pairs,)
        Correlations of the thumbnails.

    Notes
    -----
    For hashes of signs, ``distance = (BITS - a @ b) / 2``: one matrix product compares all pairs of a block. Blocks
    limit the memory that is used for a large ``n``.
    """
    pixels = thumbnails.reshape(len(thumbnails), SIDE * SIDE)
    varied = np.flatnonzero(_variances(pixels) >= FLAT)
    signs = hash_thumbnails(thumbnails[varied])
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for top in range(0, len(varied), BLOCK):
        rows = signs[top : top + BLOCK].astype(np.float32)
        for left in range(top, len(varied), BLOCK):
            product = rows @ signs[left : left + BLOCK].astype(np.float32).T
            first, second = np.nonzero(product >= BITS - 2 * max_distance)
            ahead = first + top < second + left
            first, second = first[ahead], second[ahead]
            distance = ((BITS - product[first, second]) / 2).astype(np.int64)
            pair = np.column_stack([varied[first + top], varied[second + left]])
            correlation = _correlations(pixels, pair)
            near = correlation >= min_correlation
            found.append((pair[near], distance[near], correlation[near]))
    if not found:
        return np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)
    pairs, distances, correlations = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return pairs[order], distances[order], correlations[order]


def _variances(pixels: np.ndarray) -> np.ndarray:
    variances = np.empty(len(pixels))
    for start in range(0, len(pixels), BLOCK):
        variances[start : start + BLOCK] = pixels[start : start + BLOCK].var(axis=1)
    return variances


def _correlations(pixels: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    correlations = np.empty(len(pairs))
    for start in range(0, len(pairs), BLOCK):
        first, second = (pixels[rows].astype(np.float32) for rows in pairs[start : start + BLOCK].T)
        first -= first.mean(axis=1, keepdims=True)
        second -= second.mean(axis=1, keepdims=True)
        lengths = np.sqrt((first * first).sum(axis=1) * (second * second).sum(axis=1))
        correlations[start : start + BLOCK] = (first * second).sum(axis=1) / lengths
    return correlations


def check_thresholds(max_distance: int, min_correlation: float) -> None:
    """Refuse thresholds that are out of their ranges."""
    if not isinstance(max_distance, int) or not 0 <= max_distance < BITS // 2:
        raise InvalidOptionError(
            f"max_distance must be a whole number of bits from 0 to {BITS // 2 - 1}; received {max_distance!r}."
        )
    if not 0 < min_correlation <= 1:
        raise InvalidOptionError(f"min_correlation must lie in (0, 1]; received {min_correlation!r}.")
