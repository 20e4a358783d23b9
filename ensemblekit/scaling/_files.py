"""`combine_files`: prediction files that do not fit in memory, joined by id and combined batch by batch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import closing
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
from ..files import atomic_write, check_file
from ..predictions import Predictions, align
from ..predictions.names import all_fit_ids
from ._buckets import combine_buckets
from ._different import all_different
from ._output import Output
from ._scratch import scratch_for
from ._source import Source, sources_of
from ._unchanged import Unchanged

__all__ = ["Combined", "combine_files"]


LARGEST = 2**19
"""Most rows of a batch, where files are read side by side."""


class Combined(NamedTuple):
    """What was done.

    Attributes
    ----------
    output : pathlib.Path
        Where the combination is.
    n_rows : int
        How many rows it has.
    members : tuple of str
        Names of the members.
    joined : bool
        Whether the rows had to be joined; False where all files had the same ids in the same order.
    seconds : float
        How long it took.
    """

    output: Path
    n_rows: int
    members: tuple[str, ...]
    joined: bool
    seconds: float


@typed(but=("files",))
def combine_files(
    files: Sequence[str | os.PathLike[str]] | Mapping[str, Any],
    combiner: Any,
    output: str | os.PathLike[str],
    *,
    aliases: Mapping[Hashable, Hashable] | None = None,
    missing: str | Mapping[str, str] = "error",
    memory: int = 768 * 2**20,
    folder: str | os.PathLike[str] | None = None,
    edited: bool = False,
    overwrite: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> Combined:
    """Combine Parquet files of predictions that do not fit in memory.

    Where all files have the same ids in the same order, they are read side by side. Else they are joined by id: rows
    are cut into buckets by a hash of the id, each bucket is combined by itself, and all are put in the order of the
    first file, those that it lacks behind. Rows and columns are checked as `combine` checks them.

    Parameters
    ----------
    files : sequence of path-like, or mapping of member to path-like or sequence of path-like
        Written by `Predictions.save`, or tables with a column ``id``, a column a class, and perhaps ``label``. Several
        files of a member are one after the other.
    combiner : str or Combiner
        As in `combine`.
    output : path-like
        A name that ends in ``.parquet``; `Predictions.load` reads it.
    aliases, missing, **options
        As in `combine`.
    memory : int, default=768 MiB
        Bytes that may be taken while rows are joined, about; at least 64 MiB.
    folder : path-like, optional
        Where what does not fit in memory is kept meanwhile: as large as the files. By default beside the output.
    edited : bool, default=False
        Take files that are no longer what `Predictions.save` wrote, as `Predictions.load` does.
    overwrite : bool, default=False
        Replace what is there.
    progress : callable, optional
        Called with what is counted (``"rows"`` or ``"buckets"``), how many are done and how many there are.

    Returns
    -------
    Combined
        What was done.

    Raises
    ------
    AlignmentError
        If ids, classes, labels or splits do not line up, as in `align`.
    InvalidPredictionsError
        If files, rows or ids are not valid, as in `Predictions`.
    InvalidOptionError
        If options are not valid.
    OutputExistsError
        If there is something already, another run is at work on it, or what is kept meanwhile would lie where something
        is that is not ours.
    FolderNotFoundError
        If a folder to write to is not there.
    OSError
        If there is no room for the output, or for what does not fit in memory.

    Notes
    -----
    Pages are checked by their checksums, where the files have them, and all that a file says by its digest, before the
    output appears. Whether ids that do not rise are all different is
    told by 64-bit hashes; where two of these are equal the files are joined, and the ids themselves compared.
    """
    output = _as_path("output", output)
    room = output.parent if folder is None else _as_path("folder", folder)
    if output.suffix.lower() != ".parquet":
        raise InvalidOptionError(f"output must end in .parquet; received {output.name!r}.")
    if not isinstance(memory, int) or memory < 64 * 2**20:
        raise InvalidOptionError(f"memory must be a whole number of bytes, at least 64 MiB; received {memory!r}.")
    if not (progress is None or callable(progress)):
        raise InvalidOptionError(f"progress must be called with what is done, or None; received {progress!r}.")
    check_file(output, overwrite=overwrite)
    for needed in (output.parent, room):
        if not needed.is_dir():
            raise FolderNotFoundError(f"the folder of the output, and folder=, must be there; {str(needed)!r} is not.")
    start = time.perf_counter()
    sources = sources_of(files, edited=edited)
    if max(source.n_rows for source in sources) == 0:
        raise InvalidPredictionsError("files to combine must have rows; all of them are empty.")
    asked = ask(combiner, options)
    # Classes, tasks, splits and options are refused before a row is read.
    align({s.member: s.predictions(s.stored.empty_table()) for s in sources}, aliases=aliases, missing=missing)

    def of_batch(said: Mapping[str, Predictions], where: str) -> Predictions:
        try:
            combined = combine(said, asked.combiner, aliases=aliases, missing=missing)
            return combined._with(_member=asked.name, _fit_ids=None)  # said once, of all rows
        except AlignmentError as error:
            if where:
                error.args = (f"{error} Found in {where}.",)
            raise

    def tell(what: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(what, done, total) if progress else None

    size = min(LARGEST, max(1, memory // (12 * sum(source.row_bytes for source in sources))))
    members = tuple(source.member for source in sources)
    fit_ids = all_fit_ids((*(source.fit_ids for source in sources), getattr(asked.combiner, "fit_ids_", None)))
    with scratch_for(output, None if folder is None else room) as scratch:
        try:
            with atomic_write(output, overwrite=overwrite) as file, closing(Output(file, fit_ids)) as target:
                _write_side_by_side(
                    target, sources, of_batch, size, tell("rows"), lambda: all_different(sources[0], scratch, memory)
                )
            joined = False
        except _OtherOrderError:
            with atomic_write(output, overwrite=overwrite) as file, closing(Output(file, fit_ids)) as target:
                combine_buckets(sources, of_batch, target, scratch, memory, tell("buckets"))
            joined = True
    return Combined(output, target.n_rows, members, joined, time.perf_counter() - start)


def _as_path(option: str, value: Any) -> Path:
    if not isinstance(value, (str, os.PathLike)) or "\0" in (path := os.fsdecode(value)):
        raise InvalidOptionError(f"{option} must be a path; received {value!r}.")
    return Path(path)


class _OtherOrderError(Exception):
    """The files have other ids, or the same in another order."""


def _write_side_by_side(
    output: Output,
    sources: Sequence[Source],
    combine_batch: Callable[[Mapping[str, Predictions], str], Predictions],
    size: int,
    progress: Callable[[int, int], None],
    are_different: Callable[[], bool],
) -> None:
    if len({source.n_rows for source in sources}) > 1:
        raise _OtherOrderError
    total = sources[0].n_rows
    unchanged = [Unchanged(source) for source in sources]
    last: Any = None
    rising = True
    for tables in zip(*(source.batches(size) for source in sources), strict=True):
        ids = [table.column("id") for table in tables]
        if not all(one.equals(ids[0]) for one in ids[1:]):
            raise _OtherOrderError
        if rising:
            # Rising ids are all different; of others no batch can say it.
            first = ids[0].to_numpy()
            rising = bool((first[1:] > first[:-1]).all()) and (last is None or bool(first[0] > last))
            last = first[-1]
            if not rising and not are_different():
                raise _OtherOrderError
        said = [source.predictions(table) for source, table in zip(sources, tables, strict=True)]
        for one, p in zip(unchanged, said, strict=True):
            one.update(p)
        done = output.n_rows
        where = "" if total <= size else f"rows {done} to {done + len(ids[0]) - 1}"
        output.write(combine_batch({s.member: p for s, p in zip(sources, said, strict=True)}, where))
        progress(output.n_rows, total)
