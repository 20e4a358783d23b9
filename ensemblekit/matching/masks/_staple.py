"""`staple`: a confusion matrix a reader, estimated from patterns of voxels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ...arguments import check_count, check_number, typed
from ...crowd import warn_if_vanished
from ._consensus import Consensus
from ._label_images import LabelImages
from ._patterns import Patterns, labels_in
from ._vote import decided, shares_of, tied_by_case

__all__ = ["staple"]

LEAST = 1e-10
"""Smallest probability of a label: no single voxel excludes a label for ever."""


@typed()
def staple(
    images: LabelImages,
    *,
    labels: Sequence[int] | None = None,
    prior: Literal["fixed", "learned"] = "fixed",
    max_iter: int = 1000,
    tol: float = 1e-9,
) -> Consensus:
    """Estimate how well each reader draws each label, and from that the label of each voxel.

    Parameters
    ----------
    images : LabelImages
        What readers have drawn. A reader has one confusion matrix for all cases.
    labels : sequence of int, optional
        All labels that there are. By default those that are drawn.
    prior : {"fixed", "learned"}, default="fixed"
        Share of each label: that of all readers' voxels, as in STAPLE, or learned along, as in Dawid and Skene's model.
    max_iter : int, default=1000
        Maximum number of steps.
    tol : float, default=1e-9
        The steps end if one changes no entry of a confusion matrix, and no share, by more than this.

    Returns
    -------
    Consensus
        Images, probabilities, and the confusion matrices.

    Raises
    ------
    InvalidOptionError
        If an option is out of range.
    InvalidPredictionsError
        If labels are no whole numbers, or ``labels`` lacks one that is drawn.

    Warns
    -----
    VanishedClassWarning
        If a label is given to no voxel, though it has the most votes on some.

    Notes
    -----
    The model is that of `DawidSkene`, with voxels as items [1]_: ``p[v, c] = prior[c] prod_r confusion_r[c, k]`` over
    the labels ``k`` that readers drew at the voxel ``v``, divided by its sum over ``c``; confusion matrices are
    frequencies with ``p`` as weights. Steps start from the shares of the votes. Voxels with the same labels by all
    readers have the same ``p``, so they are counted once, in blocks, and each step works on patterns: 2 readers and 2
    labels have 4, whatever the number of voxels. Of equal probabilities the lowest label is taken. Who has not drawn a
    case tells nothing there.

    A large background has a large share, and makes small objects improbable: crop images to the region of interest.

    References
    ----------
    .. [1] S. K. Warfield, K. H. Zou, W. M. Wells, "Simultaneous truth and performance level estimation (STAPLE): an
       algorithm for the validation of image segmentation", IEEE Transactions on Medical Imaging 23(7), 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.matching import LabelImages, staple
    >>> ann, bo, cy = np.zeros((3, 20, 20), dtype=int)
    >>> ann[5:15, 5:15] = bo[5:15, 5:15] = cy[9:19, 9:19] = 1
    >>> found = staple(LabelImages({"a": {"ann": ann, "bo": bo, "cy": cy}}))
    >>> bool((found.image("a") == ann).all())
    True
    >>> found.reader_table().query("label == 1").round(2)
      reader  label  sensitivity  specificity
    1    ann      1         1.00         1.00
    3     bo      1         1.00         1.00
    5     cy      1         0.36         0.79
    """
    check_count("max_iter", max_iter)
    check_number("tol", tol, 0)
    every = labels_in(images, labels)
    patterns = Patterns(images, every)
    said, count = patterns.said, patterns.count.astype(np.float64)
    n_readers, n = len(patterns.readers), len(every)
    there = said >= 0
    shares = shares_of(patterns, np.ones(n_readers))
    given = [(said[:, r][:, np.newaxis] == np.arange(n)) * count[:, np.newaxis] for r in range(n_readers)]
    by_reader = np.stack([table.sum(axis=0) for table in given])
    share = by_reader.sum(axis=0) / by_reader.sum()
    posterior, confusions, n_iter, converged = shares, np.zeros((n_readers, n, n)), 0, False
    while n_iter < max_iter and not converged:
        n_iter += 1
        new = np.stack([posterior.T @ table for table in given])
        total = new.sum(axis=2, keepdims=True)
        # Where a label is nowhere true, nothing is known of how it is drawn.
        new = np.divide(new, total, out=np.full_like(new, 1 / n), where=total > 0)
        new = np.maximum(new, LEAST)
        shares_now = share
        if prior == "learned":
            shares_now = count @ posterior / count.sum()
        score = np.log(np.maximum(shares_now, np.finfo(float).tiny)) + np.zeros((len(said), n))
        for r in range(n_readers):
            rows = there[:, r]
            score[rows] += np.log(new[r]).T[said[rows, r]]
        score -= score.max(axis=1, keepdims=True)
        posterior = np.exp(score)
        posterior /= posterior.sum(axis=1, keepdims=True)
        change = max(float(np.abs(new - confusions).max()), float(np.abs(shares_now - share).max()))
        confusions, share = new, shares_now
        converged = change <= tol
    found, tied = decided(posterior, every, "lowest")
    warn_if_vanished(
        shares * count[:, np.newaxis], posterior, tuple(every.tolist()), rule="staple",
        remedy="Compare with vote_labels, or crop the images to the region of interest.", stacklevel=3,
    )  # fmt: skip
    return Consensus(
        "staple", tuple(every.tolist()), images.readers, tied_by_case(patterns, tied), confusions, share, n_iter,
        converged, patterns, posterior, found,
    )  # fmt: skip
