"""Shares of the votes: whole votes are counted in small integers, weighted and divided votes in floats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .blocks import Scratch, Where, in_blocks, is_little
from .columns import column_shape, member_columns, top_columns, write_columns
from .presence import by_presence
from .ties import settle_tied_columns

__all__ = ["count_votes", "rounding_of_votes"]


def rounding_of_votes(n_members: int) -> int:
    """Return by how many units of rounding equal shares may differ; shares are sums over the members, divided."""
    return 2 * n_members


def count_votes(member_probas: np.ndarray, weights: np.ndarray | None, present: Any) -> np.ndarray:
    """Count the votes of the members for their most probable classes, in blocks.

    Parameters
    ----------
    member_probas : ndarray of shape (n_members, n_samples, ..., n_classes)
        Aligned predictions.
    weights : ndarray of shape (n_members,), or None
        From 0 to 1, with a positive sum; with None each vote counts as 1.
    present : array of bool of shape (n_members, n_samples), or None
        Which rows the members have.

    Returns
    -------
    ndarray of shape (n_samples, ..., n_classes)
        Shares of the votes, in the dtype of ``member_probas``; the tie rule is applied.
    """
    if present is not None:
        return by_presence(
            lambda some, members: count_votes(some, None if weights is None else weights[members], None),
            member_probas,
            present,
        )
    if weights is None and is_little(member_probas) and (shares := _whole_shares(member_probas)) is not None:
        return shares
    dtype = np.result_type(member_probas.dtype, np.float32)
    shares_of = _count if weights is None else _weigh
    result = np.empty(member_probas.shape[1:], member_probas.dtype)
    weights = np.ones(len(member_probas)) if weights is None else weights

    def vote(where: Where, scratch: Scratch) -> None:
        shares, summed = shares_of(member_probas[(slice(None), *where)], weights.astype(dtype), scratch)
        settle_tied_columns(shares, summed, rounding_of_votes(len(weights)), member_probas.dtype)
        write_columns(shares, result[where])

    in_blocks(vote, member_probas.shape, arrays=2, values=2**19)
    return result


def _whole_shares(member_probas: np.ndarray) -> np.ndarray | None:
    """Count the votes of few rows, without blocks; None if a vote is divided."""
    top = member_probas == member_probas.max(axis=-1, keepdims=True)
    if np.count_nonzero(top) != math.prod(member_probas.shape[:-1]):
        return None
    shares = top.sum(axis=0, dtype=member_probas.dtype)
    is_best = shares == shares.max(axis=-1, keepdims=True)
    shares /= shares.dtype.type(len(member_probas))
    if np.count_nonzero(is_best) == math.prod(shares.shape[:-1]):
        return shares
    summed = member_probas[0].copy()
    for member in member_probas[1:]:
        summed += member
    columns, of_sums = (values.reshape(-1, values.shape[-1]).T for values in (shares, summed))
    settle_tied_columns(columns, of_sums, rounding_of_votes(len(member_probas)), shares.dtype)
    return shares


def _weigh(members: np.ndarray, weights: np.ndarray, scratch: Scratch) -> tuple[np.ndarray, np.ndarray]:
    shares, summed = (scratch(name, column_shape(members), weights.dtype) for name in ("shares", "summed"))
    shares[:] = summed[:] = 0
    for place, columns in enumerate(member_columns(members, scratch, weights.dtype)):
        top, how_many = top_columns(columns, scratch)
        shares += np.multiply(top, weights[place] / how_many, out=scratch("votes", columns.shape, weights.dtype))
        summed += np.multiply(columns, weights[place], out=columns)
    shares /= np.add.reduce(weights)
    return shares, summed


def _count(members: np.ndarray, weights: np.ndarray, scratch: Scratch) -> tuple[np.ndarray, np.ndarray]:
    # Whole votes are counted in the smallest integers that can hold them; rows with divided votes are recomputed.
    shape = column_shape(members)
    counts = scratch("counts", shape, np.min_scalar_type(len(members)))
    summed = scratch("summed", shape, weights.dtype)
    split = scratch("split", shape[1:], np.bool_)
    counts[:] = summed[:] = split[:] = 0
    for columns in member_columns(members, scratch, weights.dtype):
        top, how_many = top_columns(columns, scratch)
        counts += top
        split |= how_many > 1
        summed += columns
    shares = np.divide(counts, weights.dtype.type(len(members)), out=scratch("shares", counts.shape, weights.dtype))
    rows = np.flatnonzero(split)
    if len(rows):
        some = members.reshape(len(members), -1, members.shape[-1])[:, rows]
        shares[:, rows] = _weigh(some, weights, Scratch())[0]
    return shares, summed
