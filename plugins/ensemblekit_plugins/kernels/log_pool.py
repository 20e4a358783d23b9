"""Weighted products of probabilities, computed with logarithms: the kernel of geometric mean and product."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Scratch, Where, in_blocks
from .normalisation import sum_classes
from .presence import by_presence
from .sums import dtype_name, epsilon, shaped_like_members, sum_dtype

__all__ = ["pool_logarithms"]

SAFE = 1e15
"""If a sum over the classes is below ``1 / SAFE`` or above ``SAFE``, float32 loses digits; the reference takes over."""


def pool_logarithms(
    member_probas: Any, weights: np.ndarray, present: Any, task: str, xp: Any = np, *, temperature: float | None = None
) -> Any:
    """Multiply the members, each to the power of its weight, and normalise.

    Parameters
    ----------
    member_probas : array of shape (n_members, n_samples, ..., n_classes)
        Aligned predictions.
    weights : ndarray of shape (n_members,)
        Finite and >= 0, with a positive sum.
    present : array of bool of shape (n_members, n_samples), or None
        Which rows the members have.
    task : {"multiclass", "multilabel"}
        ``multiclass`` if the classes exclude each other; in ``multilabel`` each column is combined against its
        complement.
    xp : array namespace, default=numpy
        ``numpy`` or ``keras.ops``.
    temperature : float, optional
        The weights of the members that are present are divided by their sum and by this number. By default they are
        unchanged.

    Returns
    -------
    array of shape (n_samples, ..., n_classes)
        Probabilities, in the dtype of ``member_probas``.
    """

    def exponents(weights: np.ndarray) -> np.ndarray:
        return weights if temperature is None else weights / weights.sum() / temperature

    if xp is np:
        if present is None:
            return _pool_in_blocks(member_probas, exponents(weights), task)
        return by_presence(
            lambda some, members: _pool_in_blocks(some, exponents(weights[members]), task), member_probas, present
        )
    if present is None:
        return _pool(member_probas, exponents(weights), task, xp)
    is_present = shaped_like_members(present, member_probas, xp)
    known = xp.where(is_present, member_probas, xp.ones_like(member_probas))
    dtype = sum_dtype(np.dtype(dtype_name(member_probas.dtype))).name
    weight = shaped_like_members(xp.array(weights, dtype=dtype), present, xp)
    weight = xp.where(present, weight, xp.zeros_like(weight))
    if temperature is not None:
        total = xp.multiply(xp.sum(weight, axis=0), xp.array(temperature, dtype=dtype))
        weight = xp.divide(weight, total)
    return _pool(known, weight, task, xp)


def _pool(member_probas: Any, exponents: Any, task: str, xp: Any = np) -> Any:
    """Compute the product with the functions of a namespace: the reference.

    Zeros are treated as the limit of one common small number, so a class with a zero has probability 0. If every class
    has a zero, the classes with the smallest sum of the exponents of their zeros share the probability, in proportion
    to the product of their other factors.

    The exponents have the shape ``(n_members,)`` or ``(n_members, n_samples)``. If an exponent is 0, the prediction may
    be any number >= 0.
    """
    dtype = dtype_name(member_probas.dtype)
    # In float16 the spacing of logarithms is one per cent of a probability.
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
    # Sums of exponents that differ only by rounding are equal.
    rounding = xp.array(1 + 2 * member_probas.shape[0] * epsilon(exact.dtype), dtype=exact.dtype)
    left = xp.less_equal(vetoes, xp.multiply(xp.min(vetoes, axis=-1, keepdims=True), rounding))
    lowest = xp.full_like(score, -1e38)
    score = xp.subtract(score, xp.max(xp.where(left, score, lowest), axis=-1, keepdims=True))
    shares = xp.where(left, xp.exp(xp.where(left, score, xp.zeros_like(score))), xp.zeros_like(score))
    pooled = xp.divide(shares, xp.sum(shares, axis=-1, keepdims=True))
    if task == "multilabel":
        pooled = xp.take(pooled, 0, axis=-1)
    return xp.array(pooled, dtype=dtype) if dtype == "float16" else pooled


def _pool_in_blocks(member_probas: np.ndarray, exponents: np.ndarray, task: str) -> np.ndarray:
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
        # The values are copied, because logarithms of arrays that are not contiguous may have other bits.
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
        total[hard] = _pool(_chosen(members, hard, total.dtype), exponents, "multiclass")
        sums[hard] = 1
    np.divide(total, sums[..., np.newaxis], out=total)


def _finish_columns(members: np.ndarray, exponents: np.ndarray, total: np.ndarray, scratch: Scratch) -> None:
    # From here on these are log-odds; NaN if one member has 0 and another has 1.
    np.negative(total, out=total)
    np.exp(total, out=total)
    np.add(total, 1, out=total)
    np.divide(1, total, out=total)
    hard = np.isnan(total)
    if hard.any():
        chosen = _chosen(members, hard, total.dtype)[..., np.newaxis]
        total[hard] = _pool(chosen, exponents, "multilabel")[..., 0]


def _chosen(members: np.ndarray, mask: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.ascontiguousarray(members[:, mask], dtype=dtype)
