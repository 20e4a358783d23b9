"""Partition files larger than memory into buckets by a hash of the ids, and combine bucket by bucket.

The steps are functions of what can be pickled, so that they run in threads or on the workers of Dask.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from ..predictions import Predictions
from ..predictions.formats import TableWriter, to_arrow
from ..predictions.names import positions
from ._digest_check import DigestCheck
from ._member_files import MemberFiles, plain_schema
from ._records import RecordLayout, Rows, hashes_of, part_numbers
from ._spill import MOST_PARTS, Pieces, Spill, Spilled, read_rows
from ._threads import Beside, in_order, run_all

__all__ = [
    "Bucket",
    "Combine",
    "bucket_count",
    "chunk_rows",
    "combine_bucket",
    "combine_buckets",
    "layouts_of",
    "numbers_a_part",
    "pack_combined",
    "partition",
    "read_bucket",
    "where_of",
    "write_in_order",
]

BUCKET_COST = 24
"""Peak memory for the buckets in work, as a multiple of the rows of one."""
BUCKET_ROWS = 2**18
"""Most rows of a member in a bucket. Rows are moved within a bucket, which is fast in the caches of the CPU."""
PIECE_ROWS = 2**10
"""Rows of a part that should be written together, as each piece is read alone."""
LARGEST = 2**22
"""Most rows that are partitioned at once."""
PART_ROWS = 2**19
"""Rows of a part of the output, which is read, put in order and written as one row group."""

Combine = Callable[[Mapping[str, Predictions], str], Predictions]


class Bucket(NamedTuple):
    """One bucket, ready to be combined.

    Attributes
    ----------
    predictions : list of Predictions
        For each member, sorted alike.
    numbers : list of (ndarray of int64 or None)
        For each member, the numbers of its rows; None if these are not needed.
    """

    predictions: list[Predictions]
    numbers: list[np.ndarray | None]


def bucket_count(members: Sequence[MemberFiles], memory: int) -> int:
    """Compute how many buckets are needed so that those in work fit in memory."""
    n_bytes = sum(member.n_rows * member.row_bytes for member in members)
    n_rows = max(member.n_rows for member in members)
    return min(MOST_PARTS, max(1, -(-n_bytes * BUCKET_COST // min(memory, 2**32)), -(-n_rows // BUCKET_ROWS)))


def chunk_rows(member: MemberFiles, n_parts: int, memory: int) -> int:
    """Compute how many rows are partitioned at once."""
    return max(1, min(max(2**17, n_parts * PIECE_ROWS), LARGEST, memory // (32 * member.row_bytes)))


def numbers_a_part(n_rows: int) -> int:
    """Compute how many row numbers make a part of the output, if the members have so many rows together."""
    return max(PART_ROWS, -(-n_rows // MOST_PARTS))


def combine_buckets(
    members: Sequence[MemberFiles],
    combine: Combine,
    output: TableWriter,
    folder: Path,
    memory: int,
    progress: Callable[[int, int], None],
    *,
    has_all_rows: bool,
) -> int:
    """Combine rows in any order. The output has the rows of the first file in order, then those that it lacks.

    Parameters
    ----------
    members : sequence of MemberFiles
        Input.
    combine : callable
        Maps the predictions of each member, and a description of the rows for errors, to combined predictions.
    output : TableWriter
        Output.
    folder : Path
        Folder for temporary files, about as large as the input.
    memory : int
        Approximate memory limit, in bytes.
    progress : callable
        Called with the number of finished buckets and the number of all buckets.
    has_all_rows : bool
        ``combine`` refuses rows that a member lacks.

    Returns
    -------
    int
        Number of combined rows.
    """
    n_buckets = bucket_count(members, memory)
    # Each row of each member has a number. A combined row gets the number from the first member that has the row.
    starts = [0, *accumulate(member.n_rows for member in members)]
    with ExitStack() as stack:
        layouts = layouts_of(members, has_all_rows=has_all_rows)
        spills = [stack.enter_context(Spill(folder, layout, n_buckets)) for layout in layouts]
        run_all(
            [
                partition(member, start, spill, layout, chunk_rows(member, n_buckets, memory))
                for member, start, spill, layout in zip(members, starts[:-1], spills, layouts, strict=True)
            ]
        )
        ordered = stack.enter_context(_Ordered(folder, starts[-1]))
        with Beside(ordered.add) as keeping:
            spilled = [spill.spilled() for spill in spills]
            pieces = ([[rows.pieces(number)] for rows in spilled] for number in range(n_buckets))
            buckets = in_order(lambda parts: read_bucket(members, layouts, parts), pieces)
            for number, bucket in enumerate(buckets):
                if bucket is not None:
                    keeping.give(combine_bucket(members, bucket, combine, where_of(n_buckets)))
                progress(number + 1, n_buckets)
        for spill in spills:
            spill.close()  # the disk is needed for the output
        ordered.write(output)
    return output.n_rows


def layouts_of(members: Sequence[MemberFiles], *, has_all_rows: bool) -> list[RecordLayout]:
    """Lay out the rows of each member. If all have the same rows, the first one gives them their numbers."""
    return [
        RecordLayout(member.schema, id=member.id, is_numbered=not place or not has_all_rows)
        for place, member in enumerate(members)
    ]


def where_of(n_buckets: int) -> str:
    """Describe the rows of a bucket, for errors."""
    return "" if n_buckets == 1 else f"one of {n_buckets} parts of the rows, whose counts these are"


def partition(member: MemberFiles, start: int, spill: Spill, layout: RecordLayout, size: int) -> Generator[None]:
    """Partition the rows of a member into buckets, a chunk a step, and compare them with the digests of the files.

    Parameters
    ----------
    member : MemberFiles
        Input.
    start : int
        Number of the first row.
    spill : Spill
        Output.
    layout : RecordLayout
        Layout of the rows.
    size : int
        Rows of a chunk.

    Yields
    ------
    None
        After each chunk.
    """
    check = DigestCheck(member)
    for table in member.batches(size):
        check.update_table(table)
        ids = table.column(member.id)
        hashes = hashes_of(ids)
        keys = hashes if member.text_ids else ids.to_numpy()
        rows = layout.pack(table, np.arange(start, start + len(table)), keys)
        spill.add(rows, part_numbers(hashes, spill.n_parts))
        start += len(table)
        yield


def read_bucket(
    members: Sequence[MemberFiles], layouts: Sequence[RecordLayout], pieces: Sequence[Sequence[Pieces]]
) -> Bucket | None:
    """Read one bucket of all members; None if it has no rows.

    Parameters
    ----------
    members : sequence of MemberFiles
        Their names and metadata.
    layouts : sequence of RecordLayout
        Layout of the rows of each member.
    pieces : sequence of sequence of Pieces
        Where the rows of each member are.

    Returns
    -------
    Bucket or None
        Rows sorted by id, or by the hash of ids that are text. The order only makes alignment fast: whatever it is,
        `combine` compares the ids.
    """
    predictions: list[Predictions] = []
    numbers: list[np.ndarray | None] = []
    for member, layout, parts in zip(members, layouts, pieces, strict=True):
        rows = read_rows(layout, parts)
        keys = np.ascontiguousarray(rows.records["key"])
        rows = layout.take(rows, np.argsort(keys if member.text_ids else keys.view(np.int64)))
        predictions.append(member.predictions(layout.table(rows)))
        numbers.append(np.ascontiguousarray(rows.records["number"]) if layout.is_numbered else None)
    return Bucket(predictions, numbers) if any(map(len, predictions)) else None


def combine_bucket(
    members: Sequence[MemberFiles], bucket: Bucket, combine: Combine, where: str
) -> tuple[Predictions, np.ndarray]:
    """Combine a bucket; also return the number of each row, from the first member that has it."""
    rows = combine({m.member: p for m, p in zip(members, bucket.predictions, strict=True)}, where)
    numbers = np.full(len(rows), -1, dtype=np.int64)
    for predictions, own_numbers in zip(bucket.predictions, bucket.numbers, strict=True):
        if not (numbers < 0).any():
            break
        if len(predictions) and own_numbers is not None:
            places = positions(predictions.ids, rows.ids)
            new = (numbers < 0) & (places >= 0)
            numbers[new] = own_numbers[places[new]]
    return rows, numbers


class _Ordered:
    """Combined rows, partitioned by their numbers."""

    def __init__(self, folder: Path, n_rows: int) -> None:
        self._folder, self._size = folder, numbers_a_part(n_rows)
        self._n_parts = -(-n_rows // self._size)
        self._layout: Any = None
        self._spill: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._spill is not None:
            self._spill.close()

    def add(self, combined: tuple[Predictions, np.ndarray]) -> None:
        rows, numbers = combined
        table = to_arrow(rows, fit_ids=False)
        if self._spill is None:
            self._layout = RecordLayout(plain_schema(table.schema))
            self._spill = Spill(self._folder, self._layout, self._n_parts)
        self._spill.add(pack_combined(self._layout, table, numbers), numbers // self._size)

    def write(self, output: TableWriter) -> None:
        if self._spill is not None:
            write_in_order(self._layout, [self._spill.spilled()], self._n_parts, output)


def pack_combined(layout: RecordLayout, table: Any, numbers: np.ndarray) -> Rows:
    """Turn combined rows into records."""
    import pyarrow as pa

    columns = [c.cast(f.type) if c.type != f.type else c for c, f in zip(table.columns, layout.schema, strict=True)]
    keys = numbers if layout.text_ids else table.column("id").to_numpy()
    return layout.pack(pa.table(columns, schema=layout.schema), numbers, keys)


def write_in_order(layout: RecordLayout, spilled: Sequence[Spilled], n_parts: int, output: TableWriter) -> None:
    """Write combined rows, partitioned by their numbers, in the order of these."""

    def read(part: int) -> Any:
        rows = read_rows(layout, [file.pieces(part) for file in spilled])
        return _with_short_offsets(layout.table(layout.take(rows, np.argsort(rows.records["number"]))))

    for table in in_order(read, range(n_parts)):
        if len(table):
            output.write_table(table)


def _with_short_offsets(table: Any) -> Any:
    """Give text the type that other files of predictions have."""
    import pyarrow as pa

    kinds = [pa.string() if pa.types.is_large_string(field.type) else field.type for field in table.schema]
    return table.cast(pa.schema([pa.field(f.name, kind) for f, kind in zip(table.schema, kinds, strict=True)],
                                metadata=table.schema.metadata))  # fmt: skip
