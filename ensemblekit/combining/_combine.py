"""`combine`: align predictions, check them, and call the combiner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..arguments import typed
from ..errors import InvalidPredictionsError
from ..interfaces import CombinerLike
from ..predictions import Aliases, Alignable, MissingPolicy, Predictions
from ..predictions.results import fitted_together, predictions_for
from ._inputs import aligned_set
from .asked import ask
from .times import check_times
from .values import not_valid, values_of

__all__ = ["combine"]


@typed(but=("predictions", "combiner", "missing"))
def combine(
    predictions: Alignable,
    combiner: str | CombinerLike,
    *,
    features: Any = None,
    aliases: Aliases | None = None,
    missing: MissingPolicy = "error",
    read: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    allow_leakage: bool = False,
    **more_options: Any,
) -> Predictions:
    """Combine the predictions of several members into one.

    Parameters
    ----------
    predictions : PredictionSet, or sequence or mapping of Predictions or paths
        They are first aligned by id and class name; see `align`.
    combiner : str or Combiner
        A registered name, or an object with a method ``combine``.
    features : DataFrame indexed by id, mapping of id to vector, or (ids, array or sparse matrix), optional
        For a combiner that takes the samples themselves; at least one row for every id. Named columns are put in the
        order of the fit. A sparse matrix stays one for a combiner with ``takes_sparse``.
    aliases, missing
        As in `align`.
    read : mapping of str to Any, optional
        How files are read, as in `align`: ``{"task": "regression", "id": "Id"}``.
    options : mapping of str to Any, optional
        Options of the combiner, if it is given by name.
    allow_leakage : bool, default=False
        Also use a fitted combiner on forecasts whose cutoff is not after those of the fit; see ``time`` of
        `Predictions`.
    **more_options
        The same options as keyword arguments. An option that has the name of an argument above must be in ``options``.

    Returns
    -------
    Predictions
        Rows and classes in the order of the first member; ``fit_ids`` are all rows that a member or the combiner is
        known to be fitted on, row by row where members are out-of-fold. Groups are kept.

    Raises
    ------
    AlignmentError
        If the predictions cannot be aligned, or their members are not those that the combiner was fitted on.
    LeakageError
        If the combiner was fitted on outcomes that were not known at the cutoff of a row, where predictions say their
        ``time``.
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
    aligned = aligned_set(predictions, aliases, missing, read)
    asked = ask(combiner, options, more_options)
    if not allow_leakage:
        check_times(asked, aligned)
    probas = values_of(aligned, asked, features)
    try:
        own = (getattr(asked.combiner, name, None) for name in ("fit_ids_", "fit_groups_"))
        return predictions_for(aligned, probas, member=asked.name, fitted=fitted_together(aligned, *own))
    except InvalidPredictionsError as error:
        raise not_valid(asked, error) from None
