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
from ._keras_classifier import KerasClassifier
from ._keras_model import is_model
from ._keras_regressor import KerasRegressor

__all__ = [
    "MemberPredictor",
    "all_pairs",
    "as_rows",
    "check_estimators",
    "common_classes",
    "flatten_rows",
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


def classes_of(member: Any) -> list[Any]:
    """List the labels of a fitted classifier in the order of its columns."""
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
    known = {name: classes_of(member) for name, member in members.items()}
    text = {name: isinstance(labels[0], str) for name, labels in known.items() if labels}
    if len(set(text.values())) > 1:
        one, other = (next(name for name, is_text in text.items() if is_text is wanted) for wanted in (True, False))
        raise AlignmentError(
            f"classes must be named in one way by every member; member {one!r} knows {few(known[one])} and member "
            f"{other!r} knows {few(known[other])}. Fit them on the same labels."
        )
    return np.unique(np.concatenate([np.asarray(labels) for labels in known.values()]))


def as_rows(X: Any) -> Any:
    """Make the rows of X selectable: convert sparse matrices to CSR and lists to an array; keep arrays and tables."""
    rows: Any = X if hasattr(X, "shape") else np.asarray(X)
    rows = rows.tocsr() if hasattr(rows, "tocsr") else rows
    if len(rows.shape) < 2:
        raise InvalidPredictionsError(
            f"X must have one row a sample, shape (n_samples, ...); received shape {tuple(rows.shape)}. Reshape your "
            "data: X.reshape(-1, 1) for one feature, X.reshape(1, -1) for one sample."
        )
    return rows


def flatten_rows(X: Any) -> np.ndarray:
    """Flatten each row of X into a vector of numbers, shape ``(n_samples, n_features)``."""
    dense = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    try:
        return dense.reshape(len(dense), -1).astype(np.float64)
    except (TypeError, ValueError):
        raise InvalidOptionError(
            f"passthrough needs X of numbers, which the combiner can look at; received dtype {dense.dtype}. Turn "
            "them into numbers first, or give passthrough=False."
        ) from None


class MemberPredictor:
    """Predict with fitted members, and match the classes by name.

    Parameters
    ----------
    names : dict of label to class name, or None
        None for regression.
    response_method : {"predict_proba", "predict"}
        ``predict`` gives probability 1 to the predicted class.
    """

    def __init__(self, names: Mapping[Any, Hashable] | None, response_method: str) -> None:
        self.names, self.response_method = names, response_method

    def check(self, name: str, member: Any) -> None:
        """Refuse a member without the method that ``response_method`` needs."""
        if self.names is None or isinstance(member, Member):
            return
        if self.response_method == "predict_proba" and not hasattr(member, "predict_proba"):
            raise InvalidOptionError(
                f"member {name!r} ({type(member).__name__}) has no predict_proba. Wrap it, for instance in "
                "scikit-learn's CalibratedClassifierCV, or give response_method='predict' to let each member's "
                "predicted class have its whole probability."
            )

    def labels_of(self, name: str, member: Any) -> list[Any]:
        """List the labels of a member in the order of its columns; refuse a label that the ensemble does not have."""
        labels = classes_of(member)
        unknown = [label for label in labels if label not in (self.names or {})]
        if unknown:
            raise AlignmentError(
                f"member {name!r} knows {few(unknown)}, which no label of y is called. Fit it on the labels of y."
            )
        return labels

    def predict(self, name: str, member: Any, X: Any, ids: np.ndarray) -> Predictions:
        """Predict the rows of X for the classes that the member knows."""
        fit_ids = getattr(member, "fit_ids", None)
        fit_ids = getattr(member, "fit_ids_", None) if fit_ids is None else fit_ids
        classes: list[Any] = (
            ["value"] if self.names is None else [self.names[label] for label in self.labels_of(name, member)]
        )
        task = "regression" if self.names is None else "multiclass"
        probas = self._probas(name, member, X, ids)
        return Predictions(probas, ids=ids, classes=classes, task=task, member=name, fit_ids=fit_ids)

    def predict_all_classes(self, name: str, member: Any, X: Any, ids: np.ndarray) -> np.ndarray:
        """Predict the rows of X for all classes of the ensemble: 0 for a class that the member does not know."""
        predictions = self.predict(name, member, X, ids)
        if self.names is None:
            return predictions.probas
        columns = tuple(self.names.values())
        if predictions.classes == columns:
            return predictions.probas
        probas = np.zeros((len(ids), len(columns)), dtype=predictions.probas.dtype)
        places = {name: place for place, name in enumerate(columns)}
        probas[:, [places[c] for c in predictions.classes]] = predictions.probas
        return probas

    def _probas(self, name: str, member: Any, X: Any, ids: np.ndarray) -> np.ndarray:
        if isinstance(member, Member):
            starts = range(0, max(len(ids), 1), BATCH)
            return np.concatenate([member.predict(ids[i : i + BATCH], X[i : i + BATCH]) for i in starts])
        if self.names is None:
            return np.asarray(member.predict(X))
        if self.response_method == "predict_proba":
            return np.asarray(member.predict_proba(X))
        labels, predicted = np.asarray(member.classes_), np.asarray(member.predict(X))
        votes = predicted[:, np.newaxis] == labels
        if not votes.any(axis=1).all():
            raise InvalidPredictionsError(f"member {name!r} predicted a label that is not in its classes_ {labels!r}.")
        return votes.astype(np.float64)
