"""Weighted means of the members: the reference, and an implementation in blocks for NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Scratch, Where, in_blocks, is_little
from .normalisation import sum_classes
from .presence import without_absent
from .sums import add_members, shaped_like_members, sum_dtype, sum_members, weighted_sum

__all__ = ["pool_classes", "pool_linearly"]

BLOCK_VALUES = 5 * 2**16
"""Values that the arrays of one block hold together. In measurements a little more than the cache was fastest."""

UNDIVIDED_VALUES = 2**14
"""Sums of at most so many values, in one pass a member, take less time than the making of blocks."""

LEAST_DOT = 2**8
"""From this number of values per row, einsum computes along the row and not across the members."""


def pool_linearly(member_probas: Any, weights: np.ndarray | None = None, present: Any = None, xp: Any = np) -> Any:
    """Average over the members: ``sum_m w_m p_m``.

    Parameters
    ----------
    member_probas : ndarray of shape (n_members, n_samples, ..., n_classes)
        Aligned predictions.
    weights : ndarray of shape (n_members,), optional
        Weight of each member; they sum to 1. By default all weights are equal.
    present : array of bool of shape (n_members, n_samples), optional
        Which rows the members have; absent rows are ignored, and the weights of the members that are present are
        divided by their sum.
    xp : array namespace, default=numpy
        ``numpy`` or ``keras.ops``.

    Returns
    -------
    array of shape (n_samples, ..., n_classes)
        In the dtype of ``member_probas``; NumPy adds in float32 or a wider dtype.
    """
    if xp is np:
        if weights is None and present is None and is_little(member_probas, UNDIVIDED_VALUES):
            first, *others = member_probas
            if not others:
                return first.copy()
            total = first + others[0]
            for member in others[1:]:
                total += member
            total /= len(member_probas)
            return total
        return _pool_in_blocks(member_probas, weights, present)
    if weights is None and present is None:
        return xp.mean(member_probas, axis=0)
    unit = np.ones(member_probas.shape[0]) if weights is None else weights
    known, weight = without_absent(member_probas, unit, present, xp)
    total = xp.sum(xp.multiply(known, weight), axis=0)
    return total if present is None else xp.divide(total, xp.sum(weight, axis=0))


def _pool_in_blocks(member_probas: np.ndarray, weights: np.ndarray | None, present: np.ndarray | None) -> np.ndarray:
    mean = np.empty(member_probas.shape[1:], member_probas.dtype)
    dtype = sum_dtype(mean.dtype)

    def average(where: Where, scratch: Scratch) -> None:
        members, block = member_probas[(slice(None), *where)], mean[where]
        total = block if dtype == mean.dtype else scratch("total", block.shape, dtype)
        if present is not None:
            is_present = shaped_like_members(present[:, where[0]], members)
            add_members(members, weights, total, scratch, is_present)
            unit = np.ones(len(members)) if weights is None else weights
            mass = np.zeros(is_present.shape[1:], dtype)
            for member_is_present, weight in zip(is_present, unit, strict=True):
                mass += member_is_present * dtype.type(weight)
            np.divide(total, mass, out=block, casting="same_kind")
        elif weights is None:
            add_members(members, None, total, scratch)
            np.divide(total, dtype.type(len(members)), out=block, casting="same_kind")
        else:
            _dot(np.asarray(weights, dtype), members, total, scratch)
            if total is not block:
                np.copyto(block, total, casting="same_kind")

    in_blocks(average, member_probas.shape, arrays=2 if dtype == mean.dtype else 3, values=BLOCK_VALUES)
    return mean


def _dot(weights: np.ndarray, members: np.ndarray, total: np.ndarray, scratch: Scratch) -> None:
    # einsum multiplies and adds in one step, one member after the other, but only if the rows are contiguous and long
    # enough. Other inputs are copied to such rows, so that they give the same bits.
    size = total.size
    if size < LEAST_DOT or members.dtype != total.dtype or not members[0].flags.c_contiguous:
        rows = scratch("rows", (len(members), max(size, LEAST_DOT)), total.dtype)
        rows[:, size:] = 0
        np.copyto(rows[:, :size].reshape(members.shape), members)
        sums = scratch("sums", rows.shape[1:], total.dtype)
        np.einsum("m,mi->i", weights, rows, out=sums)
        np.copyto(total, sums[:size].reshape(total.shape))
    else:
        np.einsum("m,mi->i", weights, members.reshape(len(members), size), out=total.reshape(size))


def pool_classes(member_probas: Any, weights: np.ndarray, present: Any, task: str, xp: Any) -> Any:
    """Average over the members with weights for each class: ``sum_m w_mc p_m``.

    Parameters
    ----------
    member_probas, present, xp
        As in `pool_linearly`.
    weights : ndarray of shape (n_members, n_classes)
        They sum to 1 over the members.
    task : {"multiclass", "multilabel", "regression"}
        Rows of ``multiclass`` are divided by their sums; if all sums of a row are 0, the result is the mean.

    Returns
    -------
    array of shape (n_samples, ..., n_classes)
        In the dtype of ``member_probas``.
    """
    if xp is np and present is None:
        return _pool_classes_in_blocks(member_probas, weights, task)
    shape = (len(weights), *(1,) * (len(member_probas.shape) - 2), weights.shape[1])
    weight = xp.reshape(xp.array(weights, dtype=member_probas.dtype), shape)
    is_present = None if present is None else shaped_like_members(present, member_probas, xp)
    if is_present is not None:
        member_probas = xp.where(is_present, member_probas, xp.zeros_like(member_probas))
        weight = xp.where(is_present, weight, xp.zeros_like(weight))
    pooled = sum_members(xp.multiply(member_probas, weight), xp)
    one = xp.ones((), dtype=member_probas.dtype)
    if is_present is not None:
        total = sum_members(weight, xp)
        pooled = xp.divide(pooled, xp.where(xp.greater(total, 0), total, xp.ones_like(total)))
    if task == "multiclass":
        counts = (
            member_probas.shape[0]
            if is_present is None
            else sum_members(xp.where(is_present, one, xp.zeros_like(one)), xp)
        )
        mean = xp.divide(sum_members(member_probas, xp), counts)
        total = xp.sum(pooled, axis=-1, keepdims=True)
        none = xp.less_equal(total, 0)
        pooled = xp.where(none, mean, xp.divide(pooled, xp.where(none, xp.ones_like(total), total)))
    return pooled.astype(member_probas.dtype, copy=False) if xp is np else xp.cast(pooled, member_probas.dtype)


def _pool_classes_in_blocks(member_probas: np.ndarray, weights: np.ndarray, task: str) -> np.ndarray:
    pooled = np.empty(member_probas.shape[1:], sum_dtype(member_probas.dtype))

    def pool(where: Where, scratch: Scratch) -> None:
        members, part = member_probas[(slice(None), *where)], pooled[where]
        add_members(members, weights, part, scratch)
        if task == "multiclass":
            total = sum_classes(part, scratch)
            none = total <= 0
            np.divide(part, np.where(none, 1, total)[..., np.newaxis], out=part)
            if none.any():
                part[none] = weighted_sum(members)[none] / len(weights)

    in_blocks(pool, member_probas.shape, arrays=2)
    return pooled.astype(member_probas.dtype, copy=False)
