"""Read columns of numbers that Parquet files store as they are: not compressed, not encoded, and none of them null.

Arrow copies each number three times on the way; here the system copies it to its place. What is read so must be
compared with the digest of its file, which tells any fault in how a page was understood. What is stored in another way,
Arrow reads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, Self

import numpy as np

from ..errors import EnsembleKitError, InvalidPredictionsError
from ._member_files import MemberFiles
from .headers import open_predictions, open_unchanged

__all__ = ["PlainPages", "plain_pages"]

PARTS = 2**8
"""Most parts that are read at once; systems allow 1024."""
HEADER = 2**8
"""Bytes that are read of a page, to find its first number. Files of `Predictions.save` need about 30."""
TYPES = {"FLOAT": np.dtype("<f4"), "DOUBLE": np.dtype("<f8")}
DATA_PAGE, PLAIN, STOP, STRUCT, BINARY = 0, 0, 0, 12, 8
NEXT_NUMBER = 0x15
"""Begins a field that follows the one before and is a number of 32 bits."""
WHOLE = (3, 4, 5, 6)
"""Types of whole numbers in the compact protocol of Thrift."""


class _Page(NamedTuple):
    """Numbers of one column that are side by side in a file.

    Attributes
    ----------
    row : int
        Number of the first row, counted over all files.
    n_rows : int
        Number of rows.
    file : int
        Place of the file.
    start : int
        Place of the first number in the file, in bytes.
    """

    row: int
    n_rows: int
    file: int
    start: int


class PlainPages:
    """Columns of a member as its files store them; use it in a ``with`` statement.

    Parameters
    ----------
    member : MemberFiles
        Input.
    columns : sequence of list of _Page
        Pages of each column, in the order of the rows.
    dtype : dtype
        Of the numbers.
    """

    def __init__(self, member: MemberFiles, columns: Sequence[list[_Page]], dtype: np.dtype[Any]) -> None:
        self._member, self._columns, self._dtype = member, columns, dtype
        self._at = [0] * len(columns)
        self._room = np.empty((len(columns), 0), dtype)
        self._row = 0
        self._between = np.empty(HEADER, np.uint8)
        self._stack = ExitStack()
        self._files: list[int] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for header in self._member.headers:
                file, _ = stack.enter_context(open_unchanged(header.path, header.state))
                self._files.append(file.fileno())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, n_rows: int) -> np.ndarray:
        """Read the next rows.

        Parameters
        ----------
        n_rows : int
            How many; there must be as many.

        Returns
        -------
        ndarray of shape (n_columns, n_rows)
            Valid until the next call.
        """
        if self._room.shape[1] < n_rows:
            self._room = np.empty((len(self._columns), n_rows), self._dtype)
        for place, pages in enumerate(self._columns):
            row, stop = self._row, self._row + n_rows
            while row < stop:
                row = self._read(pages, place, row, stop)
        self._row += n_rows
        return self._room[:, :n_rows]

    def _read(self, pages: list[_Page], place: int, row: int, stop: int) -> int:
        """Read pages that follow each other in one file, with what is between them; return the row they end at."""
        width, page = self._dtype.itemsize, pages[self._at[place]]
        file, start = page.file, page.start + (row - page.row) * width
        parts: list[Any] = []
        at = start
        while True:
            end = min(stop, page.row + page.n_rows)
            parts.append(self._room[place, row - self._row : end - self._row].view(np.uint8))
            at, row = at + (end - row) * width, end
            if end < page.row + page.n_rows or self._at[place] + 1 == len(pages):
                break
            self._at[place] += 1
            page = pages[self._at[place]]
            if row == stop or page.file != file or not 0 <= page.start - at <= HEADER or len(parts) > PARTS:
                break
            parts.append(self._between[: page.start - at])
            at = page.start
        if os.preadv(self._files[file], parts, start) != at - start:
            raise InvalidPredictionsError(
                f"{self._member.headers[file].path!r} must stay as it is while it is read; it was cut meanwhile."
            )
        return row


def plain_pages(member: MemberFiles, names: Sequence[str], dtype: np.dtype[Any]) -> PlainPages | None:
    """Find where the numbers of some columns are; None if they are not stored as they are, or have no digest.

    Parameters
    ----------
    member : MemberFiles
        Input.
    names : sequence of str
        Columns.
    dtype : dtype
        Of all of them.

    Returns
    -------
    PlainPages or None
        None also if a file is damaged: whoever reads it with Arrow tells how.
    """
    if sys.byteorder != "little" or not hasattr(os, "preadv"):
        return None
    if member.edited or not all(header.has_digest for header in member.headers):
        return None
    columns: list[list[_Page]] = [[] for _ in names]
    row = 0
    try:
        for number, header in enumerate(member.headers):
            with _opened(header) as (file, raw):
                places = [header.schema.names.index(name) for name in names]
                for group in map(file.metadata.row_group, range(file.metadata.num_row_groups)):
                    for pages, place, name in zip(columns, places, names, strict=True):
                        chunk, level = group.column(place), file.schema.column(place)
                        if not _is_plain(chunk, level, name, group.num_rows, dtype):
                            return None
                        pages += _pages(raw, chunk, level.max_definition_level, row, number, dtype.itemsize)
                    row += group.num_rows
    except (EnsembleKitError, OSError, ValueError, LookupError, TypeError):
        return None
    return PlainPages(member, columns, dtype) if row == member.n_rows else None


@contextmanager
def _opened(header: Any) -> Generator[tuple[Any, int]]:
    with (
        open_predictions(header.path, header.state) as (file, _),
        open_unchanged(header.path, header.state) as (raw, _),
    ):
        yield file, raw.fileno()


def _is_plain(chunk: Any, column: Any, name: str, n_rows: int, dtype: np.dtype[Any]) -> bool:
    return (
        chunk.path_in_schema == name
        and TYPES.get(chunk.physical_type) == dtype
        and chunk.compression == "UNCOMPRESSED"
        and not chunk.has_dictionary_page
        and chunk.num_values == n_rows
        and column.max_definition_level <= 1
        and not column.max_repetition_level
    )


def _pages(file: int, chunk: Any, has_levels: int, row: int, number: int, width: int) -> list[_Page]:
    """List the pages of a column in a row group; raise ValueError or IndexError if they are not plain."""
    pages: list[_Page] = []
    start, stop = chunk.data_page_offset, row + chunk.num_values
    end = start + chunk.total_compressed_size
    before, after, n_rows, size = b"", b"", 0, 0
    while start < end:
        head = os.pread(file, min(HEADER, end - start), start)
        # Most pages differ from the page before in their checksum alone.
        first = _number(head, len(before))[1] if n_rows and head.startswith(before) else 0
        if first and head.startswith(after, first):
            first += len(after)
        else:
            said, n_bytes = _struct(head, 0)
            n_rows, size = said[5][1], said[3]
            if said[1] != DATA_PAGE or said[5][2] != PLAIN or said[2] != size:
                raise ValueError("no page of plain numbers")
            skipped = _ones(head[n_bytes:], n_rows) if has_levels else 0
            if n_rows <= 0 or size != skipped + n_rows * width:
                raise ValueError("a page has another size than its numbers")
            first, size = n_bytes + skipped, n_rows * width
            before, after = _around_checksum(head[:first])
        pages.append(_Page(row, n_rows, number, start + first))
        start, row = start + first + size, row + n_rows
    if start != end or row != stop:
        raise ValueError("pages must fill their column")
    return pages


def _around_checksum(head: bytes) -> tuple[bytes, bytes]:
    """Divide the header of a page before and after its checksum, the fourth field; without one, nothing begins so."""
    at = 0
    for _ in range(3):
        at = _number(head, at + 1)[1]
    if head[at] != NEXT_NUMBER:
        return bytes([STOP]), b""
    return head[: at + 1], head[_number(head, at + 1)[1] :]


def _ones(levels: bytes, n_rows: int) -> int:
    """Count the bytes of levels that say that none of so many values is null."""
    end = 4 + int.from_bytes(levels[:4], "little")
    at, left = 4, n_rows
    while at < end:
        head, at = _number(levels, at)
        if head & 1:  # bits, eight to a byte
            n_bytes = head >> 1
            ones = (1 << min(left, 8 * n_bytes)) - 1
            said = int.from_bytes(levels[at : at + n_bytes], "little") & ones
            left -= 8 * n_bytes
        else:
            n_bytes, ones, said = 1, 1, levels[at]
            left -= head >> 1
        at += n_bytes
        if said != ones:
            raise ValueError("a value is null")
    if left > 0 or at != end or end > len(levels):
        raise ValueError("levels of another number of values")
    return end


def _struct(raw: bytes, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """Read a structure in the compact protocol of Thrift, of whole numbers, bytes and structures."""
    fields: dict[int, Any] = {}
    field = 0
    while (head := raw[at]) != STOP:
        at += 1
        if not head >> 4 or depth > 2:
            raise ValueError("no header of a page")
        field, kind = field + (head >> 4), head & 15
        if kind == STRUCT:
            fields[field], at = _struct(raw, at, depth + 1)
        elif kind == BINARY:
            size, at = _number(raw, at)
            at += size
        elif kind in WHOLE[1:]:
            number, at = _number(raw, at)
            fields[field] = (number >> 1) ^ -(number & 1)
        elif kind not in (1, 2):  # true and false have no more bytes
            raise ValueError("no header of a page")
    return fields, at + 1


def _number(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value, at, shift = value | (byte & 127) << shift, at + 1, shift + 7
        if byte < 128:
            return value, at
