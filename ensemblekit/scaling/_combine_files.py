"""`combine_files`: combine prediction files that do not fit in memory, batch by batch."""

from __future__ import annotations

import functools
import hashlib
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..arguments import typed
from ..combining import ask, combine
from ..errors import (
    AlignmentError,
    FolderNotFoundError,
    InvalidOptionError,
    InvalidPredictionsError,
)
from ..files import atomic_write, check_file, locked_folder
from ..interfaces import CombinerLike
from ..predictions import Aliases, MissingPolicy, Predictions, align
from ..predictions.choices import missing_policy
from ..predictions.formats import TableWriter
from ..predictions.names import all_fit_ids, few
from ..predictions.tables import ReadOptions
from ._buckets import combine_buckets
from ._buckets_on_workers import combine_on_workers
from ._digest_check import DigestCheck
from ._member_files import MemberFiles, open_members
from ._threads import Beside, next_of_each
from ._unique_ids import has_unique_ids
from ._workers import check_client

__all__ = ["Combined", "combine_files"]

READ = ("task", "id", "label", "columns", "positive")
"""Options that say how tables are read."""
LARGEST = 2**17
"""Most rows of a batch when files are read side by side."""


class Combined(NamedTuple):
    """Summary of a combination.

    Attributes
    ----------
    output : pathlib.Path
        Path of the combined predictions.
    n_rows : int
        Number of rows.
    members : tuple of str
        Names of the members.
    joined : bool
        Whether the rows were joined by id; False if all files had the same ids in the same order.
    seconds : float
        Duration.
    """

    output: Path
    n_rows: int
    members: tuple[str, ...]
    joined: bool
    seconds: float


