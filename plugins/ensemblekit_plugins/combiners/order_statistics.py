"""The base class of median, trimmed and winsorised mean, maximum and minimum: averages of order statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import Combiner
from ensemblekit.errors import InvalidOptionError

from ..kernels.blocks import Scratch, Where, in_blocks
from ..kernels.normalisation import normalise, normalise_block
from ..kernels.presence import by_presence
from ..kernels.sorting import arrays_in_use, sum_order_statistics
from ..kernels.sums import largest, shaped_like_members, sum_dtype
from ..options import check_number

__all__ = ["OrderStatistics", "check_proportion"]

BLOCK_VALUES = 2**21
"""Values that the arrays of one block hold together. It is large because a network of comparators has short steps."""


class OrderStatistics(Combiner):
    """A combiner that sorts the members' values, class by class, and averages some of them.

    A subclass defines in `counts` how often each value counts. Rows of the task ``multiclass`` are divided by their
    sum.
    """

    traits = frozenset({"symmetric", "idempotent", "graphable"})

    def counts(self, n_members: int) -> tuple[int, ...]:
        """Return how often the smallest value counts in the average, the second smallest, and so on.

        Parameters
        ----------
        n_members : int
            Number of values.

        Returns
        -------
        tuple of int, of length n_members
            At least one of them is positive.
        """
        raise NotImplementedError

    def combine(self, member_probas: Any, *, present: Any = None, task: str = "multiclass", xp: Any = np) -> Any:
        if xp is not np:
            pooled = self._in_order(member_probas, present, xp)
            return normalise(pooled, xp) if task == "multiclass" else pooled
        if present is None:
            return self._pool(member_probas, task)
        return by_presence(lambda some, members: self._pool(some, task), member_probas, present)

    def _in_order(self, member_probas: Any, present: Any, xp: Any) -> Any:
        n_members = member_probas.shape[0]
        # Row k: how often each rank counts if k members are present.
        shares = np.zeros((n_members + 1, n_members))
        for n in range(1, n_members + 1):
            shares[n, :n] = np.divide(self.counts(n), sum(self.counts(n)))
        dtype = member_probas.dtype
        if present is None:
            share = xp.array(shares[-1], dtype=dtype)
        else:
            # Absent members are last in the order and count 0 times. An infinite value times 0 would be NaN.
            is_present = shaped_like_members(present, member_probas, xp)
            last = xp.full_like(member_probas, largest(dtype))
            member_probas = xp.where(is_present, member_probas, last)
            n_present = xp.sum(xp.where(present, 1, 0), axis=0)
            share = xp.transpose(xp.take(xp.array(shares, dtype=dtype), n_present, axis=0))
        ordered = xp.sort(member_probas, axis=0)
        return xp.sum(xp.multiply(ordered, shaped_like_members(share, member_probas, xp)), axis=0)

    def _pool(self, member_probas: np.ndarray, task: str) -> np.ndarray:
        counts = self.counts(len(member_probas))
        pooled = np.empty(member_probas.shape[1:], member_probas.dtype)
        dtype = sum_dtype(pooled.dtype)

        def pool(where: Where, scratch: Scratch) -> None:
            members, block = member_probas[(slice(None), *where)], pooled[where]
            total = block if dtype == pooled.dtype else scratch("total", block.shape, dtype)
            self.pool_block(members, counts, total, scratch)
            if task == "multiclass":
                normalise_block(total, block, scratch)
            elif total is not block:
                np.copyto(block, total, casting="same_kind")

        in_blocks(pool, member_probas.shape, arrays=arrays_in_use(len(counts)), values=BLOCK_VALUES)
        return pooled

    def pool_block(self, members: np.ndarray, counts: tuple[int, ...], total: np.ndarray, scratch: Scratch) -> None:
        """Write the average of one block into ``total``.

        Parameters
        ----------
        members : ndarray of shape (n_members, rows, ..., n_classes)
            The block.
        counts : tuple of int
            See `counts`.
        total : ndarray of shape (rows, ..., n_classes)
            C-contiguous; its dtype is at least float32.
        scratch : Scratch
            The buffers of this thread.
        """
        sum_order_statistics(members, counts, total, scratch)
        if sum(counts) != 1:
            np.divide(total, total.dtype.type(sum(counts)), out=total)


def check_proportion(proportion: Any) -> None:
    """Refuse a proportion that is not a number >= 0, or that removes all values."""
    check_number("proportion", proportion, 0, 0.5)
    if proportion == 0.5:
        raise InvalidOptionError(
            "proportion must be < 0.5, or no member is left; received 0.5. For the value in the middle take median."
        )
