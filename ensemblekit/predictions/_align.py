"""`align`: match rows by id and columns by class name, or refuse the predictions."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from ..arguments import typed
from ..errors import AlignmentError, InvalidOptionError
from ..kinds import KINDS, has_ordered_classes, joined_task
from ._checks import check_by_task
from ._common_classes import common_classes
from ._filling import columns_of, common_groups, common_labels, fill, inverse, presence
from ._fits import Fitted, derive_groups
from ._one_key import with_one_key
from ._predictions import Predictions
from ._set import PredictionSet, check_rows_present
from .alike import normalisation_note
from .choices import Aliases, MissingPolicy, Task, missing_policy
from .joining import Lookup, is_text, positions, same_kind, same_names, shared
from .keys import key_of
from .names import UNNAMED, few, joined_names, readonly, shown
from .tables import Columns, ReadOptions, member_name

__all__ = ["Alignable", "align"]

T_co = TypeVar("T_co", covariant=True)


class _SequenceButStr(Protocol[T_co]):
    """Any sequence except str; ``__contains__`` of a str only accepts a str."""

    def __contains__(self, value: object, /) -> bool: ...
    def __getitem__(self, position: Any, /) -> Any: ...
    def __iter__(self) -> Iterator[T_co]: ...
    def __len__(self) -> int: ...
    def index(self, value: Any, /) -> int: ...


_Source = Predictions | str | os.PathLike[str]
Alignable = PredictionSet | _SequenceButStr[_Source] | Mapping[str, _Source]
"""What `align` accepts as one argument: a set, a sequence of predictions or paths, or a mapping of member to these."""


@typed(but=("missing", "task"))
def align(
    *predictions: _Source | Alignable,
    aliases: Aliases | None = None,
    missing: MissingPolicy = "error",
    task: Task | None = None,
    id: str | Sequence[str] | None = None,  # noqa: A002 - as in Predictions.load
    label: str | Mapping[str, Hashable] | None = None,
    columns: Columns = None,
    positive: Any = None,
    separator: str | None = None,
    decimal: Literal[".", ","] | None = None,
    edited: bool = False,
) -> PredictionSet:
    """Align the predictions of several members by id and class name, or refuse them.

    Rows and columns follow the order of the first member; members keep the order given.

    Parameters
    ----------
    *predictions : Predictions, path, or one sequence or mapping of them
        At least one. A mapping names the members. Unnamed predictions of a file take the name of the file.
    aliases : mapping, optional
        ``{name: common name}`` for classes that members call differently. A name that is mapped to itself gets no
        alias.
    missing : {"error", "zero", "renormalize"} or mapping, default="error"
        Policy for absent classes and rows. ``zero`` gives probability 0 to a class that a member does not know.
        ``renormalize`` keeps a row that some members lack, and combines the members that are present. Both at once:
        ``{"classes": "zero", "rows": "renormalize"}``.
    task, id, label, columns, positive, separator, decimal, edited
        How files are read, as in `Predictions.load`; the same for every path. Votes get the classes of all files.

    Returns
    -------
    PredictionSet
        The aligned predictions.

    Raises
    ------
    AlignmentError
        If tasks, splits, ids, classes, labels or groups differ in a way that ``missing`` and ``aliases`` do not cover;
        or the order of the classes, for a task such as ``binary`` where it means something.
    InvalidPredictionsError
        If the predictions are not valid for the common task.
    InvalidOptionError
        If ``missing`` is not a policy, or it is said how files are read, but no path is given.

    Notes
    -----
    Predictions of a named task, such as ``binary``, align with those of the plain task of its kind, ``multiclass``.
    All then have the named task, with its order of the classes.

    Examples
    --------
    >>> from ensemblekit import Predictions, align
    >>> a = Predictions([[0.9, 0.1], [0.3, 0.7]], ids=[1, 2], classes=["cat", "dog"], member="a")
    >>> b = Predictions([[0.2, 0.8]], ids=[2], classes=["cat", "dog"], member="b")
    >>> align(a, b)
    Traceback (most recent call last):
        ...
    ensemblekit.errors.AlignmentError: ids must be the same for every member; member 'b' lacks 1 (1) ...
    >>> align(a, b, missing="renormalize").present
    array([[ True,  True],
           [False,  True]])
    """
    absent_classes, absent_rows = missing_policy(missing)
    read = {
        "task": task, "id": id, "label": label, "columns": columns, "positive": positive, "separator": separator,
        "decimal": decimal, "edited": edited, "missing": absent_rows,
    }  # fmt: skip
    members = [p.rename(aliases=aliases) if aliases else p for p in _named_members(predictions, read)]
    if _differ_in_values_alone(members):
        return _stacked(members)
    members = with_one_key(members, [str(p.member) for p in members], "member")
    first, task = members[0], members[0].task
    split = _common_split(members)
    for other in members[1:]:
        task = _check_same_kind(first, other, task, members)
    if task in KINDS:
        classes = common_classes(members, absent_classes, aliases or {})
    else:  # a member of the plain kind may have its classes in any order
        ordered = sorted(members, key=lambda p: p.task != task)
        classes = common_classes(ordered, absent_classes, aliases or {})
        _check_order(ordered, task, classes)
    ids, rows = _common_ids(members, absent_rows)
    labels = common_labels(members, ids, rows, classes)
    groups = common_groups(members, ids, rows)
    fitted = [_fitted_on(member, own, ids, groups) for member, own in zip(members, rows, strict=True)]
    present = presence(members, rows, len(ids))
    check_rows_present(present, ids)

    dtype = np.result_type(*(p.probas.dtype for p in members))
    cube = np.empty((len(members), len(ids), *first.probas.shape[1:-1], len(classes)), dtype=dtype)
    for place, member in enumerate(members):
        there = None if present is None else present[place]
        fill(cube[place], member.probas, rows=rows[place], columns=columns_of(member.classes, classes), present=there)
        if task not in KINDS and (member.task != task or member.classes != classes):
            check_by_task(cube[place], classes, task, f"probas of member {member.member!r}")
    return _set_of(
        members, fitted, member_probas=cube, ids=ids, classes=classes, label_codes=labels, present=present, task=task,
        split=split, groups=groups,
    )  # fmt: skip


def _differ_in_values_alone(members: list[Predictions]) -> bool:
    """Tell whether there is nothing to match: so are the few rows of one request, where all other checks take long."""
    first = members[0]
    shape, ids, classes, task, split = first.probas.shape, first.ids, first.classes, first.task, first.split
    if task not in KINDS:
        return False
    for p in members:  # a generator in all(...) takes longer than these comparisons
        if (
            p.classes != classes
            or p.task != task
            or p.split != split
            or p.present is not None
            or p.groups is not None
            or p.label_codes is not None
            or p.probas.shape != shape
            or key_of(p.ids) is not None
            or not same_names(ids, p.ids)
        ):
            return False
    return True


def _stacked(members: list[Predictions]) -> PredictionSet:
    first = members[0]
    dtypes = {p.probas.dtype for p in members}
    cube = np.empty((len(members), *first.probas.shape), dtypes.pop() if len(dtypes) == 1 else np.result_type(*dtypes))
    for place, member in enumerate(members):
        cube[place] = member.probas
    return _set_of(
        members, [Fitted(p.fit_ids, p.fit_groups, p.fits) for p in members], member_probas=cube, ids=first.ids,
        classes=first.classes, label_codes=None, present=None, task=first.task, split=first.split, groups=None,
    )  # fmt: skip


def _set_of(members: list[Predictions], fitted: list[Fitted], **fields: Any) -> PredictionSet:
    """Make the set of these members, each with what it was fitted on."""
    names = tuple([str(p.member) for p in members])
    ids, groups, fits = (dict(zip(names, known, strict=True)) for known in zip(*fitted, strict=True))
    return PredictionSet(members=names, fit_ids=ids, fit_groups=groups, fits=fits, **fields)


def _fitted_on(member: Predictions, rows: np.ndarray | None, ids: np.ndarray, groups: np.ndarray | None) -> Fitted:
    """Find what a member was fitted on, for the common rows."""
    fitted = Fitted(member.fit_ids, member.fit_groups, member.fits)
    if rows is not None:
        fitted = fitted.take(rows)
    # Groups that others brought tell more about what this member was fitted on.
    return fitted if member.groups is not None else derive_groups(fitted, ids, groups)


def _named_members(predictions: tuple[Any, ...], read: dict[str, Any]) -> list[Predictions]:
    given: Any = predictions
    if len(predictions) == 1 and (
        type(predictions[0]) is list or (isinstance(predictions[0], Iterable) and not _is_single(predictions[0]))
    ):
        given = predictions[0]
    if isinstance(given, PredictionSet):
        _read_files([], read)
        return list(given)
    pairs: Iterable[tuple[Any, Any]]
    pairs = given.items() if isinstance(given, Mapping) else ((None, p) for p in given)
    pairs = list(pairs)
    files = iter(_read_files([source for _, source in pairs if _is_path(source)], read))
    members: list[Predictions] = []
    for place, (name, source) in enumerate(pairs):
        if isinstance(source, Predictions):
            p = source
        elif isinstance(source, (str, os.PathLike)):
            p = next(files)
            name = name or p.member or member_name(source)
        else:
            shape = getattr(source, "shape", None)
            came = type(source).__name__ + (f" of shape {shape}" if shape is not None else "")
            advice = (
                "Let Predictions read ids from its index and classes from its columns, and name each member: "
                "{'one': Predictions(table), 'other': Predictions(another)}."
                if hasattr(source, "columns")
                else "Give ids and class names: Predictions(array, ids=..., classes=..., member=...)."
            )
            raise AlignmentError(f"only Predictions line up; received {came} as number {place + 1}. {advice}")
        name = str(name or p.member or f"{UNNAMED}{place + 1}")
        members.append(p if p.member == name else p.rename(name))
    if not members:
        raise AlignmentError("at least one member is needed; received none.")
    names = [p.member for p in members]
    if len(set(names)) != len(names):
        raise AlignmentError(
            f"member names must be different; received {names}. Name them: align({{'name': predictions, ...}})."
        )
    return members


def _read_files(paths: list[Any], read: dict[str, Any]) -> list[Predictions]:
    if paths:
        from .formats import load_members

        return load_members(paths, Predictions, ReadOptions(**read))
    said = [name for name, value in read.items() if value is not None and value is not False and name != "missing"]
    if said:
        raise InvalidOptionError(
            f"{', '.join(said)} must say how files are read; received it beside predictions that are no paths. Leave "
            "it out."
        )
    return []


def _is_path(source: Any) -> bool:
    return not isinstance(source, Predictions) and isinstance(source, (str, os.PathLike))


def _is_single(source: Any) -> bool:
    # An array or table is refused as a whole, not row by row.
    return isinstance(source, (str, os.PathLike)) or hasattr(source, "__array__")


def _common_split(members: list[Predictions]) -> str | None:
    splits = {str(p.member): p.split for p in members if p.split}
    if len(set(splits.values())) > 1:
        raise AlignmentError(
            f"split must be the same for every member; received {splits}. Combine predictions for the same rows, or "
            "rename: p.rename(split=...)."
        )
    return next(iter(splits.values()), None)


def _check_same_kind(first: Predictions, other: Predictions, task: str, members: list[Predictions]) -> str:
    """Refuse a member of another kind than the first; join its task with that of the members before it."""
    joined = joined_task(task, other.task)
    if joined is None:
        named = next(p for p in members if p.task == task)
        raise AlignmentError(
            f"task must be the same for every member; received {task!r} for member {named.member!r} and "
            f"{other.task!r} for member {other.member!r}."
        )
    if (a := first.probas.shape[1:-1]) != (b := other.probas.shape[1:-1]):
        raise AlignmentError(
            f"shape between samples and classes must be the same for every member; received {a!r} for member "
            f"{first.member!r} and {b!r} for member {other.member!r}."
        )
    if not same_kind(first.ids, other.ids):
        one, another = ("str" if is_text(p.ids) else "int" for p in (first, other))
        raise AlignmentError(
            f"ids must be of one kind for every member; received {one} for member {first.member!r} and {another} for "
            f"member {other.member!r}."
        )
    return joined


def _check_order(members: list[Predictions], task: str, classes: tuple[Hashable, ...]) -> None:
    if not has_ordered_classes(task):
        return
    for member in members:
        if member.task == task and member.classes != tuple(c for c in classes if c in member.classes):
            raise AlignmentError(
                f"classes of the task {task!r} must be in the same order for every member, as the order means "
                f"something; received {shown(members[0].classes)} for member {members[0].member!r} and "
                f"{shown(member.classes)} for member {member.member!r}. Give the task 'multiclass' to a member whose "
                "classes are only written in another order, and its columns are matched by name."
            )


def _common_ids(members: list[Predictions], absent: str) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Join the ids; also find, for each member, its row for each of them: -1 if it has none, None for the same rows."""
    for member in members if absent == "error" else ():
        if member.present is not None:
            raise AlignmentError(
                f"rows must be there for every member; member {member.member!r} has NaN for "
                f"{few(member.ids[~member.present].tolist())} of its {len(member)} ids. Take the others, or give "
                "missing='renormalize' to combine the members that are present."
            )
    ids, rows = _joined([p.ids for p in members])
    for member, own in zip(members, rows, strict=True):
        lacks = ids[:0] if own is None else ids[own < 0]
        if not len(lacks):
            continue
        other = next(p for p in members if positions(p.ids, lacks[:1])[0] >= 0)
        message = (
            f"ids must be the same for every member; member {member.member!r} lacks {few(lacks.tolist())} of the "
            f"{len(ids)} ids, which member {other.member!r} has"
        )
        if note := normalisation_note(member.ids, lacks):
            raise AlignmentError(
                f"{message}.{note} Write them in one way, e.g. with [unicodedata.normalize('NFC', i) for i in ids]."
            )
        if absent == "error":
            raise AlignmentError(
                f"{message}. Predict them, take the ids that all members have, or give missing='renormalize' to "
                "combine the members that are present."
            )
    return ids, rows


def _joined(given: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray | None]]:
    ids, lookup = given[0], None
    found: dict[int, np.ndarray | None] = {}  # equal ids are often one array, which is looked up once
    for own in given:
        if id(own) in found:
            continue
        if same_names(given[0], own):
            found[id(own)] = None
            continue
        lookup = lookup or Lookup(ids)
        places = lookup.positions(own)
        new = places < 0
        if new.any():
            places[new] = np.arange(len(ids), len(ids) + int(new.sum()))
            ids = joined_names([ids, own[new]])
            lookup = Lookup(ids)
        found[id(own)] = places
    if ids is not given[0]:
        ids = shared(readonly(ids))
        found = {key: np.arange(len(given[0])) if places is None else places for key, places in found.items()}
    rows = {key: None if places is None else inverse(places, len(ids)) for key, places in found.items()}
    return ids, [rows[id(own)] for own in given]
