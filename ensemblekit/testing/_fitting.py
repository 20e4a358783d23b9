"""The checks of ``fit``: its contract, fitted state, repeated fits, sample weights and saving."""

from __future__ import annotations

import copy
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .. import store
from ..combining import AskedCombiner, combine
from ..combining.asked import GIVEN_BY_FIT
from ..errors import EnsembleKitError, MissingDependencyError, NotFittedError
from ..predictions import PredictionSet
from ._attributes import attributes, difference, parameters, snapshot
from ._failure import Violation, raise_violation
from ._running import Check
from ._subject import LEARNED, Case, CombinerSubject, close, training_code
from ._training import training_predictions
from ._traits import promised

__all__ = ["FITTING"]


def _sizes(subject: CombinerSubject, task: str) -> tuple[int, int]:
    return len(subject.members or "abc"), subject.n_classes or (3 if task == "multiclass" else 2)


def _training(subject: CombinerSubject, task: str, seed: int = 0) -> PredictionSet:
    n_members, n_classes = _sizes(subject, task)
    return training_predictions(task, n_members=n_members, n_classes=n_classes, seed=seed)


def _code(predictions: PredictionSet) -> Any:
    return training_code(predictions.task, predictions.member_probas.shape)


def _fit(combiner: Any, predictions: PredictionSet, **options: Any) -> Any:
    """Call the combiner's own ``fit``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return combiner.fit(predictions, **options)
    except Exception as error:
        return raise_violation(error, "fit", {"predictions": _code(predictions)})


def _no_fit(subject: CombinerSubject) -> str | None:
    return None if callable(getattr(subject.probe, "fit", None)) else "no fit"


def _fit_contract(subject: CombinerSubject, draw: Any) -> None:
    for task in subject.tasks:
        predictions = _training(subject, task)
        given = {"predictions": _code(predictions)}
        combiner = subject.make()
        before = snapshot(combiner)
        before_fit = snapshot(predictions)
        returned = _fit(combiner, predictions)
        if returned is not combiner:
            raise Violation("fit must return self", given, received=returned)
        if difference(before_fit, snapshot(predictions)):
            raise Violation("fit changed the predictions", given)
        after = attributes(combiner)
        changed = difference(before, after)
        if changed:
            raise Violation(
                f"fit changed {changed!r}, which existed before; learned state needs attributes of its own",
                given,
                expected=before[changed],
                received=after.get(changed),
            )
        unmarked = sorted(name for name in set(after) - set(before) if not name.endswith("_") or name.startswith("_"))
        if unmarked:
            raise Violation("names of learned attributes must end in _ and not begin with it", given, received=unmarked)


def _refit(subject: CombinerSubject, draw: Any) -> None:
    for task in subject.tasks:
        first, second = _training(subject, task, 1), _training(subject, task, 2)
        used, new = subject.make(), subject.make()
        used = _fit(used, first) or used
        used, new = _fit(used, second) or used, _fit(new, second) or new
        _compare(subject, task, used, new, "fitted on other rows before, it gives another answer", second, exact=True)


def _row_order(subject: CombinerSubject, draw: Any) -> None:
    for task in subject.tasks:
        predictions = _training(subject, task)
        order = np.random.default_rng(0).permutation(len(predictions.ids))
        fields = {name: getattr(predictions, name) for name in predictions.__slots__}
        moved = PredictionSet(
            **fields
            | {
                "member_probas": predictions.member_probas[:, order],
                "label_codes": None if predictions.label_codes is None else predictions.label_codes[order],
            }
        )
        a, b = subject.make(), subject.make()
        a, b = _fit(a, predictions) or a, _fit(b, moved) or b
        what = "fitted on the same rows in another order, it gives another answer"
        _compare(subject, task, a, b, what, predictions, exact=False)


def _needs_labels(subject: CombinerSubject) -> str | None:
    if not subject.learns:
        return "not promised"
    return "it needs labels" if AskedCombiner(subject.label, subject.probe).needs_labels else None


def _without_labels(subject: CombinerSubject, draw: Any) -> None:
    for task in subject.tasks:
        predictions = _training(subject, task)
        fields = {name: getattr(predictions, name) for name in predictions.__slots__}
        unlabelled = PredictionSet(**fields | {"label_codes": None})
        a, b = subject.make(), subject.make()
        a, b = _fit(a, predictions) or a, _fit(b, unlabelled) or b
        what = "it declares needs_labels = False, but without labels it gives another answer"
        _compare(subject, task, a, b, what, predictions, exact=True)


def _compare(
    subject: CombinerSubject, task: str, a: Any, b: Any, what: str, predictions: PredictionSet, *, exact: bool
) -> None:
    n_members = _sizes(subject, task)[0]
    a, b = subject.settle(a, n_members), subject.settle(b, n_members)
    for row in range(12):
        cube = np.array(predictions.member_probas[:, row : row + 1])
        case = Case(subject, task, a, cube)
        one, other = case.combine(), case.combine(combiner=b)
        same = one.tobytes() == other.tobytes() if exact else close(case, one, other, LEARNED)
        if not same:
            given = {"predictions": _code(predictions), "member_probas": cube}
            raise Violation(what, given, expected=other if exact else one, received=one if exact else other)


def _learns(subject: CombinerSubject, draw: Any) -> None:
    task = subject.tasks[0]
    predictions = _training(subject, task)
    try:
        received = combine(predictions, subject.make())
    except NotFittedError:
        pass
    except Exception as error:
        raise_violation(error, "combine before fit must raise NotFittedError; it", {})
    else:
        raise Violation("it combines before it is fitted", received=received)
    fitted = subject.fit(predictions)
    learned = [name for name in attributes(fitted) if name.endswith("_") and not name.startswith("_")]
    if not set(learned) - set(GIVEN_BY_FIT):
        raise Violation("fit sets no attribute whose name ends in _: nothing is learned")


def _no_sample_weight(subject: CombinerSubject) -> str | None:
    if not subject.learns:
        return "not promised"
    return None if subject.takes("sample_weight", "fit") else "no sample_weight"


def _sample_weight(subject: CombinerSubject, draw: Any) -> None:
    changed = False
    for task in subject.tasks:
        for seed in range(4):
            predictions = _training(subject, task, seed)
            n_members = _sizes(subject, task)[0]
            rows = len(predictions.ids)
            plain = subject.settle(subject.fit(predictions), n_members)
            even, skewed = np.ones(rows), np.where(np.arange(rows) % 4 == seed, 1.0, 1e-3)
            try:
                weighted = [subject.fit(predictions, sample_weight=weight) for weight in (even, skewed)]
            except Violation as violation:
                if isinstance(violation.__cause__, EnsembleKitError):
                    return  # it refuses sample_weight, which is allowed
                raise
            what = "with all sample_weight 1 it gives another answer than without"
            _compare(subject, task, plain, weighted[0], what, predictions, exact=False)
            case = Case(subject, task, plain, np.array(predictions.member_probas))
            other = case.combine(combiner=subject.settle(weighted[1], n_members))
            changed |= other.tobytes() != case.combine().tobytes()
    if not changed:
        weight = np.array([1.0, 1e-3, 1e-3, 1e-3])
        raise Violation(
            "fit takes sample_weight and ignores it: no weights change any answer. Remove the keyword, or "
            "refuse it with an InvalidOptionError",
            {"sample_weight": weight},
        )


def _saved(subject: CombinerSubject, draw: Any) -> None:
    lost = [name for name in parameters(subject.probe) if not hasattr(subject.probe, name)]
    if lost:
        raise Violation(
            f"each constructor parameter must be kept under its own name; there is no attribute {lost[0]!r}"
        )
    for task in subject.tasks:
        predictions = _training(subject, task)
        fitted = subject.fit(predictions)
        given = {"predictions": _code(predictions)}
        for name, value in attributes(fitted).items():
            if name.endswith("_") and not _storable(value):
                raise Violation(
                    f"{name!r} cannot be saved without pickle; fitted state is made of arrays, numbers, text, lists, "
                    "dicts, combiners and scikit-learn estimators",
                    given,
                    received=type(value),
                )
        n_members = _sizes(subject, task)[0]
        for way, through in (("copy.deepcopy", copy.deepcopy), ("saving and loading", _save_and_load)):
            try:
                again = through(fitted)
            except MissingDependencyError:  # skops, for scikit-learn estimators
                continue
            except Exception as error:
                raise_violation(error, way, given)
            what = f"after {way} it gives another answer"
            _compare(
                subject, task, subject.settle(again, n_members), subject.settle(fitted, n_members), what, predictions,
                exact=True,
            )  # fmt: skip


def _save_and_load(thing: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        store.save(thing, Path(folder) / "saved")
        return store.load(Path(folder) / "saved", trusted=list(_classes(thing)))


def _classes(thing: Any, depth: int = 0) -> set[type]:
    """Collect the classes of an object and of its attributes; the kit trusts an object that it has just saved."""
    if depth > 8 or isinstance(thing, (str, bytes, int, float, np.generic, type)) or callable(thing):
        return set()
    if isinstance(thing, np.ndarray):
        return _classes(thing.ravel().tolist(), depth + 1) if thing.dtype.hasobject else set()
    if isinstance(thing, dict):
        return _classes(list(thing.values()), depth + 1)
    if isinstance(thing, (list, tuple)):
        return {found for part in thing for found in _classes(part, depth + 1)}
    return {type(thing)} | _classes(list(attributes(thing).values()), depth + 1)


def _storable(value: Any, depth: int = 0) -> bool:
    if depth > 8:
        return True
    if value is None or isinstance(value, (str, bool, int, float, np.generic)):
        return True
    if isinstance(value, np.ndarray):
        return not value.dtype.hasobject
    if isinstance(value, (list, tuple)):
        return all(_storable(part, depth + 1) for part in value)
    if isinstance(value, dict):
        return all(isinstance(k, (str, int)) and _storable(part, depth + 1) for k, part in value.items())
    if callable(getattr(value, "combine", None)):
        return all(_storable(part, depth + 1) for part in attributes(value).values() if not callable(part))
    # A scikit-learn estimator, or an object with the same methods.
    return callable(getattr(value, "fit", None)) and not isinstance(value, type)


FITTING = (
    Check("learns", "it must be fitted before it combines, and learns something", _learns, promised("learns"), 0),
    Check("fit_contract", "fit returns self, keeps the parameters, and its state ends in _", _fit_contract, _no_fit, 0),
    Check("fit_forgets", "fitting again forgets what was learned before", _refit, promised("learns"), 0),
    Check("fit_row_order", "the order of the training rows changes nothing", _row_order, promised("learns"), 0),
    Check("fit_without_labels", "what needs no labels makes no use of them", _without_labels, _needs_labels, 0),
    Check("sample_weight", "fit uses sample_weight, or refuses it by name", _sample_weight, _no_sample_weight, 0),
    Check("saved_state", "a fitted copy, saved and loaded too, gives the same bits", _saved, promised("learns"), 0),
)
