"""The predictions of stages in files: which rows each must predict, and which it answers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import AlignmentError, InvalidOptionError, InvalidPredictionsError, UnknownMemberError
from ..kinds import kind_of
from ..predictions import Predictions, Task
from ..predictions.names import few, positions, shown
from ._rule import is_sure

__all__ = ["Walk", "walk"]


@dataclass(frozen=True)
class Walk:
    """How far the predictions of stages go."""

    first: Predictions
    read: Mapping[str, Predictions]
    """The predictions of each stage that is given."""
    values: np.ndarray
    """Predictions of the last stage that each row has reached, in the order of the classes of the cascade."""
    places: np.ndarray
    """The place of that stage."""
    stage: str | None
    """The first stage that lacks rows."""
    open_ids: np.ndarray
    """Ids of the rows that it lacks."""


def walk(given: Any, stages: tuple[str, ...], classes: tuple[Hashable, ...], task: Task, threshold: float) -> Walk:
    """Follow each row through the stages, as far as there are predictions."""
    if not isinstance(given, Mapping):
        raise InvalidOptionError(
            f"predictions must be given by stage, {{stage: predictions}}; received {type(given).__name__}."
        )
    unknown = [name for name in given if name not in stages]
    if unknown or stages[0] not in given:
        raise UnknownMemberError(
            f"predictions must be of the stages {stages}, the first at least; received {few(given)}."
        )
    read = {name: _read(name, given[name], classes, task) for name in stages if name in given}
    first = read[stages[0]]
    values, rows = _columns(first, classes), np.arange(len(first.ids))
    places = np.zeros(len(rows), dtype=np.int64)
    for place, name in enumerate(stages[1:], 1):
        rows = rows[~is_sure(values[rows], task, threshold)]
        open_ids = first.ids[rows]
        found = positions(read[name].ids, open_ids) if name in read else np.full(len(rows), -1)
        if (found < 0).any():
            return Walk(first, read, values, places, name, open_ids[found < 0])
        if len(rows):
            values[rows], places[rows] = _columns(read[name], classes)[found], place
    return Walk(first, read, values, places, None, first.ids[:0])


def _read(name: str, given: Any, classes: tuple[Hashable, ...], task: Task) -> Predictions:
    predictions = given if isinstance(given, Predictions) else Predictions.load(given)
    if set(predictions.classes) != set(classes) or predictions.kind != kind_of(task):
        raise AlignmentError(
            f"stages must predict {shown(classes)} of the task {task!r}; stage {name!r} predicts "
            f"{shown(predictions.classes)} of the task {predictions.task!r}."
        )
    if predictions.probas.ndim != 2 or predictions.present is not None:
        raise InvalidPredictionsError(
            f"a cascade needs predictions of shape (n_samples, n_classes) with every row present; those of stage "
            f"{name!r} have the shape {predictions.probas.shape}."
        )
    return predictions


def _columns(predictions: Predictions, classes: tuple[Hashable, ...]) -> np.ndarray:
    return predictions.probas[:, [predictions.classes.index(name) for name in classes]]
