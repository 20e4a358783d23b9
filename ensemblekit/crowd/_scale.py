"""The order of classes that are steps of a scale, and their numbers."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ..errors import InvalidOptionError

__all__ = ["order_of_classes", "values_of_classes"]


def order_of_classes(votes: Any, order: Any, what: str) -> np.ndarray:
    """Find the rank of each class, 0 for the lowest.

    Parameters
    ----------
    votes : Votes
        Whose classes; their own order is taken if none is given.
    order : sequence of str or None
        The same names from the lowest to the highest. None if the votes have an order, or the classes are numbers.
    what : str
        Name of what needs them, for errors.

    Returns
    -------
    ndarray of intp of shape (n_classes,)
        Ranks.
    """
    classes = votes.classes
    order = votes.order if order is None else order
    if order is not None:
        names = None if isinstance(order, str) or not isinstance(order, Sequence) else [str(name) for name in order]
        if names is None or sorted(names) != sorted(map(str, classes)):
            raise InvalidOptionError(
                f"order must be all classes from the lowest to the highest, each once; the classes are "
                f"{list(classes)!r}; received {order!r}."
            )
        rank = {name: k for k, name in enumerate(names)}
        return np.array([rank[str(name)] for name in classes], dtype=np.intp)
    numbers = _numbers(classes)
    if numbers is None:
        raise InvalidOptionError(
            f"{what} needs the order of the classes, as they are not all numbers; received {list(classes)!r}. Give "
            "order=[...], from the lowest to the highest, or labels as an ordered categorical."
        )
    return np.argsort(np.argsort(numbers, kind="stable"), kind="stable")


def values_of_classes(classes: Sequence[Hashable], what: str) -> np.ndarray:
    """Read the names of classes as numbers, or refuse them."""
    numbers = _numbers(classes)
    if numbers is None:
        raise InvalidOptionError(
            f"{what} needs classes that are numbers; received {list(classes)!r}. Take level='ordinal' with "
            "order=[...], or level='nominal'."
        )
    return numbers


def _numbers(classes: Sequence[Hashable]) -> np.ndarray | None:
    try:
        numbers = [float(str(name)) for name in classes]
    except ValueError:
        return None
    return np.array(numbers) if all(map(math.isfinite, numbers)) and len(set(numbers)) == len(numbers) else None
