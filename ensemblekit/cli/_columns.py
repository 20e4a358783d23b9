"""Labels and groups by id, read from a table."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, EnsembleKitError
from ..predictions import Predictions
from ..predictions.formats import key_ids, read_text_columns
from ..predictions.tables import ReadOptions, check_different, recognised

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_column", "read_columns"]


KEY = "key column "
"""Beginning of what a column of a key is called, beside ``id`` and the names of other columns."""


def read_column(path: Path, column: str, read: ReadOptions | None = None) -> dict[str, str]:
    """Read ``id`` and one more column of a table; read labels also from a file of predictions.

    Parameters
    ----------
    path : Path
        The table.
    column : str
        ``label`` or ``group``, in any case.
    read : ReadOptions, optional
        How the tables of this command are read; its ``label`` is another name of the column of labels.

    Returns
    -------
    dict of str to str
        Id as text -> value.
    """
    read = read or ReadOptions()
    name = read.label if column == "label" and isinstance(read.label, str) else None
    found = read_columns(path, _one(path, column, name), column, read)
    return dict(zip(found["id"], found[column], strict=True))


def read_columns(
    path: Path, wanted: Callable[[Sequence[str]], Mapping[str, str]], what: str, read: ReadOptions
) -> dict[str, list[str]]:
    """Read the ids and some columns of a CSV or Parquet table as text; read labels from a file of predictions too.

    Parameters
    ----------
    path : Path
        The table.
    wanted : callable
        Names of the columns without that of the ids -> ``{column: what it is called here}``.
    what : str
        The columns that are wanted, for errors.
    read : ReadOptions
        How the tables of this command are read.

    Returns
    -------
    dict of str to list of str
        ``id`` and the names that ``wanted`` gives -> cells.
    """
    if not path.is_file():
        raise DataError(f"a table with the columns id and {what} must be a file; {str(path)!r} is none.")
    suffix = path.suffix.lower()
    reader = _npz if suffix == ".npz" else _parquet if suffix == ".parquet" else _text

    def choose(names: Sequence[str]) -> dict[str, str]:
        check_different(names)
        if isinstance(read.id, tuple) and {*read.id} <= {*names}:
            rest = [name for name in names if name not in read.id]
            return {name: f"{KEY}{name}" for name in read.id} | dict(wanted(rest))
        row = _id_of(path, names, what, read)
        return {row: "id"} | dict(wanted([name for name in names if name != row]))

    try:
        columns = reader(path, choose, what, read)
    except EnsembleKitError as error:
        # The text of a KeyError is its first argument too.
        error.args = (f"{str(path)!r}: {error}" if str(path) not in str(error) else str(error), *error.args[1:])
        raise
    except Exception as error:  # any error of a parser, as the file may hold anything
        kind = suffix.removeprefix(".") if suffix in (".npz", ".parquet") else "CSV"
        raise DataError(
            f"{str(path)!r} must be a table with the columns id and {what}; it cannot be read as {kind}: {error}"
        ) from error
    for name, cells in columns.items():
        empty = next((row for row, cell in enumerate(cells) if cell in (None, "")), None)
        if empty is not None:
            raise DataError(
                f"each row of {str(path)!r} must have an id and a {what}; row {empty} has no "
                f"{name.removeprefix(KEY)}. Leave it out."
            )
    if "id" not in columns:
        key = {name: columns.pop(f"{KEY}{name}") for name in read.id or ()}
        columns["id"] = key_ids(key).tolist()
    seen: set[str] = set()
    for key in columns["id"]:
        if key in seen:
            raise DataError(f"{str(path)!r} must name each id once; {key!r} comes twice.")
        seen.add(key)
    return columns


def _one(path: Path, column: str, option: str | None) -> Callable[[Sequence[str]], Mapping[str, str]]:
    def choose(names: Sequence[str]) -> Mapping[str, str]:
        found = [name for name in names if name == (option or column)]
        found = found or [name for name in names if option is None and name.lower() == column]
        if len(found) != 1:
            advice = f" Rename the column that holds it to {column!r}."
            if column == "label" and names:
                advice = f" Say which it is: --label {shlex.quote(names[0])}."
            raise DataError(
                f"{str(path)!r} must have one column id and one column {option or column}; beside the ids it has "
                f"{list(names)}.{advice}"
            )
        return {found[0]: column}

    return choose


def _id_of(path: Path, names: Sequence[str], what: str, read: ReadOptions) -> str:
    row = read.id if isinstance(read.id, str) and read.id in names else recognised(names)[0]
    if row is None:
        raise DataError(
            f"{str(path)!r} must have one column id and one column {what}; it has {list(names)}. If another column "
            f"holds the ids, name it: --id {shlex.quote(names[0]) if names else 'COLUMN'}."
        )
    return row


Choose = Callable[[Sequence[str]], dict[str, str]]


def _text(path: Path, choose: Choose, what: str, read: ReadOptions) -> dict[str, list[Any]]:
    chosen: dict[str, str] = {}

    def columns(names: Sequence[str]) -> Sequence[str]:
        chosen.update(choose(names))
        return [*chosen]

    table = read_text_columns(path, columns, read)
    if table is None:
        return _labels_of(path, choose, what)
    return {chosen[name]: table[name].to_pylist() for name in chosen}


def _parquet(path: Path, choose: Choose, what: str, read: ReadOptions) -> dict[str, list[Any]]:
    import pyarrow.parquet as pq

    # The file is opened here, as Arrow only accepts paths that are UTF-8.
    with path.open("rb") as file, pq.ParquetFile(file, page_checksum_verification=True) as parquet:
        schema = parquet.schema_arrow
        if b"ensemblekit" in (schema.metadata or {}):
            return _labels_of(path, choose, what)
        chosen = choose(schema.names)
        for name, called in chosen.items():
            _check_type(path, name, called, schema.field(name).type)
        table = parquet.read(columns=[*chosen])
    found = {chosen[name]: table[name].to_pylist() for name in chosen}
    return {name: [None if cell is None else str(cell) for cell in cells] for name, cells in found.items()}


def _check_type(path: Path, name: str, called: str, kind: pa.DataType) -> None:
    import pyarrow as pa

    of: Any = kind.value_type if isinstance(kind, pa.DictionaryType) else kind
    is_name = pa.types.is_string(of) or pa.types.is_large_string(of) or pa.types.is_integer(of)
    is_name |= (called == "group" or called.startswith(KEY)) and (pa.types.is_boolean(of) or pa.types.is_temporal(of))
    if not is_name and (called in ("id", "label") or called.startswith(KEY) or not pa.types.is_floating(of)):
        raise DataError(
            f"the column {name} of {str(path)!r} must hold text or whole numbers; it has the type {kind}. Write it so."
        )


def _npz(path: Path, choose: Choose, what: str, read: ReadOptions) -> dict[str, list[Any]]:
    return _labels_of(path, choose, what)


def _labels_of(path: Path, choose: Choose, what: str) -> dict[str, list[Any]]:
    predictions = Predictions.load(path)
    labels = predictions.labels
    if what == "group" or labels is None or labels.ndim > 2:
        raise DataError(f"a file of predictions may give labels of its rows; {str(path)!r} has no {what}.")
    columns = {"label": labels} if labels.ndim == 1 else dict(zip(map(str, predictions.classes), labels.T, strict=True))
    columns = {"id": predictions.ids, **columns}
    chosen = choose([*columns])
    return {called: list(map(str, columns[name].tolist())) for name, called in chosen.items()}
