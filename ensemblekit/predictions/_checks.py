"""The checks of ids, class names, probabilities and labels: each made once, where data come in."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from pathlib import PurePath
from typing import Any, Literal, get_args

import numpy as np

from ..arguments import as_array
from ..errors import InvalidOptionError, InvalidPredictionsError, LeakageError

Task = Literal["multiclass", "multilabel", "regression"]
Missing = Literal["error", "zero", "renormalize"]

SUM_TOLERANCE = {np.dtype(np.float16): 1e-2}
"""How far a row may sum from 1; files rounded to four decimals must pass."""
DEFAULT_SUM_TOLERANCE = 1e-3

FLOATS = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))
"""What is kept as it came: what every file format holds. Other numbers become float64."""


def few(items: Iterable[Any], n: int = 3) -> str:
    """Say how many items there are and show the first few."""
    items = list(items)
    shown = ", ".join(repr(item) for item in items[:n])
    return f"{len(items)} ({shown}{', ...' if len(items) > n else ''})"


def check_not_test(what: str, split: str | None, ids: np.ndarray) -> None:
    """Refuse to choose anything on the test split, be it named by the split or, without one, by an id's folder."""
    rows = len(ids) if split == "test" else 0
    if split is None and ids.dtype.kind == "U":
        rows = int(np.char.startswith(ids, "test/").sum())
    if rows:
        raise LeakageError(
            f"{what} on the test split, which is read once, in evaluation; received {len(ids)} rows, {rows} of them of "
            f"the split 'test', first {ids[0].item()!r}. Give validation or out-of-fold predictions, or "
            "allow_leakage=True to go on knowingly."
        )


