"""The rows of a source as a whole: sorted by id, so that no order of the source changes a fold or a model."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError
from ..members import as_source
from ..members.inputs import Inputs, joined_inputs, read_inputs
from ..predictions.groups import as_groups
from ..predictions.joining import order_of, positions
from ..predictions.names import as_ids, joined_names, named_by

__all__ = ["Rows", "read_rows"]


class Rows(NamedTuple):
    """All rows of a source.

    Attributes
    ----------
    ids : ndarray of shape (n_samples,)
        Sorted.
    x : Inputs
        Inputs in that order.
    y : ndarray
        Labels in that order: names, indicators or numbers.
    classes : tuple or None
        Names of the classes, if the source knows them.
    split : str or None
        Part of the data.
    order : ndarray of int
        Position of each row in the source.
    groups : ndarray of str, or None
        Group of each row, in that order, if the source knows them.
    """

    ids: np.ndarray
    x: Inputs
    y: np.ndarray
    classes: tuple[Hashable, ...] | None
    split: str | None
    order: np.ndarray
    groups: np.ndarray | None = None

    def digest(self) -> str:
        """Compute a digest of ids, inputs and labels."""
        hasher = hashlib.sha256()
        for values in (self.ids, self.y, *(self.x.parts[path] for path in self.x.parts)):
            _add(hasher, values)
        return hasher.hexdigest()


def read_rows(source: Any) -> Rows:
    """Read a source to its end, and sort its rows by id."""
    source = as_source(source)
    ids, inputs, labels = [], [], []
    for names, x, y in source.batches(2**30 if hasattr(source, "ids") else 256):
        if y is None:
            raise DataError("folds are fitted on labelled rows; the source yields no labels. Give (ids, x, y).")
        first = inputs[0] if inputs else None
        ids.append(np.asarray(names))
        inputs.append(x if isinstance(x, Inputs) else read_inputs(x, len(names), like=first))
        labels.append(np.asarray(y))
    if not ids:
        raise DataError("the source must yield at least one sample; it yielded none.")
    names = as_ids(joined_names([as_ids(part) for part in ids]))
    y = np.concatenate(labels)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if source.classes is not None and y.dtype.kind in "iu" and y.ndim == 1:
        y = named_by(y, tuple(source.classes))
    if y.dtype.kind in "OS":
        y = np.array([name.decode() if isinstance(name, bytes) else name for name in y.ravel().tolist()]).reshape(
            y.shape
        )
    order = order_of(names)
    x = joined_inputs(inputs)
    own: Any = getattr(source, "groups", None)
    if own is not None:  # in the order of the ids of the source
        own_ids: Any = source.ids  # pyright: ignore[reportAttributeAccessIssue]
        own = as_groups(np.asarray(own)[positions(as_ids(own_ids), names[order])], names[order])
    return Rows(names[order], x.take(order), y[order], source.classes, source.split, order, own)


def _add(hasher: Any, values: Any) -> None:
    values = values.toarray() if hasattr(values, "toarray") else values
    array = np.asarray(values)
    hasher.update(f"{array.shape}{array.dtype.kind}".encode())
    if array.dtype.kind in "OUT":
        hasher.update("\0".join(map(str, array.ravel().tolist())).encode("utf-8", "surrogatepass"))
    else:
        hasher.update(np.ascontiguousarray(array).data)
