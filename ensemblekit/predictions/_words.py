"""Texts of fixed width as words of 64 bits, to hash, compare and sort them without a loop over the rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["BLOCK_BYTES", "SHORT", "Form", "codes_of", "shared_start", "short_keys", "short_texts", "sorted_by_words"]

BLOCK_BYTES = 2**19
"""Names are hashed and compared in blocks of about so many bytes, which stay in the cache."""
MOST_SORTED_WORDS = 6
"""Texts are sorted by words of 64 bits, one after the other; longer ones character by character."""
SHORT = 8
"""Texts of so many Latin-1 characters at most are one word."""
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


class Form:
    """How the texts of an array are packed into words of 64 bits: as Latin-1, UCS-2 or UCS-4, whichever holds them."""

    def __init__(self, names: np.ndarray) -> None:
        codes = codes_of(names)
        self._unit = _unit(codes)
        self._width = codes.shape[1]
        self._n_words = -(-self._width * self._unit // 8)
        self.exact = self._n_words == 1

    def keys(self, names: np.ndarray) -> np.ndarray:
        """Pack each text, and hash the words if there are several. Characters that do not fit are cut off."""
        codes = codes_of(names)[:, : self._width]
        keys = np.empty(len(codes), dtype=np.uint64)
        step = max(1, BLOCK_BYTES // (8 * self._n_words))
        packed = np.zeros((min(step, len(codes)), self._n_words * 8 // self._unit), dtype=f"u{self._unit}")
        for start in range(0, len(codes), step):
            block = codes[start : start + step]
            packed[: len(block), : codes.shape[1]] = block
            words = packed[: len(block)].view(np.uint64)
            key = keys[start : start + step]
            key[...] = words[:, 0]
            # The first shift brings a difference down, the product spreads it upwards, the second shift down again.
            for place in range(1, self._n_words):
                key ^= key >> _HALF
                key *= _MULTIPLIER
                key ^= key >> _HALF
                key ^= words[:, place]
        return keys

    def unlike(self, names: np.ndarray) -> np.ndarray | None:
        """Tell which texts do not fit, so that they are none of these; None if all fit."""
        codes = codes_of(names)
        long = codes[:, self._width] != 0 if codes.shape[1] > self._width else None
        if self._unit < 4 and int(codes.max(initial=0)) >= 2 ** (8 * self._unit):
            wide = (codes >= 2 ** (8 * self._unit)).any(axis=1)
            return wide if long is None else wide | long
        return long


def sorted_by_words(names: np.ndarray) -> np.ndarray:
    """Find the order that sorts texts by code point; equal ones stay in their order."""
    codes = codes_of(names)
    # Characters that all texts share, such as those of a folder, have no influence on the order.
    differ = codes[:, (codes != codes[0]).any(axis=0)]
    unit = _unit(codes)
    n_words = -(-differ.shape[1] * unit // 8)
    if n_words > MOST_SORTED_WORDS:
        return np.argsort(names, kind="stable")
    packed = np.zeros((len(names), n_words * 8 // unit), dtype=f">u{unit}")
    packed[:, : differ.shape[1]] = differ
    words = packed.view(">u8")
    order = np.arange(len(names))
    for place in reversed(range(n_words)):
        order = order.take(np.argsort(words[:, place].astype(np.uint64).take(order), kind="stable"))
    return order


def shared_start(texts: Sequence[str]) -> str:
    """Find the characters at the start that all texts share."""
    low, high = min(texts), max(texts)
    length = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return low[:length]


def short_keys(names: np.ndarray, skipped: int = 0) -> np.ndarray | None:
    """Pack texts of at most eight Latin-1 characters into numbers that are in the order of the texts.

    Parameters
    ----------
    names : ndarray of shape (n_names,)
        Validated names.
    skipped : int, default=0
        So many characters at the start do not count, as all texts share them.

    Returns
    -------
    ndarray of uint64 of shape (n_names,), or None
        None if there are others.
    """
    if names.dtype.kind != "U" or names.dtype.itemsize > 4 * (skipped + SHORT):
        return None
    codes = codes_of(names)[:, skipped:]
    if _unit(codes) > 1:
        return None
    packed = np.zeros((len(codes), SHORT), dtype=np.uint8)
    packed[:, : codes.shape[1]] = codes
    return packed.view(">u8")[:, 0].astype(np.uint64)


def short_texts(keys: np.ndarray, start: str = "") -> np.ndarray:
    """Make the texts of which `short_keys` are the numbers.

    Parameters
    ----------
    keys : ndarray of uint64 of shape (n_names,)
        Numbers.
    start : str, default=""
        The characters that were skipped.

    Returns
    -------
    ndarray of str of shape (n_names,)
        As wide as the longest text.
    """
    letters = keys.astype(">u8").view(np.uint8).reshape(len(keys), SHORT)
    width = len(start) + int(letters.any(axis=0).sum())
    codes = np.zeros((len(keys), max(1, width)), dtype=np.uint32)
    codes[:, : len(start)] = [ord(letter) for letter in start]
    codes[:, len(start) : width] = letters[:, : width - len(start)]
    return codes.view(f"U{codes.shape[1]}")[:, 0]


def _unit(codes: np.ndarray) -> int:
    """Compute the bytes that a code point needs."""
    top = int(codes.max(initial=0))
    return 1 if top < 2**8 else 2 if top < 2**16 else 4


def codes_of(names: np.ndarray) -> np.ndarray:
    """View texts of fixed width as code points, shape (n_names, width)."""
    return np.ascontiguousarray(names).view(np.uint32).reshape(len(names), names.dtype.itemsize // 4)
