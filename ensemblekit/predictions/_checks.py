"""Validation of probabilities and labels. `names` validates ids and class names."""

from __future__ import annotations

import mmap
import re
from collections.abc import Hashable
from typing import Any

import numpy as np

from ..errors import InvalidPredictionsError
from ..kinds import KINDS, kind_of, task_of
from ._columns import array_without_names
from ._plainly_valid import DEFAULT_SUM_TOLERANCE, SUM_TOLERANCE, sums_of
from ._task_names import names_of_task
from .alike import normalisation_note
from .named import frame_of_rows, look_up, read_named
from .names import array_of, few, first_null, plain, readonly, shown

__all__ = ["FLOATS", "as_labels", "as_probas", "check_by_task"]

LIKE_A_NUMBER = re.compile(r"\s*[+-]?\d+(\.0*)?\s*")
"""Names of classes that whole-number labels could mean."""

BELOW_ZERO = {np.dtype(np.float16): 2e-3}
"""How far below 0 rounding brings a probability such as ``1 - p``, by dtype. Such a value becomes 0."""
DEFAULT_BELOW_ZERO = 1e-5
"""Large enough for sums of some hundred float32 numbers."""

FLOATS = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))
"""Dtypes that are kept, as every file format stores them. Others become float64."""


def as_probas(
    probas: Any,
    ids: np.ndarray,
    classes: tuple[Hashable, ...],
    task: str,
    *,
    nan_rows: bool,
    who: str,
    is_new: bool = False,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Validate predictions against their ids, classes and task.

    Parameters
    ----------
    probas : array-like
        Values whose names were read.
    ids, classes, task
        As `Predictions` keeps them.
    nan_rows : bool
        Accept rows that are entirely NaN.
    who : str
        Name of the argument, for errors.
    is_new : bool, default=False
        Nobody else has the array, which needs no copy.

    Returns
    -------
    probas : ndarray of shape (n_samples, ..., n_classes)
        Read-only, and no writable view of the same memory exists: a copy, unless the input is read-only.
    present : ndarray of bool of shape (n_samples,), or None
        Which rows are not NaN; None if all are present.
    """
    kind, array = kind_of(task), array_without_names(who, probas)
    coarse = array.dtype.kind not in "biuf" and "bfloat16" in array.dtype.name  # asking for the name is slow
    if coarse:  # NumPy has no such dtype, and its sums are off by as much as those of float16
        array, is_new = array.astype(np.float32), True
        array = _divided_by_sums(array) if kind == "multiclass" else array
    _check_exact(who, array)
    if array.dtype.kind in "biuf" and array.dtype not in FLOATS:
        array, is_new = array.astype(np.float64), True
    if array.dtype.kind != "f":
        raise InvalidPredictionsError(f"{who} must be floating point; received dtype {array.dtype}.")
    if task not in KINDS and (array.ndim < 2 or array.shape[-1] != len(classes)):
        completed = task_of(task).task.complete(array, classes)
        array, is_new = completed, is_new or completed is not array
    if kind == "regression" and array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim < 2:
        raise InvalidPredictionsError(
            f"{who} must have shape (n_samples, ..., n_classes), at least two axes; received shape {array.shape}."
            + _SIGMOID
        )
    if len(array) != len(ids):
        raise InvalidPredictionsError(f"{who} must have one row an id; received {len(array)} rows and {len(ids)} ids.")
    if array.shape[-1] != len(classes):
        raise InvalidPredictionsError(
            f"{who} must have one column a class; received {array.shape[-1]} columns (shape {array.shape}) "
            f"and {len(classes)} classes {shown(classes)}."
        )
    if kind == "multiclass" and len(classes) < 2:
        raise InvalidPredictionsError(
            f"{who} must have at least two classes; received one, {shown(classes)}." + _SIGMOID
        )
    if not is_new and not _is_immutable(array):
        array = array.copy(order="K")
    present, low = _check_values(array, ids, kind, nan_rows, who)
    if low < 0:
        array = np.maximum(array, 0)
    if task not in KINDS:
        check_by_task(array, classes, task, who)
    return readonly(array), present


def check_by_task(probas: np.ndarray, classes: tuple[Hashable, ...], task: str, who: str) -> None:
    """Refuse predictions that a task of a plugin refuses, though they are valid for its kind."""
    try:
        task_of(task).task.check(probas, classes)
    except ValueError as error:
        raise InvalidPredictionsError(f"{who} must be valid for the task {task!r}: {error}") from error


def _check_exact(who: str, array: np.ndarray) -> None:
    if array.dtype.kind in "iu" and array.size and max(-int(array.min()), int(array.max())) > 2**53:
        raise InvalidPredictionsError(
            f"{who} must be exact in float64: whole numbers up to 2**53; received {array.dtype} from {array.min()} to "
            f"{array.max()}."
        )


def _is_immutable(array: Any) -> bool:
    """Tell whether an array is read-only, and also the memory that it is a view of."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        if array.base is None:
            return True
        array = array.base
    # Any other read-only buffer, such as Arrow's, may still be written by its owner.
    return isinstance(array, (bytes, mmap.mmap)) and memoryview(array).readonly


_SIGMOID = " For the one output p of a sigmoid give both columns: np.column_stack([1 - p, p])."


def _divided_by_sums(array: np.ndarray) -> np.ndarray:
    sums = array.sum(axis=-1, keepdims=True)
    near = np.abs(sums - 1) <= SUM_TOLERANCE[np.dtype(np.float16)]
    return np.divide(array, sums, out=array, where=near)


def _check_values(
    array: np.ndarray, ids: np.ndarray, kind: str, nan_rows: bool, who: str
) -> tuple[np.ndarray | None, float]:
    """Return which rows are present (None: all), and the least value, or 0 where any is valid."""
    axes = tuple(range(1, array.ndim))
    # If a value is NaN or infinite, so is the sum: one pass finds these rows and those that do not sum to 1.
    with np.errstate(invalid="ignore", over="ignore"):
        sums = sums_of(array)
        bad = ~np.isfinite(sums)
    if kind == "regression" and bad.any():
        bad = ~np.isfinite(array).all(axis=-1)
    present: np.ndarray | None = None
    numbers: Any = range(len(array))
    if bad.any():
        bad_rows = bad.reshape(len(array), -1).any(axis=1)
        whole = np.zeros(len(array), dtype=bool)
        rows = np.flatnonzero(bad_rows)
        whole[rows] = np.isnan(array[rows]).all(axis=axes)
        if not nan_rows or (bad_rows & ~whole).any():
            first = int(np.flatnonzero(bad_rows & ~whole if nan_rows else bad_rows)[0])
            advice = (
                "A row may be NaN as a whole or not at all."
                if nan_rows
                else "Drop them, or admit rows that are NaN as a whole with missing='renormalize'."
            )
            raise InvalidPredictionsError(
                f"{who} must be finite; received NaN or infinity in {int(bad_rows.sum())} rows, the first "
                f"{first} (id {_id(ids, first)}): {_format_row(array[first])}. {advice}"
            )
        present = readonly(~whole)
        array, sums, ids, numbers = array[present], sums[present], ids[present], np.flatnonzero(present)
    if kind == "regression" or not array.size:
        return present, 0
    low, high = float(array.min()), float(array.max())
    tolerance = SUM_TOLERANCE.get(array.dtype, DEFAULT_SUM_TOLERANCE)
    below = -BELOW_ZERO.get(array.dtype, DEFAULT_BELOW_ZERO)
    if low < below or high > 1 + tolerance:
        outside = ((array < below) | (array > 1 + tolerance)).any(axis=axes)
        first = int(np.flatnonzero(outside)[0])
        raise InvalidPredictionsError(
            f"{who} must lie in [0, 1]; received values from {low:.6g} to {high:.6g}, first in row {numbers[first]} "
            f"(id {_id(ids, first)}): {_format_row(array[first])}. Give probabilities: softmax of logits, "
            "percentages divided by 100."
        )
    if kind == "multiclass":
        off = np.abs(sums - 1) > tolerance
        if off.any():
            off_rows = off.reshape(len(off), -1).any(axis=1)
            first = int(np.flatnonzero(off_rows)[0])
            raise InvalidPredictionsError(
                f"{who} must sum to 1 over the classes (within {tolerance:g}); {int(off_rows.sum())} rows do not, the "
                f"first {numbers[first]} (id {_id(ids, first)}): {_format_row(array[first])}. Normalise them, "
                "or give task='multilabel' if the classes do not exclude each other."
            )
    return present, low


def _id(ids: np.ndarray, row: int) -> str:
    return shown(ids[row : row + 1].tolist()[0])


def _format_row(row: np.ndarray) -> str:
    return np.array2string(row, precision=4, threshold=8, separator=", ").replace("\n", "")


def as_labels(
    labels: Any, classes: tuple[Hashable, ...], task: str, shape: tuple[int, ...], ids: np.ndarray, *, index: Any = None
) -> np.ndarray:
    """Look labels up by id, validate them and convert class names to codes.

    Parameters
    ----------
    labels : object
        As `Predictions` takes them.
    classes : tuple
        Names of the classes.
    task : str
        Task of the predictions.
    shape : tuple of int
        Shape of the predictions.
    ids : ndarray
        Ids of the rows.
    index : pandas.Index, optional
        Another name of each row; see `by_id`.

    Returns
    -------
    ndarray
        Read-only. multiclass: int64 codes into ``classes``, shape ``shape[:-1]``. multilabel: bool, regression: float,
        ``shape``.
    """
    values = _as_labels(labels, classes, task, shape, ids, index)
    if task not in KINDS:
        try:
            task_of(task).task.check_labels(values, classes)
        except ValueError as error:
            raise InvalidPredictionsError(f"labels must be valid for the task {task!r}: {error}") from error
    return values


def _as_labels(
    labels: Any, classes: tuple[Hashable, ...], task: str, shape: tuple[int, ...], ids: np.ndarray, index: Any
) -> np.ndarray:
    kind = kind_of(task)
    array = _label_values(labels, classes, task, ids, index)
    if kind == "regression":
        array = array.reshape(shape) if array.shape == shape[:-1] and shape[-1] == 1 else array
        if array.shape != shape or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise InvalidPredictionsError(
                f"labels for regression must be finite numbers of shape {shape}; received dtype {array.dtype}, "
                f"shape {array.shape}{_null_note(array)}."
            )
        _check_exact("labels for regression", array)
        if array.dtype == np.float64 and array.shape[-1] > 1 and array.strides[-1] == 0:
            return readonly(array)  # one column that is repeated, which takes no memory and is a copy already
        return readonly(array.astype(np.float64))
    if kind == "multilabel":
        if array.shape != shape or array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
            raise InvalidPredictionsError(
                f"labels for multilabel must be 0 or 1, one a class, shape {shape}; received dtype {array.dtype}, "
                f"shape {array.shape}{_null_note(array)}."
            )
        return readonly(array.astype(bool))
    if array.shape != shape[:-1]:
        raise InvalidPredictionsError(
            f"labels must be one class name a row, shape {shape[:-1]}; received shape {array.shape}."
            + (" Give names, not one-hot rows: np.asarray(classes)[y.argmax(-1)]." if array.shape == shape else "")
        )
    return readonly(_codes(array, classes).reshape(shape[:-1]))


def _label_values(labels: Any, classes: tuple[Hashable, ...], task: str, ids: np.ndarray, index: Any) -> np.ndarray:
    kind = kind_of(task)
    rows = frame_of_rows(labels) if isinstance(labels, list | tuple) else labels
    if isinstance(rows, np.ndarray | list | tuple):
        return _completed(array_of(rows), classes, task, None)
    named = read_named(rows, "labels", label=kind == "multiclass", like=ids)
    values = look_up(named, "labels", ids, index=index)
    if kind == "multiclass":
        return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 and named.columns is not None else values
    own = named.columns
    if (completed := _completed(values, classes, task, own)) is not values:
        return completed
    if own is None or own == classes or len(own) == 1 == len(classes):
        return values
    own = names_of_task(own, task)
    if {*own} != {*classes}:
        raise InvalidPredictionsError(
            f"labels must have one column a class {shown(classes)}; received a table with {shown([*own])}. Rename the "
            "columns, or give labels.to_numpy() if they are in the order of the classes."
        )
    places = {name: place for place, name in enumerate(own)}
    return values[:, [places[name] for name in classes]]


def _completed(values: np.ndarray, classes: tuple[Hashable, ...], task: str, columns: Any) -> np.ndarray:
    """Let the task of a plugin turn labels of another shape, such as (time, event), into those of its kind."""
    complete = None if task in KINDS else getattr(task_of(task).task, "complete_labels", None)
    if complete is None:
        return values
    own = values.astype(np.float64) if values.dtype.kind == "f" else values.copy()  # what comes may be a view of it
    try:
        completed = complete(own, classes, columns)
    except ValueError as error:
        raise InvalidPredictionsError(f"labels must be valid for the task {task!r}: {error}") from error
    return values if completed is own else np.asarray(completed)


def _codes(array: np.ndarray, classes: tuple[Hashable, ...]) -> np.ndarray:
    kind: Any = type(classes[0])
    if array.dtype.kind in "iu" and kind is str:
        # For classes of text, integers can only be codes, unless a text looks like an integer.
        if (like := next((name for name in classes if LIKE_A_NUMBER.fullmatch(str(name))), None)) is not None:
            raise InvalidPredictionsError(
                f"labels must be names out of classes {shown(classes)}, as text where they look like numbers; received "
                f"integers, {few(array.ravel().tolist())}. Are they names or positions? Nobody can know, as {like!r} "
                "is a class. Give names, [str(y) for y in labels], or of positions [classes[y] for y in labels]."
            )
        outside = (array < 0) | (array >= len(classes))
        if outside.any():
            raise InvalidPredictionsError(
                f"labels must be names out of classes {shown(classes)}, or their positions; received also "
                f"{few(np.unique(array[outside]).tolist())}."
            )
        return array.astype(np.int64)
    names: list[Any] = array.ravel().tolist()
    by_name: dict[Any, int] = {name: code for code, name in enumerate(classes)}
    # 1, 1.0 and True are equal as dict keys, but are different names.
    if array.dtype.kind not in {str: "UOT", int: "iuO", bool: "bO"}[kind] or not {*map(type, names)} <= {kind}:
        names = [plain(name) for name in names]
        if (row := first_null(names)) is not None:
            raise InvalidPredictionsError(
                f"labels must be names out of classes {shown(classes)}; row {row} has none: {shown(names[row])}. Give "
                "it a label, or leave it out."
            )
        others = [name for name in names if type(name) is not kind]
        if others:
            raise InvalidPredictionsError(
                f"labels must be names out of classes {shown(classes)}, {kind.__name__} as they are; received also "
                f"{few(others)}, {type(others[0]).__name__}."
            )
    try:
        codes = [by_name[name] for name in names]
    except (KeyError, TypeError):
        unknown = sorted({name for name in names if name not in by_name}, key=str)
        raise InvalidPredictionsError(
            f"labels must be names out of classes {shown(classes)}; received also {few(unknown)}."
            + normalisation_note(unknown, classes)
        ) from None
    return np.asarray(codes, dtype=np.int64)


def _null_note(array: np.ndarray) -> str:
    if array.dtype.kind not in "fO" or not array.ndim:
        return ""
    place = first_null(array.ravel().tolist())
    return "" if place is None else f", with none in row {place // max(1, array[:1].size)}"
