"""Coordinates and scores of fused boxes, from those of the boxes in them."""

from __future__ import annotations

import numpy as np

__all__ = ["means_of", "scores_of"]


def means_of(values: np.ndarray, pull: np.ndarray, weight: np.ndarray, row: np.ndarray, n: int) -> np.ndarray:
    """Average coordinates; rows in which nothing pulls by weight alone."""
    total = np.bincount(row, pull, n)
    pull = np.where(total[row] > 0, pull, weight)
    total = np.bincount(row, pull, n)
    found = np.stack([np.bincount(row, pull * column, n) for column in values.T], axis=1) / total[:, np.newaxis]
    first = np.unique(row, return_index=True)[1]
    alone = np.bincount(row, minlength=n) == 1
    found[alone] = values[first[alone]]  # not even rounding moves a box that is alone
    return found


def scores_of(
    rule: str, own: np.ndarray, weight: np.ndarray, reader: np.ndarray, row: np.ndarray, n: int,
    share: np.ndarray | None, n_read: np.ndarray | None, every: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Score each row by a rule of `fuse_boxes`, from the marks in it."""
    largest = np.zeros(n)
    if rule == "max":
        np.maximum.at(largest, row, weight * own)
        return largest
    np.maximum.at(largest, row, own)
    pairs = np.unique(row * len(every) + reader)
    of_readers = np.bincount(pairs // len(every), every[pairs % len(every)], n)
    n_readers = np.bincount(pairs // len(every), minlength=n)
    share = of_readers if share is None else share
    n_read = n_readers if n_read is None else n_read
    total, mass = np.bincount(row, weight * own, n), np.bincount(row, weight, n)
    if rule == "sum":
        return total / share
    if rule == "boxes":
        size = np.bincount(row, minlength=n)
        found = total / size * np.minimum(size, n_read) / share
    else:
        found = total / mass * np.minimum(of_readers / share, 1)
    return np.minimum(found, largest)
