"""Files of votes: text tables, Parquet, and JSON with a record a line."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import EnsembleKitError, InvalidOptionError, InvalidPredictionsError
from ...limits import check_size
from ...predictions.formats import read_text_columns
from ...predictions.names import shown
from ...predictions.tables import ReadOptions
from ...regular import open_regular, read_regular
from ._tables import Coded, ColumnNames, coded_table, columns_to_read

__all__ = ["coded_file"]

TEXT = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
JSON = (".jsonl", ".ndjson", ".json")
LARGEST_JSON = 2**31
"""Most bytes of a file of JSON."""
TIMES = 16
"""About so many times the bytes of a file of JSON its records take in memory."""


def coded_file(path: str | os.PathLike[str], names: ColumnNames, separator: str | None = None) -> Coded:
    """Read a file of votes.

    Parameters
    ----------
    path : path-like
        The suffix selects the format.
    names : ColumnNames
        What the caller says of the columns.
    separator : str, optional
        Character between the cells of a text file.

    Returns
    -------
    Coded
    """
    name = os.fspath(path)
    suffix = next((s for s in (*TEXT, *JSON, ".parquet") if Path(name).name.lower().endswith(s)), None)
    if suffix is None:
        raise InvalidPredictionsError(
            f"a file of votes must be one of {', '.join((*TEXT, '.parquet', *JSON))}; received {name!r}."
        )
    if separator is not None and suffix not in TEXT:
        raise InvalidOptionError(
            f"separator={separator!r} must say how a text file is read, .csv or .tsv; received it beside {name!r}. "
            "Leave it out."
        )
    with open_regular(path):  # no pipe, no folder
        pass
    try:
        if suffix in TEXT:
            return _coded_text(Path(name), names, separator)
        if suffix == ".parquet":
            return coded_table(_parquet(Path(name), names), names)
        return coded_table(_json(Path(name), lines=suffix != ".json"), names)
    except EnsembleKitError as error:
        raise type(error)(f"{name!r}: {error}") from None


def _coded_text(path: Path, names: ColumnNames, separator: str | None) -> Coded:
    import pandas as pd

    found: list[str] = []

    def choose(columns: Sequence[str]) -> list[str]:
        found.extend(columns)
        return columns_to_read(columns, names)

    read = ReadOptions(separator=separator, id=names.item, label=names.label)
    table = read_text_columns(path, choose, read)
    if table is None:
        raise InvalidPredictionsError(
            "a table of votes must have the columns item, rater and label; received a file of Predictions.save. Give "
            "the files of all members: Votes.from_predictions([...])."
        )
    frame = table.to_pandas() if table.num_columns else pd.DataFrame(columns=found)
    return coded_table(frame.where(frame != "", None), names, numbers=True)


def _parquet(path: Path, names: ColumnNames) -> Any:
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        size = sum(
            file.metadata.row_group(g).column(c).total_uncompressed_size
            for g in range(file.metadata.num_row_groups)
            for c in range(file.metadata.num_columns)
        )
        check_size(size, "the votes", InvalidPredictionsError, stored=path.stat().st_size)
        found = file.schema_arrow.names
        return file.read(columns=columns_to_read(found, names) or found)
    except EnsembleKitError:
        raise
    except Exception as error:
        raise InvalidPredictionsError(f"a Parquet file must be whole; it cannot be read: {error}") from error


def _json(path: Path, *, lines: bool) -> Any:
    data = read_regular(path, LARGEST_JSON)
    check_size(TIMES * len(data), "the records", InvalidPredictionsError, stored=len(data))
    if not lines:
        records = _parsed(data)
        if isinstance(records, dict | list):
            return records
        raise InvalidPredictionsError(f"a file .json of votes must hold a list of records; received {shown(records)}.")
    whole = [line for line in data.split(b"\n") if not line.isspace() and line]
    records = _parsed(b"[" + b",".join(whole) + b"]", whole)
    if len(records) == len(whole) and all(map(_is_record, records)):
        return records
    raise InvalidPredictionsError("a file of records must have one JSON object a line; received others.")


def _is_record(record: Any) -> bool:
    return isinstance(record, dict)


def _parsed(data: bytes, lines: list[bytes] | None = None) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        for number, line in enumerate(lines or ()):
            try:
                json.loads(line)
            except (ValueError, RecursionError) as found:
                raise InvalidPredictionsError(
                    f"each line of a file of records must be a JSON object; line {number + 1} is {shown(line[:80])}: "
                    f"{found}. Mend or drop the line."
                ) from None
        raise InvalidPredictionsError(f"a file of votes must be JSON in UTF-8; it cannot be read: {error}.") from None
