"""`combine`: align predictions, check them, and call the combiner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arguments import typed
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..interfaces import CombinerLike
from ..predictions import Aliases, Alignable, MissingPolicy, Predictions, PredictionSet
from ..predictions.names import all_fit_ids
from ..predictions.results import predictions_for
from ._inputs import aligned_set, features_of
from .asked import ask

__all__ = ["combine"]


@typed(but=("predictions", "combiner", "missing"))
def combine(
    predictions: Alignable,
    combiner: str | CombinerLike,
    *,
    features: Any = None,
    aliases: Aliases | None = None,
    missing: MissingPolicy = "error",
    options: Mapping[str, Any] | None = None,
    **more_options: Any,
) -> Predictions:
    """Combine the predictions of several members into one.

    Parameters
    ----------
    predictions : PredictionSet, or sequence or mapping of Predictions or paths
        They are first aligned by id and class name; see `align`.
    combiner : str or Combiner
        A registered name, or an object with a method ``combine``.
    features : DataFrame indexed by id, mapping of id to vector, or (ids, array), optional
        For a combiner that takes the samples themselves; at least one row for every id.
    aliases, missing
        As in `align`.
    options : mapping of str to Any, optional
        Options of the combiner, if it is given by name.
    **more_options
        The same options as keyword arguments. An option that has the name of an argument above must be in ``options``.

    Returns
    -------
    Predictions
        Rows and classes in the order of the first member; ``fit_ids`` are all rows that a member or the combiner is
        known to be fitted on.

    Raises
    ------
    AlignmentError
        If the predictions cannot be aligned, or their members are not those that the combiner was fitted on.
    NotFittedError
        If the combiner learns and was not fitted.
    InvalidOptionError
        If the combiner does not accept an option, the task, the features or absent rows.
    InvalidPredictionsError
        If the combiner returns something other than valid predictions.

    Examples
    --------
    >>> from ensemblekit import Predictions, combine
    >>> cnn = Predictions([[0.75, 0.25], [0.5, 0.5]], ids=["a", "b"], classes=["cat", "dog"], member="cnn")
    >>> svm = Predictions([[1.0, 0.0], [0.25, 0.75]], ids=["b", "a"], classes=["cat", "dog"], member="svm")
    >>> combine([cnn, svm], "mean").probas
    array([[0.5 , 0.5 ],
           [0.75, 0.25]])
    """
    aligned = aligned_set(predictions, aliases, missing)
    asked = ask(combiner, options, more_options)
    asked.check_task(aligned.task)
    asked.check_fitted(
        "it combines",
        "Fit it on held-out predictions: fitted = fit_combiner(predictions, combiner); combine(predictions, fitted).",
    )
    asked.check_names(aligned.members, aligned.classes)
    ordered = aligned.reorder(
        members=asked.order_members(aligned.members), classes=asked.order_classes(aligned.classes)
    )
    settled = asked.settle(ordered.members)
    name, ready, takes = asked.name, settled.combiner, settled.takes
    kwargs: dict[str, Any] = {}
    if ordered.present is not None:
        if "present" not in takes:
            raise InvalidOptionError(
                f"combiner {name!r} cannot combine rows that some members lack "
                f"({int((~ordered.present).any(axis=0).sum())} of {len(ordered.ids)} rows here). Use one that can, "
                "such as 'mean', or take the rows that all members have."
            )
        _check_weights_present(getattr(ready, "weights", None), ordered)
        kwargs["present"] = ordered.present
    if features is not None:
        settled.check_takes("features")
        kwargs["features"] = features_of(features, ordered.ids)
    if "task" in takes:
        kwargs["task"] = ordered.task
    probas = np.asarray(ready.combine(ordered.member_probas, **kwargs))
    expected = ordered.member_probas.shape[1:]
    if probas.shape != expected:
        raise InvalidPredictionsError(
            f"combiner {name!r} must return shape {expected} for member_probas of shape "
            f"{ordered.member_probas.shape}; it returned {probas.shape}."
        )
    if ordered.classes != aligned.classes:
        columns = {label: column for column, label in enumerate(ordered.classes)}
        probas = np.take(probas, [columns[label] for label in aligned.classes], axis=-1)
    try:
        fit_ids = all_fit_ids((*aligned.fit_ids.values(), getattr(asked.combiner, "fit_ids_", None)))
        return predictions_for(aligned, probas, member=name, fit_ids=fit_ids)
    except InvalidPredictionsError as error:
        raise InvalidPredictionsError(f"combiner {name!r} returned predictions that are not valid: {error}") from None


def _check_weights_present(weights: Any, predictions: PredictionSet) -> None:
    if weights is None or predictions.present is None:
        return
    weighed = np.asarray(weights) @ predictions.present > 0
    if not weighed.all():
        lost = predictions.ids[~weighed].tolist()
        raise InvalidOptionError(
            f"each row must be there for a member with a positive weight; {len(lost)} of {len(weighed)} are not, first "
            f"{lost[0]!r}. Give weight to the members that have them, or take the others."
        )
