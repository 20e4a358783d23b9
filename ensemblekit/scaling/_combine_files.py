"""`combine_files`: combine prediction files that do not fit in memory, batch by batch."""

from __future__ import annotations

import functools
import hashlib
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
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
from ._in_places import combine_in_places, has_places
from ._member_files import MemberFiles, open_members
from ._plain_members import NotThisWayError, plain_members
from ._reserving import reserved
from ._side_by_side import combine_side_by_side
from ._workers import check_client

__all__ = ["Combined", "combine_files"]

READ = ("task", "id", "label", "columns", "positive")
"""Options that say how tables are read."""
LARGEST = 2**18
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
    empty = align({m.member: m.predictions(m.no_rows()) for m in members}, aliases=aliases, missing=missing)
    plain = None if aliases else plain_members(members, empty)

    combine_batch = functools.partial(
        _combine_batch, combiner=asked.combiner, name=asked.name, aliases=aliases, missing=missing
    )

    def report(unit: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(unit, done, total) if progress else None

    size = min(LARGEST, max(1, memory // (12 * sum(member.row_bytes for member in members))))
    fit_ids = all_fit_ids((*(member.fit_ids for member in members), getattr(asked.combiner, "fit_ids_", None)))
    n_bytes = max(member.n_rows for member in members) * max(member.row_bytes for member in members)
    joined = client is not None
    n_rows: int | None = None

    def attempt(way: Callable[..., int], *given: Any, unit: str, **named: Any) -> int | None:
        try:
            with (
                atomic_write(output, overwrite=overwrite) as file,
                reserved(file, n_bytes) as early,
                TableWriter(early, fit_ids=fit_ids) as writer,
            ):
                return way(*given, output=writer, combine=combine_batch, memory=memory, progress=report(unit), **named)
        except NotThisWayError:
            return None

    with _scratch_folder(output, None if folder is None else room) as scratch, _telling_damage(members):
        if not joined:
            n_rows = attempt(combine_side_by_side, members if plain is None else plain, size=size, unit="rows")
            joined = n_rows is None
            if joined and plain is not None and has_places(plain, memory):
                n_rows = attempt(combine_in_places, plain, folder=scratch.absolute(), unit="rows")
        if n_rows is None:
            join = combine_buckets if client is None else functools.partial(combine_on_workers, client=client)
            has_all_rows = missing_policy(missing)[1] == "error"
            n_rows = attempt(join, members, folder=scratch.absolute(), unit="buckets", has_all_rows=has_all_rows)
    names = tuple(member.member for member in members)
    return Combined(output, n_rows or 0, names, joined, time.perf_counter() - start)


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
def _telling_damage(members: Sequence[MemberFiles]) -> Generator[None]:
    """Raise an error about damaged pages, if there are any, instead of one about what was read from them."""
    try:
        yield
    except (AlignmentError, InvalidPredictionsError):
        for member in members:
            member.check_pages()
        raise


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
