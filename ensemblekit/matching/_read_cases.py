"""Which reader has read which case: a case without marks is not one that was not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InvalidOptionError, InvalidPredictionsError
from ..limits import check_size
from ..predictions.joining import order_of
from ..predictions.names import as_ids, few, joined_names, plain, positions, same_kind, shown
from ..predictions.spellings import check_spellings
from ._columns import as_frame, code_column, find_column

__all__ = ["read_cases", "with_names"]


def with_names(known: np.ndarray, more: list[Any], what: str) -> tuple[np.ndarray, np.ndarray]:
    """Add names to sorted ones; also return where those that were there before are now."""
    if not more:
        return known, np.arange(len(known))
    added = as_ids([*dict.fromkeys(map(plain, more))], what=f"names of the {what}")
    if len(known) and not same_kind(known, added):
        raise InvalidPredictionsError(
            f"read must name each {what} as the marks do; received {shown(added[:1].tolist()[0])} beside "
            f"{shown(known[:1].tolist()[0])}. Name them in one way."
        )
    new = added[positions(known, added) < 0] if len(known) else added
    every = joined_names([known, new]) if len(known) and len(new) else (known if len(known) else new)
    every = every[order_of(every)]
    check_spellings(every, f"names of the {what}")
    return every, positions(every, known) if len(known) else np.empty(0, dtype=np.int64)


def read_cases(
    read: Any, cases: np.ndarray, readers: np.ndarray, case: np.ndarray, reader: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Look up who has read what, and add cases and readers without marks.

    Parameters
    ----------
    read : None, "all", mapping of reader to cases, or table with a case and a reader in each row
        As in `Regions`.
    cases, readers : ndarray
        Sorted names in the marks.
    case, reader : ndarray of int
        Positions of each mark in these.

    Returns
    -------
    tuple
        Names of all cases and readers, the positions of each mark in them, and a bool array of shape ``(n_cases,
        n_readers)``, or None if it is not known.
    """
    if read is None:
        return cases, readers, case, reader, None
    if isinstance(read, str):
        if read != "all":
            raise InvalidOptionError(
                f"read must be 'all', {{reader: cases}}, or a table with a case and a reader in each row; received "
                f"{read!r}."
            )
        check_size(len(cases) * len(readers), "who has read what", InvalidPredictionsError)
        return cases, readers, case, reader, np.ones((len(cases), len(readers)), dtype=bool)
    if isinstance(read, Mapping) and not _has_columns(read):
        pairs: list[tuple[Any, Any]] = []
        for name, of in read.items():
            if isinstance(of, str | bytes) or not hasattr(of, "__iter__"):
                raise InvalidOptionError(
                    f"read must be {{reader: cases}}, with a list of cases; received {shown(of)} for {shown(name)}. "
                    "Give a list, [...]."
                )
            pairs += [(one, name) for one in of]
        named_cases, named_readers = [one for one, _ in pairs], [*read]
        rows_case, rows_reader = named_cases, [name for _, name in pairs]
    else:
        frame = as_frame(read, "read")
        found = [code_column(frame[find_column(frame, what, None)], what) for what in ("case", "reader")]
        (by_case, places), (by_reader, who) = found
        named_cases, named_readers = by_case.tolist(), by_reader.tolist()
        rows_case, rows_reader = by_case[places].tolist(), by_reader[who].tolist()
    cases, moved_cases = with_names(cases, named_cases, "case")
    readers, moved_readers = with_names(readers, named_readers, "reader")
    check_size(len(cases) * len(readers), "who has read what", InvalidPredictionsError)
    matrix = np.zeros((len(cases), len(readers)), dtype=bool)
    place_of_case = {name: place for place, name in enumerate(cases.tolist())}
    place_of_reader = {name: place for place, name in enumerate(readers.tolist())}
    matrix[
        [place_of_case[plain(name)] for name in rows_case], [place_of_reader[plain(name)] for name in rows_reader]
    ] = True
    case, reader = moved_cases[case], moved_readers[reader]
    unread = ~matrix[case, reader]
    if unread.any():
        pairs = [*zip(readers[reader[unread]].tolist(), cases[case[unread]].tolist(), strict=True)]
        raise InvalidPredictionsError(
            f"a reader who marks a case has read it; received {int(unread.sum())} marks by readers who have not, first "
            f"(reader, case) {few(pairs)}. Add these cases to read=."
        )
    return cases, readers, case, reader, matrix


def _has_columns(read: Mapping[Any, Any]) -> bool:
    """Tell a mapping of columns from one of readers."""
    return {"case", "reader"} <= {name.lower() for name in read if isinstance(name, str)}
