"""The rows of a source as a whole: sorted by id, so that no order of the source changes a fold or a model."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError, InvalidOptionError
from ..limits import largest
from ..members import as_source
from ..members.inputs import Inputs, joined_inputs, read_inputs
from ..members.streamed import StreamedRows, can_stream
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
    x : Inputs or StreamedRows
        Inputs in that order; in memory, or read when they are needed.
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
    x: Inputs | StreamedRows
    y: np.ndarray
    classes: tuple[Hashable, ...] | None
    split: str | None
    order: np.ndarray
    groups: np.ndarray | None = None

    def digest(self) -> str:
        """Compute a digest of ids, inputs and labels."""
        hasher = hashlib.sha256()
        for values in (self.ids, self.y):
            _add(hasher, values)
        parts: dict[Any, Any] = {}
        batches = self.x.batches(256) if isinstance(self.x, StreamedRows) else [(self.ids, self.x, None)]
        for _, inputs, _ in batches:
            for path, values in inputs.parts.items():
                array = np.asarray(values.toarray() if hasattr(values, "toarray") else values)
                if path not in parts:
                    parts[path] = hashlib.sha256(f"{array.shape[1:]}{array.dtype.kind}".encode())
                _add_rows(parts[path], array)
        for path, part in parts.items():
            hasher.update(f"{path}{part.hexdigest()}".encode())
        return hasher.hexdigest()


def read_rows(source: Any, in_memory: bool | None = None) -> Rows:
    """Read a source to its end, and sort its rows by id; or read its ids and labels alone."""
    source = as_source(source)
    if in_memory is None:
        in_memory = not can_stream(source) or _n_bytes(source) <= largest()
    if not in_memory:
        return _streamed(source)
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
    return Rows(
        names[order], x.take(order), y[order], source.classes, source.split, order, _own_groups(source, names[order])
    )


def _own_groups(source: Any, ids: np.ndarray) -> np.ndarray | None:
    own = getattr(source, "groups", None)
    if own is None:  # in the order of the ids of the source
        return None
    return as_groups(np.asarray(own)[positions(as_ids(source.ids), ids)], ids)


def _n_bytes(source: Any) -> int:
    """Estimate what all inputs take in memory, from one row."""
    if not len(source.ids):
        return 0
    try:
        first = StreamedRows(source, as_ids(source.ids)[:1]).read()
    except DataError:  # an image that cannot be read, which may be skipped later
        return 0
    return sum(np.asarray(part).nbytes for part in first.parts.values()) * len(source.ids)


def _streamed(source: Any) -> Rows:
    """Read ids and labels, and leave the inputs where they are."""
    if not can_stream(source):
        raise InvalidOptionError(
            "in_memory=False is for sources of which rows can be read alone, with ids, labels and take(ids), such as "
            f"image_folder and image_table; received {type(source).__name__}. Leave it out."
        )
    if getattr(source, "skip_unreadable", False):  # which images can be read is known when they are
        source = source.take(joined_names([as_ids(ids) for ids, _, _ in source.batches(256)]))
    names = as_ids(source.ids)
    if source.labels is None:
        raise DataError("folds are fitted on labelled rows; the source yields no labels. Give (ids, x, y).")
    if not len(names):
        raise DataError("the source must yield at least one sample; it yielded none.")
    y = np.asarray(source.labels)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    order = order_of(names)
    ids = names[order]
    x = StreamedRows(source, ids)
    return Rows(ids, x, y[order], source.classes, source.split, order, _own_groups(source, ids))


def _add(hasher: Any, values: Any) -> None:
    values = values.toarray() if hasattr(values, "toarray") else values
    array = np.asarray(values)
    hasher.update(f"{array.shape}{array.dtype.kind}".encode())
    if array.dtype.kind in "OUT":
        hasher.update("\0".join(map(str, array.ravel().tolist())).encode("utf-8", "surrogatepass"))
    else:
        hasher.update(np.ascontiguousarray(array).data)


def _add_rows(hasher: Any, array: np.ndarray) -> None:
    """Add rows, so that it does not matter how they are divided into batches."""
    if array.dtype.kind in "OUT":
        hasher.update("".join(f"{text}\0" for text in array.ravel().tolist()).encode("utf-8", "surrogatepass"))
    else:
        hasher.update(np.ascontiguousarray(array).data)