@typed(but=("files", "combiner", "missing"))
def combine_files(
    files: Sequence[str | os.PathLike[str]] | Mapping[str, Any],
    combiner: str | CombinerLike,
    output: str | os.PathLike[str],
    *,
    aliases: Aliases | None = None,
    missing: MissingPolicy = "error",
    read: Mapping[str, Any] | None = None,
    memory: int = 768 * 2**20,
    folder: str | os.PathLike[str] | None = None,
    edited: bool = False,
    overwrite: bool = False,
    client: Any = None,
    progress: Callable[[str, int, int], None] | None = None,
    options: Mapping[str, Any] | None = None,
    **more_options: Any,
) -> Combined:
    """Combine Parquet files of predictions that do not fit in memory.

    Files with the same ids in the same order are read side by side. Other files are joined by id: rows are partitioned
    into buckets by a hash of the id, each bucket is combined separately, and the result is sorted in the order of the
    first file, followed by the rows that it lacks. Rows and columns are validated as in `combine`.

    Parameters
    ----------
    files : sequence of path-like, or mapping of member to path-like or sequence of path-like
        Files of `Predictions.save`, or tables with a column ``id``, a column per class, and maybe ``label``. Several
        files of one member are concatenated, and so are the parts in a folder, in the order of their names.
    combiner : str or Combiner
        As in `combine`.
    output : path-like
        Path of the combined predictions, which ends in ``.parquet``; `Predictions.load` reads it.
    aliases, missing
        As in `combine`.
    read : mapping of str to Any, optional
        How tables that `Predictions.save` did not write are read: ``task``, ``id``, ``label``, ``columns`` and
        ``positive`` of `align`, such as ``{"task": "regression", "id": "Id"}``. Votes are refused, as their classes
        would be those of a batch.
    memory : int, default=768 MiB
        Approximate memory limit for the join, in bytes; at least 64 MiB.
    folder : path-like, optional
        Folder for temporary files, about as large as the input. By default the folder of the output.
    edited : bool, default=False
        Accept files that were changed since they were saved, as in `Predictions.load`.
    overwrite : bool, default=False
        Replace an existing file.
    client : dask.distributed.Client, optional
        Client whose workers join the rows by id and combine them; this process writes the output. Workers must be able
        to read the files and to write to ``folder``; each task may use ``memory``. The work of a lost worker is
        repeated.
    progress : callable, optional
        Called with the unit (``"rows"`` or ``"buckets"``), the number of finished units, and the total.
    options, **more_options
        As in `combine`.

    Returns
    -------
    Combined
        Summary of the run.

    Raises
    ------
    AlignmentError
        If ids, classes, labels or splits cannot be aligned; see `align`.
    InvalidPredictionsError
        If files, rows or ids are invalid; see `Predictions`.
    InvalidOptionError
        If an option is invalid.
    OutputExistsError
        If the output exists, another run is writing it, or the path of the temporary folder is taken.
    FolderNotFoundError
        If the folder of the output, or ``folder``, does not exist.
    OSError
        If the disk is full.

    Notes
    -----
    Checksums of pages and digests of files are verified before the output appears. Ids in increasing order are unique.
    In any other order, 64-bit hashes of the ids are compared; if two are equal, the files are joined, which compares
    the ids themselves.
    """
    output = _as_path("output", output)
    room = output.parent if folder is None else _as_path("folder", folder)
    if output.suffix.lower() != ".parquet":
        raise InvalidOptionError(f"output must end in .parquet; received {output.name!r}.")
    if memory < 64 * 2**20:
        raise InvalidOptionError(f"memory must be a whole number of bytes, at least 64 MiB; received {memory!r}.")
    check_client(client)
    check_file(output, overwrite=overwrite)
    for needed in (output.parent, room):
        if not needed.is_dir():
            raise FolderNotFoundError(f"the folder of the output, and folder=, must be there; {str(needed)!r} is not.")
    start = time.perf_counter()
    members = open_members(files, _read_options(read, missing, edited))
    if max(member.n_rows for member in members) == 0:
        raise InvalidPredictionsError("files to combine must have rows; all of them are empty.")
    asked = ask(combiner, options, more_options)
    # Refuse classes, tasks and splits that do not align before any row is read.
    align({m.member: m.predictions(m.schema.empty_table()) for m in members}, aliases=aliases, missing=missing)

    combine_batch = functools.partial(
        _combine_batch, combiner=asked.combiner, name=asked.name, aliases=aliases, missing=missing
    )

    def report(unit: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(unit, done, total) if progress else None

    size = min(LARGEST, max(1, memory // (12 * sum(member.row_bytes for member in members))))
    fit_ids = all_fit_ids((*(member.fit_ids for member in members), getattr(asked.combiner, "fit_ids_", None)))
    with _scratch_folder(output, None if folder is None else room) as scratch:
        n_rows, joined = 0, client is not None
        if not joined:
            try:
                with atomic_write(output, overwrite=overwrite) as file, TableWriter(file, fit_ids=fit_ids) as writer:
                    n_rows = _combine_side_by_side(
                        members, combine_batch, writer, size, report("rows"),
                        lambda: has_unique_ids(members[0], memory),
                    )  # fmt: skip
            except _OtherOrderError:
                joined = True
        if joined:
            join = combine_buckets if client is None else functools.partial(combine_on_workers, client=client)
            with atomic_write(output, overwrite=overwrite) as file, TableWriter(file, fit_ids=fit_ids) as writer:
                n_rows = join(
                    members, combine_batch, writer, scratch.absolute(), memory, report("buckets"),
                    has_all_rows=missing_policy(missing)[1] == "error",
                )  # fmt: skip
    names = tuple(member.member for member in members)
    return Combined(output, n_rows, names, joined, time.perf_counter() - start)


def _read_options(read: Mapping[str, Any] | None, missing: Any, edited: bool) -> ReadOptions:
    if unknown := [name for name in read or () if name not in READ]:
        raise InvalidOptionError(f"read must have keys out of {', '.join(READ)}; received {few(unknown)}.")
    return ReadOptions(**(read or {}), missing=missing_policy(missing)[1], edited=edited, style="read")


def _combine_batch(
    predictions: Mapping[str, Predictions], where: str, *, combiner: Any, name: str, aliases: Any, missing: Any
) -> Predictions:
    try:
        return combine(predictions, combiner, aliases=aliases, missing=missing).rename(name)
    except AlignmentError as error:
        if where:
            error.args = (f"{error} Found in {where}.",)
        raise


def _as_path(option: str, value: Any) -> Path:
    if not isinstance(value, (str, os.PathLike)) or "\0" in (path := os.fsdecode(value)):
        raise InvalidOptionError(f"{option} must be a path; received {value!r}.")
    return Path(path)


@contextmanager
def _scratch_folder(output: Path, folder: Path | None) -> Generator[Path]:
    """Create an empty folder for temporary files, in ``folder`` or beside the output, and lock the output.

    Files that a killed run left behind are removed.
    """
    real = Path(os.path.realpath(output))
    beside = real.parent / f".{real.name}.joining"
    with locked_folder(beside, real, "joining", own_folders=["scratch"]) as held, ExitStack() as also:
        held.remove_tree("scratch")
        if folder is not None:
            # Several outputs with the same file name may use this folder.
            name = f".{real.name}.{hashlib.sha256(os.fsencode(real)).hexdigest()[:16]}"
            held = also.enter_context(locked_folder(folder / name, real, "scratch", own_folders=["scratch"]))
        held.remove_tree("scratch")
        scratch = held.path / "scratch"
        scratch.mkdir()
        try:
            yield scratch
        finally:
            held.remove_tree("scratch")


class _OtherOrderError(Exception):
    """Raised if the files have different ids, or the same ids in another order."""


def _combine_side_by_side(
    members: Sequence[MemberFiles],
    combine: Callable[[Mapping[str, Predictions], str], Predictions],
    output: TableWriter,
    size: int,
    progress: Callable[[int, int], None],
    are_ids_unique: Callable[[], bool],
) -> int:
    """Combine files with the same ids in the same order; return the number of rows."""
    if len({member.n_rows for member in members}) > 1:
        raise _OtherOrderError
    total = members[0].n_rows
    last: Any = None
    increasing = True
    done = 0
    each = next_of_each([_read_checked(member, size) for member in members])
    with closing(each), Beside(output.write) as writing:
        for batches in each:
            ids = [column for column, _ in batches]
            if not all(column.equals(ids[0]) for column in ids[1:]):
                raise _OtherOrderError
            if increasing:
                # Increasing ids are unique. In any other order, uniqueness cannot be checked batch by batch.
                first = ids[0].to_numpy()
                increasing = bool((first[1:] > first[:-1]).all()) and (last is None or bool(first[0] > last))
                last = first[-1]
                if not increasing and not are_ids_unique():
                    raise _OtherOrderError
            where = "" if total <= size else f"rows {done} to {done + len(ids[0]) - 1}"
            writing.give(combine({m.member: p for m, (_, p) in zip(members, batches, strict=True)}, where))
            done += len(ids[0])
            progress(done, total)
    return done


def _read_checked(member: MemberFiles, size: int) -> Generator[tuple[Any, Predictions]]:
    check = DigestCheck(member)
    for table in member.batches(size):
        predictions = member.predictions(table)
        check.update(predictions)
        yield table.column(member.id), predictions
