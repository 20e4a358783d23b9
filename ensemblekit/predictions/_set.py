"""`PredictionSet`: the aligned predictions of several members."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from ..arguments import typed
from ..errors import AlignmentError, InvalidPredictionsError, UnknownMemberError
from ..kinds import Kind, kind_of
from ._checks import as_labels
from ._fits import UNKNOWN, Fits, Fitted, derive_groups, frozen, key_groups, seen_rows
from ._keyed_rows import KeyedRows
from ._predictions import Predictions
from .alike import normalisation_note
from .choices import Task
from .groups import as_groups, check_same_groups
from .names import as_ids, few, named_by, positions, readonly, shown

__all__ = ["PredictionSet"]


class PredictionSet(KeyedRows):
    """The predictions of several members for the same rows and classes.

    Created by `align` and `collect`.

    Attributes
    ----------
    member_probas : ndarray of shape (n_members, n_samples, ..., n_classes)
        Read-only. Rows that a member does not have are NaN.
    ids : ndarray of int64 or str, shape (n_samples,)
        Unique names of the rows.
    classes : tuple of str or int
        Names of the columns.
    members : tuple of str
        Names of the members, in the order of the first axis.
    labels : ndarray or None
        True class names, as in `Predictions`.
    present : ndarray of bool of shape (n_members, n_samples), or None
        Which members have which rows; None if all are present.
    fit_ids : dict
        Member name -> sorted ids that it was fitted on, or None if unknown.
    id_columns : tuple of str
        Names of the key columns that the ids are made of, as in `Predictions`; ``()`` for plain ids.
    groups : ndarray of str of shape (n_samples,), or None
        Group of each row, such as its patient, on which all members agree.
    fit_groups : dict
        Member name -> sorted groups that it was fitted on, or None if unknown.
    fits : dict
        Member name -> what the model of each fold was fitted on, or None if one model predicted all rows.

    Examples
    --------
    >>> from ensemblekit import Predictions, align
    >>> cnn = Predictions([[0.9, 0.1], [0.3, 0.7]], ids=["a", "b"], classes=["cat", "dog"], member="cnn")
    >>> svm = Predictions([[0.6, 0.4], [0.2, 0.8]], ids=["b", "a"], classes=["dog", "cat"], member="svm")
    >>> align(cnn, svm).member_probas[1]
    array([[0.8, 0.2],
           [0.4, 0.6]])
    """

    __slots__ = (
        "classes", "fit_groups", "fit_ids", "fits", "groups", "ids", "label_codes", "member_probas", "members",
        "present", "split", "task",
    )  # fmt: skip

    member_probas: np.ndarray
    ids: np.ndarray
    classes: tuple[Hashable, ...]
    members: tuple[str, ...]
    label_codes: np.ndarray | None
    present: np.ndarray | None
    fit_ids: Mapping[str, np.ndarray | None]
    groups: np.ndarray | None
    fit_groups: Mapping[str, np.ndarray | None]
    fits: Mapping[str, Fits | None]
    task: Task
    split: str | None

    def __init__(self, **fields: Any) -> None:
        if not _REQUIRED <= fields.keys() <= _FIELDS:
            raise TypeError("A PredictionSet is made by align(...) or collect(...), which check that all lines up.")
        present = fields["present"]
        if present is not None and present.all():
            fields["present"] = None
        fields.setdefault("groups", None)
        unknown = MappingProxyType(dict.fromkeys(fields["members"]))
        for name in ("fit_ids", "fit_groups", "fits"):
            given = (fields.get(name) or {}).items()
            known = {member: frozen(one) for member, one in given if one is not None and member in unknown}
            fields[name] = MappingProxyType(unknown | known) if known else unknown
        for name, value in fields.items():
            object.__setattr__(self, name, readonly(value) if isinstance(value, np.ndarray) else value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"A PredictionSet cannot be changed; {name!r} stays as it is. Align again instead.")

    def __reduce__(self) -> Any:
        # Copies and unpickled objects pass through the constructor too.
        mappings = {name: dict(getattr(self, name)) for name in ("fit_ids", "fit_groups", "fits")}
        fields = {name: getattr(self, name) for name in self.__slots__} | mappings
        return functools.partial(type(self), **fields), ()

    @property
    def labels(self) -> np.ndarray | None:
        """True class names, shape ``(n_samples, ...)``; indicators or numbers for the other kinds; or None."""
        if self.label_codes is None or self.kind != "multiclass":
            return self.label_codes
        return named_by(self.label_codes, self.classes)

    @property
    def kind(self) -> Kind:
        """What the values are, and how they combine: ``multiclass``, ``multilabel`` or ``regression``."""
        return kind_of(self.task)

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Predictions]:
        return (self[member] for member in self.members)

    def __getitem__(self, member: str) -> Predictions:
        if member not in self.members:
            raise UnknownMemberError(f"No member {member!r} here; there are {', '.join(map(repr, self.members))}.")
        place = self.members.index(member)
        present = None if self.present is None else self.present[place]
        return bare_predictions(
            _probas=self.member_probas[place],
            _ids=self.ids,
            _classes=self.classes,
            _label_values=self.label_codes,
            _task=self.task,
            _split=self.split,
            _member=member,
            _groups=self.groups,
            _fitted=Fitted(self.fit_ids[member], self.fit_groups[member], self.fits[member]),
            _present=None if present is None or present.all() else present,
        )

    def __repr__(self) -> str:
        return (
            f"PredictionSet(members={self.members!r}, n_samples={len(self.ids)}, classes={shown(self.classes)}, "
            f"task={self.task!r}, labelled={self.label_codes is not None})"
        )

    @typed()
    def select(self, members: str | Sequence[str]) -> Self:
        """Keep some members, in the order given.

        Parameters
        ----------
        members : str or sequence of str
            Their names.

        Returns
        -------
        PredictionSet
            With these members only.

        Raises
        ------
        AlignmentError
            If a name is unknown or repeated, none is given, or a row is present for none of these members.
        """
        members = tuple([members] if isinstance(members, str) else members)
        unknown = [m for m in members if m not in self.members]
        if unknown or len(set(members)) != len(members) or not members:
            raise AlignmentError(
                f"members to select must be different names out of {self.members}; received {members}."
            )
        selected = self.reorder(members=members)
        check_rows_present(selected.present, self.ids)
        return selected

    def take(self, ids: Iterable[Any]) -> Self:
        """Keep some rows by id, in the order given.

        Parameters
        ----------
        ids : sequence of str or int, or columns of the key
            Their ids.

        Returns
        -------
        PredictionSet
            With these rows only.

        Raises
        ------
        InvalidPredictionsError
            If an id is unknown or repeated.
        """
        wanted = as_ids(ids, like=self.ids)
        rows = positions(self.ids, wanted)
        if (rows < 0).any():
            raise InvalidPredictionsError(
                f"ids to take must be there; received unknown: {few(wanted[rows < 0].tolist())}."
                + normalisation_note(wanted[rows < 0], self.ids)
            )
        return self.reorder(rows=rows)

    def seen(self, member: str, *, by_group: bool = True) -> np.ndarray | None:
        """Tell which rows a member was fitted on, by id or by group.

        Parameters
        ----------
        member : str
            Its name.
        by_group : bool, default=True
            Whether other rows of a group count too.

        Returns
        -------
        ndarray of bool of shape (n_samples,), or None
            As `Predictions.seen`; None if nobody knows.
        """
        return seen_rows(
            self.ids,
            self.groups if by_group else None,
            Fitted(self.fit_ids[member], self.fit_groups[member], self.fits[member]),
        )

    def with_labels(self, labels: Any) -> Self:
        """Add the true labels of the rows.

        Parameters
        ----------
        labels : array-like, Series or mapping
            As in `Predictions`: looked up by id where they have names, otherwise in the order of `ids`.

        Returns
        -------
        PredictionSet
            The same predictions, labelled.

        Raises
        ------
        InvalidPredictionsError
            If they do not fit the classes and the rows.
        """
        codes = as_labels(labels, self.classes, self.task, self.member_probas.shape[1:], self.ids)
        return type(self)(**{name: getattr(self, name) for name in self.__slots__} | {"label_codes": codes})

    def with_groups(self, groups: Any) -> Self:
        """Add the groups of the rows, such as their patients.

        Parameters
        ----------
        groups : array-like, Series, mapping or str
            As in `Predictions`: looked up by id where they have names, otherwise in the order of `ids`. The name of a
            key column groups by it.

        Returns
        -------
        PredictionSet
            The same predictions with groups. The groups of rows that are here and were fitted on are known.

        Raises
        ------
        InvalidPredictionsError
            If a row has no group, or another one already.
        """
        found = as_groups(groups, self.ids)
        check_same_groups(found, self.groups, self.ids)
        own = {m: Fitted(self.fit_ids[m], self.fit_groups[m], self.fits[m]) for m in self.members}
        if isinstance(groups, str):
            own = {m: key_groups(each, groups) for m, each in own.items()}
        fitted = {m: derive_groups(each, self.ids, found) for m, each in own.items()}
        changed = {
            "groups": found,
            "fit_groups": {m: each.groups for m, each in fitted.items()},
            "fits": {m: each.fits for m, each in fitted.items()},
        }
        return type(self)(**{name: getattr(self, name) for name in self.__slots__} | changed)

    def reorder(
        self,
        *,
        members: Sequence[str] | None = None,
        rows: np.ndarray | None = None,
        classes: Sequence[Hashable] | None = None,
    ) -> Self:
        """Reorder members and classes by name, and rows by position.

        Parameters
        ----------
        members : sequence of str, optional
            Names of members, all or some.
        rows : ndarray of int, optional
            Positions of rows, all or some.
        classes : sequence of str or int, optional
            Names of all classes.

        Returns
        -------
        PredictionSet
            A copy in that order, or the same object if nothing changes.
        """
        probas, label_codes = self.member_probas, self.label_codes
        ids, present, fit_ids, groups, fits = self.ids, self.present, self.fit_ids, self.groups, self.fits
        names = self.members if members is None else tuple(members) or self.members
        columns = self.classes if classes is None else tuple(classes) or self.classes
        if rows is not None and np.array_equal(rows, np.arange(len(ids))):
            rows = None
        if names == self.members and columns == self.classes and rows is None:
            return self
        if names != self.members:
            places = [self.members.index(m) for m in names]
            probas = probas[places]
            present = None if present is None else present[places]
            fit_ids = {m: fit_ids[m] for m in names}
        if rows is not None:
            probas, ids = probas[:, rows], ids[rows]
            groups = None if groups is None else groups[rows]
            fits = {m: None if own is None else own.take(rows) for m, own in fits.items()}
            present = None if present is None else present[:, rows]
            label_codes = None if label_codes is None else label_codes[rows]
        if columns != self.classes:
            places = {name: place for place, name in enumerate(self.classes)}
            order = [places[name] for name in columns]
            probas = np.take(probas, order, axis=-1)
            if label_codes is not None:
                if self.kind == "multiclass":
                    label_codes = np.argsort(order)[label_codes]
                else:
                    label_codes = np.take(label_codes, order, axis=-1)
        return type(self)(
            member_probas=probas,
            ids=ids,
            classes=columns,
            members=names,
            label_codes=label_codes,
            present=present,
            fit_ids=fit_ids,
            groups=groups,
            fit_groups=self.fit_groups,
            fits=fits,
            task=self.task,
            split=self.split,
        )


_FIELDS = frozenset(PredictionSet.__slots__)
_REQUIRED = _FIELDS - {"fit_groups", "fits", "groups"}


def check_rows_present(present: np.ndarray | None, ids: np.ndarray) -> None:
    """Refuse rows that are absent for every member."""
    if present is not None and not present.any(axis=0).all():
        lost = ids[~present.any(axis=0)]
        raise AlignmentError(
            f"each row must be there for at least one member; {few(lost.tolist())} are for none. Take the others."
        )


def bare_predictions(**slots: Any) -> Predictions:
    """Make predictions without validation, from values that are valid already."""
    new = object.__new__(Predictions)
    new._groups, new._fitted = None, UNKNOWN  # pyright: ignore[reportPrivateUsage]
    for slot, value in slots.items():
        setattr(new, slot, value)
    return new
