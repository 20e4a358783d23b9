"""Whether the ids of a file are all different, in little memory: by their hashes, kept in a file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from ._source import Source
from ._spill import MOST_PARTS, Spill, hashes_of

__all__ = ["all_different", "part_count"]

ROOM = 32
"""Bytes for an id while its part is sorted."""


def part_count(n_rows: int, memory: int) -> int:
    """Tell how many parts make each small enough."""
    return min(MOST_PARTS, max(1, -(-n_rows * ROOM // memory)))


def all_different(source: Source, folder: Path, memory: int) -> bool:
    """Tell whether the ids are all different.

    Parameters
    ----------
    source : Source
        Whose ids.
    folder : Path
        For the hashes, 8 bytes an id.
    memory : int
        Bytes for one part of them.

    Returns
    -------
    bool
        True where they are; False where two are equal or, by chance (of texts: one in 15,000 for 50 million), seem so.
    """
    import pyarrow as pa

    n_parts = part_count(source.n_rows, memory)
    with closing(Spill(folder, pa.schema([("hash", pa.uint64())]), n_parts, memory)) as spill:
        for table in source.batches(2**18, ["id"]):
            hashes = hashes_of(table.column("id"))
            spill.add(pa.table({"hash": hashes}), hashes % np.uint64(n_parts))
        for number in range(n_parts):
            hashes = np.sort(spill.part(number).column("hash").to_numpy())
            if (hashes[1:] == hashes[:-1]).any():
                return False
    return True
