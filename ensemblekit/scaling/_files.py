"""`combine_files`: prediction files that do not fit in memory, joined by id and combined batch by batch."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..combining import combine
from ..combining._checks import made
from ..errors import (
    AlignmentError,
    FolderNotFoundError,
    InvalidOptionError,
    InvalidPredictionsError,
    MissingDependencyError,
    OutputExistsError,
)
from ..files import atomic_write
from ..predictions import Predictions
from ..predictions._checks import all_fit_ids
from ._buckets import combine_buckets
from ._different import all_different
from ._output import Output
from ._scratch import scratch_for
from ._source import Source, sources_of

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


def combine_files(
    files: Sequence[str | os.PathLike[str]] | Mapping[str, Any],
    combiner: Any,
    output: str | os.PathLike[str],
    *,
    aliases: Mapping[Hashable, Hashable] | None = None,
    missing: str | Mapping[str, str] = "error",
    memory: int = 768 * 2**20,
    folder: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> Combined:
    """Combine Parquet files of predictions that do not fit in memory.

    Where all files have the same ids in the same order, they are read side by side. Else they are joined by id: DuckDB
    cuts them into buckets by a hash of the id, each bucket is combined by itself, and DuckDB puts the rows in the order
    of the first file, those that it lacks behind. Rows and columns are checked as `combine` checks them.

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
        Bytes that DuckDB may take, at least 64 MiB; a bucket takes as many again.
    folder : path-like, optional
        Where what does not fit in memory is kept meanwhile: as large as the files. By default beside the output.
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
        If there is something already, or another run is at work on it.
    FolderNotFoundError
        If a folder to write to is not there.
    MissingDependencyError
        If the rows must be joined and DuckDB is not installed.
    OSError
        If there is no room for the output, or for what does not fit in memory.

    Notes
    -----
    Pages are checked by their checksums, where the files have them. Whether ids that do not rise are all different is
    told by 64-bit hashes; where two of these are equal the files are joined, and the ids themselves compared.
    """
    output = Path(output)
    if output.suffix.lower() != ".parquet":
        raise InvalidOptionError(f"output must end in .parquet; received {output.name!r}.")
    if not isinstance(memory, int) or memory < 64 * 2**20:
        raise InvalidOptionError(f"memory must be a whole number of bytes, at least 64 MiB; received {memory!r}.")
    if output.exists() and not overwrite:
        raise OutputExistsError(f"{os.fspath(output)!r} is there already. Take another name, or give overwrite=True.")
    for needed in (output.parent, output.parent if folder is None else Path(folder)):
        if not needed.is_dir():
            raise FolderNotFoundError(f"the folder of the output, and folder=, must be there; {str(needed)!r} is not.")
    start = time.perf_counter()
    sources = sources_of(files)
    if max(source.n_rows for source in sources) == 0:
        raise InvalidPredictionsError("files to combine must have rows; all of them are empty.")
    name, rule = made(combiner, options)

    def of_batch(said: Mapping[str, Predictions], where: str) -> Predictions:
        try:
            combined = combine(said, rule, aliases=aliases, missing=missing)
            return combined._with(_member=name, _fit_ids=None)  # said once, of all rows
        except AlignmentError as error:
            if where:
                error.args = (f"{error} Found in {where}.",)
            raise

    def tell(what: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(what, done, total) if progress else None

    size = min(LARGEST, max(1024, memory // (12 * sum(source.row_bytes for source in sources))))
    members = tuple(source.member for source in sources)
    fit_ids = all_fit_ids((*(source.fit_ids for source in sources), getattr(rule, "fit_ids_", None)))
    with scratch_for(output, None if folder is None else Path(folder)) as (partial, scratch):
        try:
            with atomic_write(partial) as file:
                n_rows = _write_side_by_side(
                    Output(file, sources[0].n_rows, fit_ids),
                    sources,
                    of_batch,
                    size,
                    tell("rows"),
                    lambda: all_different(sources[0], scratch, memory),
                )
            joined = False
        except _OtherOrderError:
            with _duckdb(scratch, memory), atomic_write(partial) as file:
                found = combine_buckets(sources, of_batch, scratch, memory, tell("buckets"))
                with closing(Output(file, found.n_rows, fit_ids)) as target:
                    target.begin(found.schema)
                    for table in found.tables:
                        target.write_table(table)
                n_rows = target.n_rows
            joined = True
        partial.replace(output)
    return Combined(output, n_rows, members, joined, time.perf_counter() - start)


class _OtherOrderError(Exception):
    """The files have other ids, or the same in another order."""


def _write_side_by_side(
    output: Output,
    sources: Sequence[Source],
    combine_batch: Callable[[Mapping[str, Predictions], str], Predictions],
    size: int,
    progress: Callable[[int, int], None],
    are_different: Callable[[], bool],
) -> int:
    if len({source.n_rows for source in sources}) > 1:
        raise _OtherOrderError
    total = sources[0].n_rows
    last: Any = None
    rising = True
    with closing(output) as target:
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
            said = {s.member: s.predictions(table) for s, table in zip(sources, tables, strict=True)}
            done = target.n_rows
            where = "" if total <= size else f"rows {done} to {done + len(ids[0]) - 1}"
            target.write(combine_batch(said, where))
            progress(target.n_rows, total)
        return target.n_rows


@contextmanager
def _duckdb(scratch: Path, memory: int) -> Generator[None]:
    """Let errors of DuckDB be of the kinds that everything else here raises."""
    try:
        import duckdb
    except ImportError as error:
        raise MissingDependencyError(
            "Files whose rows are in other orders are joined by DuckDB, which is not installed: pip install "
            '"ensemblekit[scale]".'
        ) from error
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise InvalidOptionError(
            f"memory must be enough to join the files; {memory // 2**20} MiB are not. Give more. DuckDB: {error}"
        ) from error
    except duckdb.IOException as error:
        said = re.search(r'"errno":"(\d+)"', str(error))
        # The lowest DuckDB says the reason, and no number.
        full = (number for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) if os.strerror(number) in str(error))
        number = int(said[1]) if said else next(full, errno.EIO)
        raise OSError(number, os.strerror(number), str(scratch)) from error
