"""Members whose batches can be put into one array as they are read: saved files with the same columns, no labels."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from ..errors import InvalidPredictionsError
from ..predictions import PredictionSet
from ..predictions.batches import fill_rows
from ..predictions.formats import text_column, values_of_array
from ..predictions.names import as_ids, readonly
from ._member_files import MemberFiles
from ._plain_pages import plain_pages

__all__ = ["NotThisWayError", "PlainMembers", "ids_of", "plain_members"]

KEPT = 10
"""Most arrays that are used again."""


class NotThisWayError(Exception):
    """Raised if files cannot be combined in the way that was begun."""


def _references(rooms: Sequence[np.ndarray], place: int) -> int:
    return sys.getrefcount(rooms[place])


UNUSED = _references([np.empty(0)], 0)
"""References to an array that only the list has, which versions of Python count differently."""


class Rooms:
    """Arrays of shape ``(n_members, n_rows, n_classes)``, used again when nobody has them: new memory is slow at first.

    Parameters
    ----------
    n_members, n_classes : int
        First and last axis.
    dtype : dtype
        Of the values.
    """

    def __init__(self, n_members: int, n_classes: int, dtype: np.dtype[Any]) -> None:
        self._n_members, self._n_classes, self._dtype = n_members, n_classes, dtype
        self._rooms: list[np.ndarray] = []
        self._lock = Lock()

    def take(self, n_rows: int) -> np.ndarray:
        """Get an array; what it holds is undefined."""
        shape = (self._n_members, n_rows, self._n_classes)
        with self._lock:
            for place in range(len(self._rooms)):
                # A view of it refers to it, too, and so does whoever keeps a set.
                if self._rooms[place].shape == shape and _references(self._rooms, place) <= UNUSED:
                    room = self._rooms[place]
                    room.flags.writeable = True
                    return room
            room = np.empty(shape, self._dtype)
            if len(self._rooms) < KEPT:
                self._rooms.append(room)
            return room


class PlainMembers(NamedTuple):
    """Members with the same classes in the same order, of the same dtype, without labels and absent rows.

    Attributes
    ----------
    members : list of MemberFiles
        The members.
    empty : PredictionSet
        The set without rows, which has all names but the ids.
    dtype : dtype
        Of the values.
    """

    members: list[MemberFiles]
    empty: PredictionSet
    dtype: np.dtype[Any]

    def rooms(self) -> Rooms:
        """Make arrays for the values of all members, one after the other."""
        return Rooms(len(self.members), len(self.empty.classes), self.dtype)

    def batches(self, member: MemberFiles, size: int, *, with_ids: bool = True) -> Generator[tuple[Any, Any]]:
        """Yield arrays of the ids of the next rows, or None, and of the values of each class.

        The values are valid until the next batch is asked for.
        """
        names = [f"proba:{name}" for name in self.empty.classes]
        pages = plain_pages(member, names, self.dtype)
        if pages is None:
            for table in member.batches(size, None if with_ids else names):
                yield ids_of(table, member) if with_ids else None, [_values(table.column(name)) for name in names]
            return
        with pages:
            if with_ids:
                for table in member.batches(size, [member.id]):
                    yield ids_of(table, member), pages.read(len(table))
            else:
                for start in range(0, member.n_rows, size):
                    yield None, pages.read(min(size, member.n_rows - start))

    def fill(self, out: np.ndarray, member: MemberFiles, columns: Sequence[np.ndarray] | np.ndarray, ids: Any) -> None:
        """Copy the values of each class into rows, and check them; an error names the file."""
        who = f"probas of member {member.member!r}"
        try:
            fill_rows(out, columns, ids=ids, classes=self.empty.classes, task=self.empty.task, who=who)
        except InvalidPredictionsError as error:
            raise InvalidPredictionsError(f"{member.where}: {error}") from None

    def aligned(self, ids: np.ndarray, member_probas: np.ndarray) -> PredictionSet:
        """Name rows that are valid and aligned."""
        fields = {name: getattr(self.empty, name) for name in PredictionSet.__slots__}
        return PredictionSet(
            **fields | {"ids": ids, "member_probas": member_probas, "fit_ids": dict(self.empty.fit_ids)}
        )


def plain_members(members: Sequence[MemberFiles], empty: PredictionSet) -> PlainMembers | None:
    """Tell whether the batches of members need no conversion but to rows, and describe them; None if they need one.

    Parameters
    ----------
    members : sequence of MemberFiles
        Input.
    empty : PredictionSet
        Their alignment without rows.
    """
    import pyarrow as pa

    dtype = empty.member_probas.dtype
    stored = {"float32": pa.float32(), "float64": pa.float64()}.get(dtype.name)
    if stored is None or empty.member_probas.ndim != 3:
        return None
    for member in members:
        meta, schema = member.meta, member.headers[0].schema
        if (
            meta is None
            or meta["labelled"]
            or "groups" in meta
            or meta["missing"] != "error"
            or tuple(meta["classes"]) != empty.classes
            or any(schema.field(f"proba:{name}").type != stored for name in empty.classes)
        ):
            return None
    return PlainMembers(list(members), empty, dtype)


def ids_of(table: Any, member: MemberFiles) -> np.ndarray:
    """Get the ids of a table; text is checked as `Predictions` checks it."""
    column = table.column(member.id)
    if not member.text_ids:
        return readonly(_values(column))
    try:
        return as_ids(text_column(column))
    except InvalidPredictionsError as error:
        raise InvalidPredictionsError(f"{member.where}: {error}") from None


def _values(column: Any) -> np.ndarray:
    return values_of_array(column.chunk(0)) if column.num_chunks == 1 else column.to_numpy()
