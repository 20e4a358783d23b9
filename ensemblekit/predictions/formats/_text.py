"""Text tables: bytes, their header, and their cells as an Arrow table. One parser reads them all."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ...errors import InvalidPredictionsError
from ...limits import RATIO, check_size, largest
from ..names import shown
from ..tables import SEPARATORS, ReadOptions, is_id_name

__all__ = [
    "HEADER",
    "NULLS",
    "TextTable",
    "cut_record",
    "ends_with_line",
    "needs_quotes",
    "open_text",
    "read_cells",
    "write_rows",
]

HEADER = b"# ensemblekit "
"""Beginning of the first line of a file of format 1 or 2."""
LARGE = 2**20
"""Bytes of a file from which it may be parsed while it is read."""
BLOCK = 2**20
"""Bytes that are parsed at once, unless a row is longer."""
NULLS = ["", "NA", "N/A", "#N/A", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None"]
"""Cells of a column of numbers that say that there is none."""
_OTHER_THINGS = ["true", "false", "yes", "no", "nan", "inf", "infinity", "na", "n/a", "null", "none", "nil"]
"""Texts that programs read as something else, in small letters."""
_SEPARATOR_LINE = re.compile(rb"sep=([^\r\n])\r?\n")
"""A first line by which some spreadsheets say the separator."""

_NO_TEXT = {
    b"PK\x03\x04": "an .xlsx, .npz or other zip archive. Save a sheet as CSV, and .npz with this suffix",
    b"PAR1": "Parquet. Give the file the suffix .parquet",
    b"ARROW1": "an Arrow or Feather file. Write it as Parquet: frame.to_parquet(...)",
}
"""First bytes of files that are often given the suffix of a text table."""


class TextTable(NamedTuple):
    """A text file, and where its rows begin.

    Attributes
    ----------
    data : bytes
        The whole file, in UTF-8.
    start : int
        Where the rows begin.
    names : list of str
        Names of the columns.
    separator : str
        Character between cells.
    metadata : str or None
        Metadata of a file of format 1 or 2.
    path : Path or None
        The file, if ``data`` are only its beginning.
    """

    data: bytes
    start: int
    names: list[str]
    separator: str
    metadata: str | None
    path: Path | None = None


def open_text(path: Path, options: ReadOptions, streamed: Callable[[list[str]], bool] | None = None) -> TextTable:
    """Read a text file and its header.

    Parameters
    ----------
    path : Path
        The file.
    options : ReadOptions
        The separator, if it is known.
    streamed : callable, optional
        Names of the columns -> whether no cell holds a line end, so that only the beginning of a large file is read.

    Returns
    -------
    TextTable
    """
    if streamed is not None and path.stat().st_size > LARGE:
        with path.open("rb") as file:
            head = file.read(LARGE)
        if not head.startswith((b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", HEADER)):
            table = _with_header(head, options)
            if table.start < len(head) and streamed(table.names):
                return table._replace(path=path)
    return _with_header(_unpacked(path), options)


def _with_header(data: bytes, options: ReadOptions) -> TextTable:
    start, metadata, separator = 0, None, options.separator
    if other := next((what for begin, what in _NO_TEXT.items() if data.startswith(begin)), None):
        raise InvalidPredictionsError(f"a text table must hold text; the first bytes of this one are those of {other}.")
    if data.startswith(HEADER):
        end = data.find(b"\n") + 1 or len(data)
        metadata, start = _decoded(data[len(HEADER) : end]), end
        separator = separator or ","
    elif said := _SEPARATOR_LINE.match(data):
        start, separator = said.end(), separator or _decoded(said[1])
    while data[start : start + 1] in (b"\n", b"\r"):  # blank lines
        start += 1
    header, start = cut_record(data, start, separator)
    text = _decoded(header)
    separator = separator or _recognised(text, options)
    names = _cells(text, separator)
    return TextTable(data, start, names if names != [""] else [], separator, metadata)


def ends_with_line(table: TextTable) -> bool:
    """Tell whether the last line of a file has an end."""
    if table.path is None:
        return table.data.endswith(b"\n")
    with table.path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _unpacked(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        most = max(largest(), RATIO * len(data))
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            unpacked = packed.read(most + 1)
        check_size(len(unpacked), "the unpacked text", InvalidPredictionsError, stored=len(data))
        data = unpacked
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # "Unicode text" of a spreadsheet
        return data.decode("utf-16").encode()
    return data


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _not_utf8(data[error.start : error.start + 4]) from None


def _not_utf8(found: bytes) -> InvalidPredictionsError:
    return InvalidPredictionsError(
        f"a text file must be UTF-8; received the bytes {found!r}. Save it as UTF-8; a spreadsheet calls it CSV UTF-8."
    )


def cut_record(data: bytes, start: int, separator: str | None = None) -> tuple[bytes, int]:
    """Find the first record from ``start`` on, whose cells may hold line ends in quotes, and where the next begins."""
    opening = [f'{character}"'.encode() for character in ([separator] if separator else SEPARATORS)]
    place, n_quotes = start, 0
    while place < len(data):
        ends = [end for end in (data.find(b"\n", place), data.find(b"\r", place)) if end >= 0]
        end = min(ends, default=len(data))
        # A quote inside a cell is a character like others.
        if n_quotes or data[place : place + 1] == b'"' or any(data.find(o, place, end) >= 0 for o in opening):
            n_quotes += data.count(b'"', place, end)
        if n_quotes % 2 == 0:
            return data[start:end], end + (2 if data[end : end + 2] == b"\r\n" else 1)
        place = end + 1
    return data[start:], len(data)


def _recognised(header: str, options: ReadOptions) -> str:
    """Tell the separator by which the column of the ids is a cell of the header."""
    split: dict[str, list[str]] = {}
    for separator in SEPARATORS:
        with contextlib.suppress(InvalidPredictionsError):  # of another separator, quotes may stand anywhere
            split[separator] = _cells(header, separator)
    of_ids = options.id if isinstance(options.id, tuple) else (options.id,)
    wanted = {name for name in (*of_ids, options.label) if isinstance(name, str)}
    found = [s for s, cells in split.items() if len(cells) > 1 and wanted and wanted <= {*cells}]
    found = found or [s for s, cells in split.items() if len(cells) > 1 and any(map(is_id_name, cells))]
    if len(found) > 1:
        raise InvalidPredictionsError(
            f"the separator of the cells must be told, as the header can be split in {len(found)} ways; received "
            f"{shown(header)}. Give {options.say(separator=found[0])}."
        )
    # Otherwise the most frequent one, so that an error shows the names.
    return found[0] if found else max(split or SEPARATORS, key=lambda separator: len(split.get(separator, ())))


def _cells(record: str, separator: str) -> list[str]:
    if '"' not in record:
        return record.split(separator)
    other = re.escape(separator)
    pattern = re.compile(rf'(?:"([^"]*(?:""[^"]*)*)"([^{other}]*)|((?!")[^{other}]*))({other}|\Z)', re.DOTALL)
    cells: list[str] = []
    place = 0
    while True:
        found = pattern.match(record, place)
        if found is None:
            raise InvalidPredictionsError(
                f"each quote of a header must be closed; received {shown(record)}: the file was cut or edited."
            )
        quoted, after, plain, end = found.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"') + after)
        place = found.end()
        if not end:
            return cells


def read_cells(table: TextTable, numbers: Collection[str], wanted: Sequence[str], decimal: str = ".") -> Any:
    """Parse the rows of a text file.

    Parameters
    ----------
    table : TextTable
        The file.
    numbers : collection of str
        Columns of numbers.
    wanted : sequence of str
        Columns to read, which have different names.
    decimal : str
        Decimal mark.

    Returns
    -------
    pyarrow.Table
        Columns of float64, with nulls for cells without a number, and of text.

    Raises
    ------
    pyarrow.ArrowInvalid
        If a cell of ``numbers`` is none.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    csv: Any = arrow_csv

    types = {name: pa.float64() if name in numbers else pa.string() for name in wanted}
    convert = csv.ConvertOptions(
        column_types=types,
        include_columns=list(wanted),
        null_values=NULLS,
        strings_can_be_null=False,
        decimal_point=decimal,
    )
    if table.path is not None:
        with table.path.open("rb") as file, contextlib.suppress(pa.ArrowInvalid):
            file.seek(table.start)
            read = csv.ReadOptions(column_names=table.names, block_size=BLOCK)
            parse = csv.ParseOptions(delimiter=table.separator)
            return csv.read_csv(
                pa.PythonFile(file, "r"), read_options=read, parse_options=parse, convert_options=convert
            )
        table = table._replace(data=_unpacked(table.path), path=None)  # to say what is wrong
    if not re.compile(rb"\S").search(table.data, table.start):
        return pa.table({name: pa.array([], kind) for name, kind in types.items()})
    body = pa.py_buffer(table.data).slice(table.start)
    quoted = table.data.find(b'"', table.start) >= 0
    parse = csv.ParseOptions(delimiter=table.separator, newlines_in_values=quoted)
    for size in (BLOCK, min(len(body) + 1, 2**31 - 1)):
        read = csv.ReadOptions(column_names=table.names, block_size=size)
        try:
            return csv.read_csv(pa.BufferReader(body), read_options=read, parse_options=parse, convert_options=convert)
        except pa.ArrowInvalid as error:
            _explain(error, table)
            if size > BLOCK or "straddling" not in str(error):
                raise
    raise AssertionError  # the loop returns or raises