def readonly(array: np.ndarray) -> np.ndarray:
    """Forbid writing to an array of our own, and return it."""
    array.flags.writeable = False
    return array


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Refuse a value that is not one of the choices."""
    if not (isinstance(value, str) and value in choices):  # `in` alone would ask an array for its truth
        raise InvalidOptionError(f"{name} must be one of {', '.join(map(repr, choices))}; received {value!r}.")


def check_task(task: Any) -> None:
    """Refuse a task that is not one of the three."""
    check_choice("task", task, get_args(Task))


def missing_policy(missing: Any) -> tuple[str, str]:
    """Split ``missing=`` into the policy for absent classes and the policy for absent rows."""
    rule = (
        "missing must be 'error', 'zero' (absent classes), 'renormalize' (absent rows), "
        "or {'classes': 'error' | 'zero', 'rows': 'error' | 'renormalize'}"
    )
    if isinstance(missing, Mapping):
        classes, rows = missing.get("classes", "error"), missing.get("rows", "error")
        known = isinstance(classes, str) and isinstance(rows, str) and set(missing) <= {"classes", "rows"}
        if known and classes in ("error", "zero") and rows in ("error", "renormalize"):
            return classes, rows
    elif isinstance(missing, str) and missing in get_args(Missing):
        return ("zero" if missing == "zero" else "error"), ("renormalize" if missing == "renormalize" else "error")
    raise InvalidOptionError(f"{rule}; received {missing!r}.")


def as_ids(ids: Any, *, what: str = "ids") -> np.ndarray:
    """Turn ids into an array of integers or strings, unique or refused.

    Parameters
    ----------
    ids : sequence of str, int or pathlib.PurePath
        One name a row; a path becomes its POSIX form.
    what : str
        What they are called in an error.

    Returns
    -------
    ndarray of int64 or str, shape (n_samples,)
    """
    array = _as_names(ids, what)
    if not _all_different(array):
        values, counts = np.unique(array, return_counts=True)
        raise InvalidPredictionsError(
            f"{what} must be unique; received {len(array)}, of which repeated: "
            f"{few(values[counts > 1].tolist())}. Give each row its own id, such as its path from the data root."
        )
    return readonly(array)


def _all_different(names: np.ndarray) -> bool:
    if names.dtype.kind == "U":
        # Those of a sorted file rise; to see it is cheaper than to hash them.
        return bool((names[1:] > names[:-1]).all()) or len(set(names.tolist())) == len(names)
    ordered = np.sort(names)
    return not (ordered[1:] == ordered[:-1]).any()


def as_fit_ids(fit_ids: Any, ids: np.ndarray) -> np.ndarray:
    """Turn the ids of the rows that a member was fitted on into a sorted array, of the kind of ``ids`` or refused."""
    fitted = readonly(np.unique(as_ids(fit_ids, what="fit_ids")))
    if len(ids) and len(fitted) and ids.dtype.kind != fitted.dtype.kind:
        raise InvalidPredictionsError(
            f"fit_ids must be of the kind of ids, else they never meet; received {fitted[0].item()!r} beside the id "
            f"{ids[0].item()!r}. Name the rows in one way."
        )
    return fitted


def all_fit_ids(known: Iterable[np.ndarray | None]) -> np.ndarray | None:
    """Join the rows that each was fitted on, where it is known of any."""
    given = [fit_ids for fit_ids in known if fit_ids is not None]
    return np.unique(np.concatenate(given)) if given else None


def _check_sequence(what: str, names: Any, of: str) -> None:
    if isinstance(names, Set):
        raise InvalidPredictionsError(f"{what} must be a sequence, as a set has no order; received {names!r}.")
    if isinstance(names, (str, bytes)) or not hasattr(names, "__iter__"):
        raise InvalidPredictionsError(f"{what} must be a sequence of {of}; received {names!r}.")


def _as_names(ids: Any, what: str) -> np.ndarray:
    _check_sequence(what, ids, "str or int")
    if isinstance(ids, np.ndarray) and ids.dtype.kind in "iuU":
        if ids.ndim != 1:
            raise InvalidPredictionsError(f"{what} must have one axis; received shape {ids.shape}.")
        array = ids.astype(np.int64) if ids.dtype.kind in "iu" else ids.copy()
        if ids.dtype.kind == "u" and len(ids) and int(ids.max()) > np.iinfo(np.int64).max:
            raise InvalidPredictionsError(f"{what} must fit in 64 signed bits; received {int(ids.max())}.")
        return array
    values = [i.as_posix() if isinstance(i, PurePath) else i for i in ids]
    values = [i.item() if isinstance(i, np.generic) else i for i in values]
    if all(isinstance(i, str) for i in values):
        if any("\0" in i for i in values):
            raise InvalidPredictionsError(f"{what} must not hold the character NUL; received one that does.")
        return np.array(values, dtype=np.str_)
    if all(isinstance(i, int) and not isinstance(i, bool) for i in values):
        try:
            return np.array(values, dtype=np.int64)
        except OverflowError:
            raise InvalidPredictionsError(f"{what} must fit in 64 signed bits; received larger ones.") from None
    kinds = sorted({type(i).__name__ for i in values})
    raise InvalidPredictionsError(
        f"{what} must be all str or all int; received {', '.join(kinds)}. "
        "Turn them into one kind, e.g. [str(i) for i in ids]."
    )


def as_classes(classes: Any) -> tuple[Hashable, ...]:
    """Turn class names into a tuple of str, or of int, unique or refused."""
    _check_sequence("classes", classes, "names")
    names = tuple(c.item() if isinstance(c, np.generic) else c for c in classes)
    if not (all(isinstance(c, str) for c in names) or all(isinstance(c, int) for c in names)):
        raise InvalidPredictionsError(
            f"classes must be all str or all int, as alignment is by name; received {names!r}."
        )
    if len(set(names)) != len(names):
        repeated = sorted({c for c in names if names.count(c) > 1}, key=str)
        raise InvalidPredictionsError(f"classes must be unique; received {names!r}, of which repeated: {repeated!r}.")
    if not names:
        raise InvalidPredictionsError("classes must name at least one class; received none.")
    return names


def as_probas(
    probas: Any, ids: np.ndarray, classes: tuple[Hashable, ...], task: str, *, nan_rows: bool, who: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Check predictions against their ids, classes and task.

    Returns
    -------
    probas : ndarray of shape (n_samples, ..., n_classes)
        Read-only; a view where the input is a floating array already.
    present : ndarray of bool of shape (n_samples,), or None
        Which rows are not NaN; None where all are there.
    """
    array = as_array(who, probas, error=InvalidPredictionsError)
    if array.dtype.kind in "biuf" and array.dtype not in FLOATS:
        array = array.astype(np.float64)
    if array.dtype.kind != "f":
        raise InvalidPredictionsError(f"{who} must be floating point; received dtype {array.dtype}.")
    if task == "regression" and array.ndim == 1:
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
            f"and {len(classes)} classes {classes!r}."
        )
    if task == "multiclass" and len(classes) < 2:
        raise InvalidPredictionsError(f"{who} must have at least two classes; received one, {classes!r}." + _SIGMOID)
    array = readonly(array.view())
    return array, _check_values(array, ids, task, nan_rows, who)


