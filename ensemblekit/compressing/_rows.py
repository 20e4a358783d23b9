"""Rows of a source, as networks take them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import DataError
from ..members import as_source
from ..members.inputs import Inputs, joined_inputs, read_inputs
from ..members.networks import keras_inputs
from ..predictions.names import joined_names

__all__ = ["batches_of", "read_rows"]


def batches_of(model: Any, source: Any, batch_size: int, *, name: str) -> Iterator[Any]:
    """Read the inputs of a source batch by batch, as a network takes them."""
    for _, inputs, _ in _batches(source, batch_size):
        yield keras_inputs(model, inputs, name)


def read_rows(model: Any, source: Any, batch_size: int, *, name: str) -> tuple[np.ndarray, Any, np.ndarray | None]:
    """Read all ids, inputs and labels into memory, the inputs as a network takes them."""
    parts = list(_batches(source, batch_size))
    if not parts:
        raise DataError("the source must yield at least one sample; it yielded none.")
    ids, inputs, labels = zip(*parts, strict=True)
    x = keras_inputs(model, joined_inputs([*inputs]), name)
    has_labels = all(one is not None for one in labels)
    return joined_names(list(ids)), x, np.concatenate(labels) if has_labels else None


def _batches(source: Any, batch_size: int) -> Iterator[tuple[np.ndarray, Inputs, Any]]:
    for ids, x, y in as_source(source).batches(batch_size):
        yield ids, x if isinstance(x, Inputs) else read_inputs(x, len(ids)), y
