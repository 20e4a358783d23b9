"""Aligned predictions combined into values without names, for rooms that have names of their own."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from ..errors import InvalidOptionError, InvalidPredictionsError
from ..interfaces import CombinerLike
from ..predictions import PredictionSet, Task
from ..predictions.arrays import checked_values, is_plain, plain_cube
from ._inputs import features_of
from .asked import AskedCombiner, ask, ask_at_once

__all__ = ["combine_arrays", "combine_values", "not_valid", "values_of"]


def combine_arrays(
    arrays: Mapping[str, Any], combiner: CombinerLike, *, n_rows: int, classes: tuple[Hashable, ...], task: Task
) -> np.ndarray | None:
    """Combine values that have equal rows and columns, if they and the result are valid as they are.

    It does what `set_of_arrays` and `combine_values` do together, in less time for few rows.

    Parameters
    ----------
    arrays : mapping of str to ndarray of shape (n_rows, n_classes)
        Member -> values.
    combiner : Combiner
        An object; fitted if it learns.
    n_rows : int
        Number of rows that each must have.
    classes : tuple of str or int
        Names of the columns.
    task : str
        Task of the values.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), or None
        None if something must be put in order, mended or refused, which is left to those functions.
    """
    members = tuple(arrays)
    found = ask_at_once(combiner, members, classes, task)
    if found is None:
        return None
    settled, order, takes_task = found
    values = [*arrays.values()] if order == members else [arrays[member] for member in order]
    shape = (n_rows, len(classes))
    cube = plain_cube(values, shape=shape, task=task)
    if cube is None:
        return None
    combined = settled.combine(cube, task=task) if takes_task else settled.combine(cube)
    return combined if is_plain(combined, shape=shape, task=task) else None


def combine_values(aligned: PredictionSet, combiner: CombinerLike, *, features: Any = None) -> np.ndarray:
    """Combine aligned predictions, as `combine` does with every check, into values without names.

    Parameters
    ----------
    aligned : PredictionSet
        Predictions of the members.
    combiner : Combiner
        An object; fitted if it learns.
    features : object, optional
        As in `combine`.

    Returns
    -------
    ndarray of shape (n_samples, ..., n_classes)
        In the order of the rows and classes of ``aligned``.
    """
    asked = ask(combiner)
    values = values_of(aligned, asked, features)
    try:
        return checked_values(aligned, values, member=asked.name)
    except InvalidPredictionsError as error:
        raise not_valid(asked, error) from None


def not_valid(asked: AskedCombiner, error: InvalidPredictionsError) -> InvalidPredictionsError:
    """Say which combiner returned predictions that are not valid."""
    return InvalidPredictionsError(f"combiner {asked.name!r} returned predictions that are not valid: {error}")


def values_of(aligned: PredictionSet, asked: AskedCombiner, features: Any) -> np.ndarray:
    """Check that a combiner may combine these predictions, and call it; its values are not checked."""
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
        kwargs["features"], _ = features_of(
            features,
            ordered.ids,
            known=getattr(asked.combiner, "feature_names_", None),
            sparse=asked.takes_sparse,
        )
    if "task" in takes:
        kwargs["task"] = ordered.kind
    if "classes" in takes:
        kwargs["classes"] = ordered.classes
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
    return probas


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
