"""Split rows into folds, and refuse folds that leak."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidOptionError, LeakageError, MissingClassWarning
from ..predictions.names import few, first_null

__all__ = ["Fold", "check_fold_weights", "consumes_groups", "make_folds", "split_rows"]


@dataclass(frozen=True)
class Fold:
    """Row numbers to fit on, and row numbers held out."""

    train: np.ndarray
    test: np.ndarray


def make_folds(
    cv: Any, X: Any, y: np.ndarray, *, groups: Any, params: Mapping[str, Any], classifier: bool
) -> list[Fold]:
    """Split the rows in the same way for every member; warn of classes that a fold lacks.

    Parameters
    ----------
    cv, X, y, groups, params, classifier
        As in `split_rows`.

    Returns
    -------
    list of Fold
        At least one.

    Raises
    ------
    LeakageError
        If a fold fits on a row or a group that it holds out.
    """
    folds = split_rows(cv, X, y, groups=groups, params=params, classifier=classifier)
    for number, fold in enumerate(folds if classifier else (), 1):
        if y.ndim == 1:
            lacks, what = np.setdiff1d(y, y[fold.train]).tolist(), "classes"
        else:
            lacks, what = np.flatnonzero(y.any(axis=0) & ~y[fold.train].any(axis=0)).tolist(), "labels in the columns"
        if lacks:
            warnings.warn(
                f"fold {number} of {len(folds)} has no row of the {what} {few(lacks)} to fit on; its members give "
                "them probability 0 there. Give fewer or stratified folds.",
                MissingClassWarning,
                stacklevel=4,
            )
    return folds


def check_fold_weights(folds: list[Fold], weight: np.ndarray | None) -> None:
    """Refuse folds of which all rows to fit on have the weight 0: no member learns from them."""
    for number, fold in enumerate(folds if weight is not None else (), 1):
        if weight is not None and len(fold.train) and not weight[fold.train].any():
            raise InvalidOptionError(
                "each fold must have rows with a weight > 0 to fit on; sample_weight or class_weight is 0 for all "
                f"{len(fold.train)} of fold {number} of {len(folds)}. Give cv shuffled folds, such as "
                "KFold(5, shuffle=True), or leave out the rows of weight 0."
            )


def split_rows(
    cv: Any, X: Any, y: np.ndarray, *, groups: Any, params: Mapping[str, Any], classifier: bool, of: str = ""
) -> list[Fold]:
    """Split rows, and refuse folds that leak.

    Parameters
    ----------
    cv : int, splitter, or iterable of (train, test)
        With ``groups``, a whole number keeps the groups together.
    X, y : array-like of n_samples rows
        The rows to split.
    groups : array-like of shape (n_samples,), or None
        Rows of one group are never both fitted on and held out by a fold.
    params : dict
        Parameters of the splitter.
    classifier : bool
        Whether to spread the classes evenly over the folds.
    of : str
        Whose folds they are, for errors.

    Returns
    -------
    list of Fold
        At least one.

    Raises
    ------
    LeakageError
        If a fold fits on a row or a group that it holds out.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv

    names = None if groups is None else np.asarray(groups)
    if names is not None and (row := first_null(names.tolist())) is not None:
        raise InvalidOptionError(
            f"groups must name the group of each row; that of row {row} is {names.tolist()[row]!r}."
        )
    # A splitter only counts the rows of X, and cannot count those of a mapping.
    counted = np.zeros((len(y), 1)) if isinstance(X, dict) else X
    if groups is not None and isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        splitter: Any = (StratifiedGroupKFold if classifier and y.ndim == 1 else GroupKFold)(int(cv))
    else:
        splitter = check_cv(cv, y, classifier=classifier)
    params = {**params, "groups": groups}
    if groups is None or not (consumes_groups(splitter) or not hasattr(splitter, "get_metadata_routing")):
        del params["groups"]  # scikit-learn's other splitters would only warn
    folds = [Fold(*(_row_numbers(rows, len(y)) for rows in pair)) for pair in splitter.split(counted, y, **params)]
    if not folds:
        raise InvalidOptionError(f"cv{of} must give at least one fold; {cv!r} gives none.")
    for number, fold in enumerate(folds, 1):
        both = _in_both(fold.train, fold.test, len(y))
        if len(both):
            raise LeakageError(
                f"rows that a fold holds out must not be fitted on; fold {number} of {len(folds)}{of} has "
                f"{few(both.tolist())} on both sides."
            )
        shared = [] if names is None else np.intersect1d(names[fold.train], names[fold.test]).tolist()
        if shared:
            raise LeakageError(
                f"groups must not be divided by a fold; fold {number} of {len(folds)}{of} has the groups "
                f"{few(shared)} on both sides. Give cv a whole number, GroupKFold or StratifiedGroupKFold."
            )
    return folds


def _in_both(some: np.ndarray, others: np.ndarray, n_samples: int) -> np.ndarray:
    if any(rows.dtype.kind not in "iu" or (rows < 0).any() or (rows >= n_samples).any() for rows in (some, others)):
        return np.intersect1d(some, others)
    chosen = np.zeros(n_samples, dtype=bool)  # takes a tenth of the time
    chosen[others] = True
    return np.unique(some[chosen[some]])


def consumes_groups(cv: Any) -> bool:
    """Tell whether a splitter of scikit-learn asks for groups."""
    return hasattr(cv, "get_metadata_routing") and bool(cv.get_metadata_routing().consumes("split", ["groups"]))


def _row_numbers(rows: Any, n_samples: int) -> np.ndarray:
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool and rows.shape == (n_samples,) else rows
