"""Combine files with the same ids in different orders, if the ids are whole numbers that nearly fill a range.

A table of the range holds the place of each id in the first file. The rows of the other files are partitioned by their
places, and each part is combined with the rows of the first file, which are read in order. Only the places and the
values of the other files are kept on the disk, and nothing is sorted.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..predictions import Predictions, PredictionSet
from ..predictions.formats import TableWriter
from ..predictions.names import readonly
from ._digest_check import DigestCheck
from ._member_files import MemberFiles
from ._plain_members import NotThisWayError, PlainMembers, ids_of
from ._reserving import reserve
from ._spill import read_at
from ._threads import Beside, in_order, run_all
from ._unique_ids import range_of

__all__ = ["combine_in_places", "has_places"]

PART_ROWS = 2**18
"""Most rows that are combined at once; a power of two."""
CHUNK_ROWS = 2**19
"""Most rows that are partitioned at once."""
READ_ROWS = 2**16
"""Most rows that are read at once; they stay in the cache of the CPU until they are checked and hashed."""
MOST_PARTS = 2**16
NONE = np.uint32(2**32 - 1)
"""Place of a number that is no id."""


def has_places(plain: PlainMembers | None, memory: int) -> bool:
    """Tell whether files can be combined by `combine_in_places`, if they have the same ids."""
    if plain is None or len({member.n_rows for member in plain.members}) > 1:
        return False
    first = plain.members[0]
    return (
        0 < first.n_rows < min(NONE, MOST_PARTS * _part_rows(plain, memory))
        and range_of(first, memory // 8) is not None
    )


def combine_in_places(
    plain: PlainMembers,
    combine: Callable[[Any, str], Predictions],
    output: TableWriter,
    folder: Path,
    memory: int,
    progress: Callable[[int, int], None],
) -> int:
    """Combine files with the same ids in any order. The output is in the order of the first file.

    Parameters
    ----------
    plain : PlainMembers
        Input, for which `has_places` holds.
    combine : callable
        Maps a set, and a description of the rows for errors, to combined predictions.
    output : TableWriter
        Output.
    folder : Path
        Folder for temporary files, about as large as the input.
    memory : int
        Approximate memory limit, in bytes.
    progress : callable
        Called with the number of finished rows and the number of all rows.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    NotThisWayError
        If the files do not have the same ids, or an id is repeated.
    """
    first, *others = plain.members
    total, size = first.n_rows, _part_rows(plain, memory)
    done = 0
    with ExitStack() as stack:
        spills = [stack.enter_context(_PlacedRows(folder, total, size)) for _ in others]
        for spill in spills:
            spill.reserve(total * (plain.dtype.itemsize * len(plain.empty.classes) + 4))
        places = _Places(first, memory)
        run_all(
            [_partition(plain, member, places, spill, memory) for member, spill in zip(others, spills, strict=True)]
        )
        del places
        parts = in_order(lambda part: _read_part(plain, spills, *part), _first_rows(plain, size))
        with closing(parts), Beside(output.write) as writing:
            for rows in parts:
                n_rows = len(rows.ids)
                where = "" if total <= size else f"rows {done} to {done + n_rows - 1} of the first file"
                writing.give(combine(rows, where))
                done += n_rows
                progress(done, total)
    return done


class _Places:
    """A table of the places of ids."""

    def __init__(self, member: MemberFiles, memory: int) -> None:
        found = range_of(member, memory // 8)
        if found is None:
            raise NotThisWayError
        self._low, n_numbers = found
        self._table = np.full(n_numbers, NONE, dtype=np.uint32)
        start = 0
        for table in member.batches(READ_ROWS, [member.id]):
            ids = ids_of(table, member)
            self._table[self._numbers(ids)] = np.arange(start, start + len(ids), dtype=np.uint32)
            start += len(ids)
        if np.count_nonzero(self._table != NONE) != start:
            raise NotThisWayError

    def of(self, ids: np.ndarray) -> np.ndarray:
        """Find the place of each id."""
        places = self._table.take(self._numbers(ids))
        if (places == NONE).any():
            raise NotThisWayError
        return places

    def _numbers(self, ids: np.ndarray) -> np.ndarray:
        if int(ids.min()) < self._low or int(ids.max()) >= self._low + len(self._table):
            raise NotThisWayError
        return ids - self._low


class _PlacedRows:
    """Rows of one member in a temporary file without a name, partitioned by their places."""

    def __init__(self, folder: Path, n_rows: int, size: int) -> None:
        self._folder, self._shift = folder, size.bit_length() - 1
        self._n_parts = -(-n_rows // size)
        self._file: Any = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by `__exit__`
        self._end = 0
        self._ends: list[np.ndarray] = []
        self._starts: list[tuple[int, int]] = []
        self._room: np.ndarray | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def reserve(self, n_bytes: int) -> None:
        """Reserve room in the file."""
        reserve(self._file, n_bytes)

    def add(self, places: np.ndarray, rows: np.ndarray) -> None:
        """Append rows."""
        # NumPy radix-sorts integers of 8 and 16 bits.
        parts = (places >> np.uint32(self._shift)).astype(np.uint8 if self._n_parts <= 2**8 else np.uint16)
        order = np.argsort(parts, kind="stable")
        self._ends.append(np.concatenate([[0], np.cumsum(np.bincount(parts, minlength=self._n_parts))]))
        if self._room is None or len(self._room) < len(rows):
            self._room = np.empty(rows.shape, rows.dtype)  # kept, as new memory is slow at first
        ordered = self._room[: len(rows)]
        rows.take(order, axis=0, out=ordered, mode="clip")
        self._starts.append((self._write(ordered), self._write(places.take(order))))

    def _write(self, array: Any) -> int:
        start, left = self._end, memoryview(array).cast("B")
        self._end += len(left)
        try:
            while len(left):
                left = left[self._file.write(left) :]
        except OSError as error:
            raise OSError(error.errno, os.strerror(error.errno or 0), str(self._folder)) from error
        return start

    def read_into(self, out: np.ndarray, part: int) -> None:
        """Put all rows of a part in their places."""
        rows = np.empty(out.shape, out.dtype)
        places = np.empty(len(out), np.uint32)
        done = 0
        for (start, start_of_places), ends in zip(self._starts, self._ends, strict=True):
            low, high = int(ends[part]), int(ends[part + 1])
            stop = done + high - low
            if stop > len(out):
                raise NotThisWayError
            read_at(self._file.fileno(), rows[done:stop].reshape(-1).view(np.uint8), start + low * rows[:1].nbytes)
            read_at(self._file.fileno(), places[done:stop].view(np.uint8), start_of_places + 4 * low)
            done = stop
        places &= np.uint32((1 << self._shift) - 1)
        numbers = np.full(len(out), -1, dtype=np.int32)
        numbers[places[:done]] = np.arange(done, dtype=np.int32)
        if numbers.min(initial=0) < 0:  # another row came twice
            raise NotThisWayError
        np.take(rows, numbers, axis=0, out=out, mode="clip")


def _part_rows(plain: PlainMembers, memory: int) -> int:
    n_bytes = 8 * sum(member.row_bytes for member in plain.members)
    return min(PART_ROWS, 1 << max(0, (memory // n_bytes).bit_length() - 1))


def _partition(
    plain: PlainMembers, member: MemberFiles, places: _Places, spill: _PlacedRows, memory: int
) -> Generator[None]:
    check = DigestCheck(member)
    size = max(1, min(CHUNK_ROWS, memory // (32 * member.row_bytes)))
    rows = np.empty((size, len(plain.empty.classes)), plain.dtype)
    found = np.empty(size, np.uint32)
    done = 0
    for ids, columns in plain.batches(member, min(READ_ROWS, size)):
        if done + len(ids) > size:
            spill.add(found[:done], rows[:done])
            done = 0
            yield
        stop = done + len(ids)
        plain.fill(rows[done:stop], member, columns, ids)
        check.update_rows(ids, rows[done:stop])
        found[done:stop] = places.of(ids)
        done = stop
    spill.add(found[:done], rows[:done])


def _first_rows(plain: PlainMembers, size: int) -> Generator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield the number of each part, its ids, and room for all values, with those of the first member."""
    first = plain.members[0]
    check = DigestCheck(first)
    rooms = plain.rooms()
    batches = plain.batches(first, min(READ_ROWS, size))  # both are powers of two
    for number, start in enumerate(range(0, first.n_rows, size)):
        n_rows = min(size, first.n_rows - start)
        room, all_ids = rooms.take(n_rows), np.empty(n_rows, np.int64)
        done = 0
        while done < n_rows:
            ids, columns = next(batches)
            stop = done + len(ids)
            plain.fill(room[0, done:stop], first, columns, ids)
            check.update_rows(ids, room[0, done:stop])
            all_ids[done:stop] = ids
            done = stop
        yield number, readonly(all_ids), room


def _read_part(
    plain: PlainMembers, spills: Sequence[_PlacedRows], number: int, ids: np.ndarray, room: np.ndarray
) -> PredictionSet:
    for out, spill in zip(room[1:], spills, strict=True):
        spill.read_into(out, number)
    return plain.aligned(ids, room)
