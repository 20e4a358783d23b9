"""Keep rows that do not fit in memory in a temporary file, partitioned by a number for each row."""

from __future__ import annotations

import os
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Spill", "hashes_of"]

MOST_PARTS = 2**14
"""Upper limit, so that a file whose header states a huge number of rows does not cause as many parts."""
MOST_BYTES = 2**28
"""Most bytes of rows partitioned at once; short texts of more would exceed one Arrow array."""


class Spill:
    """Rows in an anonymous temporary file, which the operating system removes with the process.

    Parameters
    ----------
    folder : Path
        Folder of the file.
    schema : pyarrow.Schema
        Columns of the rows.
    n_parts : int
        Number of parts.
    memory : int
        Memory limit in bytes. Half of it is used while rows are partitioned.
    """

    def __init__(self, folder: Path, schema: Any, n_parts: int, memory: int) -> None:
        import pyarrow as pa

        self.schema, self.n_parts, self._folder = schema, n_parts, folder
        self._chunk_bytes = min(memory // 8, MOST_BYTES)
        self._pending: list[tuple[Any, np.ndarray]] = []
        self._n_bytes = 0
        self._n_chunks = 0
        self._reader: Any = None
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._writer: Any = pa.ipc.new_file(self._file, schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))

    def add(self, table: Any, parts: np.ndarray) -> None:
        """Append rows with the part number of each."""
        self._pending.append((table, parts.astype(np.uint16)))  # NumPy radix-sorts 16-bit integers
        self._n_bytes += table.nbytes
        if self._n_bytes >= self._chunk_bytes:
            self._write_chunk()

    def part(self, number: int) -> Any:
        """Read the rows of one part in the order in which they were added; no rows can be added afterwards."""
        import pyarrow as pa

        if self._reader is None:
            self._write_chunk()
            self._writer.close()
            self._reader = pa.ipc.open_file(self._file)
        places = range(number, self._n_chunks * self.n_parts, self.n_parts)
        return pa.Table.from_batches([self._reader.get_batch(place) for place in places], self.schema)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def _write_chunk(self) -> None:
        import pyarrow as pa

        if not self._pending:
            return
        parts = np.concatenate([parts for _, parts in self._pending])
        order = np.argsort(parts, kind="stable")
        (rows,) = pa.concat_tables([table for table, _ in self._pending]).combine_chunks().take(order).to_batches()
        ends = np.searchsorted(parts[order], np.arange(self.n_parts + 1))
        self._pending, self._n_bytes = [], 0
        try:
            # Empty parts are written too, so that the position of a part follows from its number.
            for start, end in pairwise(ends.tolist()):
                self._writer.write_batch(rows.slice(start, end - start))
        except OSError as error:
            raise OSError(error.errno, os.strerror(error.errno or 0), str(self._folder)) from error
        self._n_chunks += 1


def hashes_of(ids: Any) -> np.ndarray:
    """Hash a column of ids, integers or text, to 64 bits each."""
    from pandas.util import hash_array as untyped

    hash_array: Any = untyped
    return hash_array(ids.to_numpy(), categorize=False)
