"""Copy predictions and labels to the common rows and classes, which `align` has found."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ..errors import AlignmentError
from .names import few

__all__ = ["columns_of", "common_groups", "common_labels", "fill", "inverse", "labels_for", "presence"]

BLOCK_BYTES = 2**18
"""Rows in another order are copied in blocks of about so many bytes, which stay in the cache."""


def inverse(places: np.ndarray, n: int) -> np.ndarray:
    """Turn the place of each row into the row of each place, -1 for a place without row.

    Parameters
    ----------
    places : ndarray of int, shape (n_rows,)
        Different places below ``n``.
    n : int
        Number of places.

    Returns
    -------
    ndarray of int, shape (n,)
    """
    rows = np.empty(n, dtype=np.intp) if len(places) == n else np.full(n, -1, dtype=np.intp)
    rows[places] = np.arange(len(places))
    return rows


def columns_of(own: tuple[Hashable, ...], classes: tuple[Hashable, ...]) -> np.ndarray | None:
    """Find the column of each class, -1 for a class that is not there; None if the classes are the same."""
    if own == classes:
        return None
    places = {name: place for place, name in enumerate(own)}
    return np.fromiter((places.get(name, -1) for name in classes), dtype=np.intp, count=len(classes))


def presence(members: Sequence[Any], rows: Sequence[np.ndarray | None], n: int) -> np.ndarray | None:
    """Tell which member has which row, shape ``(n_members, n)``; None if all have all."""
    if all(p.present is None for p in members) and all(own is None or own.min(initial=0) >= 0 for own in rows):
        return None
    present = np.ones((len(members), n), dtype=bool)
    for place, (member, own) in enumerate(zip(members, rows, strict=True)):
        if own is not None:
            present[place] = own >= 0
        if member.present is not None:
            there = np.flatnonzero(present[place])
            present[place, there] = member.present if own is None else member.present[own[there]]
    return present


def fill(
    out: np.ndarray,
    probas: np.ndarray,
    *,
    rows: np.ndarray | None,
    columns: np.ndarray | None,
    present: np.ndarray | None,
) -> None:
    """Copy the predictions of one member.

    Parameters
    ----------
    out : ndarray of shape (n, ..., n_classes)
        Where they go.
    probas : ndarray of shape (n_rows, ..., n_own_classes)
        Predictions of the member.
    rows, columns : ndarray of int, or None
        Row and column of ``probas`` for each of ``out``, negative for none; None for the same.
    present : ndarray of bool, shape (n,), or None
        Which rows of ``out`` the member has; the others become NaN. Classes that it does not know become 0.
    """
    if rows is None and columns is None:
        out[...] = probas
    elif len(probas):
        step = max(1, BLOCK_BYTES * len(out) // max(1, out.nbytes))
        for start in range(0, len(out), step):
            part = slice(start, start + step)
            block = probas[part] if rows is None else _take(probas, rows[part])
            out[part] = block if columns is None else block.take(columns, axis=-1, mode="clip")
        if columns is not None and columns.min() < 0:
            out[..., columns < 0] = 0
    if present is not None and not present.all():
        out[~present] = np.nan


def _take(probas: np.ndarray, rows: np.ndarray) -> np.ndarray:
    # `take` is the faster one, but it copies the whole of an array that is in another order of memory.
    return probas.take(rows, axis=0, mode="clip") if probas.flags.c_contiguous else probas[rows]


def common_labels(
    members: Sequence[Any], ids: np.ndarray, rows: Sequence[np.ndarray | None], classes: tuple[Hashable, ...]
) -> np.ndarray | None:
    """Join the labels of the members, as codes into ``classes``; refuse labels that differ, or are there for some rows.

    Parameters
    ----------
    members : sequence of Predictions
        Some of them labelled.
    ids : ndarray of shape (n,)
        The common rows.
    rows : sequence of (ndarray of int, or None)
        For each member, its row for each of ``ids``, -1 for none; None for the same rows.
    classes : tuple of str or int
        The common classes.

    Returns
    -------
    ndarray or None
        None if no member is labelled.
    """
    return _common("labels", members, [labels_for(member, classes) for member in members], ids, rows)


def common_groups(members: Sequence[Any], ids: np.ndarray, rows: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Join the groups of the members; refuse groups that differ, or are there for some rows.

    Parameters
    ----------
    members, ids, rows
        As in `common_labels`.

    Returns
    -------
    ndarray or None
        None if no member has groups.
    """
    return _common("groups", members, [member.groups for member in members], ids, rows)


def _common(
    what: str,
    members: Sequence[Any],
    given: Sequence[np.ndarray | None],
    ids: np.ndarray,
    rows: Sequence[np.ndarray | None],
) -> np.ndarray | None:
    labels: np.ndarray | None = None
    source: np.ndarray | None = None  # which member labelled which row; None if the first one labelled all
    first = 0
    for place, (values, own) in enumerate(zip(given, rows, strict=True)):
        if values is None:
            continue
        values, known = _at_rows(values, own, len(ids))
        if labels is None:
            labels, first = values, place
            source = None if known is None else np.where(known, place, -1)
            continue
        if source is None and known is None and (labels is values or np.array_equal(labels, values)):
            continue
        source = np.full(len(ids), first) if source is None else source
        known = np.ones(len(ids), dtype=bool) if known is None else known
        differ = (labels != values).reshape(len(ids), -1).any(axis=1) & known & (source >= 0)
        if differ.any():
            other = members[source[differ][0]].member
            raise AlignmentError(
                f"{what} must agree between members; member {members[place].member!r} and {other!r} differ for "
                f"{few(ids[differ].tolist())}. The ids or the {what} of one of them belong to other rows."
            )
        new = known & (source < 0)
        labels = np.where(new.reshape(-1, *[1] * (labels.ndim - 1)), values, labels)
        source[new] = place
    if source is not None and (source < 0).any():
        raise AlignmentError(
            f"{what} must be known for every row or for none; {few(ids[source < 0].tolist())} of {len(ids)} rows have "
            f"none. Give {what} to the members that have these rows."
        )
    return labels


def _at_rows(values: np.ndarray, rows: np.ndarray | None, n: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Take the labels of these rows; also tell which rows there are, None if all are."""
    if rows is None:
        return values, None
    if not len(values):
        return np.zeros((n, *values.shape[1:]), dtype=values.dtype), np.zeros(n, dtype=bool)
    return values.take(rows, axis=0, mode="clip"), None if rows.min(initial=0) >= 0 else rows >= 0


def labels_for(member: Any, classes: tuple[Hashable, ...]) -> np.ndarray | None:
    """Refer the labels of a member to these classes, among which all of its own are."""
    codes, columns = member.label_codes, columns_of(classes, member.classes)
    if codes is None or columns is None:
        return codes
    if member.kind == "multiclass":
        return columns[codes]
    out = np.zeros((*codes.shape[:-1], len(classes)), dtype=codes.dtype)
    out[..., columns] = codes
    return out
