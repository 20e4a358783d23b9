"""Folds that keep similar images together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ensemblekit.errors import DataError

SIDE = 32
IMAGES_A_GROUP = 10
"""Slices of one subject look alike without being copies: groups this coarse rarely split a subject over two folds."""


def alike(images: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Group images by how they look; images of one group of ``copies`` (near copies, by the audit) are never separated.

    Average linkage of the correlations between grey thumbnails, cut at some ten images a group.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from sklearn.cluster import AgglomerativeClustering

    n = len(images)
    clusters = max(2, round(n / IMAGES_A_GROUP))
    if n <= clusters:
        return copies
    thumbnails = _thumbnails(images)
    correlation = np.clip(thumbnails @ thumbnails.T, -1, 1)
    model = AgglomerativeClustering(clusters, metric="precomputed", linkage="average")
    looks = model.fit_predict(1 - correlation)
    # Joins the two groupings: images and groups are the nodes of one graph, its components the result.
    rows, offset = np.arange(n), np.array([0, n, n + clusters])
    edges = np.concatenate([looks + offset[1], np.unique(copies, return_inverse=True)[1] + offset[2]])
    graph = coo_array((np.ones(2 * n), (np.tile(rows, 2), edges)), shape=(edges.max() + 1,) * 2)
    return connected_components(graph, directed=False)[1][:n]


def make_folds(codes: np.ndarray, groups: np.ndarray, n_folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw at least two folds by group, stratified by class; fewer than asked for where a class has fewer groups."""
    from sklearn.model_selection import StratifiedGroupKFold

    rarest = min(len(np.unique(groups[codes == code])) for code in np.unique(codes))
    splitter = StratifiedGroupKFold(max(2, min(n_folds, rarest)), shuffle=True, random_state=seed)
    return [(a, b) for a, b in splitter.split(codes, codes, groups) if len(a) and len(b)]


def folds_of(
    codes: np.ndarray, groupings: Sequence[np.ndarray], n_folds: int, seed: int
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Draw folds by the first grouping that leaves images of every class to fit on; return both."""
    for groups in groupings:
        folds = make_folds(codes, groups, n_folds, seed)
        if len(folds) > 1 and all(len(np.unique(codes[fitted])) == len(np.unique(codes)) for fitted, _ in folds):
            return groups, folds
    raise DataError(
        "the preset 'best' holds out part of train and valid, by groups of near copies, and must have images of every "
        f"class left; {len(codes)} images in {len(np.unique(groupings[-1]))} groups do not allow it. Give more images."
    )


def copy_groups(ids: np.ndarray, groups: Mapping[str, int]) -> np.ndarray:
    """Return the audit's group of each image; an image that the audit lacks is a group of its own."""
    alone = max(groups.values(), default=0) + 1
    return np.array([groups.get(i, alone + row) for row, i in enumerate(ids.tolist())], dtype=np.int64)


def _thumbnails(images: np.ndarray) -> np.ndarray:
    """Return grey thumbnails as unit vectors of mean 0."""
    n, height, width = images.shape[:3]
    side = min(SIDE, height, width)
    grey = images.mean(axis=-1, dtype=np.float32)
    rows, columns = (np.arange(side) * height // side, np.arange(side) * width // side)
    small = np.add.reduceat(np.add.reduceat(grey, rows, axis=1), columns, axis=2)
    small /= np.outer(np.diff(rows, append=height), np.diff(columns, append=width))
    small = small.reshape(n, -1)
    small -= small.mean(axis=1, keepdims=True)
    return small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-12)
