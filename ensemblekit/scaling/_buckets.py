"""Rows in any order: cut into buckets by a hash of their ids, combined bucket by bucket, put in order again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..predictions import Predictions
from ..predictions._files import table_of
from ..predictions._predictions import positions
from ._source import Source

__all__ = ["Joined", "bucket_count", "combine_buckets", "connect"]

ROOM = 12
"""How many times its rows a bucket takes while it is combined: tables, arrays, the cube, the checks."""


def connect(memory: int, folder: Path) -> Any:
    """Open DuckDB with a bound on its memory, and a place to spill to."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET memory_limit = '{memory // 2**20} MiB'")
    connection.execute(f"SET temp_directory = '{_quoted(folder / 'spilled')}'")
    # Each thread has rows of every bucket at hand.
    ((threads,),) = connection.execute("SELECT current_setting('threads')").fetchall()
    connection.execute(f"SET threads = {max(1, min(threads, memory // 2**26))}")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET enable_progress_bar = false")
    return connection


def bucket_count(sources: Sequence[Source], memory: int) -> int:
    """Tell how many buckets make each small enough."""
    n_bytes = sum(source.n_rows * source.row_bytes for source in sources)
    return max(1, -(-n_bytes * ROOM // memory))


class Joined(NamedTuple):
    """Combined rows.

    Attributes
    ----------
    n_rows : int
        How many there are.
    schema : pyarrow.Schema
        Their columns, and the metadata of a few of them.
    tables : iterator of pyarrow.Table
        All of them, in order.
    """

    n_rows: int
    schema: Any
    tables: Generator[Any]


def combine_buckets(
    sources: Sequence[Source],
    combine: Callable[[Mapping[str, Predictions], str], Predictions],
    folder: Path,
    memory: int,
    progress: Callable[[int, int], None],
) -> Joined:
    """Combine rows that are in any order.

    Parameters
    ----------
    sources : sequence of Source
        Members.
    combine : callable
        Predictions of each member, and where they are from -> combined predictions.
    folder : Path
        For what does not fit in memory; about as large as the files.
    memory : int
        Bytes for DuckDB, and as many again for a bucket.
    progress : callable
        Called with the buckets done and in all.

    Returns
    -------
    Joined
        Rows in the order of the first file, those that it lacks behind.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    n_buckets = bucket_count(sources, memory)
    connection = connect(memory, folder)
    for place, source in enumerate(sources):
        _cut(connection, source, folder / f"member-{place}", n_buckets)
    joined = folder / "combined"
    joined.mkdir()
    schema: Any = None
    n_rows = 0
    for bucket in range(n_buckets):
        parts = [_read(folder / f"member-{place}" / f"bucket={bucket}", source) for place, source in enumerate(sources)]
        if any(len(table) for table, _ in parts):
            said = [source.predictions(table) for source, (table, _) in zip(sources, parts, strict=True)]
            where = "" if n_buckets == 1 else f"one of {n_buckets} parts of the rows, whose counts these are"
            combined = combine({s.member: p for s, p in zip(sources, said, strict=True)}, where)
            table = table_of(combined)
            schema = table.schema if schema is None else schema
            order = _order(combined.ids, [(p.ids, rows) for p, (_, rows) in zip(said, parts, strict=True)])
            columns = {f"c{place}": column for place, column in enumerate(table.columns)}
            pq.write_table(pa.table({**columns, "place": order}), joined / f"{bucket:06d}.parquet", compression="lz4")
            n_rows += len(table)
        for place in range(len(sources)):
            shutil.rmtree(folder / f"member-{place}" / f"bucket={bucket}", ignore_errors=True)
        progress(bucket + 1, n_buckets)
    return Joined(n_rows, schema, _sorted(connection, joined, schema))


def _sorted(connection: Any, folder: Path, schema: Any) -> Generator[Any]:
    import pyarrow as pa

    names = ", ".join(f"c{place}" for place in range(len(schema)))
    connection.execute("SET preserve_insertion_order = true")
    # Names in these queries are our own, and quotes in paths are doubled; a COPY takes no parameters.
    ordered = f"SELECT {names} FROM read_parquet('{_quoted(folder)}/*.parquet') ORDER BY place"  # noqa: S608
    for batch in connection.sql(ordered).to_arrow_reader(2**18):
        columns = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
        yield pa.table(columns, schema=schema)
    connection.close()


def _cut(connection: Any, source: Source, folder: Path, n_buckets: int) -> None:
    """Cut a member's rows into buckets; each has the number of its row in the files."""
    import duckdb
    import pyarrow as pa

    # Columns go by their place: DuckDB takes "Cat" and "cat" for one name.
    kinds = [_taken(field.type) for field in source.stored]
    schema = pa.schema([*((f"c{place}", kind) for place, kind in enumerate(kinds)), ("place", pa.int64())])
    key = f"c{source.columns.index('id')}"
    failed: list[Exception] = []

    def rows() -> Generator[Any]:
        start = 0
        try:
            # Read here and not by DuckDB, which does not look at the checksums of pages.
            for table in source.batches(2**17):
                places = np.arange(start, start + len(table), dtype=np.int64)
                columns = [column.cast(kind) for column, kind in zip(table.columns, kinds, strict=True)]
                yield from pa.table([*columns, places], schema=schema).to_batches()
                start += len(table)
        except Exception as error:
            failed.append(error)
            raise

    connection.register("incoming", pa.RecordBatchReader.from_batches(schema, rows()))
    try:
        connection.execute(
            f"COPY (SELECT *, CAST(hash({key}) % {n_buckets} AS INTEGER) AS bucket FROM incoming) "  # noqa: S608
            f"TO '{_quoted(folder)}' (FORMAT parquet, COMPRESSION lz4, PARTITION_BY (bucket))"
        )
    except duckdb.Error:
        if failed:
            raise failed[0] from None
        raise
    finally:
        connection.unregister("incoming")


def _taken(kind: Any) -> Any:
    """Give the type that DuckDB takes for one that it does not: wider, and the same values."""
    import pyarrow as pa

    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_taken(kind.value_type), kind.list_size)
    if pa.types.is_dictionary(kind):
        return kind.value_type
    return pa.float32() if pa.types.is_float16(kind) else kind


def _read(folder: Path, source: Source) -> tuple[Any, np.ndarray]:
    """Read one bucket of a member in the order of the ids; also the numbers of its rows in the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = [pq.ParquetFile(path).read() for path in sorted(folder.glob("*.parquet"))]
    if not tables:
        return source.stored.empty_table(), np.empty(0, dtype=np.int64)
    key = f"c{source.columns.index('id')}"
    table = pa.concat_tables(tables).sort_by([(key, "ascending"), ("place", "ascending")])
    rows = table.column("place").to_numpy()
    columns = [table.column(f"c{place}").cast(field.type) for place, field in enumerate(source.stored)]
    return pa.table(columns, schema=source.stored), rows


def _order(ids: np.ndarray, members: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Number combined rows by the first member that has them, and their place in its file."""
    order = np.full(len(ids), -1, dtype=np.int64)
    for number, (own, rows) in enumerate(members):
        if len(own):
            places = positions(own, ids)
            new = (order < 0) & (places >= 0)
            order[new] = number * 2**40 + rows[places[new]]
    return order


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
