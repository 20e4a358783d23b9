"""Ids that are made of columns: the key, which says what the parts of an id are, goes where the ids go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Key", "KeyedIds", "key_of", "with_key"]


@dataclass(frozen=True, slots=True)
class Key:
    """What the parts of ids are.

    Attributes
    ----------
    names : tuple of str
        Names of the key columns, in the order of the parts.
    kinds : tuple of {"text", "int", "date", "time"}
        What each column holds. ``date`` is a point in time without a time of day.
    time : tuple of str
        Which of them is the forecast origin, and which the date of the outcome if that is said too.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    time: tuple[str, ...] = ()


class KeyedIds(np.ndarray):
    """Ids as text, with the key that says what their parts are.

    Rows that are taken, sorted or copied keep the key, so that whoever matches rows by id has it too.

    Attributes
    ----------
    key : Key or None
        None of what is no longer ids, such as their code points.
    """

    key: Key | None

    def __array_finalize__(self, source: Any, /) -> None:
        """Hand the key on to what is made of these ids."""
        self.key = getattr(source, "key", None) if self.dtype.kind in "UO" else None

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False, /) -> Any:
        """Give what is computed from ids as plain values."""
        return array[()] if return_scalar else np.asarray(array)

    def __reduce__(self) -> Any:
        """Pickle the key too."""
        make, arguments, state = super().__reduce__()  # pyright: ignore[reportGeneralTypeIssues, reportAssignmentType]
        return make, arguments, (self.key, state)

    def __setstate__(self, state: Any, /) -> None:
        """Restore the key too."""
        self.key, own = state
        super().__setstate__(own)


def key_of(ids: Any) -> Key | None:
    """Get the key of ids; None for ids of one part."""
    return ids.key if isinstance(ids, KeyedIds) else None


def with_key(ids: np.ndarray, key: Key | None) -> np.ndarray:
    """Make ids of the same text that have this key; without one, plain ids."""
    if key_of(ids) == key:
        return ids
    plain = ids.view(np.ndarray)
    if key is None:
        return plain
    keyed = plain.view(KeyedIds)
    keyed.key = key
    return keyed
