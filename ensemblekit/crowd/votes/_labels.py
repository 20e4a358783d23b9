"""Cells of a table of votes as choices: a class, abstained, failed or absent."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Collection, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import InvalidOptionError, InvalidPredictionsError, UnvotedClassWarning
from ...predictions.alike import normalisation_note
from ...predictions.named import read_named
from ...predictions.names import as_classes, few, plain, positions, readonly, same_kind, shown
from ...predictions.spellings import WRITE_IN_ONE_WAY, check_spellings
from ._names import distinct, plain_names

__all__ = ["ABSTAINED", "FAILED", "Choices", "Policies", "choices_of", "codes_of_gold"]

ABSTAINED = -1
"""Choice of a rater who was asked and chose no class."""
FAILED = -2
"""Choice of a rater whose answer cannot be read."""
_ABSENT = -3


class Policies(NamedTuple):
    """What the cells mean that are no class; as in `Votes`."""

    abstained: Collection[Hashable]
    failed: Collection[Hashable]
    empty: str
    unknown: str
    repeated: str


class Choices(NamedTuple):
    """The choices of votes.

    Attributes
    ----------
    classes : tuple of str or int
        Names of the classes.
    choice : ndarray of int32
        Position in ``classes``, `ABSTAINED` or `FAILED`; absent votes are left out.
    kept : ndarray of bool, or None
        Which rows are not absent; None if all are there.
    order : tuple of str or int, or None
        The classes from the lowest to the highest, if the labels have an order.
    """

    classes: tuple[Hashable, ...]
    choice: np.ndarray
    kept: np.ndarray | None
    order: tuple[Hashable, ...] | None


def choices_of(
    labels: list[Any],
    codes: np.ndarray,
    classes: Sequence[Hashable] | None,
    gold: Any,
    policies: Policies,
    order: list[Any] | None = None,
    *,
    written: bool = False,
) -> Choices:
    """Turn the cells of a column of labels into choices.

    Parameters
    ----------
    labels : list
        Different cells.
    codes : ndarray of int, shape (n_rows,)
        Positions in ``labels``; -1 for an empty cell.
    classes : sequence of str or int, or None
        Names of the classes; None for all labels that are there.
    gold : object
        Known labels, as in `Votes`, which are classes too.
    policies : Policies
        What the cells mean that are no class.
    order : list, optional
        All labels of an ordered column, from the lowest to the highest. They are the classes, in this order.
    written : bool, default=False
        Whether the labels are those of a text file, in which a number and its text are the same.

    Returns
    -------
    Choices
    """
    for word in ("abstained", "failed"):
        if isinstance(getattr(policies, word), str):
            raise InvalidOptionError(f"{word} must be a list of labels; received {getattr(policies, word)!r}.")
    meaning = {str(plain(name)): FAILED for name in policies.failed}
    abstained = {str(plain(name)): ABSTAINED for name in policies.abstained}
    if both := {*meaning} & {*abstained}:
        raise InvalidOptionError(f"a label means abstained or failed; received {shown(sorted(both))} for both.")
    meaning |= abstained
    _check_one_type(labels)
    if note := normalisation_note([*meaning], [label for label in labels if label not in meaning]):
        raise InvalidOptionError(f"abstained and failed must name labels as they are written.{note} {WRITE_IN_ONE_WAY}")
    scale = None if order is None else [label for label in order if str(label) not in meaning]
    answers = [label for label in labels if str(label) not in meaning] if scale is None else scale
    names = _classes(answers, classes, gold, in_order=scale is not None, written=written)
    steps = None if scale is None else _steps(scale, names)
    places = _places(labels, names, written)
    place_of = [meaning.get(str(label), place) for label, place in zip(labels, places, strict=True)]
    if strange := [label for label, place in zip(labels, place_of, strict=True) if place is None]:
        note = _near_note(strange, names)
        if note or policies.unknown == "error":
            raise InvalidPredictionsError(
                f"labels must be among the classes {shown(names)}; received others: {few(strange)}.{note} Say what "
                f"they mean: abstained={shown(strange[:3], 100)}, failed=... or, for all of them, unknown='failed'."
            )
        place_of = [FAILED if place is None else place for place in place_of]
    empty = {"absent": _ABSENT, "abstained": ABSTAINED, "failed": FAILED, "error": _ABSENT}[policies.empty]
    choice = np.array([*place_of, empty], dtype=np.int32)[codes]
    if policies.empty == "error" and (codes < 0).any():
        raise InvalidPredictionsError(
            f"each vote must have a label; {int((codes < 0).sum())} of {len(codes)} are empty, first in row "
            f"{int((codes < 0).argmax())}. Say what an empty cell means: empty='abstained', 'failed' or 'absent'."
        )
    if empty != _ABSENT or not (codes < 0).any():
        return Choices(names, choice, None, steps)
    kept = codes >= 0
    return Choices(names, choice[kept], kept, steps)


def _places(labels: list[Any], names: tuple[Hashable, ...], written: bool) -> list[int | None]:
    """Find each label among the classes; in a text file a number and its text are the same."""
    by_name = {(isinstance(name, bool), name): place for place, name in enumerate(names)}  # True and 1 are equal
    by_text = {str(name): place for place, name in enumerate(names)} if written else {}
    return [by_name.get((isinstance(label, bool), label), by_text.get(str(label))) for label in labels]


def _near_note(strange: list[Any], names: tuple[Hashable, ...]) -> str:
    """Say why labels that look like a class are none: another spelling, or another type."""
    if note := normalisation_note(strange, names):
        return f"{note} {WRITE_IN_ONE_WAY}"
    by_text = {str(name): name for name in names}
    pair = next(((label, by_text[str(label)]) for label in strange if str(label) in by_text), None)
    return "" if pair is None else f" Text and numbers never match: {shown(pair[0])} is not {shown(pair[1])}."


def _check_one_type(labels: list[Any]) -> None:
    """Refuse labels that are equal, or equal as text, and of several types."""
    by_text: dict[str, Any] = {}
    by_value: dict[Any, Any] = {}
    for label in labels:
        text = str(label).removesuffix(".0") if isinstance(label, float) else str(label)
        for other in (by_text.setdefault(text, label), by_value.setdefault(label, label)):
            if type(other) is not type(label):
                raise _mixed(other, label)


def _mixed(one: Any, other: Any) -> InvalidPredictionsError:
    return InvalidPredictionsError(
        f"labels must be of one type, as text and numbers never match; received {shown(one)} and {shown(other)}. Turn "
        "them into one, e.g. table['label'].astype(str), or say what a label means that is no class: abstained=[...] "
        "or failed=[...]."
    )


def _steps(scale: list[Any], names: tuple[Hashable, ...]) -> tuple[Hashable, ...] | None:
    """Put the classes in the order of the scale; None if they are others."""
    rank = {str(label): k for k, label in enumerate(scale)}
    return tuple(sorted(names, key=lambda name: rank[str(name)])) if {*map(str, names)} == {*rank} else None


def _classes(
    answers: list[Any], classes: Sequence[Hashable] | None, gold: Any, *, in_order: bool, written: bool
) -> tuple[Hashable, ...]:
    if classes is not None:
        return as_classes(classes)
    known = {str(label): label for label in answers}
    voted = {*known}
    of_gold = [] if gold is None else _named_gold(gold)[2]
    _check_kinds(answers, [] if written else of_gold)
    check_spellings([*answers, *of_gold], "labels")
    for label in of_gold:
        known.setdefault(str(label), label)
    if voted and (alone := [label for text, label in known.items() if text not in voted]):
        near = difflib.get_close_matches(str(alone[0]), voted, n=1)
        warnings.warn(
            f"gold names {few(alone)}, which no vote does, and each is a class now."
            f"{f' Is {shown(alone[0])} to be {shown(known[near[0]])}?' if near else ''} Mend the known label, or name "
            "all classes that there are: Votes(..., classes=[...]).",
            UnvotedClassWarning,
            stacklevel=6,
        )
    if not known:
        raise InvalidPredictionsError(
            "classes must be given if nobody answered, as there is no label to name them by; received no answer."
        )
    try:
        names = [*known.values()] if in_order else sorted(known.values())
    except TypeError:
        names = [*known.values()]
    try:
        return as_classes(names)
    except InvalidPredictionsError as error:
        raise InvalidPredictionsError(
            f"labels must be names of classes: {error} If a label is none, say what it means: abstained=[...] or "
            "failed=[...]."
        ) from None


def _check_kinds(answers: list[Any], of_gold: list[Any]) -> None:
    """Refuse names of classes that are text and numbers."""
    first = {}
    for label in [*answers, *of_gold]:
        first.setdefault("text" if isinstance(label, str) else "bool" if isinstance(label, bool) else "number", label)
    if len(first) > 1:
        raise _mixed(*[*first.values()][:2])


def codes_of_gold(gold: Any, items: np.ndarray, classes: tuple[Hashable, ...], *, written: bool = False) -> np.ndarray:
    """Look up the known label of each item.

    Parameters
    ----------
    gold : Series, table or mapping of item to label
        Of some items, and maybe of others that have no votes.
    items : ndarray
        Names of the items.
    classes : tuple of str or int
        Names of the classes.
    written : bool, default=False
        As of `choices_of`.

    Returns
    -------
    ndarray of int32, shape (n_items,)
        Positions in ``classes``; -1 if unknown.
    """
    names, codes, values = _named_gold(gold)
    if len(names) and len(items) and not same_kind(names, items):
        raise InvalidPredictionsError(
            f"gold must name items as the votes do; received {shown(names[:1].tolist()[0])} beside the item "
            f"{shown(items[:1].tolist()[0])}. Name them in one way."
        )
    place_of = _places(values, classes, written)
    if strange := [value for value, place in zip(values, place_of, strict=True) if place is None]:
        raise InvalidPredictionsError(
            f"gold must be of the classes {shown(classes)}; received others: {few(strange)}."
            f"{_near_note(strange, classes) or ' Name them in classes=.'}"
        )
    codes = np.array([*place_of, -1], dtype=np.int32)[codes]
    places = positions(items, names) if len(names) and len(items) else np.empty(0, dtype=np.int64)
    if note := normalisation_note(names[places < 0], items) if len(items) else "":
        raise InvalidPredictionsError(f"gold must name items as the votes do.{note} {WRITE_IN_ONE_WAY}")
    if not (places >= 0).any():
        raise InvalidPredictionsError(
            f"gold must know the label of at least one item; received those of {few(names.tolist())}, and the items "
            f"are {few(items.tolist())}."
        )
    found = np.full(len(items), -1, dtype=np.int32)
    found[places[places >= 0]] = codes[places >= 0]
    return readonly(found)


def _named_gold(gold: Any) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    """Read items, the codes of their known labels, and the different labels."""
    named = read_named(gold, "gold", label=True)
    values = named.values if named.labels is None else named.labels
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    rows = named.rows
    if rows is None or values.ndim != 1:
        raise InvalidPredictionsError(
            "gold must name its items: a Series indexed by item, {item: label}, or the name of a column of the votes; "
            f"received {shown(gold, 100)}, which has {'no names' if rows is None else 'several columns'}. A default "
            "index 0..n-1 is no name."
        )
    codes, labels = distinct(values, "gold")
    return rows, codes, plain_names(labels)
