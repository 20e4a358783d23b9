"""Predictions for the rows and classes of a set that is aligned already, so that only the new values are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..kinds import KINDS
from ._checks import FLOATS, as_probas
from ._fits import Fitted
from ._joined_fits import join_members
from ._plainly_valid import is_plainly_valid
from ._predictions import Predictions
from ._set import PredictionSet, bare_predictions
from .names import all_fit_ids, positions, readonly

__all__ = ["fitted_together", "fitted_with", "predictions_for"]


def fitted_together(aligned: PredictionSet, fit_ids: np.ndarray | None, fit_groups: np.ndarray | None) -> Fitted:
    """Find what members and their combiner were fitted on, for each row.

    Parameters
    ----------
    aligned : PredictionSet
        The members.
    fit_ids, fit_groups : ndarray, or None
        Ids and groups that the combiner was fitted on.

    Returns
    -------
    Fitted
        The union for each row; for all rows, if each member is one model.
    """
    own = [Fitted(aligned.fit_ids[m], aligned.fit_groups[m], aligned.fits[m]) for m in aligned.members]
    combiner = Fitted(all_fit_ids([fit_ids]), all_fit_ids([fit_groups]))
    return join_members([*own, combiner], len(aligned.ids))


def fitted_with(
    stages: Mapping[str, Predictions], ids: np.ndarray, fit_ids: np.ndarray | None, fit_groups: np.ndarray | None
) -> dict[str, Any]:
    """Find what several predictions of some of these rows were fitted on, and what a rule of them was fitted on.

    Parameters
    ----------
    stages : mapping of str to Predictions
        Of which a row may be absent.
    ids : ndarray of shape (n_samples,)
        The rows.
    fit_ids, fit_groups : ndarray, or None
        Ids and groups that the rule was fitted on.

    Returns
    -------
    dict
        Arguments of `Predictions`.
    """
    own = [Fitted(p.fit_ids, p.fit_groups, p.fits).take(positions(p.ids, ids)) for p in stages.values()]
    return join_members([*own, Fitted(fit_ids, fit_groups)], len(ids)).arguments()


def predictions_for(aligned: PredictionSet, probas: Any, *, member: str, fitted: Fitted | None = None) -> Predictions:
    """Name new values by the rows, classes, labels, groups and split of a set.

    Parameters
    ----------
    aligned : PredictionSet
        Whose names they get.
    probas : ndarray of shape (n_samples, ..., n_classes)
        Values in the order of its rows and classes. They are checked as `Predictions` checks them, and made read-only.
    member : str
        Who made them.
    fitted : Fitted, optional
        What ``member`` was fitted on, as `fitted_together` finds it.

    Returns
    -------
    Predictions

    Raises
    ------
    InvalidPredictionsError
        If the values are not those of valid predictions.
    """
    values = readonly(probas)  # so that the array is taken without a copy
    present = None
    if not (_is_like(values, aligned) and is_plainly_valid(values, aligned.kind)):
        who = f"probas of member {member!r}"
        values, present = as_probas(values, aligned.ids, aligned.classes, aligned.task, nan_rows=False, who=who)
    return bare_predictions(
        _probas=values,
        _ids=aligned.ids,
        _classes=aligned.classes,
        _label_values=aligned.label_codes,
        _task=aligned.task,
        _split=aligned.split,
        _member=member,
        _groups=aligned.groups,
        _fitted=fitted or Fitted(),
        _present=present,
    )


def _is_like(values: Any, aligned: PredictionSet) -> bool:
    """Tell whether new values need no other check than that of their range."""
    alike = isinstance(values, np.ndarray) and values.shape == aligned.member_probas.shape[1:]
    return alike and values.dtype in FLOATS and aligned.task in KINDS
