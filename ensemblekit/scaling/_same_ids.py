"""Tell whether two Parquet files store the same ids in the same order, without decoding them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..errors import EnsembleKitError
from ._member_files import MemberFiles
from .headers import open_predictions, open_unchanged

__all__ = ["stores_same_ids"]

PIECE = 2**17
"""Bytes that are compared at once, a multiple of eight. Those of both files stay in the cache of the CPU."""


def stores_same_ids(one: MemberFiles, other: MemberFiles) -> bool:
    """Tell whether the columns of the ids are the same bytes, in pages of the same encoding.

    Parameters
    ----------
    one, other : MemberFiles
        Members, each of one file.

    Returns
    -------
    bool
        True only if the ids are the same in the same order. False also if that cannot be known without decoding them.
    """
    if len(one.headers) > 1 or len(other.headers) > 1:
        return False
    try:
        chunks, others = _chunks(one), _chunks(other)
        if chunks is None or others is None or [c[0] for c in chunks] != [c[0] for c in others]:
            return False
        (a, b) = (member.headers[0] for member in (one, other))
        with open_unchanged(a.path, a.state) as (file, _), open_unchanged(b.path, b.state) as (another, _):
            return all(
                _same_bytes(file.fileno(), start, another.fileno(), start_of_other, size)
                for (_, start, size), (_, start_of_other, _) in zip(chunks, others, strict=True)
            )
    except (EnsembleKitError, OSError):  # whoever reads the rows tells what is wrong
        return False


def _chunks(member: MemberFiles) -> list[tuple[Any, int, int]] | None:
    """List, for each row group, all that the meaning of the bytes depends on, their place and their number."""
    header = member.headers[0]
    with open_predictions(header.path, header.state) as (file, _):
        place = header.schema.names.index(member.id)
        column = file.schema.column(place)
        kind = (str(column.logical_type), column.physical_type, column.max_definition_level, column.length)
        found: list[tuple[Any, int, int]] = []
        for number in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(number)
            chunk = group.column(place)
            if chunk.path_in_schema != member.id or column.max_repetition_level:
                return None
            start, size = chunk.data_page_offset, chunk.total_compressed_size
            if chunk.dictionary_page_offset is not None:
                start = min(start, chunk.dictionary_page_offset)
            says = (kind, group.num_rows, chunk.num_values, chunk.compression, chunk.has_dictionary_page, size)
            found.append((says, start, size))
        return found


def _same_bytes(file: int, start: int, other: int, start_of_other: int, size: int) -> bool:
    pieces: Any = np.zeros((2, PIECE // 8), np.uint64)  # compared as long words, without the lock of Python
    views = [memoryview(piece).cast("B") for piece in pieces]
    for done in range(0, size, PIECE):
        n_bytes = min(PIECE, size - done)
        n_words = -(-n_bytes // 8)
        pieces[:, n_words - 1] = 0
        read = [
            os.preadv(number, [view[:n_bytes]], at + done)
            for number, view, at in zip((file, other), views, (start, start_of_other), strict=True)
        ]
        if read != [n_bytes, n_bytes] or not np.array_equal(*pieces[:, :n_words]):
            return False
    return True
