"""The rows of a group, such as slices of a patient, combined by a rule for members; `Predictions.aggregate` asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import InvalidOptionError, InvalidPredictionsError
from ..interfaces import CombinerLike
from ..predictions.arrays import checked_values, set_of_arrays
from .asked import ask
from .values import not_valid, values_of

__all__ = ["slice_combiner"]


def slice_combiner(
    rule: str | CombinerLike, task: str, options: Mapping[str, Any]
) -> Callable[[np.ndarray, tuple[Any, ...], np.ndarray], np.ndarray]:
    """Make the function that combines slices by a rule.

    Parameters
    ----------
    rule : str or Combiner
        A registered name, or an object. It learns nothing, and has no weights.
    task : str
        Task of the predictions.
    options : mapping of str to Any
        Options of a rule that is given by name.

    Returns
    -------
    callable
        Slices of shape ``(n_slices, n_groups, ..., n_classes)``, classes, and names of the groups -> values of shape
        ``(n_groups, ..., n_classes)``.

    Raises
    ------
    InvalidOptionError
        If the rule learns, has weights, or is not for the task.
    """
    asked = ask(rule, options)
    asked.check_task(task)
    if asked.learns or asked.fitted or getattr(asked.combiner, "weights", None) is not None:
        raise InvalidOptionError(
            f"rows of a group are combined by a rule that knows no members, such as 'mean' or 'maximum', as they have "
            f"no names that other groups have; received {asked.name!r}, which learns or has weights."
        )

    def combine(slices: np.ndarray, classes: tuple[Any, ...], ids: np.ndarray) -> np.ndarray:
        names = [f"slice {place:0{len(str(len(slices)))}d}" for place in range(len(slices))]
        aligned = set_of_arrays(dict(zip(names, slices, strict=True)), ids=ids, classes=classes, task=task)
        values = values_of(aligned, asked, None)
        try:
            return checked_values(aligned, values, member=asked.name)
        except InvalidPredictionsError as error:
            raise not_valid(asked, error) from None

    return combine
