"""Tell whether the ids of a file larger than memory are all different."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ._member_files import MemberFiles
from ._records import hashes_of, part_numbers
from ._threads import in_order

__all__ = ["has_unique_ids", "pass_count"]

ID_COST = 12
"""Peak memory for each id, in bytes."""
BATCH = 2**18
"""Rows that are read at once."""
N_PARTS = 2**6
"""Parts of the hashes of a pass, which are sorted one by one, in the caches of the CPU."""


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
    def hashes(table: object) -> list[np.ndarray]:
        found = hashes_of(table.column("id"))  # pyright: ignore[reportAttributeAccessIssue]
        if n_passes > 1:
            found = found[part_numbers(found, n_passes) == number]
        parts = (found % np.uint64(N_PARTS)).astype(np.uint8)  # NumPy radix-sorts integers of 8 bits
        ends = np.cumsum(np.bincount(parts, minlength=N_PARTS)).tolist()
        found = found[np.argsort(parts, kind="stable")]
        return [found[start:end] for start, end in pairwise([0, *ends])]

    batches = list(in_order(hashes, member.batches(BATCH, ["id"])))

    def is_unique(part: int) -> bool:
        found = np.concatenate([batch[part] for batch in batches])
        found.sort()
        return not (found[1:] == found[:-1]).any()

    return all(in_order(is_unique, range(N_PARTS)))
