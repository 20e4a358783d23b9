"""Votes that all name one class: predictions need another one."""

from __future__ import annotations

import warnings
from collections.abc import Hashable

from ..errors import UnvotedClassWarning
from ..predictions.names import shown
from .votes import Votes

__all__ = ["with_two_classes"]


def with_two_classes(votes: Votes, stacklevel: int = 2) -> Votes:
    """Give votes of one class a second one, which nobody names.

    Parameters
    ----------
    votes : Votes
        Any votes.
    stacklevel : int, default=2
        As of `warnings.warn`, seen from the caller.

    Returns
    -------
    Votes
        The votes themselves if they have two classes.

    Warns
    -----
    UnvotedClassWarning
        If they have one.
    """
    if len(votes.classes) > 1:
        return votes
    only = next(iter(votes.classes))
    other: Hashable = "other" if isinstance(only, str) else (not only if isinstance(only, bool) else -1)
    if other == only:
        other = "another" if isinstance(only, str) else 0
    warnings.warn(
        f"all answers name the class {shown(only)}, and predictions are for one of two classes or more; the second one "
        f"is called {shown(other)} here. Name the classes: Votes(..., classes=[{only!r}, ...]).",
        UnvotedClassWarning,
        stacklevel=stacklevel + 1,
    )
    return votes.with_class(other)
