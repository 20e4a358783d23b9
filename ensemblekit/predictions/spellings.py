"""One name, one spelling, one type: names that look or compare the same and are not are refused where they meet."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from ..errors import InvalidPredictionsError
from ._shown import shortened, shown
from ._words import codes_of
from .joining import FIRST_COMBINING, composed

__all__ = ["WRITE_IN_ONE_WAY", "alike_pair", "check_spellings", "check_types", "escaped", "never_combines"]

WRITE_IN_ONE_WAY = "Write them in one way, e.g. with unicodedata.normalize('NFC', name)."
"""What to do about names that differ only by their Unicode normalisation."""
_JOINING = ((0x1100, 0x11FF), (0x16D60, 0x16D6F))
"""Letters that combine with the one before, and are no marks: of Hangul and Kirat Rai."""


def alike_pair(names: np.ndarray | Collection[Any]) -> tuple[str, str] | None:
    """Find two names that differ only by their Unicode normalisation.

    Parameters
    ----------
    names : ndarray or collection
        Names, which may be repeated; those that are no text are left out.

    Returns
    -------
    tuple of str, or None
        The first such pair; None if there is none.
    """
    if isinstance(names, np.ndarray) and names.dtype.kind == "U":
        if not len(names) or _never_combine(codes_of(names)):
            return None
    else:
        listed = names.tolist() if isinstance(names, np.ndarray) else names
        texts = [name for name in listed if isinstance(name, str)]
        if all(map(str.isascii, texts)):
            return None
        names = np.array(texts, dtype=object)
    normal = composed(names)
    if normal is names:
        return None
    known: dict[str, str] = {}
    others: set[str] = set()
    for name, text in zip(names.tolist(), normal.tolist(), strict=True):
        if name == text:
            others.add(name)
        elif known.setdefault(text, name) != name:
            return known[text], name
    text = next((text for text in known if text in others), None)
    return None if text is None else (text, known[text])


def _never_combine(codes: np.ndarray) -> bool:
    """Tell whether code points are of characters that no normalisation changes, whatever stands beside them."""
    if int(codes.max(initial=0)) < FIRST_COMBINING:  # nearly all names end here
        return True
    there = np.zeros(sys.maxunicode + 1, dtype=bool)
    there[codes.ravel()] = True
    return all(never_combines(chr(code)) for code in np.flatnonzero(there[FIRST_COMBINING:]) + FIRST_COMBINING)


def never_combines(character: str) -> bool:
    """Tell whether a character stays as it is in NFC, and does not combine with the one before.

    Parameters
    ----------
    character : str
        One.

    Returns
    -------
    bool
        False also where it is not sure.
    """
    if unicodedata.category(character)[0] == "M" or any(low <= ord(character) <= high for low, high in _JOINING):
        return False
    return unicodedata.is_normalized("NFC", character)


def check_spellings(names: np.ndarray | Collection[Any], what: str) -> None:
    """Refuse names of which two differ only by their Unicode normalisation.

    Parameters
    ----------
    names : ndarray or collection
        Names, which may be repeated.
    what : str
        What they are, for the error.

    Raises
    ------
    InvalidPredictionsError
        If there are two such names.
    """
    pair = alike_pair(names)
    if pair is not None:
        raise InvalidPredictionsError(
            f"{what} must be spelled in one way; received {escaped(pair[0])} and {escaped(pair[1])}, which look the "
            f"same and differ by their Unicode normalisation. {WRITE_IN_ONE_WAY}"
        )


def escaped(name: str) -> str:
    """Show a name with escapes, by which names that look the same are told apart."""
    return shortened(ascii(name), 100)


def check_types(column: Collection[Any], distinct: Iterable[Any], what: str) -> None:
    """Refuse a column that holds truth values and the numbers 0 or 1, which compare as equal.

    Parameters
    ----------
    column : collection
        The cells.
    distinct : iterable
        Its different cells, of which equal ones are one.
    what : str
        What they are, for the error.

    Raises
    ------
    InvalidPredictionsError
        If both are there.
    """
    if not any(issubclass(kind, bool | int | float | np.bool_ | np.number) for kind in {*map(type, distinct)}):
        return
    if getattr(getattr(column, "dtype", None), "kind", "O") != "O":  # of one type
        return
    kinds = {*map(type, column)}
    if not kinds & {bool, np.bool_} or len(kinds) == 1:
        return
    first: dict[bool, Any] = {}
    for value in column:
        if isinstance(value, bool | np.bool_):
            first.setdefault(True, value)
        elif isinstance(value, int | float | np.number) and value in (0, 1):
            first.setdefault(False, value)
    if len(first) > 1:
        raise InvalidPredictionsError(
            f"{what} must be of one type; received {shown(first[True])} and {shown(first[False])}, a truth value and a "
            "number. Turn them into one type, e.g. [str(value) for value in column]."
        )
