"""Which columns of a table are ids, labels and values. The options that say it are of `_read_options`."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidPredictionsError
from ._read_options import READ, SEPARATORS, Columns, ReadOptions, spelled
from .names import shown

__all__ = [
    "PREFIX",
    "READ",
    "SEPARATORS",
    "UNNAMED_INDEX",
    "Columns",
    "ReadOptions",
    "TableColumns",
    "check_different",
    "computed",
    "frame_of",
    "is_id_name",
    "member_name",
    "recognised",
    "spelled",
    "split_columns",
]

PREFIX = "proba:"
"""Beginning of the name of a column of probabilities in a file of `Predictions.save`."""
UNNAMED_INDEX = "__index_level_"
"""Beginning of the name by which pandas writes a level of an index without a name to Parquet."""
_ID = re.compile(r".*(_id|(?<=[a-z0-9])I[dD])", re.DOTALL)
"""Names of a first column that are names of ids: ``image_id``, ``PassengerId``, but no class such as ``COVID``."""


@dataclasses.dataclass(frozen=True)
class TableColumns:
    """Which column of a table is what.

    Attributes
    ----------
    id : str or tuple of str
        Column of the ids, or the columns of their key.
    label : str or None
        Column of the labels; for votes, None.
    labels : dict
        Column -> class, for labels in a column a class.
    values : dict
        Column -> class.
    votes : str or None
        Column of class names that are the predictions themselves.
    """

    id: Any
    label: Any
    labels: dict[Any, Hashable]
    values: dict[Any, Hashable]
    votes: Any = None


def split_columns(names: Sequence[Any], options: ReadOptions | None = None) -> TableColumns:
    """Tell which columns of a table are ids, labels and values.

    Parameters
    ----------
    names : sequence of str
        Names of the columns, in their order.
    options : ReadOptions, optional
        What the caller says.

    Returns
    -------
    TableColumns

    Raises
    ------
    InvalidPredictionsError
        If two columns have one name, none is that of the ids, or the columns do not fit the options.
    """
    options = options or ReadOptions()
    check_different(names)
    row = _id_column(names, options)
    of_ids = row if isinstance(row, tuple) else (row,)
    rest = [name for name in names if name not in of_ids]
    label, labels = _label_columns(rest, options)
    rest = [name for name in rest if name != label and name not in labels]
    values = _value_columns(rest, names, label, options)
    if not values and label is not None and options.columns is None:
        # A table of ids and labels alone: these are what the member says.
        if options.kind == "multiclass" and options.positive is None:
            return TableColumns(row, None, labels, {}, votes=label)
        values, label = {label: label}, None
    if not values:
        raise InvalidPredictionsError(
            f"classes must name at least one class, which has a column; received {shown([*names])}."
        )
    if options.positive is not None and len(values) != 1:
        raise InvalidPredictionsError(
            f"{options.say(positive=options.positive)} is for a table with one column of values; received "
            f"{shown([*values])}. Name the one that is meant: {options.say(columns=[next(iter(values), 'p')])}."
        )
    if options.positive is not None and options.kind != "multiclass":
        raise InvalidPredictionsError(
            f"{options.say(positive=options.positive)} is for two classes that exclude each other; received the task "
            f"{options.task!r}. Leave one of them out."
        )
    if len(values) == 1 and options.kind == "multiclass" and options.positive is None:
        only = next(iter(values))
        raise InvalidPredictionsError(
            f"a table of predictions must have a column for each of two classes or more; received the one column "
            f"{shown(only)}. If it is the probability of a class, name the class: {options.say(positive='yes')}; if it "
            f"holds class names: {options.say(label=only)}; if it holds numbers to predict: "
            f"{options.say(task='regression')}."
        )
    return TableColumns(row, label, labels, values)


def is_id_name(name: Any) -> bool:
    """Tell whether a column may hold ids, by its name.

    Parameters
    ----------
    name : str
        Name of a column.

    Returns
    -------
    bool
        True for ``id`` in any case, ``image_id``, ``PassengerId`` and the like.
    """
    return isinstance(name, str) and (name.lower() == "id" or _ID.fullmatch(name) is not None)


def member_name(path: str | os.PathLike[str]) -> str:
    """Name a member after its file or folder.

    Parameters
    ----------
    path : path-like
        A file of predictions.

    Returns
    -------
    str
        The name without suffixes of its format: ``cnn.test`` for ``cnn.test.csv.gz``.
    """
    name = Path(path)
    return name.with_suffix("").stem if name.suffix.lower() == ".gz" else name.stem


def recognised(names: Sequence[Any]) -> tuple[Any, Any]:
    """Tell which columns of a table are ids and labels by their names alone.

    Parameters
    ----------
    names : sequence
        Names of the columns, in their order.

    Returns
    -------
    tuple
        The column of the ids and that of the labels; None where no name says so.
    """
    options = ReadOptions()
    try:
        row = _id_column(names, options)
    except InvalidPredictionsError:
        row = None
    return row, _label_columns([name for name in names if name != row], options)[0]


def check_different(names: Sequence[Any]) -> None:
    """Refuse two columns of one name."""
    if len({*names}) != len(names):
        seen: set[Any] = set()
        repeated = [*dict.fromkeys(name for name in names if name in seen or seen.add(name))]
        raise InvalidPredictionsError(
            f"each column of a table must have a name of its own; received {shown([*names])}, of which repeated: "
            f"{shown(repeated)}. Rename or drop all but one."
        )


def computed(table: Any) -> Any:
    """Compute a lazy table of Dask or polars; return any other object unchanged."""
    for step in ("compute", "collect"):
        if callable(getattr(type(table), step, None)):
            return getattr(table, step)()
    return table


def frame_of(table: Any) -> Any:
    """Make a DataFrame of any table with a name for each column; named levels of an index become columns.

    Parameters
    ----------
    table : object
        A DataFrame, an Arrow or polars table, a lazy table, a mapping of columns, or a list of records.

    Returns
    -------
    pandas.DataFrame or None
        None of what is no table.

    Raises
    ------
    InvalidPredictionsError
        If two columns have one name.
    """
    import pandas as pd

    table = computed(table)
    frame: Any
    if isinstance(table, Mapping):
        frame = pd.DataFrame({name: [*v] if isinstance(v, tuple | range) else v for name, v in table.items()})
    elif isinstance(table, list | tuple) and all(isinstance(row, Mapping) or hasattr(row, "_fields") for row in table):
        frame = pd.DataFrame([*table])
    elif hasattr(type(table), "iloc") and hasattr(table, "columns"):
        frame = table
        own = [name for name in frame.index.names if name is not None and name not in frame.columns]
        frame = frame.reset_index(own) if own else frame
    elif hasattr(type(table), "__arrow_c_stream__"):
        import pyarrow as pa

        frame = pa.table(table).to_pandas()
    else:
        return None
    check_different([*frame.columns])
    return frame


def _id_column(names: Sequence[Any], options: ReadOptions) -> Any:
    if options.id is not None and not isinstance(options.id, str):
        check_different(options.id)
        return tuple(_named("id", name, names, options) for name in options.id)
    if options.id is not None:
        return _named("id", options.id, names, options)
    if "id" in names:
        return "id"
    used = _used(options)
    found = [name for name in names if isinstance(name, str) and name.lower() == "id" and name not in used]
    if not found and names and is_id_name(names[0]) and names[0] not in used:
        found = [names[0]]
    if len(found) == 1:
        return found[0]
    what = f"a table of predictions must have a column 'id'; received {shown([*names])}."
    if found:
        raise InvalidPredictionsError(f"{what} Say which it is: {options.say(id=found[0])}.")
    if not names:
        raise InvalidPredictionsError(what)
    unnamed = next((name for name in names if _is_index_name(name)), None)
    if unnamed is not None:
        raise InvalidPredictionsError(
            f"{what} pandas writes an index without a name so; if it holds the ids, name it: {options.say(id=unnamed)}."
        )
    if len(names) == 1:
        raise InvalidPredictionsError(
            f"{what} The first line must be the header, with the names of all columns: remove what stands above it, or "
            f"name the character between cells: {options.say(separator=';')}."
        )
    raise InvalidPredictionsError(f"{what} If another column holds the ids, name it: {options.say(id=names[0])}.")


def _used(options: ReadOptions) -> set[Any]:
    used: set[Any] = {*options.label} if isinstance(options.label, Mapping) else {options.label}
    return used | ({options.columns} if isinstance(options.columns, str) else {*(options.columns or ())})


def _label_columns(names: Sequence[Any], options: ReadOptions) -> tuple[Any, dict[Any, Hashable]]:
    if isinstance(options.label, Mapping):
        return None, {_named("label", name, names, options): of for name, of in options.label.items()}
    if options.label is not None:
        return _named("label", options.label, names, options), {}
    used = _used(options)
    if "label" in names:
        return (None if "label" in used else "label"), {}
    found = [name for name in names if isinstance(name, str) and name.lower() == "label" and name not in used]
    return (found[0] if len(found) == 1 else None), {}


def _value_columns(rest: Sequence[Any], names: Sequence[Any], label: Any, options: ReadOptions) -> dict[Any, Hashable]:
    given = options.columns
    if given is not None:
        wanted = [given] if isinstance(given, str) else list(given)
        check_different(wanted)
        if label in wanted and label is not None:
            raise InvalidPredictionsError(
                f"a column is of labels or of values; received {shown(label)} for both. Leave it out of one."
            )
        for name in wanted:
            _named("columns", name, rest, options)
        if isinstance(given, Mapping):
            return dict(given)
    else:
        wanted = list(rest)
        if any(map(_is_index_name, wanted)):
            raise InvalidPredictionsError(
                f"each column of a table must have a name; received {shown([*names])}. pandas writes its index so: "
                "leave it out with index=False, or name the columns that count: "
                f"{options.say(columns=_named_ones(wanted))}."
            )
    if not options.edited and any(str(name).startswith((PREFIX, "label:")) for name in wanted):
        raise InvalidPredictionsError(
            f"columns called proba:... are of a file that Predictions.save wrote; received {shown([*names])} without "
            "its metadata: the file was cut, edited or damaged. Save it again, or take it as it is: "
            f"{options.say(edited=True)}."
        )
    return {name: name.removeprefix(PREFIX) if isinstance(name, str) else name for name in wanted}


def _named_ones(names: Sequence[Any]) -> list[Any]:
    return [name for name in names if not _is_index_name(name)][:4]


def _is_index_name(name: Any) -> bool:
    """Tell whether pandas or a spreadsheet names a column so that has no name."""
    return name == "" or str(name).startswith((UNNAMED_INDEX, "Unnamed: "))


def _named(what: str, name: Any, names: Sequence[Any], options: ReadOptions) -> Any:
    if name in names:
        return name
    folded = {n.casefold(): n for n in names[:1000] if isinstance(n, str)}
    near = difflib.get_close_matches(str(name).casefold(), folded, n=1)
    advice = f" Did you mean {folded[near[0]]!r}?" if near else ""
    raise InvalidPredictionsError(
        f"{what} must name a column of the table; received {shown(name)}, and the columns are {shown([*names])}."
        f"{advice}"
    )
