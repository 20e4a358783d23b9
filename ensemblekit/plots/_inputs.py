"""Checks of the predictions that plots take."""

from __future__ import annotations

from ..errors import InvalidPredictionsError
from ..evaluation import Models, named_models
from ..predictions import Predictions, PredictionSet

__all__ = ["Models", "as_models", "check_rows"]


def as_models(predictions: Models, what: str) -> dict[str, Predictions]:
    """Convert predictions to a mapping of names to models; refuse those that have no labels of classes."""
    models = named_models(predictions, argument="predictions")
    for name, model in models.items():
        if model.kind == "regression":
            raise InvalidPredictionsError(
                f"{what} shows classes, and numbers have none; received predictions of {name!r} of the task "
                f"{model.task!r}. For numbers there are plot_scores and plot_diversity."
            )
        if model.label_codes is None:
            raise InvalidPredictionsError(f"{what} needs labelled predictions; those of {name!r} have no labels.")
    return models


def check_rows(predictions: PredictionSet, what: str) -> None:
    """Refuse predictions without rows."""
    if not len(predictions.ids):
        raise InvalidPredictionsError(f"{what} needs one row at least; received {predictions!r}.")
