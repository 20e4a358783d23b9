"""Read what a member answers: rows and columns by the names that it gives them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import AlignmentError, InvalidPredictionsError
from ..predictions.named import Named, is_default, look_up, read_named
from ..predictions.names import few, shown
from ._rows import index_of, n_rows

__all__ = ["in_order", "one_a_row", "votes_for"]


def in_order(answer: Any, labels: list[Any], X: Any, what: str) -> np.ndarray:
    """Read probabilities; put named columns in the order of the labels.

    Parameters
    ----------
    answer : array-like of shape (n_samples, n_classes)
        A table with named columns is read by name.
    labels : list
        Labels in the order of columns without names, ``classes_`` of the member.
    X : object
        The rows that were asked about.
    what : str
        Name of the answer, for errors.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)

    Raises
    ------
    AlignmentError
        If columns or rows have other names.
    """
    if type(answer) is np.ndarray:
        return answer
    named = read_named(answer, what, keep=labels)
    values = _rows_of(named, X, what)
    columns = named.columns
    if columns is None or list(columns) == labels:
        return values
    # Some tables have text for names of columns, whatever the labels are.
    for kind in (_itself, str):
        place = {kind(column): k for k, column in enumerate(columns)}
        wanted = [kind(label) for label in labels]
        if len(place) == len(columns) == len({*wanted}) and place.keys() == {*wanted}:
            return values[:, [place[label] for label in wanted]]
    raise AlignmentError(
        f"{what} must have its columns named by the labels {shown(labels)}; received {few(columns)}. Let it answer "
        "with an array, columns in the order of classes_."
    )


def one_a_row(answer: Any, X: Any, what: str) -> np.ndarray:
    """Read predicted labels or values, one a row; a column of them too, as CatBoost returns."""
    values = answer if type(answer) is np.ndarray else _rows_of(read_named(answer, what, keep=("id", "label")), X, what)
    n = n_rows(X)
    if values.shape != (n,) and values.shape != (n, 1):
        raise InvalidPredictionsError(f"{what} must have one value a row, shape {(n,)}; received shape {values.shape}.")
    return values.reshape(-1)


def votes_for(predicted: np.ndarray, labels: list[Any], name: str) -> np.ndarray:
    """Give the predicted class of each row probability 1; refuse a label that is not among those of the member."""
    known = np.asarray(labels, dtype=None if len({*map(type, labels)}) == 1 else object)
    votes = predicted[:, np.newaxis] == known
    if votes.shape != (len(predicted), len(known)) or np.count_nonzero(votes) != len(predicted):
        raise InvalidPredictionsError(f"member {name!r} predicted a label that is not in its classes_ {known!r}.")
    return votes.astype(np.float64)


def _rows_of(named: Named, X: Any, what: str) -> np.ndarray:
    index, own = index_of(X), named.index
    if own is None or is_default(own) or (index is not None and len(own) == len(index) and own.equals(index)):
        return named.values
    if index is None:
        return named.values
    try:
        return look_up(named, what, np.asarray(index))
    except InvalidPredictionsError as error:
        raise AlignmentError(str(error)) from None


def _itself(value: Any) -> Any:
    return value
