"""Dempster's rule for masses on single classes and on the whole frame, computed with logarithms."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Scratch, Where, in_blocks
from .columns import add_up, member_columns, write_columns
from .presence import by_presence

__all__ = ["pool_evidence"]


def pool_evidence(member_probas: np.ndarray, reliability: np.ndarray, present: Any, task: str) -> np.ndarray:
    """Compute pignistic probabilities by Dempster's rule, in blocks.

    Parameters
    ----------
    member_probas : ndarray of shape (n_members, n_samples, ..., n_classes)
        Aligned predictions.
    reliability : ndarray of shape (n_members,)
        From 0 to 1.
    present : array of bool of shape (n_members, n_samples), or None
        Which rows the members have.
    task : {"multiclass", "multilabel"}
        ``multiclass`` if the classes exclude each other.

    Returns
    -------
    ndarray of shape (n_samples, ..., n_classes)
        In the dtype of ``member_probas``; if the members are in total conflict, the mean of the members.
    """
    if present is not None:
        return by_presence(
            lambda some, members: pool_evidence(some, reliability[members], None, task), member_probas, present
        )
    dtype = np.result_type(member_probas.dtype, np.float32)
    trust, doubt = reliability.astype(dtype), (1 - reliability).astype(dtype)
    with np.errstate(divide="ignore"):
        frame = np.cumsum(np.log(doubt))[-1]
    result = np.empty(member_probas.shape[1:], member_probas.dtype)

    def pool(where: Where, scratch: Scratch) -> None:
        logarithms: list[np.ndarray] = []
        members = member_probas[(slice(None), *where)]
        with np.errstate(divide="ignore"):
            for place, columns in enumerate(member_columns(members, scratch, dtype)):
                answers = [columns]
                if task == "multilabel":
                    answers.append(np.subtract(1, columns, out=scratch("against", columns.shape, dtype)))
                for answer, values in enumerate(answers):
                    values *= trust[place]
                    values += doubt[place]
                    np.log(values, out=values)
                    if place:
                        logarithms[answer] += values
                    else:
                        logarithms.append(scratch(("logarithms", answer), columns.shape, dtype))
                        logarithms[answer][:] = values
        best = np.maximum(*logarithms) if task == "multilabel" else np.max(logarithms[0], axis=0)
        conflict = best == -np.inf
        best[conflict] = 0
        remaining = np.exp(frame - best)
        total = -remaining if task == "multilabel" else remaining * dtype.type(1 - members.shape[-1])
        for values in logarithms:
            np.exp(np.subtract(values, best, out=values), out=values)
            total += values if task == "multilabel" else add_up(values)
        share = 1 - 1 / (2 if task == "multilabel" else members.shape[-1])
        masses = logarithms[0]
        masses -= np.multiply(remaining, dtype.type(share), out=remaining)
        total[conflict] = 1
        masses /= total
        if conflict.any():
            _mean_where(conflict, masses, members, dtype)
        write_columns(masses, result[where])

    in_blocks(pool, member_probas.shape, arrays=2)
    return result


def _mean_where(conflict: np.ndarray, masses: np.ndarray, members: np.ndarray, dtype: Any) -> None:
    total = np.zeros(masses.shape, dtype)
    for columns in member_columns(members, Scratch(), dtype):
        total += columns
    np.copyto(masses, total / dtype.type(len(members)), where=conflict)
