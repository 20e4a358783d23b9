"""Several runs side by side: the same queries and item codes for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import InvalidPredictionsError
from ..predictions.joining import Lookup, is_text, order_of, same_names, shared_start, short_keys, short_texts
from ..predictions.names import joined_names, readonly, shown
from ..predictions.spellings import WRITE_IN_ONE_WAY, alike_pair, escaped
from .runs import Run

__all__ = ["Joined", "check_one_spelling", "join_runs", "joined"]


class Joined(NamedTuple):
    """Runs side by side.

    Attributes
    ----------
    queries : ndarray of shape (n_queries,)
        Sorted names of the queries of any run.
    names : ndarray or None
        Sorted names of the items of any run, if they are text.
    starts, stops : ndarray of int64, shape (n_members, n_queries)
        The rows of each query in each run.
    codes : list of (ndarray or None)
        Position in ``names`` of each item name of a run; None where they are the same.
    low, high : int
        Smallest and largest code of an item.
    """

    queries: np.ndarray
    names: np.ndarray | None
    starts: np.ndarray
    stops: np.ndarray
    codes: list[np.ndarray | None]
    low: int
    high: int

    @property
    def rows_before(self) -> np.ndarray:
        """Number of rows before each query, and of all, shape ``(n_queries + 1,)``."""
        return np.append(0, np.cumsum((self.stops - self.starts).sum(axis=0)))


def join_runs(runs: Sequence[Run]) -> Joined:
    """Put runs side by side.

    Parameters
    ----------
    runs : sequence of Run
        Of the same kinds of names.

    Returns
    -------
    Joined

    Raises
    ------
    InvalidPredictionsError
        If names of two runs differ only by their Unicode normalisation.
    """
    some = [run for run in runs if len(run)]
    whose = [run.member for run in some]
    queries, own = joined([run.queries for run in some])
    check_one_spelling("queries", queries, [run.queries for run in some], whose)
    starts = np.zeros((len(runs), len(queries)), dtype=np.int64)
    stops = np.zeros_like(starts)
    filled = [k for k, run in enumerate(runs) if len(run)]
    for k, places in zip(filled, own, strict=True):
        at = slice(None) if places is None else places
        starts[k, at], stops[k, at] = runs[k].starts[:-1], runs[k].starts[1:]
    codes: list[np.ndarray | None] = [None] * len(runs)
    names = None
    texts = [run.item_names for run in runs if run.item_names is not None and len(run)]
    if texts:
        names, found = joined(texts)
        check_one_spelling("items", names, texts, whose)
        for k, code in zip(filled, found, strict=True):
            codes[k] = code
        low, high = 0, max(0, len(names) - 1)
    else:
        low = min((int(runs[k].item_code.min()) for k in filled), default=0)
        high = max((int(runs[k].item_code.max()) for k in filled), default=0)
    return Joined(queries, names, starts, stops, codes, low, high)


def joined(arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Join sorted names.

    Parameters
    ----------
    arrays : sequence of ndarray
        Sorted names of one kind, in each all different.

    Returns
    -------
    tuple
        The sorted names of any, and the positions of those of each array in them; None for one that has all.
    """
    if not arrays:
        return np.empty(0, dtype=np.int64), []
    first = max(arrays, key=len)
    if all(names is first for names in arrays):
        return first, [None] * len(arrays)
    if is_text(first):
        start = shared_start([str(name) for names in arrays for name in names[[0, -1]]])
        keys = [short_keys(names, len(start)) for names in arrays]
        known = [key for key in keys if key is not None]
        if len(known) == len(keys):
            return _joined_short(known, start)
    others = [names for names in arrays if not same_names(names, first)]
    if others:
        lookup = Lookup(first)
        new = [names[lookup.positions(names) < 0] for names in others]
        new = [names for names in new if len(names)]
        if new:
            added = joined_names(new)
            added = added[order_of(added)]
            added = added[np.append(True, added[1:] != added[:-1])]
            first = joined_names([first, added])
            first = readonly(first[order_of(first)])
    lookup = Lookup(first)
    return first, [None if same_names(names, first) else lookup.positions(names) for names in arrays]


def check_one_spelling(what: str, every: np.ndarray, arrays: Sequence[np.ndarray], whose: Sequence[str | None]) -> None:
    """Refuse names of several sides of which two differ only by their Unicode normalisation.

    Parameters
    ----------
    what : str
        What they are, for the error.
    every : ndarray
        The names of any side.
    arrays : sequence of ndarray
        The names of each.
    whose : sequence of (str or None)
        Who names them so.

    Raises
    ------
    InvalidPredictionsError
        If there are two such names.
    """
    pair = alike_pair(every)
    if pair is None:
        return
    sides = [next(who for who, names in zip(whose, arrays, strict=True) if name in names.tolist()) for name in pair]
    came = [
        f"{escaped(name)}{'' if who is None else f' from {shown(who)}'}" for name, who in zip(pair, sides, strict=True)
    ]
    raise InvalidPredictionsError(
        f"{what} must be spelled in one way; received {came[0]} and {came[1]}, which look the same and differ by their "
        f"Unicode normalisation. {WRITE_IN_ONE_WAY}"
    )


def _joined_short(keys: Sequence[np.ndarray], start: str) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Join names by numbers in the same order, which are sorted, so that no text is."""
    every = np.concatenate(keys)
    every.sort()
    every = every[np.append(True, every[1:] != every[:-1])]
    codes = [None if len(own) == len(every) else np.searchsorted(every, own) for own in keys]
    return readonly(short_texts(every, start)), codes
