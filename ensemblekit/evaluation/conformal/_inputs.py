"""What conformal prediction takes: predictions of one model or of each fold's, groups and spreads; with every check."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import AlignmentError, InvalidOptionError, InvalidPredictionsError, LeakageError
from ...predictions import Predictions, PredictionSet
from ...predictions.choices import check_not_test
from ...predictions.groups import key_texts
from ...predictions.named import look_up, read_named
from ...predictions.names import among, as_ids, few, first_null, joined_names, positions, shown

__all__ = [
    "ENDS", "Answers", "check_calibration", "check_names", "check_new", "check_scored", "check_unseen", "check_unused",
    "names_by_id", "numbers_by_id", "read_answers", "spread_of",
]  # fmt: skip

ENDS = ("low", "high")
"""Names of the two predictions of a quantile regression."""


@dataclass(frozen=True)
class Answers:
    """The predictions of one model for some rows: one, or for quantile regression two, ``low`` and ``high``."""

    parts: tuple[Predictions, ...]

    @property
    def first(self) -> Predictions:
        return self.parts[0]

    @property
    def ids(self) -> np.ndarray:
        return self.first.ids

    def values(self, classes: tuple[Hashable, ...]) -> list[np.ndarray]:
        """Give the values of each part, with its columns in the order of ``classes``."""
        return [columns_of(part, classes) for part in self.parts]

    def true(self, classes: tuple[Hashable, ...]) -> np.ndarray:
        """Give the true values, or the true classes as places in ``classes``."""
        own, codes = self.first, np.asarray(self.first.label_codes)
        if own.kind == "multiclass":
            return np.array([classes.index(name) for name in own.classes])[codes]
        return codes[:, [own.classes.index(name) for name in classes]]

    def take(self, ids: np.ndarray) -> Answers:
        return Answers(tuple(part.take(ids) for part in self.parts))


def columns_of(predictions: Predictions, classes: tuple[Hashable, ...]) -> np.ndarray:
    """Give the values as float64, with the columns in the order of ``classes``."""
    places = [predictions.classes.index(name) for name in classes]
    values = predictions.probas.astype(np.float64)
    return values if places == list(range(len(places))) else values[:, places]


def read_answers(predictions: Any, folds: Any = None) -> dict[str, Answers]:
    """Read the predictions of one model, named ``""``, or of the models of several folds, by the name of the fold."""
    named = _named(predictions)
    if named.keys() == set(ENDS) and _is_pair(named):
        found = {"": _pair(named)}
    elif isinstance(predictions, Predictions):
        found = {"": Answers((predictions,))}
    else:
        found = {name: _answers(name, p) for name, p in named.items()}
    if folds is None:
        return found
    if found.keys() != {""}:
        raise InvalidOptionError(
            f"folds divides the out-of-fold predictions of one table; received them with predictions of each fold, "
            f"{few(found)}. Give one of both."
        )
    whole = found[""]
    names = np.array([str(name) for name in names_by_id("folds", folds, whole.ids)])
    own = np.unique(names)
    if len(own) < 2:
        raise InvalidOptionError(f"folds must name at least two folds; received {few(own.tolist())}.")
    return {name: whole.take(whole.ids[names == name]) for name in own.tolist()}


def _named(predictions: Any) -> dict[str, Any]:
    if isinstance(predictions, Predictions):
        return {"": predictions}
    if isinstance(predictions, PredictionSet):
        return {name: _present(predictions[name]) for name in predictions.members}
    if isinstance(predictions, Mapping) and predictions:
        named = {str(name): p for name, p in predictions.items()}
        if len(named) == len(predictions):
            return named
    raise InvalidPredictionsError(
        "conformal prediction takes Predictions, a mapping of the name of each fold to the Predictions of its model, "
        f"or {{'low': Predictions, 'high': Predictions}}; received {shown(predictions)} of the type "
        f"{type(predictions).__name__}."
    )


def _present(predictions: Predictions) -> Predictions:
    return predictions if predictions.present is None else predictions.take(predictions.ids[predictions.present])


def _is_pair(named: Mapping[str, Any]) -> bool:
    return all(isinstance(p, Predictions) and p.kind == "regression" for p in named.values())


def _answers(name: str, predictions: Any) -> Answers:
    if isinstance(predictions, Predictions):
        return Answers((predictions,))
    if isinstance(predictions, Mapping) and set(predictions) == set(ENDS) and _is_pair(predictions):
        return _pair(predictions)
    raise InvalidPredictionsError(
        f"the predictions of fold {name!r} must be Predictions, or {{'low': Predictions, 'high': Predictions}} of a "
        f"regression; received {shown(predictions)} of the type {type(predictions).__name__}."
    )


def _pair(named: Mapping[str, Predictions]) -> Answers:
    low, high = (named[end] for end in ENDS)
    if set(low.classes) != set(high.classes) or len(low) != len(high) or not among(high.ids, low.ids).all():
        raise AlignmentError(
            f"low and high must be predictions of the same rows and outputs; received {low!r} and {high!r}."
        )
    return Answers((low, high.take(low.ids)))


def check_names(predictions: Predictions, task: str, classes: tuple[Hashable, ...]) -> None:
    if predictions.kind != task or predictions.probas.ndim != 2 or predictions.present is not None:
        raise InvalidPredictionsError(
            f"conformal prediction here needs {task} predictions of shape (n_samples, n_classes) with every row "
            f"present; received {predictions!r} of shape {predictions.probas.shape}"
            f"{'' if predictions.present is None else f', {int((~predictions.present).sum())} rows absent'}."
        )
    if set(predictions.classes) != set(classes):
        raise AlignmentError(
            f"the classes must be those it was calibrated for, {shown(classes)}; received {shown(predictions.classes)}."
        )


def check_scored(predictions: Predictions, used: np.ndarray | None, what: str = "it was calibrated on") -> np.ndarray:
    if predictions.label_codes is None or not len(predictions):
        raise InvalidPredictionsError(
            f"calibration and coverage need labelled predictions of at least one row; received {predictions!r}, "
            f"{'without' if predictions.label_codes is None else 'with'} labels."
        )
    check_unused(predictions, used, what)
    return predictions.label_codes


def check_unseen(predictions: Predictions, what: str) -> None:
    """Refuse rows that their model was fitted on, or on others of their groups."""
    seen = predictions.seen
    check_unused(predictions, None if seen is None else predictions.ids[seen], what)


def check_unused(predictions: Predictions, used: np.ndarray | None, what: str) -> None:
    if used is not None:
        shared = predictions.ids[among(predictions.ids, used)].tolist()
        if len(shared):
            raise LeakageError(
                f"conformal prediction promises nothing about rows that {what}; {len(shared)} of "
                f"{len(predictions)} are among them, first {shown(shared[0])}. Give held-out rows."
            )


def check_calibration(answers: Mapping[str, Answers], *, allow_leakage: bool) -> np.ndarray:
    """Check the predictions to calibrate on; return the ids of all rows, in the order of the models."""
    first = next(iter(answers.values())).first
    for name, model in answers.items():
        for part in model.parts:
            check_names(part, first.kind, first.classes)
            if not allow_leakage:
                check_not_test("conformal prediction is never calibrated", part.split, part.ids)
            who = f"the model of fold {name!r}" if name else "the model"
            check_scored(model.first, None)
            if not allow_leakage:
                check_unseen(part, f"{who} was fitted on")
    ids = joined_names([model.ids for model in answers.values()])
    try:
        return as_ids(ids)
    except InvalidPredictionsError as error:
        raise InvalidPredictionsError(
            f"each row must be held out by one model; {error} Of members that predict the same rows combine the "
            "predictions first: combine(predictions, 'mean')."
        ) from None


def check_new(
    answers: Mapping[str, Answers],
    task: str,
    classes: tuple[Hashable, ...],
    names: tuple[str, ...],
    n_parts: int,
    used: np.ndarray | None,
) -> dict[str, Answers]:
    """Check predictions for new rows; return them by fold, in the order of the calibration, their rows in one order."""
    if set(answers) != set(names):
        wanted = "of one model" if names == ("",) else f"of the model of each fold, {few(names)}"
        given = "of one model" if set(answers) == {""} else f"of {few(answers)}"
        raise InvalidPredictionsError(
            f"predictions must be {wanted}, as in the calibration; received predictions {given}."
            + ("" if names == ("",) else " Give {fold: Predictions}.")
        )
    first = answers[names[0]]
    found: dict[str, Answers] = {}
    for name in names:
        model = answers[name]
        if len(model.parts) != n_parts:
            raise InvalidPredictionsError(
                f"predictions must be {'one' if n_parts == 1 else 'the two, low and high,'} of each model, as in the "
                f"calibration; received {len(model.parts)}."
            )
        for part in model.parts:
            check_names(part, task, classes)
        if len(model.ids) != len(first.ids) or not among(model.ids, first.ids).all():
            raise AlignmentError(
                f"the models of all folds must predict the same rows; received {len(first.ids)} of {names[0]!r} and "
                f"{len(model.ids)} of {name!r}, which are others."
            )
        found[name] = model if np.array_equal(model.ids, first.ids) else model.take(first.ids)
    check_unused(first.first, used, "it was calibrated on")
    return found


def names_by_id(what: str, values: Any, ids: np.ndarray) -> list[Any]:
    """Look up a name, such as that of a group, for each id."""
    if isinstance(values, str):
        try:
            return key_texts(values, ids, what).tolist()
        except InvalidPredictionsError as error:
            raise InvalidOptionError(str(error)) from None
    found, _ = _look_up(what, values, ids)
    if found.size != len(ids):
        raise InvalidOptionError(f"{what} must have one name an id; received values of shape {found.shape}.")
    names = found.reshape(-1).tolist()
    if (row := first_null(names)) is not None:
        raise InvalidOptionError(f"{what} must name the group of each id; that of {shown(ids.tolist()[row])} is null.")
    try:
        set(names)
    except TypeError:
        raise InvalidOptionError(f"{what} must be names, such as text or numbers; received {few(names)}.") from None
    return names


def numbers_by_id(what: str, values: Any, ids: np.ndarray) -> np.ndarray:
    """Look up a number for each id."""
    found, _ = _look_up(what, values, ids)
    try:
        numbers = found.astype(np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise InvalidOptionError(f"{what} must be numbers; received {few(found.reshape(-1).tolist())}.") from None
    if len(numbers) != len(ids) or np.isnan(numbers).any():
        raise InvalidOptionError(
            f"{what} must be one number an id; received values of shape {found.shape}, {int(np.isnan(numbers).sum())} "
            "of them NaN."
        )
    return numbers


def _look_up(what: str, values: Any, ids: np.ndarray) -> tuple[np.ndarray, tuple[Any, ...] | None]:
    """Look up a value or vector for each id; return them, and the names of their columns."""
    try:
        found = read_named(values, what, like=ids)
        if found.rows is not None:
            return look_up(found, what, ids), found.columns
    except InvalidPredictionsError as error:
        raise InvalidOptionError(str(error)) from None
    raise InvalidOptionError(
        f"{what} must name its rows: {{id: value}}, a Series indexed by id, or a table with a column id and one more; "
        f"received {type(values).__name__}. Give dict(zip(ids, values))."
    )


def spread_of(spread: Any, predictions: Predictions, classes: tuple[Hashable, ...]) -> np.ndarray:
    """Read how uncertain each value is, shape ``(n_samples, n_outputs)``; of members their standard deviation."""
    shape = (len(predictions), len(classes))
    if isinstance(spread, Predictions | PredictionSet):
        own = spread.probas if isinstance(spread, Predictions) else spread.member_probas
        if spread.kind != "regression" or spread.present is not None:
            raise InvalidPredictionsError(f"spread must be of a regression, with every row; received {spread!r}.")
        if set(spread.classes) != set(classes):
            raise AlignmentError(f"spread must have the outputs {shown(classes)}; received {shown(spread.classes)}.")
        rows = positions(spread.ids, predictions.ids)
        if (rows < 0).any():
            raise AlignmentError(f"spread must have every id; it lacks {few(predictions.ids[rows < 0].tolist())}.")
        columns = [spread.classes.index(name) for name in classes]
        values = own.astype(np.float64)
        values = (values.std(axis=0) if values.ndim == 3 else values)[rows][:, columns]
    else:
        values, columns = _look_up("spread", spread, predictions.ids)
        if values.ndim == 2 and values.shape[1] > 1 and columns is not None:
            if set(columns) != set(classes):
                raise AlignmentError(f"spread must have the outputs {shown(classes)}; received {shown(columns)}.")
            values = values[:, [columns.index(name) for name in classes]]
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError):
            raise InvalidOptionError(f"spread must be numbers; received {few(values.reshape(-1).tolist())}.") from None
        if values.size == shape[0]:
            values = np.repeat(values.reshape(-1, 1), shape[1], axis=1)
        if values.shape != shape:
            raise InvalidOptionError(
                f"spread must have one number an id, or one for each of the {shape[1]} outputs; received values of "
                f"shape {values.shape}."
            )
    if not (np.isfinite(values) & (values > 0)).all():
        bad = values[~(np.isfinite(values) & (values > 0))]
        raise InvalidOptionError(
            f"spread must be finite and > 0; received {few(bad.tolist())}. Where members agree exactly, add a small "
            "number to their standard deviation and give it by id."
        )
    return values
