"""The members of an ensemble: check the estimators, and predict with fitted ones."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from ..errors import AlignmentError, InvalidOptionError, InvalidPredictionsError
from ..interfaces import Member
from ..members import as_member
from ..predictions import Predictions
from ..predictions.names import few
from ._answers import in_order, one_a_row
from ._keras_classifier import KerasClassifier
from ._keras_model import is_model
from ._keras_regressor import KerasRegressor
from ._rows import n_rows, row_names, slice_rows

__all__ = [
    "MemberPredictor",
    "all_pairs",
    "check_estimators",
    "common_classes",
    "ids_for",
    "last_step",
    "name_outputs",
    "pairs",
]

BATCH = 1024
"""Rows of a batch, for a member that is not a scikit-learn estimator and would take all of them as one."""


def all_pairs(estimators: Any) -> list[tuple[str, Any]]:
    """List the named estimators; the list is empty if ``estimators`` is not a list of pairs."""
    is_pair = [isinstance(item, (list, tuple)) and len(item) == 2 for item in _listed(estimators)]
    return [(name, estimator) for name, estimator in estimators] if is_pair and all(is_pair) else []


def pairs(estimators: Any) -> list[tuple[str, Any]]:
    """List the named estimators that are not dropped."""
    return [(n, e) for n, e in all_pairs(estimators) if e is not None and not (isinstance(e, str) and e == "drop")]


def _listed(estimators: Any) -> list[Any]:
    return list(estimators) if isinstance(estimators, (list, tuple)) else []


def check_estimators(estimators: Any, reserved: Sequence[str], *, kind: str, prefit: bool) -> dict[str, Any]:
    """Check that estimators are a list of pairs with different names, all of one kind.

    Parameters
    ----------
    estimators : list of (str, estimator)
        As given by the user.
    reserved : sequence of str
        Names that a member may not have.
    kind : {"classifier", "regressor"}
        Kind that the estimators must be of.
    prefit : bool
        Whether they must be fitted.

    Returns
    -------
    dict
        Name -> estimator, without those that are dropped. Bare Keras models are wrapped.
    """
    rule = "estimators must be a list of (name, estimator), at least one"
    if not isinstance(estimators, (list, tuple)) or not estimators:
        raise InvalidOptionError(f"{rule}; received {estimators!r}.")
    for item in estimators:
        if not isinstance(item, (list, tuple)) or len(item) != 2 or not isinstance(item[0], str) or not item[0]:
            raise InvalidOptionError(f"{rule}; received the item {item!r}.")
    names = [name for name, _ in estimators]
    wrong = sorted({name for name in names if names.count(name) > 1 or name in reserved or "__" in name})
    if wrong:
        raise InvalidOptionError(
            "names of estimators must be different, without a double underscore, and not those of parameters "
            f"({', '.join(reserved)}); received {wrong}."
        )
    members = dict(pairs(estimators))
    if not members:
        raise InvalidOptionError(f"at least one estimator must stay; all of {names} are dropped.")
    return {name: _check_one(name, estimator, kind, prefit) for name, estimator in members.items()}


def _check_one(name: str, estimator: Any, kind: str, prefit: bool) -> Any:
    if isinstance(estimator, type):
        raise InvalidOptionError(f"estimators must be objects; {name!r} is the class {estimator.__name__}. Call it.")
    if is_model(estimator) and not prefit:
        return (KerasClassifier if kind == "classifier" else KerasRegressor)(estimator)
    found = _kind(estimator)
    if found is not None and found != kind:
        raise InvalidOptionError(f"estimator {name!r} must be a {kind}; received {estimator!r}, a {found}.")
    if not prefit:
        if found is None or not callable(getattr(estimator, "fit", None)):
            raise InvalidOptionError(
                f"estimator {name!r} must be a scikit-learn {kind} or a compiled Keras model; received "
                f"{estimator!r}. A member that cannot be fitted goes with cv='prefit'."
            )
        return estimator
    if found is None:  # not a scikit-learn estimator, but a Keras model, a callable, saved predictions, a Member
        task = "multiclass" if kind == "classifier" else "regression"
        member = as_member(estimator, name=name, task=None if isinstance(estimator, Member) else task)
        if member.task != task:
            raise InvalidOptionError(f"estimator {name!r} must be a {kind}; its task is {member.task!r}.")
        return member
    check_is_fitted(estimator, msg=f"cv='prefit' needs fitted estimators; {name!r} is not fitted. Call its fit first.")
    return estimator


def _kind(estimator: Any) -> str | None:
    return get_tags(estimator).estimator_type if hasattr(estimator, "__sklearn_tags__") else None


def classes_of(name: str, member: Any) -> list[Any]:
    """List the labels of a fitted classifier in the order of its columns."""
    if not isinstance(member, Member) and not hasattr(member, "classes_"):
        raise InvalidOptionError(
            f"member {name!r} ({type(member).__name__}) must have classes_ when it is fitted, the label of each "
            "column: predictions are matched by name. Let its fit set classes_."
        )
    return list(member.classes) if isinstance(member, Member) else np.asarray(member.classes_).tolist()


def common_classes(members: Mapping[str, Any]) -> np.ndarray:
    """Sort the labels that at least one of the fitted members knows.

    Parameters
    ----------
    members : dict
        Name -> fitted classifier.

    Returns
    -------
    ndarray of shape (n_classes,)
        Labels, either all text or all numbers.
    """
    known = {name: classes_of(name, member) for name, member in members.items()}
    text = {name: isinstance(labels[0], str) for name, labels in known.items() if labels}
    if len(set(text.values())) > 1:
        one, other = (next(name for name, is_text in text.items() if is_text is wanted) for wanted in (True, False))
        raise AlignmentError(
            f"classes must be named in one way by every member; member {one!r} knows {few(known[one])} and member "
            f"{other!r} knows {few(known[other])}. Fit them on the same labels."
        )
    return np.unique(np.concatenate([np.asarray(labels) for labels in known.values()]))


def last_step(estimator: Any) -> Any:
    """Find the last step of a pipeline, in pipelines too; any other estimator is its own last step."""
    steps = getattr(estimator, "steps", None)
    return last_step(steps[-1][1]) if steps else estimator


def ids_for(members: Mapping[str, Any], X: Any) -> Any:
    """Name the rows of X for members that are asked by id; number them if there are none."""
    asked = {name: member for name, member in members.items() if isinstance(member, Member)}
    if not asked:
        return np.arange(n_rows(X))
    ids = row_names(X)
    for name, member in asked.items():
        source: Any = member
        while hasattr(source, "model"):  # made by as_member
            source = source.model
        if isinstance(source, Predictions) and isinstance(ids, np.ndarray):
            raise InvalidPredictionsError(
                f"member {name!r} has saved predictions, which are looked up by the names of rows; X names none. Give "
                "a DataFrame whose index holds the ids."
            )
    return ids


def name_outputs(estimator: Any, labels: list[Any] | None) -> None:
    """Tell Keras models, also in nested ensembles and pipelines, the labels of all rows: a fold may lack some."""
    last = last_step(estimator)
    if hasattr(last, "name_outputs"):
        last.name_outputs(labels)


class MemberPredictor:
    """Predict with fitted members, and match the classes by name.

    Parameters
    ----------
    names : dict of label to class name, or None
        None for regression.
    response_method : {"predict_proba", "predict"}
        ``predict`` gives probability 1 to the predicted class.
    complete : bool, default=True
        Whether a class that a member does not know has a column of zeros.
    """

    def __init__(self, names: Mapping[Any, Hashable] | None, response_method: str, *, complete: bool = True) -> None:
        self.names, self.response_method, self.complete = names, response_method, complete

    def check(self, name: str, member: Any) -> None:
        """Refuse a fitted member without the method or the labels that predictions need."""
        if self.names is None or isinstance(member, Member):
            return
        if self.response_method == "predict_proba" and not hasattr(member, "predict_proba"):
            raise InvalidOptionError(self._has_no_probas(name, member))
        classes_of(name, member)

    def check_unfitted(self, name: str, member: Any) -> None:
        """Refuse a member that will have no probabilities, before anything is fitted."""
        if self.names is None or self.response_method != "predict_proba":
            return
        if hasattr(type(member), "__getattr__"):  # it may hand on the methods of a part that fit makes
            return
        try:
            member.predict_proba  # noqa: B018 - `available_if` raises
        except AttributeError as error:
            cause: BaseException | None = error
            while cause is not None:
                # A part that is chosen in fit, as StackingClassifier's final_estimator, is still None.
                if isinstance(cause, AttributeError) and cause.name == "predict_proba" and cause.obj is None:
                    return
                cause = cause.__cause__ or cause.__context__
            raise InvalidOptionError(self._has_no_probas(name, member)) from None

    def _has_no_probas(self, name: str, member: Any) -> str:
        return (
            f"member {name!r} ({type(member).__name__}) has no predict_proba. Wrap it, for instance in "
            "scikit-learn's CalibratedClassifierCV, or give response_method='predict' to let each member's "
            "predicted class have its whole probability."
        )

    def labels_of(self, name: str, member: Any) -> list[Any]:
        """List the labels of a member in the order of its columns; refuse a label that the ensemble does not have."""
        labels = classes_of(name, member)
        unknown = [label for label in labels if label not in (self.names or {})]
        if unknown:
            raise AlignmentError(
                f"member {name!r} knows {few(unknown)}, which no label of y is called. Fit it on the labels of y."
            )
        return labels

    def predict(self, name: str, member: Any, X: Any, ids: Any) -> Predictions:
        """Predict the rows of X."""
        fit_ids = getattr(member, "fit_ids", None)
        fit_ids = getattr(member, "fit_ids_", None) if fit_ids is None else fit_ids
        labels: list[Any] = [] if self.names is None else self.labels_of(name, member)
        classes: list[Any] = ["value"] if self.names is None else [self.names[label] for label in labels]
        probas = self._probas(name, member, labels, X, ids)
        if self.names is not None and (self.complete or len(classes) == 1):
            probas, classes = self._completed(probas, classes), list(self.names.values())
        task = "regression" if self.names is None else "multiclass"
        return Predictions(probas, ids=ids, classes=classes, task=task, member=name, fit_ids=fit_ids)

    def _completed(self, probas: np.ndarray, classes: list[Any]) -> np.ndarray:
        place = {name: k for k, name in enumerate((self.names or {}).values())}
        if classes == list(place) or probas.shape[1:] != (len(classes),):  # a wrong shape is refused later
            return probas
        completed = np.zeros((len(probas), len(place)), dtype=probas.dtype)
        completed[:, [place[c] for c in classes]] = probas
        return completed

    def certain(self, label: Any, n_samples: int) -> np.ndarray:
        """Give one class probability 1 for each row."""
        probas = np.zeros((n_samples, len(self.names or ())))
        probas[:, list(self.names or ()).index(label)] = 1
        return probas

    def _probas(self, name: str, member: Any, labels: list[Any], X: Any, ids: Any) -> np.ndarray:
        if isinstance(member, Member):
            ids = np.asarray(ids)
            batches = [slice(i, i + BATCH) for i in range(0, max(len(ids), 1), BATCH)]
            answers = [member.predict(ids[rows], slice_rows(X, rows.start, rows.stop)) for rows in batches]
            return np.concatenate([np.asarray(answer) for answer in answers])
        if self.names is None:
            return one_a_row(member.predict(X), X, f"predict of member {name!r}")[:, np.newaxis]
        if self.response_method == "predict_proba":
            return in_order(member.predict_proba(X), labels, X, f"predict_proba of member {name!r}")
        predicted = one_a_row(member.predict(X), X, f"predict of member {name!r}")
        known = np.asarray(labels, dtype=None if len({*map(type, labels)}) == 1 else object)
        votes = predicted[:, np.newaxis] == known
        if votes.shape != (len(predicted), len(known)) or not votes.any(axis=1).all():
            raise InvalidPredictionsError(f"member {name!r} predicted a label that is not in its classes_ {known!r}.")
        return votes.astype(np.float64)
