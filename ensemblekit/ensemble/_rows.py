"""Inputs of an ensemble: how many rows they have, how rows are taken, and the names that rows carry."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions.named import by_id, check_same_rows, is_default, read_named
from ..predictions.names import array_of, as_ids, few, first_null, shown
from ._datasets import is_dataset

__all__ = [
    "as_rows",
    "check_indicators",
    "check_row_names",
    "check_targets_given",
    "check_weights",
    "checked_ids",
    "flatten_rows",
    "has_columns",
    "index_of",
    "n_rows",
    "one_name_a_row",
    "row_names",
    "side_by_side",
    "slice_rows",
    "take",
    "weights_of",
]

ITEMS: tuple[Any, ...] = (str, bytes, Mapping, os.PathLike)
"""What a row of one object may be: a text, a dict of features, the path of a file."""


def check_targets_given(estimator: Any, y: Any) -> None:
    """Refuse a fit without labels or values, as scikit-learn's checks expect it."""
    if y is None:
        raise InvalidOptionError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None. Give fit(X, y)."
        )


def as_rows(X: Any) -> Any:
    """Make the rows of X selectable.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...), list of text or dicts, or mapping of input name to array-like
        As given by the user.

    Returns
    -------
    object
        Sparse matrices as CSR, masked numbers as NaN, lists of numbers as an array, the inputs of a mapping each in
        this way; tables, other arrays and lists of text or dicts as they are.

    Raises
    ------
    InvalidPredictionsError
        If there is not one row a sample, or inputs have different numbers of rows.
    """
    if is_dataset(X):
        raise InvalidPredictionsError(
            "an ensemble takes the rows themselves, as it divides them into folds and matches answers with them; "
            f"received {type(X).__name__}, which gives batches. Give arrays, X and y; or train each network by itself, "
            "and combine what ensemblekit.collect predicts."
        )
    if _is_inputs(X):
        return _as_inputs(X)
    if isinstance(X, (list, tuple)) and X and any(isinstance(item, ITEMS) for item in X):
        _check_items(X)
        return list(X)
    rows: Any = X if hasattr(X, "shape") else _as_array(X)
    if np.ma.is_masked(rows):
        rows = rows.astype(np.result_type(rows, np.float16) if rows.dtype.kind in "biuf" else object)
        rows = rows.filled(np.nan)
    rows = rows.tocsr() if hasattr(rows, "tocsr") else rows
    if len(rows.shape) == 1 and rows.shape[0] and not _is_numeric(rows):
        items = rows if hasattr(rows, "__iter__") else np.asarray(rows)
        if isinstance(next(iter(items)), ITEMS):
            _check_items(items)
            return rows
    if len(rows.shape) < 2:
        raise InvalidPredictionsError(
            f"X must have one row a sample, shape (n_samples, ...); received shape {tuple(rows.shape)}. Reshape your "
            "data: X.reshape(-1, 1) for one feature, X.reshape(1, -1) for one sample."
        )
    return rows


def _is_inputs(X: Any) -> bool:
    return isinstance(X, Mapping) and not hasattr(X, "shape")  # some sparse arrays are mappings


def _as_inputs(X: Mapping[Any, Any]) -> dict[str, Any]:
    if not X or not all(isinstance(name, str) for name in X):
        raise InvalidPredictionsError(
            f"X as a mapping must name its inputs, {{name: array}}; received the keys {shown([*X])}. Give rows as a "
            "list of dicts, or as a table."
        )
    inputs = {name: np.asarray(rows) if np.ndim(rows) == 1 else as_rows(rows) for name, rows in X.items()}
    lengths = {name: n_rows(rows) for name, rows in inputs.items()}
    if len({*lengths.values()}) > 1:
        raise InvalidPredictionsError(f"the inputs of X must have one row a sample each; received {lengths} rows.")
    names = [*inputs]
    for name in names[1:]:
        check_same_rows(f"X[{names[0]!r}]", X[names[0]], f"X[{name!r}]", X[name], error=InvalidPredictionsError)
    return inputs


def _as_array(X: Any) -> np.ndarray:
    try:
        return np.asarray(X)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidPredictionsError(
            f"X must have rows of one shape, or be a list of text or of dicts; received {type(X).__name__} of which "
            f"NumPy makes no array: {error}."
        ) from None


def _is_numeric(rows: Any) -> bool:
    return getattr(getattr(rows, "dtype", None), "kind", "O") in "biufcmM"


