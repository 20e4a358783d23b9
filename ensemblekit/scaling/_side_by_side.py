"""Combine files with the same ids in the same order, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from ..predictions import Predictions, PredictionSet
from ..predictions.formats import TableWriter
from ._digest_check import DigestCheck
from ._member_files import MemberFiles
from ._plain_members import NotThisWayError, PlainMembers
from ._same_ids import stores_same_ids
from ._threads import Beside, in_order, next_of_each
from ._unique_ids import IdCheck

__all__ = ["combine_side_by_side"]

Combine = Callable[[Any, str], Predictions]


def combine_side_by_side(
    given: Sequence[MemberFiles] | PlainMembers,
    combine: Combine,
    output: TableWriter,
    size: int,
    progress: Callable[[int, int], None],
    memory: int,
) -> int:
    """Combine files with the same ids in the same order.

    Parameters
    ----------
    given : sequence of MemberFiles, or PlainMembers
        Input.
    combine : callable
        Maps a set, or the predictions of each member, and a description of the rows for errors, to combined
        predictions.
    output : TableWriter
        Output.
    size : int
        Rows of a batch.
    progress : callable
        Called with the number of finished rows and the number of all rows.
    memory : int
        Approximate memory limit of checking ids, in bytes.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    NotThisWayError
        If ids differ, or may be repeated.
    """
    members = given.members if isinstance(given, PlainMembers) else given
    if len({member.n_rows for member in members}) > 1:
        raise NotThisWayError
    total = members[0].n_rows
    batches = _batches_of_plain(given, size) if isinstance(given, PlainMembers) else _batches(given, size)
    check = IdCheck(members[0], memory)
    done = 0
    with closing(batches), Beside(output.write) as writing:
        for ids, predictions in batches:
            if not check.update(ids):
                raise NotThisWayError
            where = "" if total <= size else f"rows {done} to {done + len(ids) - 1}"
            writing.give(combine(predictions, where))
            done += len(ids)
            progress(done, total)
    if not check.finish():
        raise NotThisWayError
    return done


def _batches(members: Sequence[MemberFiles], size: int) -> Generator[tuple[np.ndarray, dict[str, Predictions]]]:
    each = next_of_each([_read_checked(member, size) for member in members])
    with closing(each):
        for batches in each:
            ids = [column for column, _ in batches]
            if not all(column.equals(ids[0]) for column in ids[1:]):
                raise NotThisWayError
            yield ids[0].to_numpy(), {m.member: p for m, (_, p) in zip(members, batches, strict=True)}


def _read_checked(member: MemberFiles, size: int) -> Generator[tuple[Any, Predictions]]:
    check = DigestCheck(member)
    for table in member.batches(size):
        predictions = member.predictions(table)
        check.update(predictions)
        yield table.column(member.id), predictions


def _batches_of_plain(plain: PlainMembers, size: int) -> Generator[tuple[np.ndarray, PredictionSet]]:
    first, *others = plain.members
    total = first.n_rows
    rooms, in_use = plain.rooms(), dict[int, np.ndarray]()
    checks = [DigestCheck(member) for member in plain.members]
    known = [True]
    if checks[0].compares_all:
        known += in_order(lambda member: stores_same_ids(first, member), others)
    else:
        known += [False] * len(others)

    def read(place: int) -> Generator[Any]:
        member, check = plain.members[place], checks[place]
        knows = place > 0 and known[place]
        for number, (ids, columns) in enumerate(plain.batches(member, size, with_ids=not knows)):
            start = number * size
            if number not in in_use:  # another thread may ask at the same time, and one of two rooms is unused
                in_use.setdefault(number, rooms.take(min(size, total - start)))
            room = in_use[number][place]
            plain.fill(room, member, columns, range(start, start + len(room)) if ids is None else ids)
            if ids is None:
                check.update_values(room)
            else:
                check.update_rows(ids, room)
            yield ids

    each = next_of_each([read(place) for place in range(len(plain.members))])
    with closing(each):
        for number, (ids, *other_ids) in enumerate(each):
            if not all(own is None or np.array_equal(ids, own) for own in other_ids):
                raise NotThisWayError
            yield ids, plain.aligned(ids, in_use.pop(number))
    for place, knows in enumerate(known):
        if place and knows:
            checks[place].finish(checks[0])
