"""Find names in names: which are repeated, where each one stands, and which are among others.

Whole numbers are found in a table of their range, or by sorting; texts by a 64-bit hash of their characters. What a
hash finds is compared as text before it is believed: texts of equal hash cost time, and never an error.
"""

from __future__ import annotations

import unicodedata
import weakref
from typing import Any, Protocol

import numpy as np

from ._words import BLOCK_BYTES, SHORT, Form, codes_of, shared_start, short_keys, short_texts, sorted_by_words
from .keys import Key, key_of

__all__ = [
    "SHORT",
    "Lookup",
    "all_different",
    "among",
    "composed",
    "is_text",
    "order_of",
    "positions",
    "same_kind",
    "same_names",
    "shared",
    "shared_start",
    "short_keys",
    "short_texts",
]

FEW = 200
"""For fewer names than this, a dict is faster than arrays."""
DENSE = 4
"""Whole numbers get a table of their range if that is at most this many times as long as they are."""
WORTH_SHARING = 2**12
"""Arrays of fewer names are not shared, as finding an equal one would take longer than comparing them."""
SAMPLED = 64
"""Names by which an equal array is found; then all names are compared."""
FIRST_COMBINING = 0x300
"""Texts of smaller code points are the same in every Unicode normalisation that keeps letters apart (NFC)."""
_KNOWN: weakref.WeakValueDictionary[tuple[str, int, bytes, Key | None], np.ndarray] = weakref.WeakValueDictionary()


def is_text(names: np.ndarray) -> bool:
    """Tell whether validated ids are text; otherwise they are integers.

    Parameters
    ----------
    names : ndarray
        `Predictions.ids`, `fit_ids` or the like. Text is fixed-width, or ``str`` in an array of objects.

    Returns
    -------
    bool
    """
    return names.dtype.kind in "UO"


def same_kind(names: np.ndarray, others: np.ndarray) -> bool:
    """Tell whether two arrays of validated ids are both text or both integers."""
    return is_text(names) == is_text(others)


def same_names(names: np.ndarray, others: np.ndarray) -> bool:
    """Tell whether two arrays of validated ids hold the same names in the same order."""
    if names is others:
        return True
    if len(names) != len(others) or not same_kind(names, others):
        return False
    if len(names) < FEW:
        return names.tolist() == others.tolist()
    return all(_equal(names[rows], others[rows]) for rows in _blocks(names))


