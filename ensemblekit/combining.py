"""`combine` and `fit_combiner`: alignment, policy and checks around a combiner's mathematics."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from .errors import AlignmentError, InvalidOptionError, InvalidPredictionsError, LeakageError, NotFittedError
from .predictions import Predictions, PredictionSet, align
from .predictions._align import UNNAMED
from .predictions._checks import as_ids, few, missing_policy
from .predictions._predictions import positions
from .registry import default_registry

__all__ = ["combine", "fit_combiner"]


def combine(
    predictions: Any,
    combiner: Any,
    *,
    features: Any = None,
    aliases: Mapping[Hashable, Hashable] | None = None,
    missing: str | Mapping[str, str] = "error",
    **options: Any,
) -> Predictions:
    """Combine the predictions of several members into one.

    Parameters
    ----------
    predictions : PredictionSet, or sequence or mapping of Predictions or paths
        Lined up by id and class name first; see `align`.
    combiner : str or Combiner
        A registered name, or an object with a method ``combine``.
    features : DataFrame indexed by id, mapping of id to vector, or (ids, array), optional
        For a combiner that looks at the samples themselves; one row for every id at least.
    aliases, missing
        As in `align`.
    **options
        Options of the combiner, where it is given by name.

    Returns
    -------
    Predictions
        Rows and classes in the order of the first member; ``fit_ids`` are all the rows that a member or the combiner
        was fitted on, where known.

    Raises
    ------
    AlignmentError
        If the predictions do not line up, or are not those of the members that the combiner was fitted on.
    NotFittedError
        If the combiner learns and was not fitted.
    InvalidOptionError
        If an option, the task or absent rows are not for this combiner.
    InvalidPredictionsError
        If the combiner returns what are not valid predictions.

    Examples
    --------
    >>> from ensemblekit import Predictions, combine
    >>> cnn = Predictions([[0.75, 0.25], [0.5, 0.5]], ids=["a", "b"], classes=["cat", "dog"], member="cnn")
    >>> svm = Predictions([[1.0, 0.0], [0.25, 0.75]], ids=["b", "a"], classes=["cat", "dog"], member="svm")
    >>> combine([cnn, svm], "mean").probas
    array([[0.5 , 0.5 ],
           [0.75, 0.25]])
    """
    aligned = _aligned(predictions, aliases, missing)
    name, combiner = _made(combiner, options)
    _check_task(name, combiner, aligned)
    fitted_members: tuple[str, ...] | None = getattr(combiner, "members_", None)
    if fitted_members is None and "learns" in getattr(combiner, "traits", ()):
        raise NotFittedError(
            f"combiner {name!r} learns, and must be fitted before it combines. Fit it on held-out predictions: "
            "fitted = fit_combiner(combiner, predictions); combine(predictions, fitted)."
        )
    _check_fitted_names(name, combiner, aligned)
    ordered = aligned.reorder(
        members=fitted_members or _member_order(combiner, aligned.members),
        classes=getattr(combiner, "classes_", None) or _class_order(combiner, aligned.classes),
    )
    settle = getattr(combiner, "for_members", None)
    ready = settle(ordered.members) if settle else combiner
    kwargs: dict[str, Any] = {}
    if ordered.present is not None:
        if not _accepts(ready.combine, "present"):
            raise InvalidOptionError(
                f"combiner {name!r} cannot combine rows that some members lack "
                f"({int((~ordered.present).any(axis=0).sum())} of {len(ordered.ids)} rows here). Use one that can, "
                "such as 'mean', or take the rows that all members have."
            )
        _check_weights_present(getattr(ready, "weights", None), ordered)
        kwargs["present"] = ordered.present
    if features is not None:
        _check_accepted(name, ready.combine, "features")
        kwargs["features"] = features_of(features, ordered.ids)
    if _accepts(ready.combine, "task"):
        kwargs["task"] = ordered.task
    probas = np.asarray(ready.combine(ordered.member_probas, **kwargs))
    expected = ordered.member_probas.shape[1:]
    if probas.shape != expected:
        raise InvalidPredictionsError(
            f"combiner {name!r} must return shape {expected} for member_probas of shape "
            f"{ordered.member_probas.shape}; it returned {probas.shape}."
        )
    if ordered.classes != aligned.classes:
        probas = np.take(probas, [ordered.classes.index(c) for c in aligned.classes], axis=-1)
    try:
        return Predictions(
            probas,
            ids=aligned.ids,
            classes=aligned.classes,
            labels=aligned.labels,
            task=aligned.task,
            split=aligned.split,
            member=name,
            fit_ids=_all_fit_ids(aligned, getattr(combiner, "fit_ids_", None)),
        )
    except InvalidPredictionsError as error:
        raise InvalidPredictionsError(f"combiner {name!r} returned predictions that are not valid: {error}") from None


def fit_combiner(
    combiner: Any,
    predictions: Any,
    *,
    validation: Any = None,
    features: Any = None,
    sample_weight: Any = None,
    allow_leakage: bool = False,
    aliases: Mapping[Hashable, Hashable] | None = None,
    missing: str | Mapping[str, str] = "error",
    **options: Any,
) -> Any:
    """Fit a combiner on labelled predictions that no member was fitted on.

    Members and classes are put in order of their names and rows in order of their ids first, so that no order of the
    input changes the result.

    Parameters
    ----------
    combiner : str or Combiner
        A registered name, or an object with methods ``fit`` and ``combine``. It is not changed.
    predictions : PredictionSet, or sequence or mapping of Predictions or paths
        Labelled, held-out or out-of-fold; see `align`.
    validation : like ``predictions``, optional
        For a combiner that stops early on rows of their own.
    features : DataFrame indexed by id, mapping of id to vector, or (ids, array), optional
        For a combiner that looks at the samples themselves; one row for every id at least.
    sample_weight : mapping of id to float, or array-like of shape (n_samples,), optional
        Non-negative weight of each row, in the order of the aligned predictions.
    allow_leakage : bool, default=False
        Fit on rows that members were fitted on all the same; the fitted combiner's ``leaked_`` says how many.
    aliases, missing
        As in `align`.
    **options
        Options of the combiner, where it is given by name.

    Returns
    -------
    Combiner
        A fitted copy, with ``members_``, ``classes_``, ``fit_ids_`` and ``leaked_``.

    Raises
    ------
    LeakageError
        If a member was fitted on some of these rows, those of ``validation`` among them.
    AlignmentError
        If the predictions do not line up, or members have no names.
    InvalidPredictionsError
        If they have no labels or no rows.
    InvalidOptionError
        If an option, the task, ``validation`` or ``sample_weight`` is not for this combiner.
    """
    aligned = _aligned(predictions, aliases, missing)
    name, combiner = _made(combiner, options)
    _check_task(name, combiner, aligned)
    leaked = _check_held_out(name, aligned, allow_leakage)
    unnamed = [member for member in aligned.members if member.startswith(UNNAMED)]
    if unnamed:
        raise AlignmentError(
            f"a combiner is fitted on named members, so that it knows them again; received {unnamed} without a name. "
            "Give member=... to their Predictions, or {name: predictions}."
        )
    fitted = copy.deepcopy(combiner)
    fit = getattr(fitted, "fit", None)
    for option, value in (("sample_weight", sample_weight), ("validation", validation), ("features", features)):
        if value is not None:
            _check_accepted(name, fit, option)
    order = np.argsort(aligned.ids, kind="stable")
    members, classes = tuple(sorted(aligned.members)), _sorted_names(aligned.classes)
    ordered = aligned.reorder(members=members, classes=classes, rows=order)
    kwargs: dict[str, Any] = {}
    if sample_weight is not None:
        kwargs["sample_weight"] = _sample_weight(sample_weight, aligned.ids)[order]
    if validation is not None:
        held = _aligned(validation, aliases, missing)
        _same_names(name, held, members, classes)
        _check_held_out(name, held, allow_leakage)
        kwargs["validation"] = held.reorder(members=members, classes=classes, rows=np.argsort(held.ids, kind="stable"))
    if features is not None:
        kwargs["features"] = features_of(features, ordered.ids)
    if fit:
        fitted = fit(ordered, **kwargs) or fitted
    fitted.members_, fitted.classes_ = members, classes
    fitted.fit_ids_ = ordered.ids
    fitted.leaked_ = {member: len(rows) for member, rows in leaked.items()}
    return fitted


def _aligned(predictions: Any, aliases: Any, missing: Any) -> PredictionSet:
    if isinstance(predictions, PredictionSet) and not aliases:
        missing_policy(missing)  # settled when the set was aligned; nonsense is refused all the same
        return predictions
    return align(predictions, aliases=aliases, missing=missing)


def _made(combiner: Any, options: dict[str, Any]) -> tuple[str, Any]:
    if isinstance(combiner, str):
        return combiner, default_registry().create_combiner(combiner, **options)
    name = type(combiner).__name__
    if isinstance(combiner, type) or not callable(getattr(combiner, "combine", None)):
        raise InvalidOptionError(
            f"combiner must be a registered name or an object with a method combine; received {combiner!r}."
        )
    if options:
        raise InvalidOptionError(
            f"options go with a combiner given by name; received {options!r} beside a {name}. Give them to it."
        )
    return name, combiner


def _check_task(name: str, combiner: Any, predictions: PredictionSet) -> None:
    tasks = getattr(combiner, "tasks", None)
    if tasks is not None and predictions.task not in tasks:
        raise InvalidOptionError(
            f"combiner {name!r} makes no sense for the task {predictions.task!r}; it is for {', '.join(sorted(tasks))}."
        )


def _check_fitted_names(name: str, combiner: Any, predictions: PredictionSet) -> None:
    members = getattr(combiner, "members_", None)
    if members is not None:
        _same_names(name, predictions, members, combiner.classes_)


def _same_names(name: str, predictions: PredictionSet, members: tuple[str, ...], classes: tuple[Hashable, ...]) -> None:
    for what, fitted, came in (
        ("members", members, predictions.members),
        ("classes", classes, predictions.classes),
    ):
        if set(fitted) != set(came):
            raise AlignmentError(
                f"combiner {name!r} was fitted on the {what} {tuple(fitted)}; received {came}: missing "
                f"{[n for n in fitted if n not in came]}, unknown {[n for n in came if n not in fitted]}."
            )


def _member_order(combiner: Any, members: tuple[str, ...]) -> tuple[str, ...]:
    # Sums of floats depend on their order. Where position means nothing, the order of the names makes the result the
    # same to the bit, however the members came.
    by_name = isinstance(getattr(combiner, "weights", None), Mapping)
    return tuple(sorted(members)) if by_name or "symmetric" in getattr(combiner, "traits", ()) else members


def _class_order(combiner: Any, classes: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
    # A tie that goes to the first class goes to the first by name, whatever column it stood in.
    return classes if "class_equivariant" in getattr(combiner, "traits", ()) else _sorted_names(classes)


def _sorted_names(classes: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
    names: list[Any] = list(classes)
    return tuple(sorted(names))


def _accepts(function: Any, name: str) -> bool:
    parameters = inspect.signature(function).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _check_accepted(name: str, function: Any, option: str) -> None:
    if function is None or not _accepts(function, option):
        raise InvalidOptionError(f"combiner {name!r} makes no use of {option}. Leave it out.")


def features_of(features: Any, ids: np.ndarray) -> np.ndarray:
    """Look up the features of these ids, by id.

    Parameters
    ----------
    features : DataFrame indexed by id, mapping of id to vector, or (ids, array)
        More ids than asked for do no harm.
    ids : ndarray of shape (n_samples,)
        Whose features to take.

    Returns
    -------
    ndarray of shape (n_samples, ...)
        Their features, in the order of ``ids``.

    Raises
    ------
    InvalidOptionError
        If they have no ids, or lack some.
    """
    if isinstance(features, Mapping):
        names, values = list(features), np.asarray(list(features.values()))
    elif hasattr(features, "index") and hasattr(features, "to_numpy"):
        names, values = features.index.tolist(), features.to_numpy()
    elif isinstance(features, tuple) and len(features) == 2:
        names, values = features[0], np.asarray(features[1])
    else:
        raise InvalidOptionError(
            "features must name their rows: a DataFrame indexed by id, {id: vector} or (ids, array); received "
            f"{type(features).__name__}."
        )
    known = as_ids(names, what="ids of features")
    if len(known) != len(values):
        raise InvalidOptionError(f"features must have one row an id; received {len(values)} for {len(known)} ids.")
    rows = positions(known, ids)
    if (rows < 0).any():
        raise InvalidOptionError(f"features must be there for every row; they lack {few(ids[rows < 0].tolist())}.")
    return values if np.array_equal(rows, np.arange(len(values))) else values[rows]


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


def _check_held_out(name: str, predictions: PredictionSet, allow_leakage: bool) -> dict[str, list[Any]]:
    if predictions.label_codes is None:
        raise InvalidPredictionsError(
            f"fitting combiner {name!r} needs labels; received predictions of {predictions.members} without. "
            "Give labels=... to their Predictions."
        )
    if not len(predictions.ids):
        raise InvalidPredictionsError(f"fitting combiner {name!r} needs at least one row; received none.")
    leaked = _leaked(predictions)
    if leaked and not allow_leakage:
        member, rows = next(iter(leaked.items()))
        raise LeakageError(
            f"a combiner is fitted only on rows that no member was fitted on; member {member!r} was fitted on "
            f"{len(rows)} of these {len(predictions.ids)} rows, first {rows[0]!r}. Give held-out or out-of-fold "
            "predictions, or allow_leakage=True to go on knowingly."
        )
    return leaked


def _leaked(predictions: PredictionSet) -> dict[str, list[Any]]:
    leaked: dict[str, list[Any]] = {}
    for member, fit_ids in predictions.fit_ids.items():
        if fit_ids is not None and fit_ids.dtype.kind == predictions.ids.dtype.kind:
            rows = predictions.ids[np.isin(predictions.ids, fit_ids)]
            if len(rows):
                leaked[member] = rows.tolist()
    return leaked


def _all_fit_ids(predictions: PredictionSet, own: np.ndarray | None) -> np.ndarray | None:
    known = [f for f in (*predictions.fit_ids.values(), own) if f is not None]
    return np.unique(np.concatenate(known)) if known else None


def _sample_weight(sample_weight: Any, ids: np.ndarray) -> np.ndarray:
    if isinstance(sample_weight, Mapping):
        lacks = [i for i in ids.tolist() if i not in sample_weight]
        if lacks:
            raise InvalidOptionError(f"sample_weight must name every id; it lacks {len(lacks)}, first {lacks[0]!r}.")
        sample_weight = [sample_weight[i] for i in ids.tolist()]
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidOptionError(f"sample_weight must be numbers, one a row; received {sample_weight!r}.") from None
    if weights.shape != ids.shape or not np.isfinite(weights).all() or (weights < 0).any() or not weights.sum() > 0:
        raise InvalidOptionError(
            f"sample_weight must be finite and >= 0 with a positive sum, one a row, shape {ids.shape}; received shape "
            f"{weights.shape}."
        )
    return weights
