"""`vote_labels`: the label that most readers have drawn, voxel by voxel, with stated ties."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ...arguments import typed
from ...errors import InvalidOptionError
from ...predictions.names import shown
from .._weights import weights_of
from ._consensus import Consensus
from ._label_images import LabelImages
from ._patterns import Patterns, labels_in

__all__ = ["decided", "shares_of", "tied_by_case", "vote_labels"]

ROUNDING = 1e-12


@typed(but=("weights",))
def vote_labels(
    images: LabelImages, *, weights: Any = None, ties: Literal["lowest", "highest"] | int = "lowest"
) -> Consensus:
    """Give each voxel the label that most readers have drawn.

    Parameters
    ----------
    images : LabelImages
        What readers have drawn.
    weights : mapping of reader to weight, or Series, optional
        Weights >= 0, of all readers. A reader with the weight 0 is as one that is not there.
    ties : {"lowest", "highest"} or int, default="lowest"
        The label of a voxel with several labels at the top: the lowest of them, the highest, or one that says so, such
        as 255, which no reader has drawn.

    Returns
    -------
    Consensus
        An image a case, and the number of tied voxels.

    Raises
    ------
    InvalidOptionError
        If weights do not name all readers, or the label for ties is one of the labels.
    InvalidPredictionsError
        If labels are no whole numbers.

    Notes
    -----
    Voxels are read in blocks, and counted by pattern: memory does not grow with the images. The type of the result
    holds all labels, so that none wraps around.

    Examples
    --------
    >>> from ensemblekit.matching import LabelImages, vote_labels
    >>> images = LabelImages({"a": {"ann": [0, 1, 1, 2], "bo": [0, 1, 2, 2], "cy": [0, 0, 0, 2]}})
    >>> vote_labels(images).image("a").tolist(), vote_labels(images, ties=255).image("a").tolist()
    ([0, 1, 0, 2], [0, 1, 255, 2])
    """
    weight = weights_of(weights, images.readers)
    labels = labels_in(images)
    if isinstance(ties, int) and ties in labels:
        raise InvalidOptionError(
            f"the label for ties must be one that no reader draws; received {ties}, and the labels are "
            f"{shown(labels.tolist())}. Give ties={int(labels[-1]) + 1}."
        )
    patterns = Patterns(images, labels)
    shares = shares_of(patterns, weight)
    found, tied = decided(shares, labels, ties)
    return Consensus(
        "vote", tuple(labels.tolist()), images.readers, tied_by_case(patterns, tied), None, None, 0, True, patterns,
        shares, found,
    )  # fmt: skip


def tied_by_case(patterns: Patterns, tied: np.ndarray) -> dict[Any, int]:
    return {case: int(count[tied[: len(count)]].sum()) for case, count in patterns.by_case.items()}


def shares_of(patterns: Patterns, weight: np.ndarray) -> np.ndarray:
    """Compute the share of the votes of each label, by pattern."""
    n = len(patterns.labels)
    there = patterns.said >= 0
    votes = np.zeros((len(patterns.said), n))
    rows, who = np.nonzero(there)
    np.add.at(votes, (rows, patterns.said[rows, who]), weight[who])
    total = votes.sum(axis=1, keepdims=True)
    if (total == 0).any():
        raise InvalidOptionError(
            "each case must have a reader with a weight above 0; received one whose readers all have the weight 0. "
            "Leave "
            "that case out."
        )
    return votes / total


def decided(shares: np.ndarray, labels: np.ndarray, ties: str | int) -> tuple[np.ndarray, np.ndarray]:
    """Choose a label for each pattern, in the smallest type that holds all; and tell where several are at the top."""
    top = shares >= shares.max(axis=1, keepdims=True) * (1 - ROUNDING)
    tied = top.sum(axis=1) > 1
    place = top.shape[1] - 1 - top[:, ::-1].argmax(axis=1) if ties == "highest" else top.argmax(axis=1)
    found = labels[place]
    if isinstance(ties, int):
        found = np.where(tied, ties, found)
    every = [*labels.tolist(), *([ties] if isinstance(ties, int) else [])]
    kind = np.result_type(np.min_scalar_type(min(every)), np.min_scalar_type(max(every)))
    return found.astype(kind), tied
