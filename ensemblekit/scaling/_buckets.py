"""Rows in any order: cut into buckets by a hash of their ids, combined bucket by bucket, put in order again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np

from ..predictions import Predictions
from ..predictions._files import table_of
from ..predictions.names import positions
from ._output import Output
from ._source import Source
from ._spill import MOST_PARTS, Spill, hashes_of
from ._unchanged import Unchanged

__all__ = ["bucket_count", "combine_buckets"]

ROOM = 12
"""How many times its rows a bucket takes while it is combined: tables, arrays, the cube, the checks."""


def bucket_count(sources: Sequence[Source], memory: int) -> int:
    """Tell how many buckets make each small enough."""
    n_bytes = sum(source.n_rows * source.row_bytes for source in sources)
    return min(MOST_PARTS, max(1, -(-n_bytes * ROOM // memory)))


def combine_buckets(
    sources: Sequence[Source],
    combine: Callable[[Mapping[str, Predictions], str], Predictions],
    output: Output,
    folder: Path,
    memory: int,
    progress: Callable[[int, int], None],
) -> None:
    """Combine rows that are in any order; they come out in that of the first file, those that it lacks behind.

    Parameters
    ----------
    sources : sequence of Source
        Members.
    combine : callable
        Predictions of each member, and where they are from -> combined predictions.
    output : Output
        Where they are written.
    folder : Path
        For what does not fit in memory; about as large as the files.
    memory : int
        Bytes for a bucket, and for rows while they are cut into buckets.
    progress : callable
        Called with the buckets done and in all.
    """
    n_buckets = bucket_count(sources, memory)

    def spill(schema: Any) -> Any:
        return closing(Spill(folder, _numbered(schema), n_buckets, memory))

    # Each row of each member has a number of its own; a combined row has that of the first member that says it.
    starts = [0, *accumulate(source.n_rows for source in sources)]
    n_numbers = -(-starts[-1] // n_buckets)
    with ExitStack() as at_the_end:
        with ExitStack() as once_combined:
            spills = [once_combined.enter_context(spill(source.stored)) for source in sources]
            for source, start, rows in zip(sources, starts[:-1], spills, strict=True):
                _cut(source, start, rows)
            combined = _combine_each(sources, spills, combine, progress)
            first, _ = begun = next(combined)
            ordered = at_the_end.enter_context(spill(first.schema))
            for table, numbers in chain([begun], combined):
                ordered.add(_with_numbers(table, numbers), numbers // n_numbers)
        for part in range(n_buckets):
            table, numbers = _without_numbers(ordered.part(part))
            if len(table):
                output.write_table(table.take(np.argsort(numbers)))


def _combine_each(
    sources: Sequence[Source],
    spills: Sequence[Spill],
    combine: Callable[[Mapping[str, Predictions], str], Predictions],
    progress: Callable[[int, int], None],
) -> Generator[tuple[Any, np.ndarray]]:
    """Combine bucket by bucket; yields rows, and their numbers."""
    n_buckets = spills[0].n_parts
    where = "" if n_buckets == 1 else f"one of {n_buckets} parts of the rows, whose counts these are"
    for bucket in range(n_buckets):
        parts = [_by_id(spill.part(bucket)) for spill in spills]
        if any(len(table) for table, _ in parts):
            said = [source.predictions(table) for source, (table, _) in zip(sources, parts, strict=True)]
            rows = combine({s.member: p for s, p in zip(sources, said, strict=True)}, where)
            known = [(p.ids, numbers) for p, (_, numbers) in zip(said, parts, strict=True)]
            yield table_of(rows), _first_numbers(rows.ids, known)
        progress(bucket + 1, n_buckets)


def _cut(source: Source, start: int, spill: Spill) -> None:
    unchanged = Unchanged(source)
    for table in source.batches(2**17):
        unchanged.update_table(table)
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
    last = table.num_columns - 1  # by its place: a class may be called "number"
    return table.remove_column(last), table.column(last).to_numpy()


def _by_id(table: Any) -> tuple[Any, np.ndarray]:
    """Put rows in the order of their ids, in which those of other members come too; also give their numbers."""
    import pyarrow.compute as found

    pc: Any = found
    rows, numbers = _without_numbers(table)
    order = pc.sort_indices(rows.column("id"))
    return rows.take(order), numbers[order.to_numpy()]


def _first_numbers(ids: np.ndarray, members: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Give combined rows the number of the first member that has them."""
    numbers = np.full(len(ids), -1, dtype=np.int64)
    for own, own_numbers in members:
        if len(own):
            places = positions(own, ids)
            new = (numbers < 0) & (places >= 0)
            numbers[new] = own_numbers[places[new]]
    return numbers
