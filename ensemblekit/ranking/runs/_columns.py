"""Tables of queries and items, of any kind, as columns of codes. Columns are found by name, never by position."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...arguments import check_unmasked
from ...errors import InvalidPredictionsError
from ...predictions.column_names import columns_called, naming_advice
from ...predictions.joining import SHORT, is_text, order_of, shared_start, short_texts
from ...predictions.names import WIDEST, as_ids, as_names, readonly, shown
from ...predictions.spellings import check_spellings, check_types
from ...predictions.tables import check_different, computed

__all__ = ["Coded", "ColumnNames", "coded_columns", "coded_table"]

KNOWN = {
    "query": ("query", "query_id", "qid", "q_id", "topic"),
    "item": ("item", "item_id", "docno", "doc_id", "docid", "document", "doc"),
    "score": ("score", "sim"),
    "grade": ("grade", "relevance", "rel"),
}
"""Names by which a column is recognised, in any case, if the caller names none."""
RANKS = ("rank", "position")
"""Names of columns that are no scores: their best is the smallest."""


class ColumnNames(NamedTuple):
    """Which columns of a table are what; None for those that are to be recognised.

    Attributes
    ----------
    query, item, value : str or None
        Names of columns.
    kind : {"score", "grade"}
        What the values are.
    """

    query: str | None
    item: str | None
    value: str | None
    kind: str


class Coded(NamedTuple):
    """The rows of a table as codes.

    Attributes
    ----------
    queries : ndarray of shape (n_queries,)
        Sorted names.
    query : ndarray of int64, shape (n_rows,)
        Positions in these.
    names : ndarray or None
        Sorted names of the items if they are text; None if they are whole numbers.
    item : ndarray of int64, shape (n_rows,)
        Positions in these, or the numbers themselves.
    value : ndarray of float64, shape (n_rows,)
        Scores or grades.
    """

    queries: np.ndarray
    query: np.ndarray
    names: np.ndarray | None
    item: np.ndarray
    value: np.ndarray


def coded_table(table: Any, names: ColumnNames) -> Coded:
    """Read a table of queries, items and values.

    Parameters
    ----------
    table : table or mapping
        As `Run` describes it.
    names : ColumnNames
        What the caller says of the columns.

    Returns
    -------
    Coded

    Raises
    ------
    InvalidPredictionsError
        If the columns are not there, or a row lacks a name or a finite value.
    """
    return coded_columns(*_columns(table, names), names.kind)


def coded_columns(query: Any, item: Any, value: Any, kind: str) -> Coded:
    """Code three columns; arguments and errors as of `coded_table`."""
    if not len(query) == len(item) == len(value):
        raise InvalidPredictionsError(
            f"the columns of a run must be equally long; received {len(query)} queries, {len(item)} items and "
            f"{len(value)} {kind}s."
        )
    for what, column in (("queries", query), ("items", item), (f"{kind}s", value)):
        check_unmasked(what, column)
    numbers = _values(value, kind)
    queries, rows = _coded(query, "queries")
    if queries is None:
        queries, rows = _distinct_numbers(rows)
    names, items = _coded(item, "items")
    return Coded(readonly(queries), rows, names if names is None else readonly(names), items, numbers)


def _columns(table: Any, names: ColumnNames) -> tuple[Any, Any, Any]:
    """Find the three columns of any table."""
    table = computed(table)
    if isinstance(table, Mapping):
        if all(isinstance(value, Mapping) for value in table.values()):
            return _unfolded(table, names.kind)
        columns, get = [*table], table.__getitem__
    elif hasattr(type(table), "iloc"):
        own = [name for name in table.index.names if name is not None and name not in getattr(table, "columns", ())]
        if own:
            table = table.reset_index(own) if hasattr(table, "columns") else table.rename(names.kind).reset_index()
        if not hasattr(table, "columns"):
            raise _no_table(table, names.kind)
        columns, get = [*table.columns], table.__getitem__
    elif hasattr(type(table), "__arrow_c_stream__"):
        import pyarrow as pa

        arrow = pa.table(table)
        columns, get = arrow.column_names, arrow.column
    else:
        raise _no_table(table, names.kind)
    check_different(columns)
    found = [_named(columns, what, names, get) for what in ("query", "item", names.kind)]
    query, item, value = (get(name) for name in found)
    return query, item, value


def _no_table(table: Any, kind: str) -> InvalidPredictionsError:
    return InvalidPredictionsError(
        f"rankings must be a table with the columns query, item and {kind} (a DataFrame, an Arrow or polars table, a "
        f"mapping of columns), or {{query: {{item: {kind}}}}}; received {shown(table, 100)} of the type "
        f"{type(table).__name__}."
    )


def _named(columns: Sequence[Any], what: str, names: ColumnNames, get: Callable[[Any], Any]) -> Any:
    kind = names.kind
    given = {"query": names.query, "item": names.item, kind: names.value}
    if given[what] is not None and given[what] in columns:
        return given[what]
    if given[what] is not None:
        raise InvalidPredictionsError(
            f"{what} must name a column of the table; received {given[what]!r}, and the columns are "
            f"{shown([*columns])}."
        )
    used = {*given.values()}
    found = columns_called(columns, KNOWN[what], used)
    if len(found) == 1:
        return found[0]
    for other in given:
        used |= {*columns_called(columns, KNOWN[other])}
    why = f"{found} could each be" if found else "none is known as"
    ranks = columns_called(columns, RANKS)
    left = [name for name in columns if name not in used and name not in ranks]
    advice = naming_advice(what, found, KNOWN[what], left, get, numbers=what == kind)
    if what == "score" and ranks and not found:
        advice += (
            " A rank is no score, as the best item has the smallest: turn it round, "
            f"pd.DataFrame(table).assign(score=lambda t: -t[{ranks[0]!r}])."
        )
    raise InvalidPredictionsError(
        f"a table of rankings must have one column for each of query, item and {kind}; received {shown([*columns])}, "
        f"in which {why} the {what}. {advice}"
    )


def _unfolded(table: Mapping[Any, Any], kind: str) -> tuple[Any, Any, Any]:
    """Make columns of {query: {item: value}}."""
    counts = np.fromiter((len(items) for items in table.values()), dtype=np.int64, count=len(table))
    queries = as_ids([*table], what="queries") if table else np.empty(0, dtype=np.int64)
    items = [item for row in table.values() for item in row]
    values = [value for row in table.values() for value in row.values()]
    return queries.repeat(counts), items, values


def _values(values: Any, kind: str) -> np.ndarray:
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    try:
        numbers = np.asarray(values)
        if numbers.dtype.kind not in "fiu":
            numbers = np.array([np.nan if v is None else v for v in numbers.tolist()])
        if numbers.dtype.kind not in "fiu" and len(numbers):
            raise TypeError
        numbers = np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        first = next(iter(values))
        raise InvalidPredictionsError(
            f"each {kind} must be a number; received {shown(first, 100)} of the type {type(first).__name__}."
        ) from None
    if numbers.ndim != 1:
        raise InvalidPredictionsError(f"{kind}s must have one axis; received shape {numbers.shape}.")
    known = np.isfinite(numbers)
    if not known.all():
        row = int(np.flatnonzero(~known)[0])
        raise InvalidPredictionsError(
            f"each {kind} must be finite; {int((~known).sum())} of {len(numbers)} are not, first {numbers[row]} in row "
            f"{row}. Leave out rows without one: an absent item is not an item of 0."
        )
    return numbers


def _coded(column: Any, what: str) -> tuple[np.ndarray | None, np.ndarray]:
    """Code a column of names: sorted names and positions; or None and the numbers themselves."""
    numbers = _whole_numbers(column)
    if numbers is not None:
        return None, numbers
    short = _short_keys(column)
    if short is not None:
        distinct, codes = _distinct_numbers(short[0])
        return short_texts(distinct, short[1]), codes
    codes, distinct = _factorized(column, what)
    if (codes < 0).any():
        raise InvalidPredictionsError(
            f"{what} must have a name in each row; row {int((codes < 0).argmax())} has none. Name it, or drop the row."
        )
    names = as_names(distinct, what) if len(distinct) else np.empty(0, dtype=np.int64)
    if not is_text(names):
        return None, names.take(codes) if len(names) else np.empty(0, dtype=np.int64)
    names = as_ids(names, what=what)
    check_spellings(names, what)
    order = order_of(names)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return names[order], rank.take(codes)


def _whole_numbers(column: Any) -> np.ndarray | None:
    if isinstance(getattr(column, "dtype", None), np.dtype):
        array = np.asarray(column)
        if array.dtype.kind in "iu":
            return as_names(array, "names") if array.dtype.kind == "u" else array.astype(np.int64, copy=False)
    if str(getattr(column, "type", "")) in ("int64", "int32") and not column.null_count:
        return column.to_numpy().astype(np.int64, copy=False)
    return None


def _factorized(column: Any, what: str) -> tuple[np.ndarray, Any]:
    """Find the different names of a column and the position of each row; -1 for an empty cell."""
    import pandas as pd

    if hasattr(column, "dictionary_encode"):  # a column of Arrow
        import pyarrow as pa

        if not len(column):  # it may have no chunks
            return np.empty(0, dtype=np.int64), []
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.unify_dictionaries().combine_chunks()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return _used(codes, encoded.dictionary)
    column = column if hasattr(column, "dtype") else pd.Series([*column], dtype=object)
    try:
        codes, distinct = pd.factorize(column)
    except TypeError:
        raise InvalidPredictionsError(
            f"each cell of a table of rankings must be one name; received {shown([*column][:1], 100)}."
        ) from None
    different = distinct.tolist()
    check_types(column, different, what)
    return codes.astype(np.int64), different


def _used(codes: np.ndarray, dictionary: Any) -> tuple[np.ndarray, Any]:
    """Leave out the names of a dictionary that no row has."""
    there = np.bincount(codes[codes >= 0], minlength=len(dictionary)) > 0
    if not there.all():
        dictionary = dictionary.take(np.flatnonzero(there))
        codes = np.append(np.cumsum(there) - 1, -1).take(codes)
    return codes, _texts(dictionary)


def _texts(column: Any) -> Any:
    """Make an array of short texts without a Python object for each; a list of anything else."""
    found = _letters(column, WIDEST)
    if found is None:
        return column.to_pylist()
    letters, lengths = found
    width = int(lengths.max())
    codes = np.zeros((len(column), width), dtype=np.uint32)
    codes[np.arange(width) < lengths[:, np.newaxis]] = letters
    return codes.view(f"U{width}")[:, 0]


def _short_keys(column: Any) -> tuple[np.ndarray, str] | None:
    """Pack the texts of a column of Arrow as `short_keys` does, and the start that all share; None if one is long."""
    if not hasattr(column, "dictionary_encode"):
        return None
    import pyarrow as pa
    import pyarrow.compute

    compute: Any = pyarrow.compute
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    found, start = _letters(column, WIDEST), ""
    if found is not None and found[1].max() > SHORT:
        start = shared_start([*compute.min_max(column).as_py().values()])
        if found[1].max() - len(start) > SHORT:
            return None
        found = _letters(compute.utf8_slice_codeunits(column, len(start)), SHORT)
    if found is None:
        return None
    letters, lengths = found
    packed = np.zeros((len(column), SHORT), dtype=np.uint8)
    packed[np.arange(SHORT) < lengths[:, np.newaxis]] = letters
    return packed.view(">u8")[:, 0].astype(np.uint64), start


def _letters(column: Any, widest: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Find the letters of all texts of a column of Arrow, and the length of each; None if one is long, or not ASCII."""
    import pyarrow as pa

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)) or not len(column):
        return None
    _, ends, data = column.cast(pa.large_string()).buffers()
    ends = np.frombuffer(ends, dtype=np.int64)[column.offset : column.offset + len(column) + 1]
    letters = np.frombuffer(data or b"", dtype=np.uint8)[ends[0] : ends[-1]]
    lengths = np.diff(ends)
    if column.null_count or not 0 < lengths.max() <= widest or letters.max() >= 128 or not letters.all():
        return None
    return letters, lengths


def _distinct_numbers(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the different numbers and the position of each; fast where equal ones stand together."""
    new = np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)]
    starts = np.flatnonzero(new)
    values = numbers[starts]
    rising = bool((values[1:] > values[:-1]).all())
    if rising or 2 * len(starts) < len(numbers):
        distinct, codes = (values, np.arange(len(starts))) if rising else _distinct_numbers(values)
        return distinct, codes.repeat(np.diff(np.append(starts, len(numbers))))
    order = np.argsort(numbers)
    ordered = numbers.take(order)
    new = np.append(True, ordered[1:] != ordered[:-1])
    codes = np.empty(len(numbers), dtype=np.int64)
    codes[order] = np.cumsum(new) - 1
    return ordered[new], codes
