"""What `Predictions` keeps, and shows."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Self

import numpy as np

from ..errors import InvalidPredictionsError
from ..kinds import Kind, kind_of
from ._fits import Fits, Fitted, frozen, seen_rows
from ._keyed_rows import KeyedRows
from .choices import Task
from .names import named_by, shown

__all__ = ["KeptPredictions", "restore", "with_ids"]


class KeptPredictions(KeyedRows):
    """The values of predictions, which are valid and never change."""

    __slots__ = (
        "_classes", "_fitted", "_groups", "_ids", "_label_values", "_member", "_present", "_probas", "_split", "_task",
    )  # fmt: skip

    _classes: tuple[Hashable, ...]
    _fitted: Fitted
    _groups: np.ndarray | None
    _ids: np.ndarray
    _label_values: np.ndarray | None
    _member: str | None
    _present: np.ndarray | None
    _probas: np.ndarray
    _split: str | None
    _task: Task

    @property
    def probas(self) -> np.ndarray:
        """Read-only predictions, shape ``(n_samples, ..., n_classes)``."""
        return self._probas

    @property
    def ids(self) -> np.ndarray:
        """Unique ids, shape ``(n_samples,)``: int64 or text. Long texts are ``str`` in an array of objects."""
        return self._ids

    @property
    def classes(self) -> tuple[Hashable, ...]:
        """Class names in the order of the last axis."""
        return self._classes

    @property
    def labels(self) -> np.ndarray | None:
        """True class names, shape ``(n_samples, ...)``; indicators or numbers for the other kinds; or None."""
        if self._label_values is None or self.kind != "multiclass":
            return self._label_values
        return named_by(self._label_values, self._classes)

    @property
    def label_codes(self) -> np.ndarray | None:
        """True classes as positions in `classes`; the labels themselves for the other kinds; or None."""
        return self._label_values

    @property
    def task(self) -> Task:
        """Name of the task."""
        return self._task

    @property
    def kind(self) -> Kind:
        """What the values are, and how they combine: ``multiclass``, ``multilabel`` or ``regression``."""
        return kind_of(self._task)

    @property
    def split(self) -> str | None:
        """Which part of the data these are."""
        return self._split

    @property
    def member(self) -> str | None:
        """Name of the member."""
        return self._member

    @property
    def fit_ids(self) -> np.ndarray | None:
        """Sorted ids of the rows that the member, or the model of any fold, was fitted on; None if unknown."""
        return self._fitted.ids

    @property
    def groups(self) -> np.ndarray | None:
        """Group of each row, shape ``(n_samples,)``, as text; None if there are none."""
        return self._groups

    @property
    def fit_groups(self) -> np.ndarray | None:
        """Sorted groups that the member, or the model of any fold, was fitted on; None if unknown."""
        return self._fitted.groups

    @property
    def fits(self) -> Fits | None:
        """Which fold each row is of, and what its model was fitted on; None if one model predicted all rows."""
        return self._fitted.fits

    @property
    def folds(self) -> np.ndarray | None:
        """Name of the fold of each row, shape ``(n_samples,)``; None if one model predicted all rows."""
        return None if self._fitted.fits is None else self._fitted.fits.folds

    @property
    def seen(self) -> np.ndarray | None:
        """Which rows their model was fitted on, itself or another row of the group: bool; None if nobody knows."""
        return seen_rows(self._ids, self._groups, self._fitted)

    @property
    def present(self) -> np.ndarray | None:
        """Which rows are not NaN, shape ``(n_samples,)``; None if all are present."""
        return self._present

    @property
    def predicted(self) -> np.ndarray:
        """The name of the most probable class of each row (the first of equals); the values for regression."""
        if self._present is not None:
            raise InvalidPredictionsError(
                f"predicted needs every row; {int((~self._present).sum())} rows are NaN. Take the others: "
                "p.take(p.ids[p.present])."
            )
        if self.kind == "regression":
            return self._probas
        if self.kind == "multilabel":
            return self._probas >= 0.5
        return named_by(self._probas.argmax(axis=-1), self._classes)

    def __len__(self) -> int:
        return len(self._ids)

    def __reduce__(self) -> Any:
        # Copies and unpickled objects are read-only too.
        return restore, (type(self), {slot: getattr(self, slot) for slot in KeptPredictions.__slots__})

    def __repr__(self) -> str:
        parts = [f"member={self._member!r}"] if self._member else []
        parts += [f"split={self._split!r}"] if self._split else []
        parts += [f"n_samples={len(self)}", f"classes={shown(self._classes)}", f"task={self._task!r}"]
        return f"Predictions({', '.join(parts)})"

    def _with(self, **changes: Any) -> Self:
        new = object.__new__(type(self))
        for slot in KeptPredictions.__slots__:
            setattr(new, slot, changes.get(slot, getattr(self, slot)))
        return new


def with_ids(p: Any, ids: np.ndarray, fitted: Fitted) -> Any:
    """Make predictions whose rows have these validated ids, and what was fitted with them."""
    return p._with(_ids=ids, _fitted=fitted)


def restore(kind: type[KeptPredictions], slots: Mapping[str, Any]) -> Any:
    """Make a copy of predictions, or those of a pickle, read-only again."""
    new = object.__new__(kind)
    slots = {"_groups": None, "_fitted": Fitted(slots.get("_fit_ids")), **slots}  # pickles of earlier versions
    for slot in KeptPredictions.__slots__:
        setattr(new, slot, frozen(slots[slot]))
    return new
