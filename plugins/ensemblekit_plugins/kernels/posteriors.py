"""Posteriors of the classes, given the votes and the logarithms of the members' confusion matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Scratch, Where, in_blocks
from .columns import column_shape, member_columns, top_columns
from .presence import by_presence

__all__ = ["infer_classes"]


def infer_classes(member_probas: np.ndarray, prior: np.ndarray, tables: np.ndarray, present: Any) -> np.ndarray:
    """Compute the posterior of each class from the members' votes, in blocks.

    Parameters
    ----------
    member_probas : ndarray of shape (n_members, n_samples, ..., n_classes)
        Aligned predictions.
    prior : ndarray of shape (n_classes,)
        Logarithms of the probabilities of the classes.
    tables : ndarray of shape (n_members, n_classes, n_classes)
        Logarithms of probabilities. ``tables[m, k, c]`` belongs to the probability that member ``m`` votes for ``k`` if
        the class is ``c``.
    present : array of bool of shape (n_members, n_samples), or None
        Which rows the members have.

    Returns
    -------
    ndarray of shape (n_samples, ..., n_classes)
        In the dtype of ``member_probas``.
    """
    if present is not None:
        return by_presence(
            lambda some, members: infer_classes(some, prior, tables[members], None), member_probas, present
        )
    dtype = np.result_type(member_probas.dtype, np.float32)
    prior, tables = prior.astype(dtype), np.ascontiguousarray(tables, dtype)
    result = np.empty(member_probas.shape[1:], member_probas.dtype)

    def infer(where: Where, scratch: Scratch) -> None:
        members = member_probas[(slice(None), *where)]
        n_classes, n_rows = column_shape(members)
        logarithm, term = (scratch(name, (n_rows, n_classes), dtype) for name in ("logarithm", "term"))
        codes = scratch("codes", (n_rows,), np.min_scalar_type(n_classes))
        split = scratch("split", (n_rows,), np.bool_)
        logarithm[:] = prior
        split[:] = False
        for place, columns in enumerate(member_columns(members, scratch, dtype)):
            top, how_many = top_columns(columns, scratch)
            split |= how_many > 1
            codes[:] = 0
            for code in range(1, n_classes):  # if only one class is most probable, the sum is its position
                codes += np.multiply(top[code], codes.dtype.type(code))
            np.minimum(codes, n_classes - 1, out=codes)
            logarithm += np.take(tables[place], codes, axis=0, out=term, mode="clip")
        rows = np.flatnonzero(split)
        if len(rows):
            some = members.reshape(len(members), n_rows, n_classes)[:, rows].astype(dtype)
            logarithm[rows] = _shared_votes(some, prior, tables)
        logarithm -= np.max(logarithm, axis=-1, keepdims=True)
        np.exp(logarithm, out=logarithm)
        logarithm /= np.add.reduce(logarithm, axis=-1, keepdims=True)
        result[where] = logarithm.reshape(members.shape[1:])

    in_blocks(infer, member_probas.shape, arrays=2)
    return result


def _shared_votes(members: np.ndarray, prior: np.ndarray, tables: np.ndarray) -> np.ndarray:
    logarithm = np.empty(members.shape[1:], members.dtype)
    logarithm[:] = prior
    for member, table in zip(members, tables, strict=True):
        top = member == member.max(axis=-1, keepdims=True)
        vote = (1 / np.count_nonzero(top, axis=-1)).astype(members.dtype)
        term = np.zeros_like(logarithm)
        for code in range(len(table)):
            term += (top[:, code] * vote)[:, np.newaxis] * table[code]
        logarithm += term
    return logarithm
