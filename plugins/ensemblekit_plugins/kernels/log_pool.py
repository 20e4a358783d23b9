"""Weighted products of probabilities, by their logarithms: the kernel of geometric mean and product."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Scratch, Where, in_blocks
from .normalisation import sum_classes
from .sums import dtype_name, epsilon, shaped_like_members, sum_dtype

__all__ = ["pool_logs", "pool_logs_in_blocks"]

SAFE = 1e15
"""Sums over the classes beyond ``1 / SAFE`` or it lose digits in float32: such rows are computed by the reference."""


def pool_logs(member_probas: Any, exponents: Any, task: str, xp: Any = np) -> Any:
    """Multiply the members, each to the power of its exponent, and normalise: the reference.

    Each zero stands for one number that goes to zero. So a class with a zero has probability 0; where every class has
    one, those whose zeros have the smallest sum of exponents share the row, in proportion to the rest of their product.

    Parameters
    ----------
    member_probas : array of shape (n_members, n_samples, ..., n_classes)
        Aligned predictions; where the exponent is 0, any numbers >= 0.
    exponents : array of shape (n_members,) or (n_members, n_samples)
        Finite and >= 0, with a positive sum in each row.
    task : {"multiclass", "multilabel"}
        Whether classes exclude each other, or each column stands against its own complement.
    xp : array namespace, default=numpy
        ``numpy`` or ``keras.ops``.

    Returns
    -------
    array of shape (n_samples, ..., n_classes)
        Probabilities, in the dtype of ``member_probas``.
    """
    dtype = dtype_name(member_probas.dtype)
    # Logarithms in float16 are spaced by one per cent of a probability.
    exact = xp.array(member_probas, dtype="float32") if dtype == "float16" else member_probas
    if task == "multilabel":
        one = xp.ones_like(exact)
        exact = xp.minimum(exact, one)
        exact = xp.stack([exact, xp.subtract(one, exact)], axis=-1)
    power = shaped_like_members(xp.array(exponents, dtype=exact.dtype), exact, xp)
    zeros = xp.zeros_like(exact)
    zero = xp.equal(exact, zeros)
    logs = xp.log(xp.where(zero, xp.ones_like(exact), exact))
    score = xp.sum(xp.multiply(logs, power), axis=0)
    vetoes = xp.sum(xp.where(zero, power, zeros), axis=0)
    # Sums of exponents that differ by their rounding alone are equal.
    rounding = xp.array(1 + 2 * member_probas.shape[0] * epsilon(exact.dtype), dtype=exact.dtype)
    left = xp.less_equal(vetoes, xp.multiply(xp.min(vetoes, axis=-1, keepdims=True), rounding))
    lowest = xp.full_like(score, -1e38)
    score = xp.subtract(score, xp.max(xp.where(left, score, lowest), axis=-1, keepdims=True))
    shares = xp.where(left, xp.exp(xp.where(left, score, xp.zeros_like(score))), xp.zeros_like(score))
    pooled = xp.divide(shares, xp.sum(shares, axis=-1, keepdims=True))
    if task == "multilabel":
        pooled = xp.take(pooled, 0, axis=-1)
    return xp.array(pooled, dtype=dtype) if dtype == "float16" else pooled


def pool_logs_in_blocks(member_probas: np.ndarray, exponents: np.ndarray, task: str) -> np.ndarray:
    """Do as `pool_logs` does, in blocks.

    Parameters
    ----------
    member_probas : ndarray of shape (n_members, n_samples, ..., n_classes)
        Aligned predictions.
    exponents : ndarray of shape (n_members,)
        Finite and >= 0, with a positive sum.
    task : {"multiclass", "multilabel"}
        See `pool_logs`.

    Returns
    -------
    ndarray of shape (n_samples, ..., n_classes)
        Probabilities, in the dtype of ``member_probas``.
    """
    pooled = np.empty(member_probas.shape[1:], member_probas.dtype)
    dtype = sum_dtype(pooled.dtype)
    finish = _finish_classes if task == "multiclass" else _finish_columns

    def pool(where: Where, scratch: Scratch) -> None:
        members, block = member_probas[(slice(None), *where)], pooled[where]
        total = block if dtype == pooled.dtype else scratch("total", block.shape, dtype)
        with np.errstate(all="ignore"):
            _add_logs(members, exponents, task, total, scratch)
            finish(members, exponents, total, scratch)
        if total is not block:
            np.copyto(block, total, casting="same_kind")

    in_blocks(pool, member_probas.shape, arrays=4)
    return pooled


def _add_logs(members: np.ndarray, exponents: np.ndarray, task: str, total: np.ndarray, scratch: Scratch) -> None:
    used = np.flatnonzero(exponents)
    equal = (exponents[used] == exponents[used[0]]).all()
    log, other = (scratch(name, total.shape, total.dtype) for name in ("log", "other"))
    for count, place in enumerate(used):
        # Copied, as logarithms of what is not contiguous may have other bits.
        np.copyto(log, members[place])
        if task == "multilabel":
            np.minimum(log, 1, out=log)
            np.log1p(np.negative(log, out=other), out=other)
        np.log(log, out=log)
        if task == "multilabel":
            np.subtract(log, other, out=log)
        if not equal:
            np.multiply(log, total.dtype.type(exponents[place]), out=log)
        if count:
            np.add(total, log, out=total)
        else:
            np.copyto(total, log)
    if equal and exponents[used[0]] != 1:
        np.multiply(total, total.dtype.type(exponents[used[0]]), out=total)


def _finish_classes(members: np.ndarray, exponents: np.ndarray, total: np.ndarray, scratch: Scratch) -> None:
    np.exp(total, out=total)
    sums = sum_classes(total, scratch)
    hard = ~((sums > 1 / SAFE) & (sums < SAFE))
    if hard.any():
        total[hard] = pool_logs(_chosen(members, hard, total.dtype), exponents, "multiclass")
        sums[hard] = 1
    np.divide(total, sums[..., np.newaxis], out=total)


def _finish_columns(members: np.ndarray, exponents: np.ndarray, total: np.ndarray, scratch: Scratch) -> None:
    # Log-odds from here on; NaN where one member has 0 and another 1.
    np.negative(total, out=total)
    np.exp(total, out=total)
    np.add(total, 1, out=total)
    np.divide(1, total, out=total)
    hard = np.isnan(total)
    if hard.any():
        chosen = _chosen(members, hard, total.dtype)[..., np.newaxis]
        total[hard] = pool_logs(chosen, exponents, "multilabel")[..., 0]


def _chosen(members: np.ndarray, mask: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.ascontiguousarray(members[:, mask], dtype=dtype)
