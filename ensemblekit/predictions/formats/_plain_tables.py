"""Tables that `Predictions.save` did not write. Text stays text: "001" does not become 1, and "NA" can be a class."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ...errors import InvalidPredictionsError
from .._key_texts import encoded, typed_column
from ..named import is_default
from ..names import readonly, shown
from ..tables import UNNAMED_INDEX, ReadOptions, TableColumns, split_columns
from ._arrow import is_text_type, name_column, number_column, stacked
from ._numbers import parse_integers, read_columns
from ._parts import Table
from ._text import TextTable

__all__ = ["fields_from_table", "fields_from_text"]


def fields_from_table(table: Any, options: ReadOptions) -> Table:
    """Read the arguments of `Predictions` from an Arrow table without metadata.

    Parameters
    ----------
    table : pyarrow.Table
        Rows. Ids, labels and numbers have the types that they are.
    options : ReadOptions
        How to read it.

    Returns
    -------
    Table
        Keyword arguments of `Predictions`, and whether the table holds votes.
    """
    table, options = _with_index(table, options)
    columns = split_columns(table.column_names, options)
    ids = _key_ids(table, columns.id) if isinstance(columns.id, tuple) else name_column(table, columns.id)
    for name in (*columns.values, *columns.labels):
        if is_text_type(_plain_type(table.schema.field(name).type)):
            cells = table.column(name).drop_null().slice(0, 1).to_pylist()
            raise _not_a_number(cells[0] if cells else None, name, ids[0] if len(ids) else None, columns, options)
    return _fields(table, ids, columns, options)


def _with_index(table: Any, options: ReadOptions) -> tuple[Any, ReadOptions]:
    """Take the index that pandas wrote into a file as the ids, as `Predictions` takes that of a table in memory."""
    metadata = (table.schema.metadata or {}).get(b"pandas")
    if options.id is not None or metadata is None:
        return table, options
    whole, names = table, []
    for level in json.loads(metadata).get("index_columns", ()):
        name = level
        if isinstance(level, dict):  # a range, of which no column is written
            name = level["name"] or f"{UNNAMED_INDEX}0__"
            numbers = np.arange(level["start"], level["stop"], level["step"])
            if name not in table.column_names and len(numbers) == len(table):
                whole = table.append_column(name, [numbers])
        if name in whole.column_names:
            names.append(name)
    unnamed = any(name.startswith(UNNAMED_INDEX) for name in names)
    if not names or (unnamed and (len(names) > 1 or "id" in table.column_names)):
        return table, options
    if unnamed and is_default(whole.column(names[0]).to_numpy()):
        return table, options
    return whole, dataclasses.replace(options, id=names[0] if len(names) == 1 else tuple(names))


def fields_from_text(text: TextTable, options: ReadOptions) -> Table:
    """Read the arguments of `Predictions` from a text file without metadata.

    Parameters
    ----------
    text : TextTable
        The file.
    options : ReadOptions
        How to read it.

    Returns
    -------
    Table
        Keyword arguments of `Predictions`, and whether the table holds votes.
    """
    from pyarrow import compute

    pc: Any = compute
    columns = split_columns(text.names, options)
    numbers = {*columns.values, *columns.labels}
    if columns.label is not None and options.kind == "regression":
        numbers.add(columns.label)
    of_ids = columns.id if isinstance(columns.id, tuple) else (columns.id,)
    names = {*of_ids, columns.label, columns.votes} - {None}
    wanted = [name for name in text.names if name in names or name in numbers]

    def refuse(cell: str, name: str, row: Any) -> InvalidPredictionsError:
        return _not_a_number(cell, name, row, columns, options)

    table = read_columns(text, numbers, wanted, of_ids[0], options, refuse)
    if isinstance(columns.id, tuple):
        return _fields(table, _key_ids(table, of_ids), columns, options)
    if (row := pc.index(table.column(columns.id), "").as_py()) >= 0:
        raise InvalidPredictionsError(f"each row of a table must have an id; row {row} has none.")
    return _fields(table, parse_integers(table.column(columns.id)), columns, options)


def _key_ids(table: Any, names: Sequence[str]) -> np.ndarray:
    """Join the columns of a key; text that is written like whole numbers or dates in every row is read as these."""
    return encoded({name: typed_column(table.column(name)) for name in names}, "ids")


def _fields(table: Any, ids: Any, columns: TableColumns, options: ReadOptions) -> Table:
    task = options.task or "multiclass"
    classes: list[Hashable] = [*columns.values.values()]
    labels: Any = None
    if columns.votes is not None:
        probas, classes = _votes(table.column(columns.votes).to_pylist(), ids, options)
    else:
        probas = stacked([number_column(table, name) for name in columns.values], np.dtype(np.float64))
    if options.positive is not None:
        classes = [*options.binary_classes()]
        probas = np.column_stack([1 - probas, probas])
    if columns.labels:
        labels = _labels_in_columns(table, columns, classes, options)
    elif columns.label is not None and options.kind == "regression":
        labels = number_column(table, columns.label)
    elif columns.label is not None:
        by_text = {str(name): name for name in classes}
        texts = [str(label) for label in name_column(table, columns.label).tolist()]
        labels = [by_text.get(text, text) for text in texts]
    fields = {
        "probas": readonly(probas),
        "ids": ids,
        "classes": classes,
        "labels": labels,
        "task": task,
        "missing": options.missing,
    }
    return Table(fields, votes=columns.votes is not None)


def _votes(names: list[Any], ids: Any, options: ReadOptions) -> tuple[np.ndarray, list[Hashable]]:
    """Give each vote probability 1. A row without a vote is NaN."""
    texts = ["" if name is None else str(name) for name in names]
    if "" in texts and options.missing == "error":
        row = texts.index("")
        name = shown(ids[row : row + 1].tolist()[0])
        raise InvalidPredictionsError(
            f"each row of a table must have a vote; row {row} (id {name}) has none. Drop it, or admit rows without one "
            "with missing='renormalize'."
        )
    classes = sorted({*texts} - {""}, key=_number_or_text)
    codes = {name: code for code, name in enumerate(["", *classes])}
    rows = np.vstack([np.full(len(classes), np.nan), np.eye(len(classes))])
    return rows[np.array([codes[text] for text in texts], dtype=np.int64)], [*classes]


def _number_or_text(name: str) -> tuple[bool, int, str]:
    return (False, len(name), name) if name.isdecimal() else (True, 0, name)


def _labels_in_columns(
    table: Any, columns: TableColumns, classes: Sequence[Hashable], options: ReadOptions
) -> np.ndarray:
    by_class = {of: name for name, of in columns.labels.items()}
    if {*by_class} != {*classes} or len(by_class) != len(columns.labels) or options.kind == "multiclass":
        raise InvalidPredictionsError(
            "label must name a column for each class, for the tasks multilabel and regression; received "
            f"{shown(columns.labels)} for the classes {shown([*classes])} and the task "
            f"{options.task or 'multiclass'!r}."
        )
    return stacked([number_column(table, by_class[of]) for of in classes], np.dtype(np.float64))


def _plain_type(kind: Any) -> Any:
    import pyarrow.types as kinds

    return kind.value_type if kinds.is_dictionary(kind) else kind


def _not_a_number(
    cell: Any, column: Any, row: Any, columns: TableColumns, options: ReadOptions
) -> InvalidPredictionsError:
    others = [name for name in columns.values if name != column]
    remedy = f", name the columns that are: {options.say(columns=others[:4])}," if others else ""
    what = "probabilities of one class" if options.kind != "regression" else "numbers of one output"
    return InvalidPredictionsError(
        f"a column of a table must hold the {what}; {column!r} has {shown(cell)} for id {shown(row)}. Leave out "
        f"columns that are no class{remedy} or mend the cell."
    )