def _explain(error: Exception, table: TextTable) -> None:
    text = str(error)
    if "Expected" in text and "columns, got" in text:
        n_cells = text.partition("columns, got ")[2].partition(":")[0]
        line = text.partition(f"got {n_cells}: ")[2]
        raise InvalidPredictionsError(
            f"each line must have {len(table.names)} cells; the file was cut or edited. Received a line of {n_cells}: "
            f"{shown(line, 100)}."
        ) from None
    if "UTF8" in text or "UTF-8" in text:
        try:
            table.data.decode()
        except UnicodeDecodeError as found:
            raise _not_utf8(table.data[found.start : found.start + 4]) from None


def write_rows(
    names: Sequence[str], columns: Sequence[Any], file: BinaryIO, separator: str, *, quoted: bool | None = None
) -> None:
    """Write a text table, with quotes around the cells that need them.

    Parameters
    ----------
    names : sequence of str
        Names of the columns.
    columns : sequence of pyarrow.Array
        Their cells; a null is an empty cell.
    file : binary file
        Output.
    separator : str
        Character between cells.
    quoted : bool, optional
        What `needs_quotes` says of the columns, if it is known.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    csv: Any = arrow_csv
    quoted = needs_quotes(columns, separator) if quoted is None else quoted
    file.write((separator.join(_quoted(name, separator) for name in names) + "\n").encode())
    if not len(columns[0]):
        return
    table = pa.table(dict(zip(map(str, range(len(columns))), columns, strict=True)))
    options = csv.WriteOptions(
        include_header=False, delimiter=separator, quoting_style="needed" if quoted else "none", batch_size=2**14
    )
    csv.write_csv(table, pa.PythonFile(file, mode="w"), options)


def needs_quotes(columns: Sequence[Any], separator: str) -> bool:
    """Tell whether a cell needs quotes, or is text that a program may take for something else without them.

    Parameters
    ----------
    columns : sequence of pyarrow.Array
        Their cells.
    separator : str
        Character between cells.

    Returns
    -------
    bool
    """
    return not all(_is_plain(column, separator) for column in columns)


def _is_plain(column: Any, separator: str) -> bool:
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_null(column.type)
    other = re.escape(separator)
    pattern = rf'^[A-Za-z_/]([^{other}"\r\n]*[^{other}"\s])?$'
    if not pc.all(pc.match_substring_regex(column, pattern)).as_py():
        return False
    return not pc.any(pc.is_in(pc.utf8_lower(column), value_set=pa.array(_OTHER_THINGS, column.type))).as_py()


def _quoted(cell: str, separator: str) -> str:
    if cell and cell == cell.strip() and not any(c in cell for c in (separator, '"', "\n", "\r")):
        return cell
    return '"' + cell.replace('"', '""') + '"'