_SIGMOID = " For the one output p of a sigmoid give both columns: np.column_stack([1 - p, p])."


def _check_values(array: np.ndarray, ids: np.ndarray, task: str, nan_rows: bool, who: str) -> np.ndarray | None:
    axes = tuple(range(1, array.ndim))
    # A sum is NaN or infinite wherever a value is: one pass finds both, and the rows that are not distributions.
    with np.errstate(invalid="ignore", over="ignore"):
        sums = array.sum(axis=-1, dtype=np.float32 if array.dtype == np.float16 else None)
        bad = ~np.isfinite(sums)
    if task == "regression" and bad.any():
        bad = ~np.isfinite(array).all(axis=-1)
    present: np.ndarray | None = None
    numbers = np.arange(len(array))
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
                f"{first} (id {ids[first].item()!r}): {_shown(array[first])}. {advice}"
            )
        present = readonly(~whole)
        array, sums, ids, numbers = array[present], sums[present], ids[present], numbers[present]
    if task == "regression" or not array.size:
        return present
    low, high = float(array.min()), float(array.max())
    tolerance = SUM_TOLERANCE.get(array.dtype, DEFAULT_SUM_TOLERANCE)
    if low < 0 or high > 1 + tolerance:
        outside = ((array < 0) | (array > 1 + tolerance)).any(axis=axes)
        first = int(np.flatnonzero(outside)[0])
        raise InvalidPredictionsError(
            f"{who} must lie in [0, 1]; received values from {low:.6g} to {high:.6g}, first in row {numbers[first]} "
            f"(id {ids[first].item()!r}): {_shown(array[first])}. Give probabilities: softmax of logits, "
            "percentages divided by 100."
        )
    if task == "multiclass":
        off = np.abs(sums - 1) > tolerance
        if off.any():
            off_rows = off.reshape(len(off), -1).any(axis=1)
            first = int(np.flatnonzero(off_rows)[0])
            raise InvalidPredictionsError(
                f"{who} must sum to 1 over the classes (within {tolerance:g}); {int(off_rows.sum())} rows do not, the "
                f"first {numbers[first]} (id {ids[first].item()!r}): {_shown(array[first])}. Normalise them, "
                "or give task='multilabel' if the classes do not exclude each other."
            )
    return present


def _shown(row: np.ndarray) -> str:
    return np.array2string(row, precision=4, threshold=8, separator=", ").replace("\n", "")


def as_labels(labels: Any, classes: tuple[Hashable, ...], task: str, shape: tuple[int, ...]) -> np.ndarray:
    """Check labels; class names become codes.

    Returns
    -------
    ndarray
        Read-only. multiclass: int64 codes into ``classes``, shape ``shape[:-1]``. multilabel: bool, regression: float,
        ``shape``.
    """
    array = as_array("labels", labels, error=InvalidPredictionsError)
    if task == "regression":
        array = array.reshape(shape) if array.shape == shape[:-1] and shape[-1] == 1 else array
        if array.shape != shape or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise InvalidPredictionsError(
                f"labels for regression must be finite numbers of shape {shape}; received dtype {array.dtype}, "
                f"shape {array.shape}."
            )
        return readonly(array.astype(np.float64))
    if task == "multilabel":
        if array.shape != shape or array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
            raise InvalidPredictionsError(
                f"labels for multilabel must be 0 or 1, one a class, shape {shape}; received dtype {array.dtype}, "
                f"shape {array.shape}."
            )
        return readonly(array.astype(bool))
    if array.shape != shape[:-1]:
        raise InvalidPredictionsError(
            f"labels must be one class name a row, shape {shape[:-1]}; received shape {array.shape}."
            + (" Give names, not one-hot rows: np.asarray(classes)[y.argmax(-1)]." if array.shape == shape else "")
        )
    names: list[Any] = array.ravel().tolist()
    by_name: dict[Any, int] = {name: code for code, name in enumerate(classes)}
    if array.dtype.kind in "iu" and isinstance(classes[0], str):
        # Codes into the classes given in the same call: nothing else they could mean.
        by_name = {code: code for code in range(len(classes))}
    try:
        codes = [by_name[name] for name in names]
    except (KeyError, TypeError):
        unknown = sorted({name for name in names if name not in by_name}, key=str)
        raise InvalidPredictionsError(
            f"labels must be names out of classes {classes!r}; received also {few(unknown)}."
        ) from None
    return readonly(np.asarray(codes, dtype=np.int64).reshape(shape[:-1]))
