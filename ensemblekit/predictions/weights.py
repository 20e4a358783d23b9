"""Weights of members, by name or in their order: read and checked, once for all rooms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arguments import check_unmasked
from ..errors import InvalidOptionError
from .alike import normalisation_note
from .named import by_member

__all__ = ["check_weights"]


def check_weights(weights: Any, members: tuple[str, ...]) -> np.ndarray:
    """Read one weight a member, by name or in the order of the members.

    Parameters
    ----------
    weights : mapping of str to float, Series indexed by member, or array-like of shape (n_members,)
        Finite, >= 0, with a positive sum.
    members : tuple of str
        Names, in the order of the result.

    Returns
    -------
    ndarray of float64, shape (n_members,)

    Raises
    ------
    InvalidOptionError
        If a name is unknown or absent, or a weight or their number is another.
    """
    rule = "weights must be finite and >= 0 with a positive sum"
    weights = by_member(weights)
    if isinstance(weights, Mapping):
        missing = [m for m in members if m not in weights]
        unknown = [m for m in weights if m not in members]
        if missing or unknown:
            raise InvalidOptionError(
                f"weights by member name must name each member once; missing {missing}, unknown {unknown}, "
                f"for members {members}.{normalisation_note(unknown, missing)} Name them all, with 0 for a member to "
                "leave out."
            )
        weights = [weights[m] for m in members]
    check_unmasked("weights", weights, error=InvalidOptionError)
    try:
        array = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidOptionError(f"{rule}; received {weights!r} for members {members}.") from None
    if array.shape != (len(members),):
        raise InvalidOptionError(
            f"weights must have one value a member; received shape {array.shape} for {len(members)} members "
            f"{members}. Give {{member: weight}} to be safe from their order."
        )
    with np.errstate(over="ignore"):
        total = array.sum()
    if not (np.isfinite(total) and (array >= 0).all() and total > 0):
        raise InvalidOptionError(f"{rule}; received {array.tolist()} for members {members}.")
    return array
