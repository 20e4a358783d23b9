"""Predictions for the rows and classes of a set that is aligned already, so that only the new values are checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._checks import as_probas
from ._predictions import Predictions
from ._set import PredictionSet, bare_predictions
from .names import readonly

__all__ = ["predictions_for"]


def predictions_for(
    aligned: PredictionSet, probas: Any, *, member: str, fit_ids: np.ndarray | None = None
) -> Predictions:
    """Name new values by the rows, classes, labels and split of a set.

    Parameters
    ----------
    aligned : PredictionSet
        Whose names they get.
    probas : ndarray of shape (n_samples, ..., n_classes)
        Values in the order of its rows and classes. They are checked as `Predictions` checks them, and made read-only.
    member : str
        Who made them.
    fit_ids : ndarray, optional
        Sorted ids of the rows that ``member`` was fitted on, of the kind of the ids.

    Returns
    -------
    Predictions

    Raises
    ------
    InvalidPredictionsError
        If the values are not those of valid predictions.
    """
    values, present = as_probas(
        readonly(probas),  # so that the array is taken without a copy
        aligned.ids,
        aligned.classes,
        aligned.task,
        nan_rows=False,
        who=f"probas of member {member!r}",
    )
    return bare_predictions(
        _probas=values,
        _ids=aligned.ids,
        _classes=aligned.classes,
        _label_values=aligned.label_codes,
        _task=aligned.task,
        _split=aligned.split,
        _member=member,
        _fit_ids=fit_ids,
        _present=present,
    )
