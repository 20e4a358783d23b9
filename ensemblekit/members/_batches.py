"""The batches of a source: their ids, what every member predicts for them, and their labels, checked as they come."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from ..errors import AlignmentError, DataError, InvalidPredictionsError
from ..interfaces import Member
from ..kinds import kind_of
from ..predictions.alike import propose_aliases, shown_aliases
from ..predictions.names import few, joined_names, named_by, shown
from ._one_hot import of_one_hot
from ._sources import ArraySource, Source
from ._wrap import WrappedMember
from .inputs import Inputs, read_inputs
from .networks import check_input_orders, is_keras

__all__ = ["Batches"]


class Batches:
    """What was read and predicted so far."""

    def __init__(self, source: Source, members: list[Member], aliases: Mapping[Hashable, Hashable]) -> None:
        self.source, self.members, self.aliases = source, members, aliases
        self.ids: list[np.ndarray] = []
        self.labels: list[np.ndarray] = []
        self.outputs: list[list[np.ndarray]] = [[] for _ in members]
        self.n_done = 0
        self._seen: set[Any] = set()
        self._first: Inputs | None = None

    def add(self, ids: np.ndarray, x: Any, y: Any) -> None:
        """Check a batch, let every member predict it, and keep what they say."""
        self._check_ids(ids)
        inputs = x if isinstance(x, Inputs) else read_inputs(x, len(ids), like=self._first)
        if self._first is None:
            self._first = inputs
            check_input_orders(
                {m.name: m.model for m in self.members if isinstance(m, WrappedMember) and is_keras(m.model)}, inputs
            )
        if (y is None) == bool(self.labels) and self.ids:
            n_labels = sum(map(len, self.labels)) + (0 if y is None else len(y))
            raise InvalidPredictionsError(
                f"labels must be there for all rows or for none, shape ({self.n_done + len(ids)},); received shape "
                f"({n_labels},). Give y with every batch, or leave it out of all."
            )
        for member, output in zip(self.members, self.outputs, strict=True):
            probas = member.predict(ids, inputs if isinstance(member, WrappedMember) else inputs.x)
            if output and np.shape(probas)[1:] != output[0].shape[1:]:
                raise InvalidPredictionsError(
                    f"member {member.name!r} must return one shape a sample; it returned {np.shape(probas)[1:]} after "
                    f"{output[0].shape[1:]}. Cases of different sizes are combined one at a time, or padded to one."
                )
            output.append(probas)
        if y is not None:
            self._add_labels(y)
        self.ids.append(ids)
        self.n_done += len(ids)

    def named_labels(self) -> Any:
        """Return the labels of all batches, with the names of their classes if they have a column for each."""
        labels, classes = np.concatenate(self.labels), self.source.classes
        if classes is None or kind_of(self.members[0].task) == "multiclass" or labels.shape[1:] != (len(classes),):
            return labels
        import pandas as pd

        columns = [self.aliases.get(one, one) for one in classes]
        return pd.DataFrame(labels, index=joined_names(self.ids), columns=columns)

    def _check_ids(self, ids: np.ndarray) -> None:
        if self._is_checked:
            return
        names = ids.tolist()
        self._seen.update(names)
        if len(self._seen) == self.n_done + len(names):
            return
        known = set(joined_names(self.ids).tolist()) if self.ids else set()
        repeated = [name for name in names if name in known]
        raise InvalidPredictionsError(
            f"ids must be unique; after {self.n_done} rows the source repeats {few(repeated)}. Give each row its own "
            "id; a source that starts anew at its end, as after .repeat(), never ends: take one pass of it."
        )

    @property
    def _is_checked(self) -> bool:
        """Whether the ids of all batches were checked together."""
        return isinstance(self.source, ArraySource)

    def _add_labels(self, labels: np.ndarray) -> None:
        whole = self.source.y if isinstance(self.source, ArraySource) and not self.labels else None
        names = _label_names(self._as_rows(labels if whole is None else whole), self.source, self.members, self.aliases)
        first = self.labels[0] if self.labels else names
        if first.shape[1:] != names.shape[1:] or (first.dtype.kind in "US") != (names.dtype.kind in "US"):
            raise DataError(
                f"labels must be of one kind and shape; received {names.dtype.name} of shape {names.shape} after "
                f"{first.dtype.name} of shape {first.shape}."
            )
        self.labels.append(names[: len(labels)])

    def _as_rows(self, labels: Any) -> np.ndarray:
        labels = np.asarray(labels)
        # A table of one column is one label a row, where the predictions have no more axes.
        multiclass = kind_of(self.members[0].task) == "multiclass"
        n_axes, classes = self.outputs[0][-1].ndim, self.source.classes
        is_column = labels.shape[1:] == (1,) and n_axes == 2 and multiclass
        if multiclass and classes and not is_column and labels.ndim == n_axes and labels.shape[-1] == len(classes):
            return of_one_hot(labels)
        return labels[:, 0] if is_column else labels


def _label_names(
    values: np.ndarray, source: Source, members: list[Member], aliases: Mapping[Hashable, Hashable]
) -> np.ndarray:
    if kind_of(members[0].task) != "multiclass":
        return values
    if source.classes is None or values.dtype.kind in "USO":
        if values.dtype.kind in "iu" and isinstance(members[0].classes[0], str):
            raise DataError(
                "labels must be class names where the source does not say what integers stand for; received integers. "
                "Give names: np.asarray(class_names)[y]."
            )
        names = values
    else:
        n_classes = len(source.classes)
        if values.dtype.kind not in "iu" or (values.size and not 0 <= values.min() <= values.max() < n_classes):
            raise DataError(
                f"labels must be positions in the classes of the source, whole numbers from 0 to {n_classes - 1}; "
                f"received {few(np.unique(values).tolist())}."
            )
        names = named_by(values, tuple(source.classes))
    if names.dtype.kind in "SO":
        listed = [n.decode() if isinstance(n, bytes) else n for n in names.ravel().tolist()]
        names = np.array(listed).reshape(names.shape)
    if aliases and names.dtype.kind != "O":  # objects are None among text, which is refused below
        own, codes = np.unique(names, return_inverse=True)
        names = np.array([aliases.get(n, n) for n in own.tolist()])[codes].reshape(names.shape)
    found = set(names.ravel().tolist())
    classes = dict.fromkeys(c for m in members for c in m.classes)
    known = {aliases.get(c, c) for c in classes}
    unknown = sorted(found - known, key=str)
    if unknown:
        proposal = propose_aliases(unknown, [c for c in classes if c not in found])
        advice = f" If these are other names of the same classes, give {shown_aliases(proposal)}." if proposal else ""
        error = AlignmentError(
            f"labels must be classes that the members know, {shown(sorted(known, key=str))}; received also "
            f"{few(unknown)}.{advice}"
        )
        error.aliases = {str(old): str(new) for old, new in proposal.items()}
        raise error
    return names
