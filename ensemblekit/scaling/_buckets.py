"""Partition files larger than memory into buckets by a hash of the ids, to combine them or to find repeated ids."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np

from ..predictions import Predictions
from ..predictions.formats import TableWriter, to_arrow
from ..predictions.names import positions
from ._digest_check import DigestCheck
from ._member_files import MemberFiles
from ._spill import MOST_PARTS, Spill, hashes_of

__all__ = ["bucket_count", "combine_buckets", "has_unique_ids", "part_count"]

BUCKET_COST = 12
"""Peak memory for a bucket while it is combined, as a multiple of its rows: tables, arrays, the cube, the checks."""
ID_COST = 32
"""Peak memory for each id while its part is sorted, in bytes."""


def bucket_count(members: Sequence[MemberFiles], memory: int) -> int:
    """Compute how many buckets are needed so that each fits in memory."""
    n_bytes = sum(member.n_rows * member.row_bytes for member in members)
    return min(MOST_PARTS, max(1, -(-n_bytes * BUCKET_COST // memory)))


def combine_buckets(
    members: Sequence[MemberFiles],
    combine: Callable[[Mapping[str, Predictions], str], Predictions],
    output: TableWriter,
    folder: Path,
    memory: int,
    progress: Callable[[int, int], None],
) -> None:
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
        Memory for one bucket, and for the rows that are being partitioned, in bytes.
    progress : callable
        Called with the number of finished buckets and the number of all buckets.
    """
    n_buckets = bucket_count(members, memory)

    def spill(schema: Any) -> Any:
        return closing(Spill(folder, _numbered(schema), n_buckets, memory))

    # Each row of each member has a number. A combined row gets the number from the first member that has the row.
    starts = [0, *accumulate(member.n_rows for member in members)]
    n_numbers = -(-starts[-1] // n_buckets)
    with ExitStack() as output_spill:
        with ExitStack() as input_spills:
            spills = [input_spills.enter_context(spill(member.schema)) for member in members]
            for member, start, rows in zip(members, starts[:-1], spills, strict=True):
                _partition(member, start, rows)
            combined = _combine_each(members, spills, combine, progress)
            first = next(combined)
            ordered = output_spill.enter_context(spill(first[0].schema))
            for table, numbers in chain([first], combined):
                ordered.add(_with_numbers(table, numbers), numbers // n_numbers)
        for part in range(n_buckets):
            table, numbers = _without_numbers(ordered.part(part))
            if len(table):
                output.write_table(table.take(np.argsort(numbers)))


def _combine_each(
    members: Sequence[MemberFiles],
    spills: Sequence[Spill],
    combine: Callable[[Mapping[str, Predictions], str], Predictions],
    progress: Callable[[int, int], None],
) -> Generator[tuple[Any, np.ndarray]]:
    """Combine bucket by bucket; yield each table of rows with their numbers."""
    n_buckets = spills[0].n_parts
    where = "" if n_buckets == 1 else f"one of {n_buckets} parts of the rows, whose counts these are"
    for bucket in range(n_buckets):
        parts = [_by_id(spill.part(bucket)) for spill in spills]
        if any(len(table) for table, _ in parts):
            predictions = [member.predictions(table) for member, (table, _) in zip(members, parts, strict=True)]
            rows = combine({m.member: p for m, p in zip(members, predictions, strict=True)}, where)
            known = [(p.ids, numbers) for p, (_, numbers) in zip(predictions, parts, strict=True)]
            yield to_arrow(rows, fit_ids=False), _first_numbers(rows.ids, known)
        progress(bucket + 1, n_buckets)


def _partition(member: MemberFiles, start: int, spill: Spill) -> None:
    check = DigestCheck(member)
    for table in member.batches(2**17):
        check.update_table(table)
        numbers = np.arange(start, start + len(table), dtype=np.int64)
        buckets = hashes_of(table.column("id")) % np.uint64(spill.n_parts)
        spill.add(_with_numbers(table, numbers), buckets)
        start += len(table)


def _numbered(schema: Any) -> Any:
    import pyarrow as pa

    return schema.append(pa.field("number", pa.int64()))


def _with_numbers(table: Any, numbers: np.ndarray) -> Any:
    return table.append_column("number", [numbers])


def _without_numbers(table: Any) -> tuple[Any, np.ndarray]:
    last = table.num_columns - 1  # by position, as a class may be called "number"
    return table.remove_column(last), table.column(last).to_numpy()


def _by_id(table: Any) -> tuple[Any, np.ndarray]:
    """Sort rows by id, so that all members have the same order; also return the row numbers."""
    import pyarrow.compute

    pc: Any = pyarrow.compute
    rows, numbers = _without_numbers(table)
    order = pc.sort_indices(rows.column("id"))
    return rows.take(order), numbers[order.to_numpy()]


def _first_numbers(ids: np.ndarray, members: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Give each combined row the number from the first member that has it."""
    numbers = np.full(len(ids), -1, dtype=np.int64)
    for own, own_numbers in members:
        if len(own):
            places = positions(own, ids)
            new = (numbers < 0) & (places >= 0)
            numbers[new] = own_numbers[places[new]]
    return numbers


def part_count(n_rows: int, memory: int) -> int:
    """Compute how many parts are needed so that the hashes of each part fit in memory."""
    return min(MOST_PARTS, max(1, -(-n_rows * ID_COST // memory)))


def has_unique_ids(member: MemberFiles, folder: Path, memory: int) -> bool:
    """Tell whether all ids of a member are different, by their 64-bit hashes.

    Parameters
    ----------
    member : MemberFiles
        Input.
    folder : Path
        Folder for a temporary file with 8 bytes for each id.
    memory : int
        Memory for one part of the hashes, in bytes.

    Returns
    -------
    bool
        False if two ids are equal or their hashes collide (probability 1 in 15,000 for 50 million texts).
    """
    import pyarrow as pa

    n_parts = part_count(member.n_rows, memory)
    with closing(Spill(folder, pa.schema([("hash", pa.uint64())]), n_parts, memory)) as spill:
        for table in member.batches(2**18, ["id"]):
            hashes = hashes_of(table.column("id"))
            spill.add(pa.table({"hash": hashes}), hashes % np.uint64(n_parts))
        for number in range(n_parts):
            hashes = np.sort(spill.part(number).column("hash").to_numpy())
            if (hashes[1:] == hashes[:-1]).any():
                return False
    return True