def shared(names: np.ndarray) -> np.ndarray:
    """Return the array in use that holds the same names in the same order; this one if there is none.

    The ids of several members are then one array: it takes its memory once, and is known to be equal at no cost.

    Parameters
    ----------
    names : ndarray
        Validated ids, read-only.

    Returns
    -------
    ndarray
    """
    if len(names) < WORTH_SHARING or names.dtype.kind == "O":
        return names
    key = (names.dtype.str, len(names), names[:: len(names) // SAMPLED].tobytes(), key_of(names))
    known = _KNOWN.get(key)
    if known is not None and not known.flags.writeable and same_names(known, names):
        return known
    _KNOWN[key] = names
    return names


def all_different(names: np.ndarray) -> bool:
    """Tell whether no name is repeated.

    Parameters
    ----------
    names : ndarray of shape (n_names,)
        Ids, integers or text as `Predictions` keeps them.

    Returns
    -------
    bool
    """
    if len(names) < FEW or names.dtype.kind == "O":
        return len(set(names.tolist())) == len(names)
    if not is_text(names) and bool((names[1:] > names[:-1]).all()):
        return True
    keys, exact = _keys(names)
    ordered = np.sort(keys)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if exact or not len(again):
        return not len(again)
    suspects = names[np.isin(keys, again)].tolist()
    return len(set(suspects)) == len(suspects)


def positions(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Find the position of each wanted id in ``ids``, which are all different; -1 for an unknown id."""
    if same_names(ids, wanted):
        return np.arange(len(wanted))
    return Lookup(ids).positions(wanted)


def order_of(names: np.ndarray) -> np.ndarray:
    """Find the order that sorts names; equal ones stay in their order.

    Parameters
    ----------
    names : ndarray of shape (n_names,)
        Validated ids.

    Returns
    -------
    ndarray of int, shape (n_names,)
        Positions in sorted order: of text by code point, as Python sorts.
    """
    if len(names) < FEW or names.dtype.kind != "U":
        return np.argsort(names, kind="stable")
    return sorted_by_words(names)


def among(names: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Tell which validated ids are among others, for a check of leakage.

    Parameters
    ----------
    names, others : ndarray
        Ids, as `Predictions` keeps them.

    Returns
    -------
    ndarray of bool, shape (n_names,)
        All False if one array is text and the other integers.

    Notes
    -----
    Names that differ only by Unicode normalisation are the same here: a file name that one system writes as ``é`` and
    another as ``e`` with an accent is one row.
    """
    if not same_kind(names, others):
        return np.zeros(len(names), dtype=bool)
    if is_text(names):
        one, other = composed(names), composed(others)
        if one is not names or other is not others:  # composed names may be repeated
            known = set(other.tolist())
            return np.fromiter((name in known for name in one.tolist()), dtype=bool, count=len(names))
    return positions(others, names) >= 0


def composed(names: np.ndarray) -> np.ndarray:
    """Normalise validated ids to NFC, so that names that look alike are equal; the same array if all of them are so."""
    if not is_text(names) or not len(names):
        return names
    if names.dtype.kind == "U":
        rows = np.flatnonzero((codes_of(names) >= FIRST_COMBINING).any(axis=1))
        candidates: list[str] = names[rows].tolist()
    else:
        rows, candidates = np.arange(len(names)), names.tolist()
    if all(unicodedata.is_normalized("NFC", name) for name in candidates):
        return names
    changed = names.astype(object)
    changed[rows] = [unicodedata.normalize("NFC", name) for name in candidates]
    return changed


class _Way(Protocol):
    def positions(self, wanted: np.ndarray) -> np.ndarray: ...


class Lookup:
    """Where each name stands in an array of names. It is built once, and asked for many arrays.

    Parameters
    ----------
    names : ndarray of shape (n_names,)
        Validated ids, all different.
    """

    def __init__(self, names: np.ndarray) -> None:
        self._names = names
        self._way: _Way
        if len(names) < FEW or names.dtype.kind == "O":
            self._way = _Dictionary(names)
        elif is_text(names):
            self._way = _Hashes(names)
        elif int(names.max()) - int(names.min()) < DENSE * len(names):
            self._way = _Range(names)
        else:
            self._way = _Ordered(names)

    def positions(self, wanted: np.ndarray) -> np.ndarray:
        """Find the position of each wanted name.

        Parameters
        ----------
        wanted : ndarray of shape (n_wanted,)
            Validated ids.

        Returns
        -------
        ndarray of int, shape (n_wanted,)
            -1 for a name that is not there.
        """
        if not same_kind(self._names, wanted):
            return np.full(len(wanted), -1)
        if isinstance(self._way, _Hashes) and wanted.dtype.kind == "O":
            self._way = _Dictionary(self._names)
        rows = self._way.positions(wanted)
        if isinstance(self._way, _Hashes) and not self._way.exact and not _match(self._names, rows, wanted):
            self._way = _Dictionary(self._names)
            return self._way.positions(wanted)
        return rows


class _Dictionary:
    """Names by Python's own hashing."""

    def __init__(self, names: np.ndarray) -> None:
        self._rows = {name: row for row, name in enumerate(names.tolist())}

    def positions(self, wanted: np.ndarray) -> np.ndarray:
        rows = self._rows
        return np.fromiter((rows.get(name, -1) for name in wanted.tolist()), dtype=np.intp, count=len(wanted))


class _Range:
    """Whole numbers that nearly fill a range: a table of the range."""

    def __init__(self, names: np.ndarray) -> None:
        self._low, self._high = int(names.min()), int(names.max())
        self._table = np.full(self._high - self._low + 1, -1, dtype=np.intp)
        self._table[names - self._low] = np.arange(len(names))

    def positions(self, wanted: np.ndarray) -> np.ndarray:
        inside = (wanted >= self._low) & (wanted <= self._high)
        if inside.all():
            return self._table.take(wanted - self._low)
        rows = np.full(len(wanted), -1, dtype=np.intp)
        rows[inside] = self._table.take(wanted[inside] - self._low)
        return rows


class _Ordered:
    """Whole numbers, sorted."""

    def __init__(self, keys: np.ndarray) -> None:
        self._order = np.argsort(keys)
        self._keys = keys.take(self._order)

    def positions(self, wanted: np.ndarray) -> np.ndarray:
        order = np.argsort(wanted)
        ordered = wanted.take(order)
        rows = np.empty(len(wanted), dtype=np.intp)
        if np.array_equal(ordered, self._keys):
            rows[order] = self._order
            return rows
        # Sorted keys are looked up one beside the other, which is faster than in any order.
        places = np.minimum(np.searchsorted(self._keys, ordered), len(self._keys) - 1)
        rows[order] = np.where(self._keys.take(places) == ordered, self._order.take(places), -1)
        return rows


class _Hashes:
    """Texts of fixed width, by 64-bit keys; the keys are the texts themselves if these have at most 64 bits."""

    def __init__(self, names: np.ndarray) -> None:
        self._form = Form(names)
        self._ordered = _Ordered(self._form.keys(names))
        self.exact = self._form.exact

    def positions(self, wanted: np.ndarray) -> np.ndarray:
        rows = self._ordered.positions(self._form.keys(wanted))
        unlike = self._form.unlike(wanted)
        if unlike is not None:
            rows[unlike] = -1
        return rows


def _keys(names: np.ndarray) -> tuple[np.ndarray, bool]:
    """Compute a number for each name, and whether different names always have different numbers."""
    if not is_text(names):
        return names, True
    form = Form(names)
    return form.keys(names), form.exact


def _blocks(names: np.ndarray) -> list[slice]:
    step = max(1, BLOCK_BYTES // names.dtype.itemsize)
    return [slice(start, start + step) for start in range(0, len(names), step)]


def _equal(names: np.ndarray, others: np.ndarray) -> bool:
    if names.dtype.kind == "U" and names.dtype == others.dtype:
        return np.array_equal(codes_of(names), codes_of(others))  # faster than as texts
    return np.array_equal(np.asarray(names), np.asarray(others))


def _match(names: np.ndarray, rows: np.ndarray, wanted: np.ndarray) -> bool:
    """Tell whether each wanted name that was found is the one that stands there."""
    for block in _blocks(wanted):
        places: Any = rows[block]
        found = places >= 0
        if found.all():
            if not _equal(names.take(places), wanted[block]):
                return False
        elif not _equal(names.take(places[found]), wanted[block][found]):
            return False
    return True
