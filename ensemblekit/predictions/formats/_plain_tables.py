"""Tables that `Predictions.save` did not write. Text stays text: "001" does not become 1, and "NA" can be a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import InvalidPredictionsError
from ..names import shown
from ._arrow import is_text_type, name_column, number_column
from ._metadata import EDITED

__all__ = ["fields_from_cells", "fields_from_plain_arrow", "parse_integers", "parse_numbers"]

RESERVED = ("id", "label")
PREFIX = "proba:"


def fields_from_plain_arrow(table: Any, *, edited: bool = False) -> dict[str, Any]:
    """Read the arguments of `Predictions` from an Arrow table without metadata."""
    import pyarrow.types as kinds

    classes = _classes(table.column_names, edited)
    ids = name_column(table, "id")
    for name in classes:
        kind = table.schema.field(name).type
        if kinds.is_dictionary(kind) or is_text_type(kind):
            cells = table.column(name).drop_null().slice(0, 1).to_pylist()
            raise _not_a_number(cells[0] if cells else None, name, ids[0] if len(ids) else None)
    columns = [number_column(table, name) for name in classes]
    labels = name_column(table, "label") if "label" in table.column_names else None
    return _fields(ids, classes, np.array(columns, dtype=np.float64).T, None if labels is None else labels.tolist())


def fields_from_cells(names: list[str], columns: Sequence[Sequence[str]], *, edited: bool = False) -> dict[str, Any]:
    """Read the arguments of `Predictions` from the cells of a CSV file without metadata."""
    classes = _classes(names, edited)
    table = dict(zip(names, columns, strict=True))
    ids = list(table["id"])
    try:
        probas = np.array([parse_numbers(table[name]) for name in classes]).T
    except ValueError:
        probas = np.array(
            [[_parse_number(cell, name, row) for row, cell in zip(ids, table[name], strict=True)] for name in classes]
        ).T
    if "" in ids:
        raise InvalidPredictionsError(f"each row of a table must have an id; row {ids.index('')} has none.")
    return _fields(parse_integers(ids), classes, probas, table.get("label"))


def _fields(ids: Any, classes: list[str], probas: np.ndarray, labels: Sequence[Any] | None) -> dict[str, Any]:
    return {
        "probas": probas,
        "ids": ids,
        "classes": [name.removeprefix(PREFIX) for name in classes],
        "labels": None if labels is None else [str(label) for label in labels],
    }


def _classes(names: list[str], edited: bool) -> list[str]:
    if "id" not in names:
        raise InvalidPredictionsError(f"a table of predictions must have a column 'id'; received {shown(names)}.")
    if any(name == "" or name.startswith("__index_level_") for name in names):
        raise InvalidPredictionsError(
            f"each column of a table must have a name; received {shown(names)}. pandas writes its index so: leave it "
            "out with index=False."
        )
    if any(names.count(name) > 1 for name in RESERVED):
        raise InvalidPredictionsError(
            f"a table must have one column 'id', and one 'label' at most; received {shown(names)}."
        )
    classes = [name for name in names if name not in RESERVED]
    if not edited and any(name.startswith((PREFIX, "label:")) for name in names):
        raise InvalidPredictionsError(
            f"columns called proba:... are of a file that Predictions.save wrote; received {shown(names)} without its "
            f"metadata: {EDITED}"
        )
    return classes


def parse_integers(texts: list[str]) -> list[Any]:
    """Convert texts to integers if each is the canonical form of an integer; else return them unchanged."""
    try:
        numbers = [int(text) for text in texts]
    except ValueError:
        return texts
    return numbers if list(map(str, numbers)) == texts else texts


def parse_numbers(cells: Sequence[str]) -> np.ndarray:
    """Parse decimal numbers. Unlike Python's float, refuse underscores and digits of other scripts."""
    written = "".join(cells)
    if "_" in written or not written.isascii():
        raise ValueError("a number is written in digits from 0 to 9, without _")
    return np.array(cells, dtype=np.float64)


def _parse_number(cell: str, column: str, row: Any) -> float:
    if cell == "":  # pandas writes a missing value like this
        return np.nan
    try:
        return float(parse_numbers([cell])[0])
    except ValueError:
        raise _not_a_number(cell, column, row) from None


def _not_a_number(cell: Any, column: str, row: Any) -> InvalidPredictionsError:
    return InvalidPredictionsError(
        f"a column of a table must hold the probabilities of one class; {column!r} has {shown(cell)} for id "
        f"{shown(row)}. Leave out columns that are no class, or mend the cell."
    )
