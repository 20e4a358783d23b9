"""Tell whether the ids of a file larger than memory are all different."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ._member_files import MemberFiles
from ._records import hashes_of, part_numbers
from ._threads import in_order
from .headers import open_predictions

__all__ = ["IdCheck", "has_unique_ids", "pass_count"]

ID_COST = 12
"""Peak memory for each id, in bytes."""
BATCH = 2**18
"""Rows that are read at once."""
N_PARTS = 2**6
"""Parts of the hashes of a pass, which are sorted one by one, in the caches of the CPU."""


DENSE = 8
"""Whole numbers are ticked off in a table of their range if that has at most this many places for each."""


class IdCheck:
    """Tells whether the ids of a member, given batch by batch, are all different.

    Increasing ids are. Whole numbers out of a short range are ticked off in a table of the range; any others are read
    once more.

    Parameters
    ----------
    member : MemberFiles
        Whose ids they are.
    memory : int
        Memory limit, in bytes.
    """

    def __init__(self, member: MemberFiles, memory: int) -> None:
        self._member, self._memory = member, memory
        self._last: Any = None
        self._increasing = True
        self._low, self._seen = 0, None
        self._n_rows = 0

    def update(self, ids: np.ndarray) -> bool:
        """Add the next ids; False if not all ids of the member are different, or that is not known."""
        if self._seen is None and not self._increasing:
            return True  # asked already
        rises = self._increasing and bool((ids[1:] > ids[:-1]).all())
        rises = rises and (self._last is None or bool(ids[0] > self._last))
        if not rises and self._increasing:
            self._increasing = False
            if self._last is None and (found := range_of(self._member, self._memory // DENSE)) is not None:
                self._low, n_places = found
                self._seen = np.zeros(n_places, dtype=np.bool_)
            elif not has_unique_ids(self._member, self._memory):
                return False
        self._last = ids[-1]
        if self._seen is None:
            return True
        self._n_rows += len(ids)
        if int(ids.min()) < self._low or int(ids.max()) >= self._low + len(self._seen):
            return False
        self._seen[ids - self._low] = True
        return True

    def finish(self) -> bool:
        """Tell whether all ids that were given are different."""
        return self._seen is None or int(np.count_nonzero(self._seen)) == self._n_rows


def range_of(member: MemberFiles, most: int) -> tuple[int, int] | None:
    """Find the least id, and how many whole numbers there are from it to the largest one, as the files say it.

    Parameters
    ----------
    member : MemberFiles
        Input.
    most : int
        Most numbers.

    Returns
    -------
    tuple of int, or None
        None if the ids are text, the files do not say it, or the range is longer, or sparse.
    """
    if member.text_ids:
        return None
    lows: list[int] = []
    highs: list[int] = []
    for header in member.headers:
        with open_predictions(header.path, header.state) as (file, _):
            place = header.schema.names.index(member.id)
            for number in range(file.metadata.num_row_groups):
                chunk = file.metadata.row_group(number).column(place)
                if not chunk.num_values:
                    continue
                if chunk.path_in_schema != member.id or not chunk.is_stats_set or not chunk.statistics.has_min_max:
                    return None
                lows.append(int(chunk.statistics.min))
                highs.append(int(chunk.statistics.max))
    if not lows:
        return None
    n_places = max(highs) - min(lows) + 1
    return (min(lows), n_places) if 0 < n_places <= min(most, DENSE * member.n_rows) else None


def pass_count(n_rows: int, memory: int) -> int:
    """Compute how often ids are read so that the hashes that are kept each time fit in memory."""
    return max(1, -(-n_rows * ID_COST // memory))


def has_unique_ids(member: MemberFiles, memory: int) -> bool:
    """Tell whether all ids of a member are different, by their 64-bit hashes.

    Parameters
    ----------
    member : MemberFiles
        Input.
    memory : int
        Memory limit for the hashes, in bytes.

    Returns
    -------
    bool
        False if two ids are equal or their hashes collide (probability 1 in 15,000 for 50 million texts).
    """
    n_passes = pass_count(member.n_rows, memory)
    return all(_are_unique(member, number, n_passes) for number in range(n_passes))


def _are_unique(member: MemberFiles, number: int, n_passes: int) -> bool:
    def hashes(table: Any) -> list[np.ndarray]:
        found = hashes_of(table.column(member.id))
        if n_passes > 1:
            found = found[part_numbers(found, n_passes) == number]
        parts = (found % np.uint64(N_PARTS)).astype(np.uint8)  # NumPy radix-sorts integers of 8 bits
        ends = np.cumsum(np.bincount(parts, minlength=N_PARTS)).tolist()
        found = found[np.argsort(parts, kind="stable")]
        return [found[start:end] for start, end in pairwise([0, *ends])]

    batches = list(in_order(hashes, member.batches(BATCH, [member.id])))

    def is_unique(part: int) -> bool:
        found = np.concatenate([batch[part] for batch in batches])
        found.sort()
        return not (found[1:] == found[:-1]).any()

    return all(in_order(is_unique, range(N_PARTS)))
