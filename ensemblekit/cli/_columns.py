"""Labels and groups by id, read from a table."""

from __future__ import annotations

import csv
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, EnsembleKitError
from ..predictions.formats import is_saved_text

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_column"]


def read_column(path: Path, column: str) -> dict[str, Hashable]:
    """Read ``id`` and one more column of a CSV or Parquet table; read labels also from a file of predictions.

    Parameters
    ----------
    path : Path
        The table.
    column : str
        ``label`` or ``group``.

    Returns
    -------
    dict of str to str
        Id as text -> value.
    """
    if not path.is_file():
        raise DataError(f"a table with the columns id and {column} must be a file; {str(path)!r} is none.")
    suffix = path.suffix.lower()
    read = _npz if suffix == ".npz" else _parquet if suffix == ".parquet" else _csv
    try:
        rows = read(path, column)
    except EnsembleKitError:
        raise
    except Exception as error:  # any error of a parser, as the file may hold anything
        kind = suffix.removeprefix(".") if suffix in (".npz", ".parquet") else "CSV"
        raise DataError(
            f"{str(path)!r} must be a table with the columns id and {column}; it cannot be read as {kind}: {error}"
        ) from error
    table: dict[str, Hashable] = {}
    for number, (row, value) in enumerate(rows):
        for name, cell in (("id", row), (column, value)):
            if cell in (None, ""):
                raise DataError(
                    f"each row of {str(path)!r} must have an id and a {column}; row {number} has no {name}. Leave it "
                    "out."
                )
        key = str(row)
        if key in table:
            raise DataError(f"{str(path)!r} must name each id once; {key!r} comes twice.")
        table[key] = str(value)
    return table


def _check_columns(path: Path, names: list[str], column: str) -> None:
    if any(names.count(name) != 1 for name in ("id", column)):
        raise DataError(f"{str(path)!r} must have one column id and one column {column}; it has {names}.")


def _csv(path: Path, column: str) -> Iterable[tuple[Any, Any]]:
    if is_saved_text(path):
        return _labels_of(path, column)
    with path.open(encoding="utf-8-sig", newline="") as file:
        names, *rows = [row for row in csv.reader(file, strict=True) if row] or [[]]
    _check_columns(path, names, column)
    if any(len(row) != len(names) for row in rows):
        raise DataError(f"each line of {str(path)!r} must have {len(names)} cells.")
    row_place, place = names.index("id"), names.index(column)
    return [(row[row_place], row[place]) for row in rows]


def _parquet(path: Path, column: str) -> Iterable[tuple[Any, Any]]:
    import pyarrow.parquet as pq

    # The file is opened here, as Arrow only accepts paths that are UTF-8.
    with path.open("rb") as file, pq.ParquetFile(file, page_checksum_verification=True) as parquet:
        schema = parquet.schema_arrow
        if b"ensemblekit" in (schema.metadata or {}):
            return _labels_of(path, column)
        _check_columns(path, schema.names, column)
        for name in ("id", column):
            _check_type(path, name, schema.field(name).type)
        table = parquet.read(columns=["id", column])
    return zip(table["id"].to_pylist(), table[column].to_pylist(), strict=True)


def _check_type(path: Path, name: str, kind: pa.DataType) -> None:
    import pyarrow as pa

    of: Any = kind.value_type if isinstance(kind, pa.DictionaryType) else kind
    is_name = pa.types.is_string(of) or pa.types.is_large_string(of) or pa.types.is_integer(of)
    if not is_name and not (name == "group" and (pa.types.is_boolean(of) or pa.types.is_temporal(of))):
        raise DataError(
            f"the column {name} of {str(path)!r} must hold text or whole numbers; it has the type {kind}. Write it so."
        )


def _npz(path: Path, column: str) -> Iterable[tuple[Any, Any]]:
    return _labels_of(path, column)


def _labels_of(path: Path, column: str) -> Iterable[tuple[Any, Any]]:
    from ..predictions import Predictions

    predictions = Predictions.load(path)
    if column != "label" or predictions.labels is None or predictions.labels.ndim != 1:
        raise DataError(
            f"a file of predictions gives the labels of one class a row alone; {str(path)!r} has no {column}."
        )
    return zip(predictions.ids.tolist(), predictions.labels.tolist(), strict=True)
