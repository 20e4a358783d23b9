"""Weights of the members as arrays: divided by their sum, or scaled so that their sums do not overflow in float16."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ensemblekit.errors import InvalidOptionError
from ensemblekit.predictions.named import by_member

__all__ = ["check_settled", "normalised_weights", "scaled_weights"]


def check_settled(weights: Any) -> None:
    """Refuse weights that are still given by member name."""
    if isinstance(by_member(weights), Mapping):
        raise InvalidOptionError(
            "weights by name need the members' names: call ensemblekit.combine, or for_members(names) first."
        )


def normalised_weights(weights: Any) -> np.ndarray:
    """Divide the weights, ``(n_members,)`` or ``(n_members, n_classes)``, by their sum over the members, in float64."""
    check_settled(weights)
    array = np.asarray(weights, dtype=np.float64)
    return array / array.sum(axis=0)


def scaled_weights(weights: Any, n_members: int) -> np.ndarray:
    """Scale the weights so that the largest is between 1/2 and 1.

    A weight of 100,000 is infinite in float16. Only the ratio of the weights matters, and a power of two keeps it
    exact.

    Parameters
    ----------
    weights : sequence of shape (n_members,), optional
        With None all weights are 1.
    n_members : int
        Number of members.

    Returns
    -------
    ndarray of float64 of shape (n_members,)
        The weights have the same ratio.

    Raises
    ------
    InvalidOptionError
        If the weights are still given by name.
    """
    if weights is None:
        return np.ones(n_members)
    check_settled(weights)
    return np.ldexp(np.asarray(weights, dtype=np.float64), -int(np.frexp(max(weights))[1]))
