"""Join and combine files on the workers of a Dask client: the steps of `_buckets`, with files that have names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import FolderNotFoundError
from ..predictions.formats import TableWriter, to_arrow
from ._buckets import (
    Combine,
    bucket_count,
    chunk_rows,
    combine_bucket,
    numbers_a_part,
    pack_combined,
    partition,
    read_bucket,
    where_of,
    write_in_order,
)
from ._member_files import MemberFiles, plain_schema
from ._records import RecordLayout
from ._spill import Pieces, Spill, Spilled
from ._workers import map_partitions

__all__ = ["combine_on_workers"]


class _File(NamedTuple):
    """One file of a member, and the number of its first row."""

    member: MemberFiles
    start: int


def combine_on_workers(
    members: Sequence[MemberFiles],
    combine: Combine,
    output: TableWriter,
    folder: Path,
    memory: int,
    progress: Callable[[int, int], None],
    client: Any,
) -> None:
    """Combine rows in any order on the workers of a client; this process writes the output.

    A task writes files of its own and returns their names. If its worker is lost, it is repeated, with other files.

    Parameters
    ----------
    members, combine, output, folder, memory, progress
        As in `combine_buckets`. Workers must be able to read the files, and to write to the folder.
    client : dask.distributed.Client
        Client whose workers do the work.
    """
    n_buckets = bucket_count(members, memory)
    n_rows = sum(member.n_rows for member in members)
    size = numbers_a_part(n_rows)
    n_parts = -(-n_rows // size)
    layouts = [RecordLayout(member.schema) for member in members]
    files = [file for member in members for file in member.one_by_one()]
    starts = accumulate((file.n_rows for file in files), initial=0)
    split = functools.partial(_partition, folder=folder, n_buckets=n_buckets, memory=memory)
    parts = [_File(file.for_workers(), start) for file, start in zip(files, starts, strict=False) if file.n_rows]
    spilled: dict[str, list[Spilled]] = {member.member: [] for member in members}
    with closing(map_partitions(split, parts, client)) as found:
        for part, rows in zip(parts, found, strict=True):
            spilled[part.member.member].append(rows)
    work = functools.partial(
        _combine_one,
        members=[member.without_fit_ids() for member in members],
        layouts=layouts,
        combine=combine,
        where=where_of(n_buckets),
        folder=folder,
        size=size,
        n_parts=n_parts,
    )
    buckets = ([[file.pieces(number) for file in spilled[m.member]] for m in members] for number in range(n_buckets))
    layout: RecordLayout | None = None
    combined: list[Spilled] = []
    with closing(map_partitions(work, buckets, client)) as results:
        for number, result in enumerate(results):
            if result is not None:
                layout, rows = result
                combined.append(rows)
            progress(number + 1, n_buckets)
    if layout is not None:
        write_in_order(layout, combined, n_parts, output)


def _partition(file: _File, folder: Path, n_buckets: int, memory: int) -> Spilled:
    layout = RecordLayout(file.member.schema)
    with _named_spill(folder, layout, n_buckets) as spill:
        for _ in partition(file.member, file.start, spill, layout, chunk_rows(file.member, n_buckets, memory)):
            pass
        return spill.spilled()


def _combine_one(
    pieces: Sequence[Sequence[Pieces]],
    members: Sequence[MemberFiles],
    layouts: Sequence[RecordLayout],
    combine: Combine,
    where: str,
    folder: Path,
    size: int,
    n_parts: int,
) -> tuple[RecordLayout, Spilled] | None:
    bucket = read_bucket(members, layouts, pieces)
    if bucket is None:
        return None
    rows, numbers = combine_bucket(members, bucket, combine, where)
    table = to_arrow(rows, fit_ids=False)
    layout = RecordLayout(plain_schema(table.schema))
    with _named_spill(folder, layout, n_parts) as spill:
        spill.add(pack_combined(layout, table, numbers), numbers // size)
        return layout, spill.spilled()


def _named_spill(folder: Path, layout: RecordLayout, n_parts: int) -> Spill:
    try:
        return Spill(folder, layout, n_parts, named=True)
    except FileNotFoundError:
        raise FolderNotFoundError(
            f"workers must be able to write to the folder for temporary files; {str(folder)!r} is not there for one. "
            "Give a folder that all of them share: folder=..."
        ) from None
