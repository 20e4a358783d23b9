"""The names that data carry: an index, columns, keys of a mapping, a mask. One place reads them, for every argument.

A pandas index, named columns and the keys of a mapping are names of rows or classes. A default index 0..n-1 is none,
nor are default columns 0..k-1. Masked and null entries are missing. Values are matched by name, or refused.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import Any

import numpy as np

from ..arguments import as_array
from ..errors import InvalidOptionError, InvalidPredictionsError
from ._columns import array_without_names, arrow_columns, has, has_index, is_table, is_without_rows, pandas_values
from ._key_columns import from_tuples, is_multi_index
from ._key_texts import like_key
from ._numbered import check_known_order, is_shuffled_range, nobody_knows, remedy
from .alike import normalisation_note
from .keys import Key, key_of
from .names import array_of, as_ids, few, plain, positions, shown
from .tables import check_different, computed, recognised

__all__ = [
    "Named",
    "by_id",
    "by_member",
    "check_same_rows",
    "frame_of_rows",
    "is_default",
    "look_up",
    "read_named",
    "same_index",
]

ID = "id"
"""The column of a table that always names its rows."""


class Named:
    """The values of an argument, and the names that it gives them.

    Attributes
    ----------
    values : ndarray of shape (n_rows, ...)
        Missing entries are NaN among numbers, None among objects.
    columns : tuple or None
        Names of the columns; None if they have none of their own.
    unnamed : bool
        Whether this is a table with the default columns 0..k-1.
    index : pandas.Index or None
        The index of a pandas object as it is, a default one too.
    labels : ndarray or None
        The column ``label``, if it was asked for.
    name : object
        The name of a Series.
    """

    __slots__ = ("_names", "_what", "columns", "index", "labels", "name", "unnamed", "values")

    def __init__(
        self,
        values: np.ndarray,
        *,
        what: str,
        names: Any = None,
        columns: tuple[Any, ...] | None = None,
        index: Any = None,
        labels: np.ndarray | None = None,
        name: Any = None,
    ) -> None:
        self.values, self.columns, self.index, self.labels, self.name = values, columns, index, labels, name
        self._names, self._what, self.unnamed = names, what, False

    @property
    def has_names(self) -> bool:
        """Whether a column or the keys of a mapping name the rows, whatever the index is."""
        return self._names is not None

    @property
    def rows(self) -> np.ndarray | None:
        """Validated ids of the rows, or None if the rows have no names."""
        if self._names is not None:
            return as_ids(self._names, what=f"ids of {self._what}")
        if self.index is None or is_default(self.index):
            return None
        try:
            index = self.index if is_multi_index(self.index) else _raw(self.index)
            return as_ids(index, what=f"the index of {self._what}")
        except InvalidPredictionsError as error:
            text = str(error).replace("[str(i) for i in ids]", f"{self._what}.index = {self._what}.index.astype(str)")
            raise InvalidPredictionsError(
                f"{text} If its rows are in the order of the ids, give {self._what}.to_numpy()."
            ) from None

    def rows_like(self, ids: np.ndarray) -> np.ndarray | None:
        """Validated ids of the rows in the order of the key columns of ``ids``, if these have a key."""
        rows, key = self.rows, key_of(ids)
        if rows is None or key is None or key_of(rows) is None:
            return rows
        return like_key(rows, key, f"the names of {self._what}")


def read_named(
    data: Any, what: str, *, keep: Collection[Any] = (), label: bool = False, like: np.ndarray | None = None
) -> Named:
    """Read an argument as an array, with the names that it carries.

    Parameters
    ----------
    data : object
        A pandas DataFrame or Series, a mapping ``{id: value}``, a polars or pyarrow table or column, a masked array, a
        list of Series, dicts or named tuples, or anything that NumPy reads.
    what : str
        Name of the argument, for errors.
    keep : collection, optional
        Columns that are values, even if they are called ``id`` or ``label``.
    label : bool, default=False
        Take the column ``label`` of a table out as labels.
    like : ndarray, optional
        Validated ids. If they have a key, a table with its columns has its rows named by them.

    Returns
    -------
    Named
        A table without a named index, but with a column ``id``, has its rows named by that column.

    Raises
    ------
    InvalidPredictionsError
        If the data are no array, or two columns have the same name.
    """
    if type(data) is np.ndarray:
        return Named(data, what=what)
    key = None if like is None else key_of(like)
    if isinstance(data, list | tuple):
        data = frame_of_rows(data)
    elif isinstance(data, Mapping):
        return _read_mapping(data, what, key)
    elif has(data, "divisions") or has(data, "collect_schema"):
        data = computed(data)
    if has_index(data) and has(data, "columns"):
        return _read_table(data, what, keep, label, key)
    if has_index(data):
        values, columns = pandas_values(data), None
        if values.dtype == object and len(values) and (isinstance(values[0], Mapping) or np.ndim(values[0])):
            values, columns = _read_rows([*values], what)
        return Named(values, what=what, columns=columns, index=data.index, name=data.name)
    if is_table(data):
        return _read_table(data, what, keep, label, key)
    return Named(array_without_names(what, data), what=what)


def by_id(
    what: str,
    data: Any,
    ids: np.ndarray,
    *,
    index: Any = None,
    label: bool = False,
    error: type[Exception] = InvalidPredictionsError,
) -> np.ndarray:
    """Look up one value or vector per row.

    Parameters
    ----------
    what : str
        Name of the argument, for errors.
    data : object
        As in `read_named`. Rows with names are looked up; names that nobody asks for are allowed. Rows without names
        are in the order of ``ids``.
    ids : ndarray of shape (n_samples,)
        Validated ids.
    index : pandas.Index, optional
        Another name of each row, in the order of ``ids``, such as the index of the table that the ids come from. Data
        with an index equal to it are in that order.
    label : bool, default=False
        Of a table with other columns, take the column ``label``.
    error : type, default=InvalidPredictionsError
        Class of the errors.

    Returns
    -------
    ndarray of shape (n_samples, ...)

    Raises
    ------
    InvalidPredictionsError
        Or ``error``: if ids are absent, or the length is not that of the ids, or nobody can know the order.
    """
    try:
        return look_up(read_named(data, what, label=label, like=ids), what, ids, index=index)
    except InvalidPredictionsError as found:
        raise found if error is InvalidPredictionsError else error(str(found)) from None


def look_up(named: Named, what: str, ids: np.ndarray, *, index: Any = None) -> np.ndarray:
    """Look up one value or vector per row, of data that were read."""
    values = named.values if named.labels is None else named.labels
    if values.ndim == 0:
        raise InvalidPredictionsError(
            f"{what} must have one value for each of the {len(ids)} ids; received {shown(values.tolist())}."
        )
    if index is not None and named.index is not None and len(values) == len(ids) and same_index(named.index, index):
        return values
    rows = named.rows_like(ids)
    if rows is None:
        if len(values) != len(ids):
            raise InvalidPredictionsError(
                f"{what} must have one value an id, or name its rows (a Series or DataFrame indexed by id, "
                f"{{id: value}}); received {len(values)} values for {len(ids)} ids."
            )
        if named.index is not None:
            check_known_order(what, ids, index)
        return values
    places = positions(rows, ids)
    if (places < 0).any():
        raise InvalidPredictionsError(
            f"{what} must have a value for every id; received one named by {few(rows.tolist())}, which lacks "
            f"{few(ids[places < 0].tolist())} of {len(ids)} ids.{normalisation_note(rows, ids[places < 0])} "
            f"{remedy(what, 'the ids')}"
        )
    return values if np.array_equal(places, np.arange(len(values))) else values[places]


def check_same_rows(
    what: str, names: Any, other: str, other_names: Any, *, error: type[Exception] = InvalidOptionError
) -> None:
    """Refuse two arguments whose rows have names that differ, or are in another order.

    Parameters
    ----------
    what, other : str
        Names of the arguments, for errors.
    names, other_names : object
        The arguments themselves, or their indexes. What has no index has no names.
    error : type, default=InvalidOptionError
        Class of the error.

    Raises
    ------
    InvalidOptionError
        Or ``error``: if both have names, and these are not equal in order; or one has a default index, and the other
        the numbers 0..n-1 in another order. Repeated names are allowed.
    """
    one, another = _index_of(names), _index_of(other_names)
    if one is None or another is None or len(one) != len(another) or same_index(one, another):
        return
    if is_default(one) or is_default(another):
        named, unnamed = (what, other) if is_default(another) else (other, what)
        if is_shuffled_range(_raw(one if named == what else another)):
            raise error(nobody_knows(unnamed, f"the index of {named}", named))
        return
    first = next((row for row, (a, b) in enumerate(zip(one, another, strict=True)) if a != b), 0)
    order = "the same names in another order" if _same_names(one, another) else "other names"
    raise error(
        f"{what} and {other} must name their rows alike, in one order; received {order}: row {first} is "
        f"{shown(plain(one[first]))} in {what} and {shown(plain(another[first]))} in {other}. Give "
        f"{other}.loc[{what}.index] if the names are right, or {other}.to_numpy() if the order is."
    )


def by_member(values: Any) -> Any:
    """Turn one value per member into a mapping, if the values name their members.

    Parameters
    ----------
    values : Series with an index of member names, mapping of member name to float, or anything else
        Such as the ``weights`` of a combiner.

    Returns
    -------
    mapping of member name to float, or the same object
        Of a Series with a default index, which names nothing, the same object.
    """
    if not has_index(values) or is_default(values.index):
        return values
    if not values.index.is_unique:
        raise InvalidOptionError(f"values by member name must name each member once; received {list(values.index)}.")
    return dict(zip(values.index.tolist(), values.to_numpy().ravel().tolist(), strict=True))


def is_default(names: Any) -> bool:
    """Tell whether names are those that a table gets by default, which are none.

    Parameters
    ----------
    names : pandas.Index, ndarray or sequence
        An unnamed index 0..n-1, or columns 0..k-1 as numbers or text.

    Returns
    -------
    bool
    """
    if getattr(names, "name", None) is not None or is_multi_index(names):
        return False
    if isinstance(names, list | tuple):
        return [*names] in ([*range(len(names))], [*map(str, range(len(names)))])
    array = _raw(names)
    return not len(array) or (array.dtype.kind in "iu" and bool((array == np.arange(len(array))).all()))


def _read_mapping(data: Mapping[Any, Any], what: str, key: Key | None) -> Named:
    values, columns = _read_rows([*data.values()], what)
    names: Any = [*data]
    if key is not None and names and all(isinstance(name, tuple) for name in names):
        names = from_tuples(names, key.names, what)
    return Named(values, what=what, names=names, columns=columns)


def _read_rows(values: list[Any], what: str) -> tuple[np.ndarray, tuple[Any, ...] | None]:
    rows = frame_of_rows(values)
    if has_index(rows):
        return pandas_values(rows), tuple(map(plain, rows.columns))
    if isinstance(rows, np.ma.MaskedArray):
        return array_without_names(what, rows), None
    # NumPy would turn ["cat", nan] into text.
    scalars = all(np.ndim(value) == 0 for value in values[:1])
    return array_of(values) if scalars else as_array(what, values, error=InvalidPredictionsError), None


def frame_of_rows(rows: Any) -> Any:
    """Make a table of a list whose rows carry names or masks; return any other list unchanged."""
    kinds = {*map(type, rows)}
    if any(
        issubclass(kind, Mapping)
        or hasattr(kind, "_fields")
        or (hasattr(kind, "index") and hasattr(kind, "to_numpy") and not hasattr(kind, "columns"))
        for kind in kinds
    ):
        import pandas as pd

        try:
            return pd.DataFrame(rows)
        except (ValueError, TypeError, AttributeError):
            return rows
    masked = any(issubclass(kind, np.ma.MaskedArray) and kind is not type(np.ma.masked) for kind in kinds)
    return np.ma.stack(rows) if masked else rows


def _read_table(table: Any, what: str, keep: Collection[Any], label: bool, key: Key | None) -> Named:
    """Split a table into names of rows, labels and values."""
    index: Any = table.index if has_index(table) else None
    columns: list[Any] = list(table.column_names if has(table, "column_names") else table.columns)
    check_different(columns)
    values = pandas_values if index is not None else arrow_columns
    names: Any = None
    labels = None
    if key is not None and {*key.names} < {*columns} and not {*key.names} & {*keep}:
        names = {name: table[name] for name in key.names}
        columns = [name for name in columns if name not in key.names]
    row, truth = recognised([name for name in columns if name not in keep])
    # A column such as image_id names the rows where no index does; a column id, where the index has no name.
    free = index is None or (index.name is None and (row == ID or is_default(index)))
    if row is not None and names is None and free and len(columns) > 1:
        names = values(table, row)
        columns.remove(row)
    if label and truth is not None and (len(columns) > 1 or names is not None):
        labels = values(table, truth)
        columns.remove(truth)
    own: tuple[Hashable, ...] | None = tuple(map(plain, columns))
    if own == tuple(range(len(columns))) or (
        own == tuple(f"column_{i}" for i in range(len(columns))) and index is None
    ):
        own = None
    named = Named(values(table, columns), what=what, names=names, columns=own, index=index, labels=labels)
    named.unnamed = own is None
    return named


def _index_of(data: Any) -> Any:
    if isinstance(data, Named):
        return data.index
    if has_index(data):
        return data.index
    return data if is_without_rows(data, "Index") else None


def _raw(index: Any) -> np.ndarray:
    return np.asarray(index)


def same_index(one: Any, another: Any) -> bool:
    """Tell whether two pandas indexes have the same names in the same order."""
    return one is another or bool(one.equals(another))


def _same_names(one: Any, another: Any) -> bool:
    try:
        return sorted(one) == sorted(another)
    except TypeError:
        return sorted(one, key=repr) == sorted(another, key=repr)
