"""`align`: match rows by id and columns by class name, or refuse the predictions."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from ..arguments import typed
from ..errors import AlignmentError, InvalidOptionError
from ._predictions import Predictions
from ._set import PredictionSet, check_rows_present
from .choices import Aliases, MissingPolicy, Task, missing_policy
from .names import UNNAMED, few, is_text, positions, propose_aliases, readonly, same_kind, text_array
from .tables import ReadOptions, member_name

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
    id: str | None = None,  # noqa: A002 - as in Predictions.load
    label: str | Mapping[str, Hashable] | None = None,
    columns: str | Sequence[str] | Mapping[str, Hashable] | None = None,
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
        If tasks, splits, ids, classes or labels differ in a way that ``missing`` and ``aliases`` do not cover.
    InvalidOptionError
        If ``missing`` is not a policy, or it is said how files are read, but no path is given.

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
    first = members[0]
    split = _common_split(members)
    for other in members[1:]:
        _check_same_kind(first, other)
    classes = _common_classes(members, absent_classes, aliases or {})
    ids = _common_ids(members, absent_rows)

    dtype = np.result_type(*(p.probas.dtype for p in members))
    cube = np.empty((len(members), len(ids), *first.probas.shape[1:-1], len(classes)), dtype=dtype)
    present = np.ones((len(members), len(ids)), dtype=bool)
    for place, member in enumerate(members):
        rows = positions(member.ids, ids)
        present[place] = rows >= 0
        if member.present is not None:
            present[place, rows >= 0] &= member.present[rows[rows >= 0]]
        _fill(cube[place], member, rows, classes)
    check_rows_present(present, ids)
    return PredictionSet(
        member_probas=cube,
        ids=ids,
        classes=classes,
        members=tuple(str(p.member) for p in members),
        label_codes=_common_labels(members, ids, classes),
        present=present,
        fit_ids={str(p.member): p.fit_ids for p in members},
        task=first.task,
        split=split,
    )


def _named_members(predictions: tuple[Any, ...], read: dict[str, Any]) -> list[Predictions]:
    given: Any = predictions
    if len(predictions) == 1 and isinstance(predictions[0], Iterable) and not _is_single(predictions[0]):
        given = predictions[0]
    if isinstance(given, PredictionSet):
        _read_files([], read)
        return list(given)
    pairs: Iterable[tuple[Any, Any]]
    pairs = given.items() if isinstance(given, Mapping) else ((None, p) for p in given)
    pairs = list(pairs)
    files = iter(_read_files([source for _, source in pairs if isinstance(source, (str, os.PathLike))], read))
    members: list[Predictions] = []
    for place, (name, source) in enumerate(pairs):
        if isinstance(source, (str, os.PathLike)):
            p = next(files)
            name = name or p.member or member_name(source)
        elif isinstance(source, Predictions):
            p = source
        else:
            shape = getattr(source, "shape", None)
            came = type(source).__name__ + (f" of shape {shape}" if shape is not None else "")
            raise AlignmentError(
                f"only Predictions line up; received {came} as number {place + 1}. Give ids and class names: "
                "Predictions(array, ids=..., classes=..., member=...)."
            )
        members.append(p.rename(str(name or p.member or f"{UNNAMED}{place + 1}")))
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


def _check_same_kind(first: Predictions, other: Predictions) -> None:
    for what, a, b in (
        ("task", first.task, other.task),
        ("shape between samples and classes", first.probas.shape[1:-1], other.probas.shape[1:-1]),
    ):
        if a != b:
            raise AlignmentError(
                f"{what} must be the same for every member; received {a!r} for member {first.member!r} and {b!r} "
                f"for member {other.member!r}."
            )
    if not same_kind(first.ids, other.ids):
        one, another = ("str" if is_text(p.ids) else "int" for p in (first, other))
        raise AlignmentError(
            f"ids must be of one kind for every member; received {one} for member {first.member!r} and {another} for "
            f"member {other.member!r}."
        )


def _common_classes(
    members: list[Predictions], absent: str, aliases: Mapping[Hashable, Hashable]
) -> tuple[Hashable, ...]:
    classes = list(dict.fromkeys(c for p in members for c in p.classes))
    known = {str(member.member): {*member.classes} for member in members}
    for member in members:
        lacks = [c for c in classes if c not in known[str(member.member)]]
        if not lacks:
            continue
        others = next(p for p in members if not known[str(p.member)].isdisjoint(lacks))
        # A class mapped to itself has no other name.
        extra = [c for c in member.classes if c not in known[str(others.member)] and aliases.get(c) != c]
        theirs = [c for c in others.classes if c not in known[str(member.member)] and aliases.get(c) != c]
        proposal = propose_aliases(extra, theirs)
        message = (
            f"classes must be the same for every member; member {member.member!r} lacks {few(lacks)} that member "
            f"{others.member!r} has"
        )
        if proposal:
            error = AlignmentError(
                f"{message}. If these are other names of the same classes, give aliases={proposal!r}; if not, give "
                f"aliases={ {name: name for name in proposal}!r} and missing='zero'."
            )
            error.aliases = {str(old): str(new) for old, new in proposal.items()}
            raise error
        if absent == "error" or member.task == "regression":
            raise AlignmentError(
                f"{message}. Give aliases={{name: common name}} if it is a matter of names, or missing='zero' if the "
                "member never saw that class."
            )
    return tuple(classes)


def _common_ids(members: list[Predictions], absent: str) -> np.ndarray:
    first = members[0]
    for member in members if absent == "error" else ():
        if member.present is not None:
            raise AlignmentError(
                f"rows must be there for every member; member {member.member!r} has NaN for "
                f"{few(member.ids[~member.present].tolist())} of its {len(member)} ids. Take the others, or give "
                "missing='renormalize' to combine the members that are present."
            )
    if all(np.array_equal(first.ids, p.ids) for p in members[1:]):
        return first.ids
    seen = dict.fromkeys(first.ids.tolist())
    for p in members[1:]:
        seen.update(dict.fromkeys(p.ids.tolist()))
    ids = readonly(text_array([*seen]) if is_text(first.ids) else np.array([*seen], dtype=np.int64))
    if absent == "error":
        for member in members:
            own = set(member.ids.tolist())
            lacks = [i for i in seen if i not in own]
            if lacks:
                other = next(p for p in members if lacks[0] in set(p.ids.tolist()))
                raise AlignmentError(
                    f"ids must be the same for every member; member {member.member!r} lacks {few(lacks)} of the "
                    f"{len(seen)} ids, which member {other.member!r} has. Predict them, take the ids that all "
                    "members have, or give missing='renormalize' to combine the members that are present."
                )
    return ids


def _fill(out: np.ndarray, member: Predictions, rows: np.ndarray, classes: tuple[Hashable, ...]) -> None:
    present = rows >= 0
    complete = bool(present.all())
    in_order = complete and len(rows) == len(member.ids) and np.array_equal(rows, np.arange(len(rows)))
    places = {name: place for place, name in enumerate(member.classes)}
    for column, name in enumerate(classes) if member.classes != classes else ():
        if name not in places:
            out[..., column] = 0
            continue
        values = member.probas[..., places[name]]
        out[..., column][present] = values if in_order else values[rows[present]]
    if member.classes == classes:
        if in_order:
            out[...] = member.probas
        else:
            out[present] = member.probas[rows[present]]
    if not complete:
        out[~present] = np.nan
    if member.present is not None:
        out[np.flatnonzero(present)[~member.present[rows[present]]]] = np.nan


def _common_labels(members: list[Predictions], ids: np.ndarray, classes: tuple[Hashable, ...]) -> np.ndarray | None:
    labels: np.ndarray | None = None
    source = np.full(len(ids), -1)
    places = {name: place for place, name in enumerate(classes)}
    for place, member in enumerate(members):
        if member.label_codes is None:
            continue
        rows = positions(member.ids, ids)
        known = rows >= 0
        values = member.label_codes[rows[known]]
        if member.task == "multiclass":
            values = np.asarray([places[c] for c in member.classes])[values]
        else:
            values = _reorder_columns(values, member.classes, classes)
        if labels is None:
            labels = np.zeros((len(ids), *values.shape[1:]), dtype=values.dtype)
        overlap = source[known] >= 0
        differ = labels[known][overlap] != values[overlap]
        differ = differ.any(axis=tuple(range(1, differ.ndim)))
        if differ.any():
            where = ids[known][overlap][differ]
            other = members[source[known][overlap][differ][0]].member
            raise AlignmentError(
                f"labels must agree between members; member {member.member!r} and {other!r} differ for "
                f"{few(where.tolist())}. The ids or the labels of one of them belong to other rows."
            )
        labels[known] = values
        source[known & (source < 0)] = place
    if labels is not None and (source < 0).any():
        raise AlignmentError(
            f"labels must be known for every row or for none; {few(ids[source < 0].tolist())} of {len(ids)} rows have "
            "none. Give labels to the members that have these rows."
        )
    return labels


def _reorder_columns(values: np.ndarray, own: tuple[Hashable, ...], classes: tuple[Hashable, ...]) -> np.ndarray:
    out = np.zeros((*values.shape[:-1], len(classes)), dtype=values.dtype)
    places = {name: place for place, name in enumerate(classes)}
    for column, name in enumerate(own):
        out[..., places[name]] = values[..., column]
    return out
