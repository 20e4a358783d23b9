"""Rows that do not fit in memory, cut into parts that do: by a number that each row is given."""

from __future__ import annotations

import os
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Spill", "hashes_of"]

MOST_PARTS = 2**14
"""Beyond these a part grows; else a file that claims too many rows could ask for any number of parts."""
MOST_BYTES = 2**28
"""Rows that are gathered before they are cut; short texts of more would not fit one Arrow array."""


class Spill:
    """Rows in a file that has no name, and so is gone with the process, however that ends.

    Parameters
    ----------
    folder : Path
        On the disk that has room for them.
    schema : pyarrow.Schema
        Columns of the rows.
    n_parts : int
        How many parts there are.
    memory : int
        Bytes; half of them are taken while rows are cut.
    """

    def __init__(self, folder: Path, schema: Any, n_parts: int, memory: int) -> None:
        import pyarrow as pa

        self.schema, self.n_parts, self._folder = schema, n_parts, folder
        self._room = min(memory // 8, MOST_BYTES)
        self._waiting: list[tuple[Any, np.ndarray]] = []
        self._n_bytes = 0
        self._n_cuts = 0
        self._reader: Any = None
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._writer: Any = pa.ipc.new_file(self._file, schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))

    def add(self, table: Any, parts: np.ndarray) -> None:
        """Append rows, and the number of the part of each."""
        self._waiting.append((table, parts.astype(np.uint16)))  # of which NumPy sorts any number fast
        self._n_bytes += table.nbytes
        if self._n_bytes >= self._room:
            self._cut()

    def part(self, number: int) -> Any:
        """Read the rows of one part, in the order in which they came; no more can be added then."""
        import pyarrow as pa

        if self._reader is None:
            self._cut()
            self._writer.close()
            self._reader = pa.ipc.open_file(self._file)
        places = range(number, self._n_cuts * self.n_parts, self.n_parts)
        return pa.Table.from_batches([self._reader.get_batch(place) for place in places], self.schema)

    def close(self) -> None:
        """Give the room back."""
        self._file.close()

    def _cut(self) -> None:
        import pyarrow as pa

        if not self._waiting:
            return
        parts = np.concatenate([parts for _, parts in self._waiting])
        order = np.argsort(parts, kind="stable")
        (rows,) = pa.concat_tables([table for table, _ in self._waiting]).combine_chunks().take(order).to_batches()
        ends = np.searchsorted(parts[order], np.arange(self.n_parts + 1))
        self._waiting, self._n_bytes = [], 0
        try:
            # Empty ones too: where a part stands in the file follows from its number.
            for start, end in pairwise(ends.tolist()):
                self._writer.write_batch(rows.slice(start, end - start))
        except OSError as error:
            raise OSError(error.errno, os.strerror(error.errno or 0), str(self._folder)) from error
        self._n_cuts += 1


def hashes_of(ids: Any) -> np.ndarray:
    """Hash a column of ids, whole numbers or texts, to 64 bits each."""
    from pandas.util import hash_array as found

    hash_array: Any = found
    return hash_array(ids.to_numpy(), categorize=False)