def _check_items(items: Any) -> None:
    kinds = {type(item) for item in items}
    if not any(all(issubclass(kind, one) for kind in kinds) for one in ITEMS):
        row, item = next((row, item) for row, item in enumerate(items) if not isinstance(item, ITEMS) or row)
        raise InvalidPredictionsError(
            "X as a list must hold text alone, or dicts alone; received "
            f"{', '.join(sorted(kind.__name__ for kind in kinds))}, in row {row} {shown(item, 60)}."
        )


def n_rows(x: Any) -> int:
    """Count the rows of X, as `as_rows` returned it."""
    if isinstance(x, dict):
        return n_rows(next(iter(x.values())))
    return int(x.shape[0]) if hasattr(x, "shape") else len(x)


def has_columns(x: Any) -> bool:
    """Tell whether X is a table of two axes, whose columns scikit-learn counts and names."""
    return not isinstance(x, dict) and len(getattr(x, "shape", ())) == 2


def take(x: Any, rows: np.ndarray) -> Any:
    """Take rows of X, or of a parameter with one value a row, by their numbers."""
    from sklearn.utils import _safe_indexing  # pyright: ignore[reportPrivateUsage]

    if isinstance(x, dict):
        return {name: take(part, rows) for name, part in x.items()}
    if hasattr(x, "column_names") and hasattr(x, "take"):  # a table of Arrow, which old versions cannot index
        return x.take(np.arange(x.num_rows)[rows])
    return _safe_indexing(x, rows)


def slice_rows(x: Any, start: int, stop: int) -> Any:
    """Take consecutive rows of X."""
    return {n: slice_rows(part, start, stop) for n, part in x.items()} if isinstance(x, dict) else x[start:stop]


def flatten_rows(X: Any) -> Any:
    """Flatten each row of X into a vector of numbers.

    Returns
    -------
    ndarray or CSR matrix of shape (n_samples, n_features)
        float64; sparse where X is.
    """
    if isinstance(X, dict):
        return side_by_side([flatten_rows(part) for part in X.values()])
    if hasattr(X, "tocsr"):
        return X.tocsr().astype(np.float64, copy=False)
    given = np.asarray(X)
    try:
        return given.reshape(len(given), -1).astype(np.float64)
    except (TypeError, ValueError):
        raise InvalidOptionError(
            f"passthrough needs X of numbers, which the combiner can look at; received dtype {given.dtype}. Turn "
            "them into numbers first, or give passthrough=False."
        ) from None


def side_by_side(parts: list[Any]) -> Any:
    """Put tables of numbers side by side; sparse if one of them is."""
    if any(hasattr(part, "tocsr") for part in parts):
        from scipy.sparse import hstack

        return hstack(parts, format="csr")
    return np.concatenate(parts, axis=1)


def check_row_names(X: Any, **others: Any) -> None:
    """Refuse ``y``, ``sample_weight`` and the like whose rows have other names than those of X, or another order.

    Parameters
    ----------
    X : object
        As given by the user; of a mapping, the first input with an index counts.
    **others : object
        Arguments with one value a row, by name; None is left out.

    Raises
    ------
    InvalidOptionError
        If two arguments name their rows, and the names are not equal in order.
    """
    given = {"X": next(iter(X.values()), None) if _is_inputs(X) else X}
    given |= {what: values for what, values in others.items() if values is not None}
    names = [*given]
    # X may have no names while y and the weights have.
    for place, one in enumerate(names):
        for another in names[place + 1 :]:
            check_same_rows(one, given[one], another, given[another])


def index_of(X: Any) -> Any:
    """Find the index of X, a default one too; of a mapping, that of its first input."""
    first = next(iter(X.values())) if isinstance(X, dict) else X
    index = getattr(first, "index", None)
    return None if callable(index) else index


def row_names(X: Any) -> Any:
    """List the names that the rows of X carry, for members that know rows by name.

    Returns
    -------
    sequence of str or int
        The index of a table if it names each row by a text or a whole number, else the row numbers.
    """
    index, numbers = index_of(X), np.arange(n_rows(X))
    if index is None or is_default(index) or getattr(index, "nlevels", 1) > 1 or not index.is_unique:
        return numbers
    names = index.tolist()
    is_named = all(isinstance(n, str) for n in names) or all(type(n) is int for n in names)
    return names if is_named else numbers


