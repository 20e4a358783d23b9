"""The members of an ensemble: which estimators they may be, and what a fitted one says."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import AlignmentError, InvalidOptionError, InvalidPredictionsError
from ..interfaces import Member
from ..members import as_member
from ..predictions import Predictions
from ..predictions.names import few
from ._keras_model import is_model

__all__ = ["Speaker", "all_pairs", "as_rows", "check_estimators", "classes_of", "common_classes", "flat", "pairs"]

BATCH = 1024
"""Rows at a time for a member that is not a scikit-learn estimator, and may do them all at once."""


def all_pairs(estimators: Any) -> list[tuple[str, Any]]:
    """List the named estimators; nothing where ``estimators`` is no list of pairs."""
    is_pair = [isinstance(item, (list, tuple)) and len(item) == 2 for item in _listed(estimators)]
    return [(name, estimator) for name, estimator in estimators] if is_pair and all(is_pair) else []


def pairs(estimators: Any) -> list[tuple[str, Any]]:
    """List those that are not dropped."""
    return [(n, e) for n, e in all_pairs(estimators) if e is not None and not (isinstance(e, str) and e == "drop")]


def _listed(estimators: Any) -> list[Any]:
    return list(estimators) if isinstance(estimators, (list, tuple)) else []


def check_estimators(estimators: Any, reserved: Sequence[str], *, kind: str, prefit: bool) -> dict[str, Any]:
    """Refuse what is not a list of differently named estimators of one kind.

    Parameters
    ----------
    estimators : list of (str, estimator)
        As given by the user.
    reserved : sequence of str
        Names that a member may not have.
    kind : {"classifier", "regressor"}
        What they must be.
    prefit : bool
        Whether they must be fitted.

    Returns
    -------
    dict
        Name -> estimator, those that are dropped left out. Raw Keras models are wrapped.
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
    if is_model(estimator):
        from ._keras_classifier import KerasClassifier
        from ._keras_regressor import KerasRegressor

        if not prefit:
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
    if found is None:  # a Keras model, a callable, saved predictions, a Member
        task = "multiclass" if kind == "classifier" else "regression"
        member = as_member(estimator, name=name, task=None if isinstance(estimator, Member) else task)
        if member.task != task:
            raise InvalidOptionError(f"estimator {name!r} must be a {kind}; its task is {member.task!r}.")
        return member
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator, msg=f"cv='prefit' needs fitted estimators; {name!r} is not fitted. Call its fit first.")
    return estimator


def _kind(estimator: Any) -> str | None:
    from sklearn.utils import get_tags

    return get_tags(estimator).estimator_type if hasattr(estimator, "__sklearn_tags__") else None


def classes_of(member: Any) -> list[Any]:
    """List the labels that a fitted classifier knows, in the order of its columns."""
    return list(member.classes) if isinstance(member, Member) else np.asarray(member.classes_).tolist()


def common_classes(members: Mapping[str, Any]) -> np.ndarray:
    """Sort the classes that any of the fitted members knows.

    Parameters
    ----------
    members : dict
        Name -> fitted classifier.

    Returns
    -------
    ndarray of shape (n_classes,)
        Labels of one kind, text or numbers.
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
    """Give X rows that can be taken: arrays and tables as they are, other sparse matrices as CSR, else an array."""
    rows: Any = X if hasattr(X, "shape") else np.asarray(X)
    rows = rows.tocsr() if hasattr(rows, "tocsr") else rows
    if len(rows.shape) < 2:
        raise InvalidPredictionsError(
            f"X must have one row a sample, shape (n_samples, ...); received shape {tuple(rows.shape)}. Reshape your "
            "data: X.reshape(-1, 1) for one feature, X.reshape(1, -1) for one sample."
        )
    return rows


def flat(X: Any) -> np.ndarray:
    """Lay out each row of X as a vector of numbers, shape ``(n_samples, n_features)``."""
    dense = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    try:
        return dense.reshape(len(dense), -1).astype(np.float64)
    except (TypeError, ValueError):
        raise InvalidOptionError(
            f"passthrough needs X of numbers, which the combiner can look at; received dtype {dense.dtype}. Turn "
            "them into numbers first, or give passthrough=False."
        ) from None


class Speaker:
    """What a fitted member says about rows, as `Predictions`.

    Parameters
    ----------
    names : dict of label to class name, or None
        None for regression.
    response_method : {"predict_proba", "predict"}
        ``predict`` gives the predicted class the whole probability.
    """

    def __init__(self, names: Mapping[Any, Hashable] | None, response_method: str) -> None:
        self.names, self.response_method = names, response_method

    def check(self, name: str, member: Any) -> None:
        """Refuse a member that cannot answer in this way."""
        if self.names is None or isinstance(member, Member):
            return
        if self.response_method == "predict_proba" and not hasattr(member, "predict_proba"):
            raise InvalidOptionError(
                f"member {name!r} ({type(member).__name__}) has no predict_proba. Wrap it, for instance in "
                "scikit-learn's CalibratedClassifierCV, or give response_method='predict' to let each member's "
                "predicted class have its whole probability."
            )

    def known(self, name: str, member: Any) -> list[Any]:
        """List the labels that a member knows, in the order of its columns; each a class of the ensemble."""
        known = classes_of(member)
        unknown = [label for label in known if label not in (self.names or {})]
        if unknown:
            raise AlignmentError(
                f"member {name!r} knows {few(unknown)}, which no label of y is called. Fit it on the labels of y."
            )
        return known

    def ask(self, name: str, member: Any, X: Any, ids: np.ndarray) -> Predictions:
        """Ask the member about the rows of X."""
        fit_ids = getattr(member, "fit_ids", None)
        fit_ids = getattr(member, "fit_ids_", None) if fit_ids is None else fit_ids
        classes: list[Any] = (
            ["value"] if self.names is None else [self.names[label] for label in self.known(name, member)]
        )
        task = "regression" if self.names is None else "multiclass"
        answer = self._answer(name, member, X, ids)
        return Predictions(answer, ids=ids, classes=classes, task=task, member=name, fit_ids=fit_ids)

    def _answer(self, name: str, member: Any, X: Any, ids: np.ndarray) -> np.ndarray:
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

    def __call__(self, name: str, member: Any, X: Any, ids: np.ndarray) -> np.ndarray:
        """Ask, and lay the answer out over all classes of the ensemble: 0 where the member never saw one."""
        said = self.ask(name, member, X, ids)
        if self.names is None:
            return said.probas
        columns = tuple(self.names.values())
        if said.classes == columns:
            return said.probas
        out = np.zeros((len(ids), len(columns)), dtype=said.probas.dtype)
        out[:, [columns.index(c) for c in said.classes]] = said.probas
        return out
