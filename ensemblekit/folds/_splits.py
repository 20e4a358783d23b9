"""Which rows each fold holds out: read from a splitter, and refused where a fold would see what it predicts."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import InvalidOptionError, LeakageError
from ..predictions.names import few
from ._rows import Rows

__all__ = ["Split", "splits_of"]

Split = tuple[np.ndarray, np.ndarray]
"""Positions of the rows to fit on, and of those that are held out."""


def splits_of(cv: Any, rows: Rows, groups: np.ndarray | None, *, task: str, allow_leakage: bool) -> list[Split]:
    """Divide rows into folds.

    Parameters
    ----------
    cv : int, splitter, or iterable of (rows to fit on, rows held out)
        A number of folds, an object with a method ``split(X, y, groups)``, or positions in the source.
    rows : Rows
        The rows, sorted by id.
    groups : ndarray, or None
        Groups of the rows.
    task : str
        Kind of the labels.
    allow_leakage : bool
        Whether a fold may cut a group.

    Returns
    -------
    list of (ndarray, ndarray)
    """
    ids, y = rows.ids, rows.y
    splitter = _splitter(cv, y, groups, task) if isinstance(cv, int) else cv
    place = np.argsort(rows.order) if _by_position(splitter) else np.arange(len(ids))
    if hasattr(splitter, "split") and not isinstance(splitter, str):
        with warnings.catch_warnings():  # whether it kept groups together is looked at below
            warnings.filterwarnings("ignore", "The groups parameter is ignored", UserWarning)
            try:
                found: Iterable[Any] = list(
                    splitter.split(np.zeros(len(ids)), y[place], None if groups is None else groups[place])
                )
            except ValueError as error:
                raise InvalidOptionError(f"cv must divide the {len(ids)} rows; it does not: {error}") from None
    elif isinstance(splitter, Iterable) and not isinstance(splitter, str):
        found = splitter
    else:
        raise InvalidOptionError(
            "cv must be a number of folds, a splitter of scikit-learn, or pairs (rows to fit on, rows held out); "
            f"received {type(cv).__name__}."
        )
    splits = [(place[_rows(fit, len(ids))], place[_rows(held, len(ids))]) for fit, held in found]
    if len(splits) < 2:
        raise InvalidOptionError(f"cv must make at least two folds; received {len(splits)}.")
    times = np.zeros(len(ids), dtype=np.int64)
    for number, (fit, held) in enumerate(splits):
        times[held] += 1
        _check_apart(number, fit, held, ids, groups, allow_leakage)
    if (times > 1).any():
        raise InvalidOptionError(
            f"each row must be held out at most once, so that one model predicts it; {few(ids[times > 1].tolist())} "
            f"of {len(ids)} are held out several times. Take a splitter that divides the rows, such as KFold."
        )
    return splits


def _by_position(splitter: Any) -> bool:
    """Tell whether folds are positions in the source, as somebody who wrote them down meant them, or its order."""
    from sklearn.model_selection import PredefinedSplit, TimeSeriesSplit

    return isinstance(splitter, (PredefinedSplit, TimeSeriesSplit)) or not hasattr(splitter, "split")


def _splitter(n_folds: int, y: np.ndarray | None, groups: np.ndarray | None, task: str) -> Any:
    if n_folds < 2:
        raise InvalidOptionError(f"cv must make at least two folds; received {n_folds}.")
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    stratified = y is not None and y.ndim == 1 and task == "multiclass"
    drawn: dict[str, Any] = {"n_splits": int(n_folds), "shuffle": True, "random_state": 0}
    if groups is None:
        return StratifiedKFold(**drawn) if stratified else KFold(**drawn)
    return StratifiedGroupKFold(**drawn) if stratified else GroupKFold(int(n_folds))


def _rows(rows: Any, n: int) -> np.ndarray:
    found = np.asarray(rows, dtype=None if len(rows) else np.int64)
    found = np.flatnonzero(found) if found.dtype == bool and found.shape == (n,) else found
    if found.ndim != 1 or found.dtype.kind not in "iu" or (len(found) and not 0 <= found.min() <= found.max() < n):
        raise InvalidOptionError(f"cv must give positions of the {n} rows; received {found.dtype} of {found.shape}.")
    return found


def _check_apart(
    number: int, fit: np.ndarray, held: np.ndarray, ids: np.ndarray, groups: np.ndarray | None, allow_leakage: bool
) -> None:
    if not len(fit) or not len(held):
        raise InvalidOptionError(f"each fold must fit on rows and hold out rows; fold {number} does not.")
    both = np.intersect1d(fit, held)
    if len(both):
        raise LeakageError(
            f"a fold is never fitted on rows that it holds out; fold {number}: {few(ids[both].tolist())}."
        )
    if groups is not None and not allow_leakage:
        cut = np.intersect1d(groups[fit], groups[held])
        if len(cut):
            raise LeakageError(
                f"a fold is never fitted on rows of a group that it holds out; fold {number} cuts {few(cut.tolist())} "
                "groups. Take a splitter that keeps groups together, such as GroupKFold(5), or cv=5, or give "
                "allow_leakage=True to go on knowingly."
            )
