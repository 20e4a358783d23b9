"""Class names as a task spells them: a plugin may have several spellings of one class, such as levels of quantiles."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from ..errors import InvalidPredictionsError
from ..kinds import KINDS, task_of
from ._columns import values_of_column
from .names import as_classes, plain

__all__ = ["classes_of_task", "names_of_task"]


def classes_of_task(classes: Any, task: str) -> tuple[Hashable, ...]:
    """Convert class names to a tuple, in the spelling of the task; refuse repeated or invalid ones.

    Parameters
    ----------
    classes : sequence or mapping
        As `Predictions` takes them.
    task : str
        Name of the task.

    Returns
    -------
    tuple of str, int or bool
    """
    if task in KINDS or isinstance(classes, Mapping | str | bytes):
        return as_classes(classes)
    given = values_of_column("classes", classes)
    try:
        names = tuple(plain(name) for name in given)
    except TypeError:
        return as_classes(classes)  # which says what it must be
    return as_classes(names_of_task(names, task))


def names_of_task(names: tuple[Any, ...], task: str) -> tuple[Any, ...]:
    """Spell names as the task does; refuse those that are none of its."""
    if task in KINDS:
        return names
    try:
        return task_of(task).task.name_classes(names)
    except ValueError as error:
        raise InvalidPredictionsError(f"classes must be valid for the task {task!r}: {error}") from error
