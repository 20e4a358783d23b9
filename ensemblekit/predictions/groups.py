"""Groups of rows, such as patients, and folds: read by name, and validated. Both are text."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidPredictionsError
from ._columns import array_without_names, has, has_index, is_table
from ._key_texts import key_part
from .joining import shared
from .keys import key_of
from .named import by_id, frame_of_rows
from .names import array_of, as_names, few, first_null, is_text, plain, readonly, shown, text_array
from .spellings import check_spellings

__all__ = ["as_groups", "check_same_groups", "group_texts", "key_texts", "known_groups", "without_groups"]

COLUMN = "group"
"""The column of a table that names groups, unless it holds floating point numbers, which may be probabilities."""


def without_groups(table: Any, classes: Any) -> tuple[Any, Any]:
    """Take the column of the groups out of a table; None if there is none."""
    if type(table) is np.ndarray or COLUMN in (classes or ()):
        return table, None
    if has_index(table) and has(table, "columns"):
        if [*table.columns].count(COLUMN) != 1 or getattr(table[COLUMN].dtype, "kind", "O") == "f":
            return table, None
        return table.drop(columns=COLUMN), table[COLUMN]
    if is_table(table):
        import pyarrow as pa

        arrow = pa.table(table)
        if arrow.column_names.count(COLUMN) == 1 and not pa.types.is_floating(arrow.schema.field(COLUMN).type):
            return arrow.drop_columns(COLUMN), array_without_names(COLUMN, arrow.column(COLUMN))
    return table, None


def as_groups(
    given: Any, ids: np.ndarray, *, what: str = "groups", index: Any = None, optional: bool = False
) -> np.ndarray:
    """Look groups up by id, and convert them to text.

    Parameters
    ----------
    given : object
        One text or whole number a row, with names as in `by_id`, or in the order of ``ids``; or the name of a key
        column of ``ids``.
    ids : ndarray of shape (n_samples,)
        Validated ids.
    what : str
        Name of the argument, for errors.
    index : pandas.Index, optional
        Another name of each row; see `by_id`.
    optional : bool, default=False
        Whether a row may have none, which is ``""``.

    Returns
    -------
    ndarray of str, shape (n_samples,)
        Read-only.
    """
    if isinstance(given, str):
        return shared(readonly(key_texts(given, ids, what)))
    rows = frame_of_rows(given) if isinstance(given, list | tuple) else given
    values = by_id(what, array_of(rows) if isinstance(rows, list | tuple) else rows, ids, index=index)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise InvalidPredictionsError(f"{what} must be one name a row; received shape {values.shape}.")
    if values.dtype.kind == "O":
        values = _plain_values(values, ids, what, optional)
    elif values.dtype.kind not in "iuUT" and len(values):
        listed = values.tolist()
        if (row := first_null(listed)) is not None:
            raise _none(what, ids, row, listed[row])
        raise InvalidPredictionsError(
            f"{what} must be text or whole numbers; received dtype {values.dtype}. Give them as text: "
            f"{what}.astype(str)."
        )
    texts = group_texts(values, what)
    check_spellings(texts, what)
    if not optional and len(texts) and bool((texts == "").any()):
        row = int(np.flatnonzero(texts == "")[0])
        raise _none(what, ids, row, "")
    return shared(readonly(texts))


def key_texts(name: str, ids: np.ndarray, what: str) -> np.ndarray:
    """Take a column of the key of ids as text, such as groups by one of its columns."""
    key = key_of(ids)
    if key is None or name not in key.names:
        columns = "no key columns" if key is None else f"the key columns {shown(key.names)}"
        raise InvalidPredictionsError(
            f"{what} must be one name a row, or the name of a key column; received {shown(name)}, and ids with "
            f"{columns}. Give {what}=[...], or {{id: name}}."
        )
    return key_part(ids, name)


def check_same_groups(given: np.ndarray, known: np.ndarray | None, ids: np.ndarray) -> None:
    """Refuse groups other than those that are known already."""
    if known is not None and (differ := given != known).any():
        raise InvalidPredictionsError(
            f"groups must be those that the predictions have already; received others for "
            f"{few(ids[differ].tolist())}. Leave them out."
        )


def group_texts(values: Any, what: str) -> np.ndarray:
    """Convert text or whole numbers, which may be repeated, to text."""
    names = as_names(values, what)
    if is_text(names) or not len(names):
        return names.astype(np.str_) if not is_text(names) else names
    return names.astype(f"U{max(len(str(names.min())), len(str(names.max())))}")


def known_groups(fit_groups: Any) -> np.ndarray:
    """Convert ``fit_groups`` to sorted, different names."""
    known = np.unique(group_texts(fit_groups, "fit_groups"))
    check_spellings(known, "fit_groups")
    return readonly(known)


def _plain_values(values: np.ndarray, ids: np.ndarray, what: str, optional: bool) -> np.ndarray:
    listed: list[Any] = values.tolist()
    if not {*map(type, listed)} <= {str}:
        listed = [plain(value) for value in listed]
        if optional:
            listed = ["" if first_null([value]) == 0 else value for value in listed]
        if (row := first_null(listed)) is not None:
            raise _none(what, ids, row, listed[row])
        others = [value for value in listed if type(value) not in (str, int)]
        if others:
            raise InvalidPredictionsError(
                f"{what} must be text or whole numbers; received also {shown(others[0])}, {type(others[0]).__name__}."
            )
        numbers = [value for value in listed if type(value) is int]
        texts = {value for value in listed if type(value) is str and (value or not optional)}
        if numbers and texts:
            pair = next(((n, str(n)) for n in numbers if str(n) in texts), (numbers[0], min(texts)))
            raise InvalidPredictionsError(
                f"{what} must be all text or all whole numbers; received {shown(pair[0])} and {shown(pair[1])}. Turn "
                f"them into one kind: [str(value) for value in {what}]."
            )
        listed = [str(value) for value in listed]
    return text_array(listed)


def _none(what: str, ids: np.ndarray, row: int, value: Any) -> InvalidPredictionsError:
    return InvalidPredictionsError(
        f"{what} must be known for every row; row {row} (id {shown(ids[row : row + 1].tolist()[0])}) has none: "
        f"{shown(value)}. Give it one, take the other rows, or leave {what} out."
    )
