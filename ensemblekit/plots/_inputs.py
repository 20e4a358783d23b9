"""Checks of the predictions that plots take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ..errors import InvalidPredictionsError
from ..predictions import Predictions, PredictionSet

__all__ = ["Models", "as_models"]

Models: TypeAlias = Predictions | PredictionSet | Mapping[str, Predictions]


def as_models(predictions: Models, what: str) -> dict[str, Predictions]:
    """Convert predictions to a mapping of names to models; refuse predictions that ``what`` cannot show."""
    if isinstance(predictions, Predictions):
        models = {predictions.member or "model": predictions}
    elif isinstance(predictions, PredictionSet):
        models = {member: predictions[member] for member in predictions.members}
    elif isinstance(predictions, Mapping):
        models = dict(predictions)
    else:
        raise InvalidPredictionsError(
            f"{what} takes Predictions, a PredictionSet, or a mapping of names to Predictions; received "
            f"{type(predictions).__name__}."
        )
    if not models:
        raise InvalidPredictionsError(f"{what} needs at least one model; received none.")
    for name, model in models.items():
        if not isinstance(model, Predictions):
            raise InvalidPredictionsError(
                f"{what} takes Predictions of each model; received {type(model).__name__} for {name!r}."
            )
        check_classes(model, what, who=f" of {name!r}")
        if model.labels is None:
            raise InvalidPredictionsError(f"{what} needs labelled predictions; those of {name!r} have no labels.")
    return models


def check_classes(predictions: Predictions | PredictionSet, what: str, *, who: str = "") -> None:
    """Refuse dense predictions, and tasks other than ``multiclass``."""
    shape = predictions.probas.shape if isinstance(predictions, Predictions) else predictions.member_probas.shape[1:]
    if predictions.task != "multiclass" or len(shape) != 2:
        raise InvalidPredictionsError(
            f"{what} shows classes that exclude each other, one row per sample; received predictions{who} of the task "
            f"{predictions.task!r} and shape {shape}."
        )
