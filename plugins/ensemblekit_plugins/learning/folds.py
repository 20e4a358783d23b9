"""Folds in which a rule fits out of fold: they keep groups together, and look at nothing later than themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import PredictionSet
from ensemblekit.combining.forward import forward_folds
from ensemblekit.errors import InvalidPredictionsError

from .final_estimators import takes_groups

__all__ = ["Fold", "divide", "give_folds", "held_out", "take_back_folds"]

Fold = tuple[np.ndarray, np.ndarray]
"""Rows to fit on, and rows that are held out."""


def divide(predictions: PredictionSet, cv: int, *, who: str, instead: str) -> list[Fold]:
    """Divide rows that have groups or ``time``.

    Parameters
    ----------
    predictions : PredictionSet
        With labels.
    cv : int
        Number of folds; there are fewer if there are fewer groups or cutoffs.
    who : str
        What is fitted on held-out rows, for errors.
    instead : str
        What to do if there are no folds, for errors.

    Returns
    -------
    list of Fold
        Rows of one group are in one fold. With ``time`` each fold is predicted by earlier rows.

    Raises
    ------
    InvalidPredictionsError
        If there is one group alone, or no row with earlier rows whose outcomes were known.
    """
    codes, groups = predictions.label_codes, predictions.groups
    classes = codes if predictions.kind == "multiclass" and codes is not None and codes.ndim == 1 else None
    n = len(predictions.ids)
    if predictions.time:
        folds = forward_folds(predictions, cv, groups=groups, classes=classes)
        if folds.n_folds:
            return folds.splits()
        cut = folds.n_cutoffs - folds.n_parts
        raise InvalidPredictionsError(
            f"{who} on rows at whose cutoff outcomes of earlier rows were known; received {n} rows with "
            f"{folds.n_cutoffs} different cutoffs{f', {cut} of them within a group' if cut else ''}, and none is such. "
            f"Give rows of more cutoffs, or {instead}."
        )
    assert groups is not None  # noqa: S101 - as the docstring says
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise InvalidPredictionsError(
            f"{who} on groups that it has not seen; received {n} rows of one group, {str(groups[0])!r}. "
            f"Give rows of more groups, or {instead}."
        )
    from sklearn.model_selection import GroupKFold

    return list(GroupKFold(min(cv, n_groups)).split(np.empty((n, 1)), groups=groups))


def held_out(folds: list[Fold]) -> np.ndarray:
    """List the rows of all folds, in their order."""
    return np.sort(np.concatenate([fold for _, fold in folds]))


def give_folds(estimator: Any, predictions: PredictionSet) -> dict[str, Any]:
    """Give a final estimator folds in place of its own, which are a number as its ``cv`` or none.

    Parameters
    ----------
    estimator : estimator
        Not fitted; its parameters are changed if rows have groups or ``time``.
    predictions : PredictionSet
        What it is to be fitted on. Each position of a dense output is a row.

    Returns
    -------
    dict
        The parameters that were changed, as they were before.

    Raises
    ------
    InvalidPredictionsError
        As `divide`.
    """
    if (predictions.groups is None and not predictions.time) or not hasattr(estimator, "get_params"):
        return {}
    params = estimator.get_params(deep=False)
    cv, kind = params.get("cv", False), type(estimator)
    by_default = cv is None and kind.__module__.partition(".")[0] == "sklearn"
    if takes_groups(estimator) or isinstance(cv, bool) or not (by_default or isinstance(cv, int)):
        return {}
    who, instead = f"{kind.__name__} is fitted by folds", "a final estimator that makes none"
    positions = np.arange(int(np.prod(predictions.member_probas.shape[2:-1])))
    folds = [
        tuple((rows[:, np.newaxis] * len(positions) + positions).ravel() for rows in fold)
        for fold in divide(predictions, 5 if cv is None else cv, who=who, instead=instead)
    ]
    new: dict[str, Any] = {"cv": folds}
    if kind.__name__ == "RidgeCV" and params["scoring"] is None:
        new["scoring"] = "neg_mean_squared_error"  # as without folds; with folds R2 is the default
    before = {name: params[name] for name in new}
    estimator.set_params(**new)
    return before


def take_back_folds(fitted: Any, before: dict[str, Any]) -> None:
    """Set the parameters of a fitted final estimator, or of a list of them, as they were before `give_folds`."""
    for one in fitted if isinstance(fitted, list) else [fitted]:
        if before and "cv" in one.get_params(deep=False):
            one.set_params(**before)
