"""What was fitted, for rows that are joined: of parts, of members that are combined, and of groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ._fits import Fits, Fitted
from .joining import positions, same_names
from .names import all_fit_ids, readonly

__all__ = ["join_groups", "join_members", "join_parts"]


def join_parts(parts: Sequence[tuple[Fitted, int, str]]) -> Fitted:
    """Join what the rows of several parts were fitted on, one part after the other.

    Parameters
    ----------
    parts : sequence of (Fitted, int, str)
        What is known, the number of rows, and a name for the fold of a part that has none.
    """
    if all(fitted.ids is None and fitted.groups is None for fitted, _, _ in parts):
        return Fitted()
    ids, groups, pieces = _unified([_as_fits(*part) for part in parts])
    return _finished(
        [name for piece in pieces for name in piece.names],
        np.concatenate([np.where(p.codes < 0, -1, p.codes + n) for p, n in zip(pieces, _offsets(pieces), strict=True)]),
        ids, np.concatenate([piece.in_ids for piece in pieces]),
        groups, None if groups is None else np.concatenate([piece.in_groups for piece in pieces]),
    )  # fmt: skip


def join_members(members: Sequence[Fitted], n_rows: int) -> Fitted:
    """Join what several members were fitted on whose predictions of the same rows are combined."""
    if all(fitted.fits is None for fitted in members):
        return Fitted(all_fit_ids([m.ids for m in members]), all_fit_ids([m.groups for m in members]))
    ids, groups, pieces = _unified([_as_fits(fitted, n_rows, "") for fitted in members])
    codes = np.zeros(n_rows, dtype=np.intp)
    combos = np.zeros((1, 0), dtype=np.intp)  # which fold of each member
    for piece in pieces:
        width = len(piece.names) + 1
        used, codes = np.unique(codes * width + piece.codes + 1, return_inverse=True)
        combos = np.column_stack([combos[used // width], used % width - 1])
    names, in_ids = [], np.zeros((len(combos), len(ids)), dtype=bool)
    in_groups = None if groups is None else np.zeros((len(combos), len(groups)), dtype=bool)
    for place, combo in enumerate(combos.tolist()):
        own = [(piece, fold) for piece, fold in zip(pieces, combo, strict=True) if fold >= 0]
        names.append("+".join(dict.fromkeys(piece.names[fold] for piece, fold in own if piece.names[fold])))
        for piece, fold in own:
            in_ids[place] |= piece.in_ids[fold]
            if in_groups is not None and piece.in_groups is not None:
                in_groups[place] |= piece.in_groups[fold]
    return _finished(names, codes, ids, in_ids, groups, in_groups)


def join_groups(fitted: Fitted, codes: np.ndarray, n_groups: int) -> Fitted:
    """Turn what was fitted into what holds for groups of rows: their names are the groups.

    Parameters
    ----------
    fitted : Fitted
        For rows.
    codes : ndarray of int, shape (n_samples,)
        Number of the group of each row.
    n_groups : int
        How many groups there are.
    """
    fits = fitted.fits
    if fits is None or fits.groups is None or fits.in_groups is None:
        return Fitted(fitted.groups, None)
    member = np.zeros((n_groups, len(fits.names)), dtype=bool)  # which models predicted rows of which group
    here = fits.codes >= 0
    member[codes[here], fits.codes[here]] = True
    combos, places = np.unique(member, axis=0, return_inverse=True)
    names = ["+".join(name for name, own in zip(fits.names, combo, strict=True) if own) for combo in combos]
    in_ids = np.stack([fits.in_groups[combo].any(axis=0) for combo in combos]) if len(combos) else fits.in_groups[:0]
    new = np.where(member.any(axis=1), places, -1)
    return _finished(names, new, fits.groups, in_ids, None, None)


def _as_fits(fitted: Fitted, n_rows: int, name: str) -> Fits:
    if fitted.fits is not None:
        return fitted.fits
    ids, groups = fitted.ids, fitted.groups
    ids = np.empty(0, dtype=np.int64) if ids is None else ids
    whole = None if groups is None else np.ones((1, len(groups)), dtype=bool)
    return Fits((name,), np.zeros(n_rows, dtype=np.intp), ids, np.ones((1, len(ids)), dtype=bool), groups, whole)


def _unified(pieces: Sequence[Fits]) -> tuple[np.ndarray, np.ndarray | None, list[Any]]:
    """Refer all pieces to one union of ids and one of groups."""
    ids = all_fit_ids([piece.ids for piece in pieces if len(piece.ids)] or [pieces[0].ids])
    assert ids is not None  # noqa: S101 - for the type checker
    groups = all_fit_ids([piece.groups for piece in pieces])
    return ids, groups, [
        replace(
            piece,
            in_ids=_spread(piece.in_ids, piece.ids, ids),
            in_groups=None if groups is None else _spread(piece.in_groups, piece.groups, groups, len(piece.names)),
        )
        for piece in pieces
    ]  # fmt: skip


def _spread(own: np.ndarray | None, names: np.ndarray | None, union: np.ndarray, n: int = 0) -> np.ndarray:
    if own is None or names is None:
        return np.zeros((n, len(union)), dtype=bool)
    if same_names(names, union):
        return own
    out = np.zeros((len(own), len(union)), dtype=bool)
    out[:, positions(union, names)] = own
    return out


def _offsets(pieces: Sequence[Fits]) -> list[int]:
    return np.cumsum([0, *(len(piece.names) for piece in pieces[:-1])]).tolist()


def _finished(
    names: list[str], codes: np.ndarray, ids: np.ndarray, in_ids: np.ndarray, groups: Any, in_groups: Any
) -> Fitted:
    """Join folds that were fitted on the same, give different names to the others, and sort them."""
    packed = np.packbits(in_ids if in_groups is None else np.concatenate([in_ids, in_groups], axis=1), axis=1)
    firsts: dict[tuple[str, bytes], int] = {}
    contents = [row.tobytes() for row in packed]
    of_old = [firsts.setdefault(key, place) for place, key in enumerate(zip(names, contents, strict=True))]
    if (len({*contents}) == 1 and len({*names}) > 1) or len({*of_old}) == 1:
        return Fitted(ids, groups)
    kept = [*dict.fromkeys(of_old)]
    unique = dict(zip(kept, _different([names[place] for place in kept]), strict=True))
    order = sorted(kept, key=unique.__getitem__)
    new = {place: number for number, place in enumerate(order)}
    codes = np.array([*(new[place] for place in of_old), -1], dtype=np.intp)[codes]
    part = None if in_groups is None else readonly(in_groups[order])
    return Fitted(
        ids, groups, Fits(tuple(unique[p] for p in order), readonly(codes), ids, readonly(in_ids[order]), groups, part)
    )


def _different(names: Sequence[str]) -> list[str]:
    taken: set[str] = set()
    out: list[str] = []
    for name in names:
        own, number = name or "fold", 2
        while own in taken:
            own, number = f"{name or 'fold'}-{number}", number + 1
        taken.add(own)
        out.append(own)
    return out
