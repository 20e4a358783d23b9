"""Where samples come from: batches of ids, inputs and labels that belong together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..errors import DataError
from ..predictions.names import as_ids

__all__ = ["Batch", "Source", "as_source"]

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
        Names that integer labels are codes of; None where labels are names themselves.
    split : str or None
        Which part of the data this is.
    """

    classes: tuple[Hashable, ...] | None
    split: str | None

    def batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield all samples once, in batches."""
        ...

    def __len__(self) -> int:
        """Return how many samples there are, as far as known."""
        ...


def as_source(source: Any) -> Source:
    """Recognise a source of samples, or refuse it with the reason."""
    if isinstance(source, Source):
        return source
    if hasattr(source, "element_spec"):
        from ._tf_dataset import dataset_source

        return dataset_source(source)
    if isinstance(source, dict):
        unknown = set(source) - {"ids", "x", "y"}
        if unknown or not {"ids", "x"} <= set(source):
            raise DataError(f"a source of arrays must have the keys ids, x and maybe y; received {sorted(source)}.")
        return _arrays(source["ids"], source["x"], source.get("y"))
    if isinstance(source, tuple) and len(source) in (2, 3):
        return _arrays(*source)
    if isinstance(source, np.ndarray) or hasattr(source, "iloc"):
        raise DataError(
            f"inputs must come with their ids; received a {type(source).__name__} of shape {np.shape(source)} alone. "
            "Give (ids, x) or (ids, x, y)."
        )
    if isinstance(source, Iterable) and not isinstance(source, (str, bytes)):
        return _Stream(source)
    raise DataError(f"a source must yield ids, inputs and labels; received {type(source).__name__}. {REMEDY}")


def _arrays(ids: Any, x: Any, y: Any = None) -> Source:
    if np.ndim(ids) != 1:
        raise DataError(
            f"the first of (ids, x[, y]) must be the ids, one a sample; received shape {np.shape(ids)}. "
            "Inputs must come with their ids."
        )
    names = as_ids(ids)
    for what, values in (("x", x), ("y", y)):
        if values is not None and len(values) != len(names):
            raise DataError(f"{what} must have one row an id; received {len(values)} rows and {len(names)} ids.")
    return _Arrays(names, x, y)


@dataclass
class _Arrays:
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


class _Stream:
    """Batches of (ids, x[, y]) from any iterable."""

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
            yield _decoded(ids), x, np.asarray(y[0]) if y else None

    def __len__(self) -> int:
        return 0


def _decoded(ids: Any) -> np.ndarray:
    # Of a list NumPy would make one kind: of ["a", nan] two texts.
    names = np.array([*ids, None], dtype=object)[:-1] if isinstance(ids, (list, tuple)) else np.asarray(ids)
    if names.dtype.kind in "SO":
        return as_ids([n.decode() if isinstance(n, bytes) else n for n in names.tolist()])
    return as_ids(names)
