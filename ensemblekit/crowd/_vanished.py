"""The warning for a class that votes had, and that a rule predicts nowhere."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ..errors import VanishedClassWarning
from ..predictions.names import shown

__all__ = ["warn_if_vanished"]


def warn_if_vanished(
    counts: Any, posterior: Any, classes: Sequence[Hashable], *, rule: str, remedy: str, stacklevel: int = 2
) -> None:
    """Warn of classes that have more votes than each other on some items, and are predicted for none.

    A model that learns without labels can give all items of a class to another one.

    Parameters
    ----------
    counts : ndarray of shape (n_items, n_classes)
        Votes for each class.
    posterior : ndarray of shape (n_items, n_classes)
        What the rule makes of them; NaN for items without a prediction.
    classes : sequence of str or int
        Names of the classes.
    rule : str
        Name of the rule, for the warning.
    remedy : str
        What to do about it, a sentence.
    stacklevel : int, default=2
        As of `warnings.warn`, seen from the caller.

    Warns
    -----
    VanishedClassWarning
        If there are such classes.
    """
    counts, posterior = np.asarray(counts), np.asarray(posterior)
    if not len(counts):
        return
    best = counts.max(axis=1)
    there = ~np.isnan(posterior[:, 0])
    alone = there & ((counts == best[:, np.newaxis]).sum(axis=1) == 1)
    led = np.bincount(counts.argmax(axis=1)[alone], minlength=len(classes))
    predicted = np.bincount(posterior[there].argmax(axis=1), minlength=len(classes))
    lost = [(classes[k], int(led[k])) for k in np.flatnonzero((led > 0) & (predicted == 0)).tolist()]
    if lost:
        warnings.warn(
            f"rule {rule!r} predicts {len(lost)} of {len(classes)} classes for no item, though they have the most "
            f"votes on some: {shown([*lost[:3]])}{' and others' if len(lost) > 3 else ''}, (class, items). {remedy}",
            VanishedClassWarning,
            stacklevel=stacklevel + 1,
        )
