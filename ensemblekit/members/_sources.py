"""Sources of samples. Each batch holds ids, inputs and labels of the same rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..errors import DataError
from ..predictions.named import by_id
from ..predictions.names import array_of, as_ids, positions
from .inputs import Inputs, read_inputs

__all__ = ["REMEDY", "ArraySource", "Batch", "Source", "StreamSource", "groups_of"]

Batch = tuple[np.ndarray, Any, Any]
"""Ids ``(n,)``, inputs ``(n, ...)``, and labels ``(n, ...)`` or None."""

REMEDY = (
    "Use image_folder(folder), which yields ids, images and labels together, or a dataset of (ids, x[, y]) batches."
)


@runtime_checkable
class Source(Protocol):
    """Anything that yields ids, inputs and labels together.

    Attributes
    ----------
    classes : tuple or None
        Class names that integer labels are codes of; None if labels are names.
    split : str or None
        Part of the data.

    Notes
    -----
    The inputs of a batch are an array or table, a list of samples, or a mapping or tuple of arrays, for models with
    several inputs. A source that has ``groups``, one per row of its ``ids``, hands them on to the predictions.
    """

    classes: tuple[Hashable, ...] | None
    split: str | None

    def batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield all samples once, in batches.

        Parameters
        ----------
        batch_size : int
            Samples per batch, unless the source fixes it.

        Yields
        ------
        tuple of (ids, x, y)
            Ids, inputs, and labels or None.
        """
        ...

    def __len__(self) -> int:
        """Return the number of samples; 0 if unknown."""
        ...


class ArraySource:
    """Arrays or tables, cut into batches."""

    def __init__(self, ids: Any, x: Any, y: Any = None) -> None:
        self.classes: tuple[Hashable, ...] | None = None
        self.split: str | None = None
        self.ids, self.x, self.y = _named_batch(ids, x, y)

    def batches(self, batch_size: int) -> Iterator[Batch]:
        for start in range(0, len(self.ids), batch_size):
            rows = slice(start, start + batch_size)
            yield self.ids[rows], self.x.rows(rows), None if self.y is None else self.y[rows]

    def __len__(self) -> int:
        return len(self.ids)


class StreamSource:
    """Batches ``(ids, x[, y])`` from any iterable."""

    def __init__(self, iterable: Iterable[Any], split: str | None = None) -> None:
        self.classes: tuple[Hashable, ...] | None = None
        self.split = split
        self._iterable = iterable

    def batches(self, batch_size: int) -> Iterator[Batch]:
        first: Inputs | None = None
        for batch in self._iterable:
            if not isinstance(batch, tuple) or len(batch) not in (2, 3):
                raise DataError(
                    f"each batch must be a tuple (ids, x) or (ids, x, y); received {type(batch).__name__}. {REMEDY}"
                )
            ids, x, *_ = batch
            if _n_axes(ids) != 1 or (_is_plain(x) and np.shape(x)[:1] != (len(ids),)):
                raise DataError(
                    f"each batch must start with one id a sample; received ids of shape {_shape(ids)} for inputs of "
                    f"shape {_shape(x)}. {REMEDY}"
                )
            named = _named_batch(*batch, like=first)
            first = first or named[1]
            yield named

    def __len__(self) -> int:
        return 0


def groups_of(source: Any, ids: np.ndarray) -> np.ndarray | None:
    """Look up the groups of rows, if the source knows them."""
    groups = getattr(source, "groups", None)
    return None if groups is None else np.asarray(groups)[positions(as_ids(source.ids), ids)]


def _named_batch(ids: Any, x: Any, y: Any = None, *, like: Inputs | None = None) -> tuple[np.ndarray, Inputs, Any]:
    """Read ids, and inputs and labels by their own names where they have them."""
    if _n_axes(ids) != 1:
        raise DataError(
            f"the first of (ids, x[, y]) must be the ids, one a sample; received shape {_shape(ids)}. "
            "Inputs must come with their ids."
        )
    index = ids.index if hasattr(ids, "iloc") else None
    names = _as_text_ids(ids)
    inputs = read_inputs(x, len(names), like=like)
    for path, part in inputs.parts.items():
        if hasattr(part, "iloc") and len(names):
            what = "x" + "".join(f"[{key!r}]" for key in path)
            _check_rows(what, part, names, index)
    return names, inputs, None if y is None else _labels(y, names, index)


def _labels(y: Any, ids: np.ndarray, index: Any) -> np.ndarray:
    if isinstance(y, (list, tuple, np.ndarray)):
        if len(y) != len(ids):
            raise DataError(f"y must have one row an id; received {len(y)} rows and {len(ids)} ids.")
        y = array_of(y)
        if y.dtype.kind == "O" and any(isinstance(one, (list, tuple, np.ndarray)) for one in y.ravel().tolist()):
            raise DataError(
                f"y must be one label a row, or one an output; received rows of different lengths, the first "
                f"{y.ravel()[0]!r}. Give an indicator a class where several labels may apply."
            )
    return by_id("y", y, ids, index=index, label=True, error=DataError)


def _check_rows(what: str, table: Any, ids: np.ndarray, index: Any) -> None:
    import pandas as pd

    rows = pd.Series(np.arange(len(table)), index=table.index)
    places = by_id(what, rows, ids, index=index, error=DataError)
    if not np.array_equal(places, np.arange(len(ids))):
        raise DataError(
            f"{what} must name its rows as the ids do, in one order; received an index with the same names in another "
            f"order. Give {what}.loc[ids] if the names are right, or {what}.reset_index(drop=True) if the order is."
        )


def _is_plain(x: Any) -> bool:
    return isinstance(x, np.ndarray)


def _n_axes(ids: Any) -> int | None:
    try:
        return None if isinstance(ids, (str, bytes)) else np.ndim(ids)
    except ValueError:  # rows of different lengths
        return None


def _shape(ids: Any) -> Any:
    try:
        return np.shape(ids)
    except ValueError:
        return f"({len(ids)}, with rows of different lengths)"


def _as_text_ids(ids: Any) -> np.ndarray:
    # As an array of objects, because NumPy would turn the list ["a", nan] into two texts.
    names = np.array([*ids, None], dtype=object)[:-1] if isinstance(ids, (list, tuple)) else np.asarray(ids)
    if names.dtype.kind in "SO":
        return as_ids([n.decode() if isinstance(n, bytes) else n for n in names.tolist()])
    return as_ids(names)