def checked_ids(X: Any, ids: Any) -> Any:
    """Take the ids that are given, or those of `row_names`; refuse ids that are not the names that X carries."""
    if ids is None:
        return row_names(X)
    index = index_of(X)
    own = None if index is None or is_default(index) else index.tolist()
    given = list(ids)
    if own is not None and own != given:
        row = next((row for row, (a, b) in enumerate(zip(own, given, strict=False)) if a != b), len(given))
        raise InvalidOptionError(
            f"ids must be the names that X carries in its index; row {row} is {shown(given[row : row + 1])} in ids and "
            f"{shown(own[row : row + 1])} in X. Leave out ids, or give X.reset_index(drop=True) if the ids are right."
        )
    return ids


def one_name_a_row(what: str, values: Any, X: Any) -> Any:
    """Read labels or groups, one a row.

    Parameters
    ----------
    what : str
        Name of the argument, for errors.
    values : object
        A mapping is looked up by the names of the rows of X. None is returned as it is.
    X : object
        Result of `as_rows`.

    Returns
    -------
    array-like of shape (n_samples,)

    Raises
    ------
    InvalidOptionError
        For nulls, and for text mixed with other types, as NumPy would turn both into text.
    """
    if values is None:
        return None
    if isinstance(values, Mapping):
        values = by_id(what, values, as_ids(row_names(X)), error=InvalidOptionError)
    array = array_of(values)
    if what == "groups" and array.ndim != 1:
        raise InvalidOptionError(
            f"groups must be one a row, shape (n_samples,); received shape {array.shape}. Give one column of the table."
        )
    if array.dtype.kind in "OT":
        names: list[Any] = array.ravel().tolist()
        if (row := first_null(names)) is not None:
            raise InvalidOptionError(f"{what} must be known of each row; that of row {row} is {shown(names[row])}.")
        kinds = {*map(type, names)}
        if len({issubclass(kind, str) for kind in kinds}) > 1:
            raise InvalidOptionError(f"{what} must be of one kind; received text and other things, {few(names)}.")
        if kinds in ({bool}, {int}):
            return np.array(names).reshape(array.shape)
    is_column = not isinstance(values, (list, tuple)) and len(getattr(values, "shape", (0,))) == 1
    if type(values) is not np.ndarray and (is_column or _is_arrow(values)):
        values = read_named(values, what).values
        if values.dtype.kind == "f" and (unknown := np.flatnonzero(np.isnan(values))).size:
            raise InvalidOptionError(f"{what} must be known of each row; that of row {unknown[0]} is missing.")
    return values


def weights_of(sample_weight: Any, X: Any = None) -> np.ndarray:
    """Read weights of rows as numbers; missing ones are NaN, and a mapping is looked up by the names of rows of X."""
    try:
        if isinstance(sample_weight, Mapping) and X is not None:
            sample_weight = by_id("sample_weight", sample_weight, as_ids(row_names(X)), error=InvalidOptionError)
        return np.asarray(read_named(sample_weight, "sample_weight").values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidOptionError):
            raise
        raise InvalidOptionError(
            f"sample_weight must be numbers, one a row; received {shown(sample_weight, 60)}."
        ) from None


def check_weights(weight: np.ndarray, n_samples: int) -> np.ndarray:
    """Refuse weights that are not finite, >= 0 and one a row, or of which all are 0."""
    if weight.shape != (n_samples,) or not np.isfinite(weight).all() or (weight < 0).any():
        wrong = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
        first = f", of which {len(wrong)} are not, first {weight.flat[wrong[0]]}" if len(wrong) else ""
        raise InvalidOptionError(
            f"sample_weight must be finite and >= 0, one a row, shape {(n_samples,)}; received shape "
            f"{weight.shape}{first}."
        )
    if not weight.any():
        raise InvalidOptionError("Sample weights must contain at least one non-zero number; all are 0.")
    return weight


def _is_arrow(values: Any) -> bool:
    return hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__")


def check_indicators(y: np.ndarray) -> np.ndarray:
    """Check that several columns of labels hold 0 and 1, and return them as whole numbers."""
    kinds = np.unique(y)
    if not np.isin(kinds, (0, 1)).all():
        raise InvalidOptionError(
            f"y of several columns must say of each label whether it holds, 0 or 1; received {few(kinds.tolist())} in "
            f"{y.shape[1]} columns. For several outputs of classes fit one ensemble each."
        )
    return y.astype(np.int64)
