"""`fit_combiner`: fit a combiner on rows that no member was fitted on."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from ..arguments import typed
from ..deprecation import warn_deprecated
from ..errors import AlignmentError, InvalidOptionError, InvalidPredictionsError, LeakageError
from ..interfaces import Combiner, CombinerLike
from ..kinds import KINDS, has_ordered_classes, task_of
from ..predictions import Aliases, Alignable, MissingPolicy, PredictionSet
from ..predictions.choices import check_not_test
from ..predictions.joining import order_of
from ..predictions.names import UNNAMED
from ._inputs import aligned_set, features_of
from .asked import AskedCombiner, ask, check_same_names, sorted_names
from .row_weights import weights_of
from .times import check_no_random_folds, last_times

__all__ = ["fit_combiner"]

_SUFFIXES = (".csv", ".npz", ".parquet")
F = TypeVar("F", bound=Callable[..., Any])


def _takes_old_order(function: F) -> F:
    """Let `fit_combiner` accept the combiner before the predictions, its former order, with a warning."""

    @functools.wraps(function)
    def fit_either(*args: Any, **kwargs: Any) -> Any:
        second = args[1] if len(args) > 1 else kwargs.get("predictions")
        if args and second is not None and _is_old_order(args[0], second):
            warn_deprecated("fit_combiner(combiner, predictions)", "fit_combiner(predictions, combiner)")
            if len(args) == 1:
                del kwargs["predictions"]
            args = (second, args[0], *args[2:])
        return function(*args, **kwargs)

    return fit_either  # pyright: ignore[reportReturnType]


def _is_old_order(first: Any, second: Any) -> bool:
    if isinstance(first, str) and isinstance(second, str):  # the name of a combiner, and the path of a file
        return second.lower().endswith(_SUFFIXES) and not first.lower().endswith(_SUFFIXES)
    is_combiner = isinstance(first, str) or callable(getattr(first, "combine", None))
    return is_combiner and not callable(getattr(second, "combine", None))


@_takes_old_order
@typed(but=("predictions", "combiner", "validation", "missing"))
def fit_combiner(
    predictions: Alignable,
    combiner: str | CombinerLike,
    *,
    validation: Alignable | None = None,
    features: Any = None,
    sample_weight: Any = None,
    allow_leakage: bool = False,
    aliases: Aliases | None = None,
    missing: MissingPolicy = "error",
    read: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    **more_options: Any,
) -> Combiner:
    """Fit a combiner on predictions, usually labelled, of rows that no member was fitted on.

    Members and classes are sorted by name and rows by id first, so that the order of the input does not change the
    result.

    Parameters
    ----------
    predictions : PredictionSet, or sequence or mapping of Predictions or paths
        Labelled predictions, held-out or out-of-fold; see `align`. A combiner that learns nothing, or learns from the
        predictions alone, such as ``dawid_skene`` with ``use_labels=False``, needs no labels.
    combiner : str or Combiner
        A registered name, or an object with methods ``fit`` and ``combine``. It is not changed.
    validation : like ``predictions``, optional
        For a combiner that uses its score on these rows to stop training early.
    features : DataFrame indexed by id, mapping of id to vector, or (ids, array or sparse matrix), optional
        As in `combine`; names of its columns are kept, and `combine` looks the columns up.
    sample_weight : Series with an index of ids, mapping of id to float, or array-like of shape (n_samples,), optional
        Non-negative weight of each row. Without names, in the order of the aligned predictions.
    allow_leakage : bool, default=False
        Also fit on rows that members were fitted on, or on the test split. The fitted combiner's ``leaked_`` counts
        the rows that each member was fitted on.
    aliases, missing
        As in `align`.
    read, options, **more_options
        As in `combine`.

    Returns
    -------
    Combiner
        A fitted copy, with ``members_``, ``classes_``, ``fit_ids_`` and ``leaked_``; ``fit_groups_``, if the rows have
        groups; ``fit_times_``, the last of each column of ``time``, if they say it; and ``feature_names_``, if the
        features have named columns.

    Raises
    ------
    LeakageError
        If a member was fitted on some of the rows of ``predictions`` or ``validation``, or on other rows of their
        groups; or these are of the split ``test``; or the rows say their ``time``, and the combiner would divide them
        at random with its ``cv``, as it has no ``folds_in_time``. For out-of-fold predictions the model counts that
        predicted the row.
    AlignmentError
        If the predictions cannot be aligned, or members have no names.
    InvalidPredictionsError
        If they have no rows, or no labels and the combiner needs them.
    InvalidOptionError
        If the combiner does not take an option, the task, its weights, ``validation``, ``features`` or
        ``sample_weight``.
    """
    asked = ask(combiner, options, more_options)  # first, as aligning may read files
    named = (("sample_weight", sample_weight), ("validation", validation), ("features", features))
    given = [option for option, value in named if value is not None]
    for option in given:
        asked.check_takes(option, fit=True)
    aligned = aligned_set(predictions, aliases, missing, read)
    name = asked.name
    asked.check_task(aligned.task)
    _check_labels_are_values(asked, aligned.task)
    if not allow_leakage:
        check_no_random_folds(asked, aligned)
    leaked = _check_held_out(asked, aligned, allow_leakage)
    unnamed = [member for member in aligned.members if member.startswith(UNNAMED)]
    if unnamed:
        raise AlignmentError(
            f"a combiner is fitted on named members, so that it knows them again; received {unnamed} without a name. "
            "Give member=... to their Predictions, or {name: predictions}."
        )
    asked.check_fit(aligned.members, aligned.classes, task=aligned.task, given=given)
    order = order_of(aligned.ids)
    members = tuple(sorted(aligned.members))
    classes = aligned.classes if has_ordered_classes(aligned.task) else sorted_names(aligned.classes)
    ordered = aligned.reorder(members=members, classes=classes, rows=order)
    kwargs: dict[str, Any] = {}
    if sample_weight is not None:
        kwargs["sample_weight"] = weights_of(sample_weight, aligned.ids)[order]
    if validation is not None:
        held = aligned_set(validation, aliases, missing, read)
        check_same_names(name, "members", members, held.members)
        check_same_names(name, "classes", classes, held.classes)
        _check_held_out(asked, held, allow_leakage)
        kwargs["validation"] = held.reorder(members=members, classes=classes, rows=order_of(held.ids))
    columns = None
    if features is not None:
        values, columns = features_of(features, aligned.ids, sparse=asked.takes_sparse)
        kwargs["features"] = values if aligned is ordered or np.array_equal(aligned.ids, ordered.ids) else values[order]
    fitted = copy.deepcopy(asked.combiner)
    fit = getattr(fitted, "fit", None)
    if fit:
        fitted = fit(ordered, **kwargs) or fitted
    fitted.members_, fitted.classes_ = members, classes
    fitted.fit_ids_ = ordered.ids
    if ordered.groups is not None:
        fitted.fit_groups_ = np.unique(ordered.groups)
    if (times := last_times(ordered)) is not None:
        fitted.fit_times_ = times
    if columns is not None:
        fitted.feature_names_ = columns
    fitted.leaked_ = {member: len(rows) for member, rows in leaked.items()}
    return fitted


def _check_labels_are_values(asked: AskedCombiner, task: str) -> None:
    """Refuse a rule that learns from labels which are no values, as their distance to predictions means nothing."""
    if task in KINDS or task in asked.tasks or not (asked.learns and asked.needs_labels):
        return
    if getattr(asked.combiner, "metric", None) is not None:  # it learns by that metric
        return
    if not getattr(task_of(task).task, "labels_are_values", True):
        raise InvalidOptionError(
            f"combiner {asked.name!r} learns from labels as the values that predictions should have been, and those of "
            f"the task {task!r} are none. Give a rule that learns nothing, such as 'mean' or 'median', one that "
            f"learns by a metric, such as greedy_selection(metric=...), or one whose tasks name {task!r}."
        )


def _check_held_out(asked: AskedCombiner, predictions: PredictionSet, allow_leakage: bool) -> dict[str, list[Any]]:
    name = asked.name
    if predictions.label_codes is None and asked.needs_labels:
        raise InvalidPredictionsError(
            f"fitting combiner {name!r} needs labels; received predictions of {predictions.members} without. "
            "Give labels=... to their Predictions."
        )
    if not len(predictions.ids):
        raise InvalidPredictionsError(f"fitting combiner {name!r} needs at least one row; received none.")
    if not allow_leakage:
        check_not_test("a combiner is never fitted", predictions.split, predictions.ids)
    leaked = _leaked(predictions)
    if leaked and not allow_leakage:
        member, rows = next(iter(leaked.items()))
        raise LeakageError(
            f"a combiner is fitted only on rows that no member was fitted on; member {member!r} was fitted on "
            f"{len(rows)} of these {len(predictions.ids)} rows{_or_groups(predictions, member, len(rows))}, first "
            f"{rows[0]!r}. Give held-out or out-of-fold predictions, or allow_leakage=True to go on knowingly."
        )
    return leaked


def _or_groups(predictions: PredictionSet, member: str, n: int) -> str:
    by_id = predictions.seen(member, by_group=False)
    return "" if by_id is not None and by_id.sum() == n else ", or on other rows of their groups"


def _leaked(predictions: PredictionSet) -> dict[str, list[Any]]:
    leaked: dict[str, list[Any]] = {}
    for member in predictions.members:
        seen = predictions.seen(member)
        if seen is not None and seen.any():
            leaked[member] = predictions.ids[seen].tolist()
    return leaked
