"""Ordinary tables without metadata, such as a submission: ids and values under the names that are asked for."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from ...errors import InvalidOptionError, InvalidPredictionsError
from .._key_texts import key_arrays
from ..keys import key_of
from ..names import named_by, shown
from ..tables import ReadOptions
from ._keys import cells_of_ids
from ._metadata import PredictionFields
from ._text import write_rows

__all__ = ["FORMS", "write_ordinary"]

FORMS = ("predictions", "table", "votes")
"""What a file may hold: all that `Predictions` has, a table of values, or the most probable class of each row."""


def write_ordinary(
    p: PredictionFields,
    file: BinaryIO,
    *,
    suffix: str,
    votes: bool = False,
    id: str | Sequence[str] | None = None,  # noqa: A002 - as in Predictions.save
    label: str | None = None,
    columns: Any = None,
    separator: str | None = None,
    decimal: str = ".",
) -> None:
    """Write an ordinary table; options as in `Predictions.save`."""
    import pyarrow as pa

    if suffix == ".npz":
        raise InvalidPredictionsError(
            "an ordinary table is a text file or Parquet; received .npz. Take another suffix."
        )
    if p.probas.ndim != 2:
        raise InvalidPredictionsError(
            f"an ordinary table holds predictions of shape (n_samples, n_classes); received {p.probas.shape}. Save "
            "them as .parquet or .npz with form='predictions'."
        )
    separator = separator or ("\t" if suffix == ".tsv" else ";" if decimal == "," else ",")
    ReadOptions(separator=separator, decimal="," if decimal == "," else ".")
    table: list[tuple[str, Any]] = _ids(p, id, as_text=suffix != ".parquet")
    if votes:
        table += _votes(p, label or "label", columns)
    else:
        table += _values(p, columns)
        if label is not None:
            table.append((label, pa.array(_labels(p))))
    names = [name for name, _ in table]
    if "" in names or (key_of(p.ids) is None and "" in p.ids.tolist()):
        raise InvalidPredictionsError(
            "an ordinary table needs a name for each row and column, as an empty cell names nothing; received ''. Give "
            "it a name, or save with form='predictions'."
        )
    if len({*names}) != len(names):
        raise InvalidOptionError(
            f"each column of a table must have a name of its own; these would be {shown(names)}. Give other names with "
            "id=, label= or columns={column: class}."
        )
    cells = [column for _, column in table]
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        pq.write_table(pa.table(dict(table)), file, write_page_checksum=True)
        return
    if decimal == ",":
        cells = [_with_commas(column) for column in cells]
    write_rows(names, cells, file, separator)


def _ids(p: PredictionFields, given: Any, *, as_text: bool) -> list[tuple[str, Any]]:
    import pyarrow as pa

    key = key_of(p.ids)
    names = [given] if isinstance(given, str) else given
    own = ["id"] if key is None else list(key.names)
    if names is not None and len(names) != len(own):
        raise InvalidOptionError(
            f"id must name the columns of the ids, {shown(own)}, in this order; received {shown(given)}."
        )
    if key is None:
        return [((names or own)[0], pa.array(p.ids))]
    columns = cells_of_ids(p.ids) if as_text else [*key_arrays(p.ids).values()]
    return [*zip(names or own, columns, strict=True)]


def _values(p: PredictionFields, columns: Any) -> list[tuple[str, Any]]:
    import pyarrow as pa

    places = _places(p, columns)
    return [
        (name, pa.array(np.ascontiguousarray(p.probas[:, place]), from_pandas=True)) for name, place in places.items()
    ]


def _votes(p: PredictionFields, label: str, columns: Any) -> list[tuple[str, Any]]:
    import pyarrow as pa

    if p.kind == "regression":
        raise InvalidPredictionsError(f"votes are names of classes; received the task {p.task!r}. Give form='table'.")
    if p.present is not None:
        raise InvalidPredictionsError(
            f"votes need every row; {int((~p.present).sum())} rows are NaN. Take the others: p.take(p.ids[p.present])."
        )
    if p.kind == "multilabel":
        return [
            (name, pa.array((p.probas[:, place] >= 0.5).astype(int))) for name, place in _places(p, columns).items()
        ]
    if columns is not None:
        raise InvalidOptionError(
            f"columns= names columns of values, and votes have none; received {shown(columns)}. Leave it out, or give "
            "form='table'."
        )
    return [(label, pa.array(named_by(p.probas.argmax(axis=-1), p.classes)))]


def _labels(p: PredictionFields) -> np.ndarray:
    if p.label_codes is None or (p.kind != "multiclass" and len(p.classes) > 1):
        received = "none" if p.label_codes is None else f"labels of {len(p.classes)} outputs"
        raise InvalidPredictionsError(f"label= is a column for one label a row; received {received}. Leave it out.")
    return named_by(p.label_codes, p.classes) if p.kind == "multiclass" else p.label_codes[:, 0]


def _places(p: PredictionFields, columns: Any) -> dict[str, int]:
    """Find the class of each column that is to be written."""
    if columns is None:
        columns = {str(name): name for name in p.classes}
    elif isinstance(columns, str) or not isinstance(columns, Mapping):
        columns = {str(name): name for name in ([columns] if isinstance(columns, str) else columns)}
    places: dict[Hashable, int] = {str(name): place for place, name in enumerate(p.classes)}
    places |= {name: place for place, name in enumerate(p.classes)}
    unknown: Sequence[Any] = [name for name in columns.values() if name not in places]
    if unknown or not columns:
        raise InvalidOptionError(
            f"columns must name classes, or {{column: class}}, out of {shown([*p.classes])}; received "
            f"{shown(unknown or columns)}."
        )
    return {column: places[name] for column, name in columns.items()}


def _with_commas(column: Any) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute

    if not pa.types.is_floating(column.type):
        return column
    return pc.replace_substring(pc.cast(pc.cast(column, pa.float64()), pa.string()), ".", ",")
