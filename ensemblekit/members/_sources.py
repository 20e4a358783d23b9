"""Sources of samples. Each batch holds ids, inputs and labels of the same rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..errors import DataError
from ..predictions.names import as_ids

__all__ = ["REMEDY", "ArraySource", "Batch", "Source", "StreamSource"]

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


@dataclass
class ArraySource:
    """Arrays or tables, cut into batches."""

    ids: np.ndarray
    x: Any
    y: Any
    classes: tuple[Hashable, ...] | None = None
    split: str | None = None

    def batches(self, batch_size: int) -> Iterator[Batch]:
        x = getattr(self.x, "iloc", self.x)
        y = getattr(self.y, "iloc", self.y)
        for start in range(0, len(self.ids), batch_size):
            rows = slice(start, start + batch_size)
            yield self.ids[rows], x[rows], None if y is None else np.asarray(y[rows])

    def __len__(self) -> int:
        return len(self.ids)


class StreamSource:
    """Batches ``(ids, x[, y])`` from any iterable."""

    def __init__(self, iterable: Iterable[Any], split: str | None = None) -> None:
        self.classes: tuple[Hashable, ...] | None = None
        self.split = split
        self._iterable = iterable

    def batches(self, batch_size: int) -> Iterator[Batch]:
        for batch in self._iterable:
            if not isinstance(batch, tuple) or len(batch) not in (2, 3):
                raise DataError(
                    f"each batch must be a tuple (ids, x) or (ids, x, y); received {type(batch).__name__}. {REMEDY}"
                )
            ids, x, *y = batch
            if np.ndim(ids) != 1 or len(ids) != len(x):
                raise DataError(
                    f"each batch must start with one id a sample; received ids of shape {np.shape(ids)} for inputs of "
                    f"shape {np.shape(x)}. {REMEDY}"
                )
            yield _as_text_ids(ids), x, np.asarray(y[0]) if y else None

    def __len__(self) -> int:
        return 0


def _as_text_ids(ids: Any) -> np.ndarray:
    # As an array of objects, because NumPy would turn the list ["a", nan] into two texts.
    names = np.array([*ids, None], dtype=object)[:-1] if isinstance(ids, (list, tuple)) else np.asarray(ids)
    if names.dtype.kind in "SO":
        return as_ids([n.decode() if isinstance(n, bytes) else n for n in names.tolist()])
    return as_ids(names)
