"""Rows of a source that are read when they are needed, where all of them would take too much memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..errors import DataError
from ..predictions.names import as_ids, few
from ._sources import Batch
from .inputs import Inputs, joined_inputs, read_inputs

__all__ = ["StreamedRows", "can_stream", "row_dataset"]


def can_stream(source: Any) -> bool:
    """Tell whether any rows of a source can be read alone, and their labels without the inputs, as of image folders."""
    return callable(getattr(source, "take", None)) and all(hasattr(source, name) for name in ("ids", "labels"))


class StreamedRows:
    """Rows of a source without labels, of which none is in memory. It is a source itself.

    Parameters
    ----------
    source : Source
        With ``ids`` and ``take(ids)``, see `can_stream`.
    ids : ndarray of shape (n_samples,)
        Which rows, in their order.
    """

    classes = split = None

    def __init__(self, source: Any, ids: np.ndarray) -> None:
        self.ids = ids
        self._source = source

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, places: np.ndarray) -> StreamedRows:
        """Take rows by their places; none is read."""
        return StreamedRows(self._source, self.ids[places])

    def read(self) -> Inputs:
        """Read the inputs of all rows."""
        parts = [x for _, x, _ in self.batches(max(1, len(self)))]
        return joined_inputs(parts)

    def batches(self, batch_size: int) -> Iterator[Batch]:
        """Read the rows in batches, without labels."""
        first: Inputs | None = None
        done = 0
        for ids, x, _ in self._source.take(self.ids).batches(batch_size):
            names = as_ids(ids)
            expected = self.ids[done : done + len(names)]
            if not np.array_equal(names, expected):
                raise DataError(
                    "a source must give the rows that are taken, in their order; received "
                    f"{few(names[names != expected].tolist() if len(names) == len(expected) else names.tolist())}."
                )
            done += len(names)
            inputs = x if isinstance(x, Inputs) else read_inputs(x, len(names), like=first)
            first = first or inputs
            yield names, inputs, None
        if done < len(self):
            raise DataError(f"a source must give the rows that are taken; it lacks {few(self.ids[done:].tolist())}.")


def row_dataset(
    keras: Any,
    rows: StreamedRows,
    targets: np.ndarray,
    weights: np.ndarray | None,
    *,
    feed: Callable[[Inputs], Any],
    batch_size: int,
    seed: int | None,
) -> Any:
    """Make a dataset for Keras that reads each batch when it is trained on.

    Parameters
    ----------
    keras : module
        Keras.
    rows : StreamedRows
        The inputs.
    targets : ndarray of shape (n_samples, ...)
        What the loss compares.
    weights : ndarray of shape (n_samples,), or None
        Weights of the rows.
    feed : callable
        Puts the inputs of a batch into the structure that the model takes.
    batch_size : int
        Rows a batch.
    seed : int, or None
        Seed of the order of the rows, which is drawn anew for each epoch.

    Returns
    -------
    keras.utils.PyDataset
    """

    class RowDataset(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self._rng = np.random.default_rng(seed)
            self._order = self._rng.permutation(len(rows))

        def __len__(self) -> int:
            return -(-len(rows) // batch_size)

        def __getitem__(self, number: int) -> tuple[Any, ...]:
            places = self._order[number * batch_size : (number + 1) * batch_size]
            given = feed(rows.take(places).read()), targets[places]
            return given if weights is None else (*given, weights[places])

        def on_epoch_end(self) -> None:
            self._order = self._rng.permutation(len(rows))

    return RowDataset()
