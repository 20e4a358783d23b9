"""Groups of images that folds do not separate: near copies, and images that look alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ensemblekit.errors import DataError

SIDE = 32
FEWEST_FOLDS = 3
"""With fewer, `ensemblekit.choose` could not both choose and judge by rows that a fit did not see."""
FEWEST_GROUPS = 12
"""With fewer, `ensemblekit.choose` does not judge."""
KEPT = 0.5
"""Share of the images of each class that every fold must leave to fit on."""


def group_levels(images: np.ndarray, copies: np.ndarray) -> list[np.ndarray]:
    """Return groupings of images, finest first: near copies (by the audit), then images that look alike, ever coarser.

    At each level a group is joined with the group that it looks most like: by the correlation of grey thumbnails, and
    of their means. Nothing is assumed about the number of groups or of images in one.

    References
    ----------
    .. [1] S. Sarfraz, V. Sharma, R. Stiefelhagen, "Efficient parameter-free clustering using first neighbor relations",
       CVPR 2019.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    thumbnails = _thumbnails(images)
    levels = [np.unique(copies, return_inverse=True)[1]]
    while (n := int(levels[-1].max()) + 1) > 2:
        means = np.zeros((n, thumbnails.shape[1]))
        np.add.at(means, levels[-1], thumbnails)
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        alike = means @ means.T
        np.fill_diagonal(alike, -np.inf)
        graph = coo_array((np.ones(n), (np.arange(n), alike.argmax(axis=1))), shape=(n, n))
        levels.append(connected_components(graph, directed=False)[1][levels[-1]])
    return levels


def make_folds(codes: np.ndarray, groups: np.ndarray, n_folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw folds by group, stratified by class: rows to fit on, and rows that are held out."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    return [(a, b) for a, b in splitter.split(codes, codes, groups) if len(a) and len(b)]


def folds_of(
    codes: np.ndarray, levels: list[np.ndarray], n_folds: int, seed: int
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]], list[str]]:
    """Draw folds by the coarsest grouping that leaves enough of every class to fit on; return groups, folds and notes.

    A grouping is too coarse where a group is larger than a fold, or a fold holds more than half of a class. Where even
    near copies are, there are fewer folds, and at last copies are only kept together as far as three folds allow.
    """
    notes: list[str] = []
    for level, groups in reversed(list(enumerate(levels))):
        folds = _even_folds(codes, groups, n_folds, seed)
        if folds:
            what = "near copies" if level == 0 else f"near copies and images that look alike (level {level})"
            sizes = np.bincount(groups)
            notes.append(f"Folds keep {what} together: {len(sizes)} groups, the largest of {sizes.max()} images.")
            return groups, folds, notes
    groups = levels[0]
    sizes = np.bincount(groups)
    for fewer in range(n_folds, FEWEST_FOLDS - 1, -1):
        folds = make_folds(codes, groups, fewer, seed) if len(sizes) >= fewer else []
        if len(folds) == fewer and all(len(np.unique(codes[fit])) == len(np.unique(codes)) for fit, _ in folds):
            left = min(_left(codes, folds))
            notes.append(
                f"Near copies are many: {len(sizes)} groups, the largest of {sizes.max()} of {len(codes)} images, in "
                f"{fewer} folds. A fold leaves only {left:.0%} of a class to fit on; the figures out of fold are "
                "pessimistic."
            )
            return groups, folds, notes
    raise DataError(
        "the preset 'best' holds out part of train and valid, by groups of near copies, and must have images of every "
        f"class left; {len(codes)} images in {len(sizes)} groups do not allow it. Give more images."
    )


def copy_groups(ids: np.ndarray, groups: Mapping[str, int]) -> np.ndarray:
    """Return the audit's group of each image; an image that the audit lacks is a group of its own."""
    alone = max(groups.values(), default=0) + 1
    return np.array([groups.get(i, alone + row) for row, i in enumerate(ids.tolist())], dtype=np.int64)


def _even_folds(
    codes: np.ndarray, groups: np.ndarray, n_folds: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """Draw folds, or return None where groups are too large for them."""
    sizes = np.bincount(groups)
    if len(sizes) < max(n_folds, FEWEST_GROUPS) or sizes.max() > len(codes) / n_folds:
        return None
    folds = make_folds(codes, groups, n_folds, seed)
    return folds if len(folds) == n_folds and min(_left(codes, folds)) >= KEPT else None


def _left(codes: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]]) -> list[float]:
    """Return for each fold and class the share of its images that are left to fit on."""
    total = np.bincount(codes)
    present = total > 0
    return [
        share
        for fitted, _ in folds
        for share in (np.bincount(codes[fitted], minlength=len(total))[present] / total[present]).tolist()
    ]


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
