"""Tables of votes, long and wide, of any kind, as columns of codes. Columns are found by name, never by position."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import InvalidOptionError, InvalidPredictionsError
from ...predictions.column_names import columns_called, naming_advice
from ...predictions.names import plain, shown
from ...predictions.tables import check_different, computed, frame_of
from ._names import code_names, distinct, order_of_column, plain_names

__all__ = ["Coded", "ColumnNames", "coded_table", "column_names", "columns_to_read"]

KNOWN = {
    "item": ("item", "task"),
    "rater": ("rater", "worker", "annotator", "reader", "judge", "juror"),
    "label": ("label", "vote", "answer", "verdict", "verdicts"),
}
"""Names by which a column is recognised, in any case, if the caller names none; some are those of crowd-kit."""


class ColumnNames(NamedTuple):
    """Which columns of a table are what; None for those that are to be recognised.

    Attributes
    ----------
    item, rater, label : str or None
        Columns of a long table.
    raters : sequence of str or None
        Columns of a wide table, one a rater.
    weight : str or None
        Column of the weights of the votes.
    gold : str or None
        Column of the known labels of the items.
    """

    item: str | None = None
    rater: str | None = None
    label: str | None = None
    raters: Sequence[Hashable] | None = None
    weight: str | None = None
    gold: str | None = None


class Coded(NamedTuple):
    """The votes of a table as codes.

    Attributes
    ----------
    items, raters : ndarray
        Sorted names.
    item, rater : ndarray of int32, shape (n_votes,)
        Positions in these.
    labels : list
        Different cells of the column of the labels.
    label : ndarray of int32, shape (n_votes,)
        Positions in these; -1 for an empty cell.
    weight : ndarray of float64, shape (n_votes,), or None
        Weights of the votes.
    gold : dict or None
        Item -> cell of the column of the known labels.
    order : list or None
        Labels from the lowest to the highest, if the column is an ordered categorical.
    written : bool
        Whether the cells are those of a text file, which has no types.
    """

    items: np.ndarray
    raters: np.ndarray
    item: np.ndarray
    rater: np.ndarray
    labels: list[Any]
    label: np.ndarray
    weight: np.ndarray | None
    gold: dict[Any, Any] | None
    order: list[Any] | None = None
    written: bool = False


def column_names(
    item: str | None, rater: str | None, label: str | None, raters: Any, weight: str | None, gold: Any
) -> ColumnNames:
    """Take what the caller says of the columns; refuse columns of two kinds of table."""
    if raters is not None and (rater is not None or label is not None):
        raise InvalidOptionError(
            "raters must name columns of labels, one a rater; received rater= or label= beside them, which are columns "
            "of a table with a row a vote. Leave one of the two out."
        )
    return ColumnNames(item, rater, label, raters, weight, gold if isinstance(gold, str) else None)


def coded_table(table: Any, names: ColumnNames, *, numbers: bool = False) -> Coded:
    """Read a table of votes.

    Parameters
    ----------
    table : table, mapping or list of records
        As `Votes` describes it.
    names : ColumnNames
        What the caller says of the columns.
    numbers : bool, default=False
        Whether names that are all written as whole numbers are numbers, as in a text file.

    Returns
    -------
    Coded

    Raises
    ------
    InvalidPredictionsError
        If the columns are not there, or an item or a rater has no name.
    """
    frame = _as_frame(table, names)
    check_different([*frame.columns])
    if names.raters is not None:
        return _wide(frame, names, numbers)
    item = _column(frame, "item", names)
    label = _column(frame, "label", names)
    cells = frame[label]
    items, rows = code_names(frame[item], f"items, the column {item!r},", numbers)
    known = None if names.gold is None else _gold(frame[item], frame[_named(frame, "gold", names.gold)], numbers)
    weight = None if names.weight is None else _weights(frame[_named(frame, "weight", names.weight)])
    if cells.dtype == object and len(cells) and isinstance(cells.array[0], Mapping):
        counts, frame = _unfolded([*cells])
        weight = None if weight is None else weight.repeat(counts)
        rows, cells, rater = rows.repeat(counts), frame["label"], "rater"
    else:
        rater = _column(frame, "rater", names)
    raters, places = code_names(frame[rater], f"raters, the column {rater!r},", numbers)
    codes, values = distinct(cells, "labels")
    labels = plain_names(values, numbers=numbers)
    return Coded(items, raters, rows, places, labels, codes, weight, known, order_of_column(cells), numbers)


def columns_to_read(found: Sequence[str], names: ColumnNames) -> list[str]:
    """Choose the columns of a file that are read.

    Parameters
    ----------
    found : sequence of str
        Names of its columns.
    names : ColumnNames
        What the caller says of the columns.

    Returns
    -------
    list of str
        All columns if one that is needed is not recognised, so that the error can propose one.
    """
    wanted = [name for name in (*names[:3], names.weight, names.gold, *(names.raters or ())) if name is not None]
    of_kind = {what: columns_called(found, known) for what, known in KNOWN.items()}
    needed = ["item"] if names.raters is not None else [*KNOWN]
    if not all(of_kind[what] or getattr(names, what) is not None for what in needed):
        return [*found]
    recognised = {name for columns in of_kind.values() for name in columns}
    return [name for name in found if name in wanted or name in recognised]


def _as_frame(table: Any, names: ColumnNames) -> Any:
    """Make a DataFrame of any table; a column of records or names of the index stay columns."""
    import pandas as pd

    table = computed(table)
    if isinstance(table, Mapping) and table and all(isinstance(value, Mapping) for value in table.values()):
        return pd.DataFrame({"item": [*table], "label": pd.Series([*table.values()], dtype=object)})
    if isinstance(table, list | tuple):
        kinds = {*map(type, table)}
        if not all(issubclass(kind, Mapping) or hasattr(kind, "_fields") for kind in kinds):
            raise InvalidPredictionsError(
                f"votes must name their columns; received rows without names, {shown(table, 100)}. Give "
                "pd.DataFrame(rows, columns=['item', 'rater', 'label']), or records {'item': ..., 'rater': ..., "
                "'label': ...}."
            )
    if hasattr(type(table), "__arrow_c_stream__") and not hasattr(type(table), "iloc"):  # pandas has both
        import pyarrow as pa

        arrow = pa.table(table)
        kept = columns_to_read(arrow.column_names, names)
        return arrow.select(kept).to_pandas() if kept else pd.DataFrame(columns=arrow.column_names)
    frame = frame_of(table)
    if frame is not None:
        return frame
    raise InvalidPredictionsError(
        "votes must be a long table with the columns item, rater and label (a DataFrame, an Arrow or polars table, a "
        "mapping of columns, records), or {item: {rater: label}}; received "
        f"{shown(table, 100)} of the type {type(table).__name__}."
    )


def _column(frame: Any, what: str, names: ColumnNames) -> Any:
    if (given := getattr(names, what)) is not None:
        return _named(frame, what, given)
    taken = {*names[:3], names.weight, names.gold, *(names.raters or ())}
    columns = [*frame.columns]
    found = columns_called(columns, KNOWN[what], taken)
    if len(found) == 1:
        return found[0]
    taken |= {name for known in KNOWN.values() for name in columns_called(columns, known)}
    left = [name for name in columns if name not in taken]
    advice = naming_advice(what, found, KNOWN[what], left, frame.__getitem__)
    wide = "" if what == "item" else " In a table with a column a rater, name these: raters=[...]."
    raise InvalidPredictionsError(
        f"a table of votes must have one column for each of item, rater and label; received {shown(columns)}, "
        f"in which {f'{found} could each be' if found else 'none is known as'} the {what}. {advice}{wide}"
    )


def _named(frame: Any, what: str, name: Any) -> Any:
    if name in frame.columns:
        return name
    raise InvalidPredictionsError(
        f"{what} must name a column of the table of votes; received {name!r}, and the columns are "
        f"{shown([*frame.columns])}."
    )


def _unfolded(votes: list[Any]) -> tuple[np.ndarray, Any]:
    """Make a row of each vote of cells {rater: label}; count the votes of each cell."""
    import pandas as pd

    if not all(isinstance(cell, Mapping) for cell in votes):
        row = next(row for row, cell in enumerate(votes) if not isinstance(cell, Mapping))
        raise InvalidPredictionsError(
            f"the votes of each item must be {{rater: label}}; row {row} has {shown(votes[row], 100)}. Give {{}} to "
            "an item without votes."
        )
    counts = np.fromiter(map(len, votes), dtype=np.int64, count=len(votes))
    raters = [*itertools.chain.from_iterable(votes)]
    labels = [*itertools.chain.from_iterable(map(dict.values, map(dict, votes)))]
    return counts, pd.DataFrame({"rater": pd.Series(raters, dtype=object), "label": pd.Series(labels, dtype=object)})


def _wide(frame: Any, names: ColumnNames, numbers: bool) -> Coded:
    """Read a table with a row an item and a column a rater. Its empty cells are left in, as label -1."""
    import pandas as pd

    columns = [_named(frame, "raters", name) for name in names.raters or ()]
    check_different(columns)
    item = _column(frame, "item", names)
    if names.weight is not None or item in columns or not columns:
        raise InvalidPredictionsError(
            "raters must name the columns of a table with a row an item and a column a rater, which has no weights; "
            f"received raters={shown(columns)} beside item={item!r} and weight={names.weight!r}."
        )
    items, rows = code_names(frame[item], f"items, the column {item!r},", numbers)
    if len(items) != len(rows):
        repeated = items[np.bincount(rows, minlength=len(items)) > 1][:3].tolist()
        raise InvalidPredictionsError(
            f"a table with a column a rater must have one row an item; received repeated: {shown(repeated)}."
        )
    raters, places = code_names(pd.Series(columns, dtype=object), "raters", numbers=False)
    seen: dict[tuple[bool, Any], int] = {}  # True and 1 are equal
    parts: list[np.ndarray] = []
    for name in columns:
        codes, values = distinct(frame[name], "labels")
        known = [seen.setdefault((isinstance(value, bool), value), len(seen)) for value in plain_names(values)]
        parts.append(np.append(np.array(known, dtype=np.int32), np.int32(-1))[codes])
    known_labels = None if names.gold is None else _gold(frame[item], frame[_named(frame, "gold", names.gold)], numbers)
    return Coded(
        items,
        raters,
        np.tile(rows, len(columns)),
        np.repeat(places, len(rows)),
        plain_names([value for _, value in seen], numbers=numbers),
        np.concatenate(parts),
        None,
        known_labels,
        _order_of_columns([frame[name] for name in columns]),
        numbers,
    )


def _order_of_columns(columns: list[Any]) -> list[Any] | None:
    """Take the order of the labels that all columns share."""
    first, *others = map(order_of_column, columns)
    return first if all(other == first for other in others) else None


def _weights(column: Any) -> np.ndarray:
    try:
        weight: Any = np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        weight = np.array([np.nan])
    if not (np.isfinite(weight) & (weight >= 0)).all():
        row = int((~(np.isfinite(weight) & (weight >= 0))).argmax())
        raise InvalidPredictionsError(
            f"the weights of votes must be finite and >= 0; row {row} has {shown([*column][row])}."
        )
    return weight


def _gold(items: Any, labels: Any, numbers: bool) -> dict[Any, Any]:
    """Take the known label of each item from a column that repeats it for each vote."""
    import pandas as pd

    known: Any = pd.DataFrame({"item": items.to_numpy(), "gold": labels.to_numpy()}).dropna().drop_duplicates()
    twice = known["item"].duplicated(keep=False)
    if twice.any():
        name = known["item"][twice].iloc[0]
        raise InvalidPredictionsError(
            f"gold must be one label an item; item {shown(plain(name))} has "
            f"{shown(known['gold'][known['item'] == name].tolist())}. Mend the table."
        )
    names, values = (plain_names(known[name].tolist(), numbers=numbers) for name in ("item", "gold"))
    return dict(zip(names, values, strict=True))
