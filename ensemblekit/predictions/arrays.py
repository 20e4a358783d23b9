"""Values of members that have the same rows and columns in one order, so that nothing is matched, only checked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ..kinds import KINDS
from ._checks import as_probas
from ._plainly_valid import is_plainly_valid
from ._set import PredictionSet
from .choices import Task

__all__ = ["checked_values", "is_plain", "plain_cube", "set_of_arrays"]


def plain_cube(arrays: Sequence[Any], *, shape: tuple[int, ...], task: Task) -> np.ndarray | None:
    """Stack the values of members if they are valid as they are.

    Parameters
    ----------
    arrays : sequence of ndarray
        Values of each member.
    shape : tuple of int
        Shape that each must have.
    task : str
        Task of the values.

    Returns
    -------
    ndarray of shape (n_members, *shape), or None
        Read-only. None if something must be mended or refused, which `set_of_arrays` does.
    """
    if task not in KINDS:
        return None
    dtype: Any = None
    for values in arrays:
        if type(values) is not np.ndarray or values.shape != shape or not _is_float(values):
            return None
        if dtype is None:
            dtype = values.dtype
        elif values.dtype is not dtype:
            dtype = np.result_type(dtype, values)
    cube = np.empty((len(arrays), *shape), dtype)
    for place, values in enumerate(arrays):
        cube[place] = values
    if not is_plainly_valid(cube, task):
        return None
    cube.setflags(write=False)
    return cube


def set_of_arrays(
    arrays: Mapping[str, Any], *, ids: np.ndarray, classes: tuple[Hashable, ...], task: Task
) -> PredictionSet:
    """Join the values of members, as `align` joins predictions with equal ids and classes.

    Parameters
    ----------
    arrays : mapping of str to ndarray of shape (n_samples, ..., n_classes)
        Member -> values. They are checked as `Predictions` checks them, all at once if they are valid.
    ids : ndarray of int or str of shape (n_samples,)
        Names of the rows of every array. They are trusted.
    classes : tuple of str or int
        Names of the columns of every array. They are trusted.
    task : str
        Task of the values.

    Returns
    -------
    PredictionSet
        Without labels and fit ids.

    Raises
    ------
    InvalidPredictionsError
        If the values of a member are not those of valid predictions; the error names it.
    """
    values = list(arrays.values())
    shape = getattr(values[0], "shape", ())
    plain = shape[:1] == (len(ids),) and shape[1:][-1:] == (len(classes),)
    cube = plain_cube(values, shape=shape, task=task) if plain else None
    if cube is None:
        cube = np.stack([_checked(value, ids, classes, task, member) for member, value in arrays.items()])
    return PredictionSet(
        member_probas=cube,
        ids=ids,
        classes=classes,
        members=tuple(arrays),
        label_codes=None,
        present=None,
        fit_ids=dict.fromkeys(arrays),
        task=task,
        split=None,
    )


def is_plain(values: Any, *, shape: tuple[int, ...], task: Task) -> bool:
    """Tell whether values have this shape and are valid as they are."""
    plain = task in KINDS and type(values) is np.ndarray and _is_float(values) and values.shape == shape
    return plain and is_plainly_valid(values, task)


def checked_values(aligned: PredictionSet, values: Any, *, member: str) -> np.ndarray:
    """Check new values for the rows and classes of a set, as `Predictions` checks them.

    Parameters
    ----------
    aligned : PredictionSet
        Whose rows and classes they are for.
    values : ndarray of shape (n_samples, ..., n_classes)
        In the order of its rows and classes.
    member : str
        Who made them, for errors.

    Returns
    -------
    ndarray
        The array itself if it is valid as it is.

    Raises
    ------
    InvalidPredictionsError
        If they are not those of valid predictions.
    """
    if is_plain(values, shape=aligned.member_probas.shape[1:], task=aligned.task):
        return values
    return _checked(values, aligned.ids, aligned.classes, aligned.task, member)


def _is_float(values: np.ndarray) -> bool:
    # To look for a dtype among others takes as long as to copy it a row.
    return values.dtype.char in "efd" and values.dtype.isnative


def _checked(values: Any, ids: np.ndarray, classes: tuple[Hashable, ...], task: str, member: str) -> np.ndarray:
    return as_probas(values, ids, classes, task, nan_rows=False, who=f"probas of member {member!r}")[0]
