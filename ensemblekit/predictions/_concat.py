"""Rows of several predictions, one after the other, as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import AlignmentError, InvalidPredictionsError
from ..kinds import has_ordered_classes, joined_task
from ._checks import check_by_task
from ._filling import columns_of, fill, labels_for
from ._fits import Fitted, derive_groups
from ._joined_fits import join_parts
from ._one_key import with_one_key
from .alike import propose_aliases, shown_aliases
from .joining import all_different, same_kind
from .names import as_ids, few, joined_names, readonly, shown

__all__ = ["joined_rows"]


def joined_rows(parts: Any, kind: type[Any], member: str | None) -> dict[str, Any]:
    """Join the rows of several predictions, as `Predictions.concat` does, to values of slots.

    Parameters
    ----------
    parts : mapping of str to Predictions, or iterable of Predictions
        What is joined.
    kind : type
        The class `Predictions`.
    member : str or None
        Name of the member; by default the one that all parts have.

    Returns
    -------
    dict
        Slot of `Predictions` -> value.
    """
    names, given = _named_parts(parts, kind)
    given = with_one_key(given, names, "part")
    first, task = given[0], given[0].task
    for name, other in zip(names, given, strict=True):
        task = _joined_task(task, other, first, name)
    classes = next((p for p in given if p.task == task), first).classes
    for name, other in zip(names, given, strict=True):
        _check_classes(classes, other, name, task)
    filled = [(p, name) for p, name in zip(given, names, strict=True) if len(p)] or [(first, names[0])]
    given, names = [p for p, _ in filled], [name for _, name in filled]
    labels = _of_all("labels", [labels_for(p, classes) for p in given], names)
    groups = _of_all("groups", [p.groups for p in given], names)
    ids = _ids(given, names)
    probas = np.empty((len(ids), *first.probas.shape[1:]), np.result_type(*(p.probas.dtype for p in given)))
    start = 0
    for p in given:
        rows = probas[start : start + len(p)]
        fill(rows, p.probas, rows=None, columns=columns_of(p.classes, classes), present=None)
        start += len(p)
    present: np.ndarray | None = None
    if any(p.present is not None for p in given):
        present = np.concatenate([np.ones(len(p), dtype=bool) if p.present is None else p.present for p in given])
    fitted = join_parts(
        [(Fitted(p.fit_ids, p.fit_groups, p.fits), len(p), name) for p, name in zip(given, names, strict=True)]
    )
    members = {p.member for p in given}
    return {
        "_probas": readonly(probas),
        "_ids": ids,
        "_classes": classes,
        "_task": task,
        "_label_values": labels,
        "_groups": groups,
        "_present": None if present is None else readonly(present),
        "_fitted": derive_groups(fitted, ids, groups),
        "_member": member or (members.pop() if len(members) == 1 else None),
        "_split": _split(given, names),
    }


def _named_parts(parts: Any, kind: type[Any]) -> tuple[list[str], list[Any]]:
    if isinstance(parts, kind) or not isinstance(parts, Iterable) or isinstance(parts, str):
        raise AlignmentError(f"concat joins several predictions; received {type(parts).__name__}. Give a list of them.")
    pairs: list[tuple[Any, Any]] = list(parts.items()) if isinstance(parts, Mapping) else [(None, p) for p in parts]
    if not pairs:
        raise AlignmentError("concat needs at least one part; received none.")
    for place, (name, p) in enumerate(pairs):
        if not isinstance(p, kind):
            raise AlignmentError(
                f"concat joins Predictions; received {type(p).__name__} as part {shown(name or place)}. Give ids and "
                "class names: Predictions(array, ids=..., classes=...)."
            )
    times = Counter(p.member for _, p in pairs)
    return [
        str(name) if name is not None else p.member if p.member and times[p.member] == 1 else str(place)
        for place, (name, p) in enumerate(pairs)
    ], [p for _, p in pairs]


def _joined_task(task: str, other: Any, first: Any, name: str) -> str:
    joined = joined_task(task, other.task)
    if joined is None:
        raise AlignmentError(f"task must be the same for every part; received {task!r} and {other.task!r} in {name!r}.")
    if (a := first.probas.shape[1:-1]) != (b := other.probas.shape[1:-1]):
        raise AlignmentError(
            f"shape between samples and classes must be the same for every part; received {a!r} and {b!r} in {name!r}."
        )
    return joined


def _check_classes(classes: tuple[Hashable, ...], other: Any, name: str, task: str) -> None:
    lacks = [c for c in classes if c not in {*other.classes}]
    extra = [c for c in other.classes if c not in {*classes}]
    if lacks or extra:
        proposal = propose_aliases(extra, lacks)
        remedy = (
            f"rename them: p.rename({shown_aliases(proposal)})" if proposal else "rename them: p.rename(aliases=...)"
        )
        raise AlignmentError(
            f"classes must be the same for every part; {name!r} lacks {few(lacks)} and has also {few(extra)}. If these "
            f"are other names of the same classes, {remedy}."
        )
    if other.task == task and other.classes != classes and has_ordered_classes(task):
        raise AlignmentError(
            f"classes of the task {task!r} must be in the same order for every part, as the order means something; "
            f"received {shown(classes)} and {shown(other.classes)} in {name!r}."
        )
    if other.task != task:
        check_by_task(other.probas[..., columns_of(other.classes, classes)], classes, task, f"probas of {name!r}")


def _of_all(what: str, values: list[np.ndarray | None], names: Iterable[str]) -> np.ndarray | None:
    lacking = [name for name, value in zip(names, values, strict=True) if value is None]
    known = [value for value in values if value is not None]
    if not known:
        return None
    if lacking:
        raise AlignmentError(
            f"{what} must be known for every part or for none; {few(lacking)} of {len(values)} have none. Give them: "
            f"p.with_{what}(...)."
        )
    return readonly(joined_names(known) if what == "groups" else np.concatenate(known))


def _ids(given: Iterable[Any], names: Iterable[str]) -> np.ndarray:
    arrays = [p.ids for p in given]
    if not all(same_kind(arrays[0], other) for other in arrays):
        raise AlignmentError("ids must be of one kind for every part, all str or all int. Name the rows in one way.")
    joined = joined_names(arrays)
    if not all_different(joined):
        of = np.repeat(np.arange(len(arrays)), [len(ids) for ids in arrays])
        different, places, counts = np.unique(joined, return_inverse=True, return_counts=True)
        twice = counts[places] > 1
        parts = [list(names)[place] for place in np.unique(of[twice]).tolist()]
        raise InvalidPredictionsError(
            f"ids of parts must be different; {few(different[counts > 1].tolist())} are in several, of {few(parts)}. "
            "Predictions of the same rows are members: align(...), and combine(...) for their mean."
        )
    return as_ids(joined)


def _split(given: Iterable[Any], names: Iterable[str]) -> str | None:
    splits = {name: p.split for name, p in zip(names, given, strict=True) if p.split}
    if len({*splits.values()}) > 1:
        raise AlignmentError(
            f"split must be the same for every part; received {shown(splits)}. Rename them: p.rename(split=...)."
        )
    return next(iter(splits.values()), None)
