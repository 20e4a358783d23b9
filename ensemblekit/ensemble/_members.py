"""The members of an ensemble: check the estimators, and predict with fitted ones."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from ..errors import AlignmentError, EnsembleKitError, InvalidOptionError, InvalidPredictionsError
from ..interfaces import Member
from ..kinds import kind_of
from ..members import as_member
from ..predictions import Predictions, Task
from ..predictions.names import few, shown
from ._answers import in_order, one_a_row, votes_for
from ._columns import Asking, as_probas, method_missing
from ._keras import KerasClassifier, KerasEstimator, KerasRegressor, is_model
from ._rows import n_rows, row_names, slice_rows

__all__ = [
    "MemberPredictor",
    "all_pairs",
    "check_estimators",
    "common_classes",
    "ids_for",
    "is_member",
    "last_step",
    "name_outputs",
    "pairs",
]

BATCH = 1024
"""Rows of a batch, for a member that is not a scikit-learn estimator and would take all of them as one."""


def all_pairs(estimators: Any) -> list[tuple[str, Any]]:
    """List the estimators by name; the list is empty if ``estimators`` is no list of pairs or of estimators."""
    items = _listed(estimators)
    if items and all(_is_unnamed(item) for item in items):
        return _named(items)
    is_pair = [isinstance(item, (list, tuple)) and len(item) == 2 for item in items]
    return [(name, estimator) for name, estimator in estimators] if is_pair and all(is_pair) else []


def _is_unnamed(item: Any) -> bool:
    return item is None or (isinstance(item, str) and item == "drop") or hasattr(item, "fit") or is_model(item)


def _named(estimators: list[Any]) -> list[tuple[str, Any]]:
    """Name estimators by their class, as scikit-learn's `make_pipeline` does; equal names get a number."""
    names = [one if isinstance(one, str) else type(one).__name__.lower() for one in estimators]
    counts = [names[: place + 1].count(name) for place, name in enumerate(names)]
    numbered = [f"{name}-{k}" if names.count(name) > 1 else name for name, k in zip(names, counts, strict=True)]
    return list(zip(numbered, estimators, strict=True))


def pairs(estimators: Any) -> list[tuple[str, Any]]:
    """List the named estimators that are not dropped."""
    return [(n, e) for n, e in all_pairs(estimators) if e is not None and not (isinstance(e, str) and e == "drop")]


def _listed(estimators: Any) -> list[Any]:
    return list(estimators) if isinstance(estimators, (list, tuple)) else []


def check_estimators(
    estimators: Any, reserved: Sequence[str], *, kind: str, prefit: bool, task: Task
) -> dict[str, Any]:
    """Check that estimators are a list of pairs with different names, all of one kind.

    Parameters
    ----------
    estimators : list of (str, estimator), or list of estimator
        As given by the user.
    reserved : sequence of str
        Names that a member may not have.
    kind : {"classifier", "regressor"}
        Kind that the estimators must be of.
    prefit : bool
        Whether they must be fitted.
    task : str
        Task of their predictions.

    Returns
    -------
    dict
        Name -> estimator, without those that are dropped. Bare Keras models are wrapped.
    """
    rule = "estimators must be a list of (name, estimator), or of estimators, at least one"
    if not isinstance(estimators, (list, tuple)) or not estimators:
        raise InvalidOptionError(f"{rule}; received {estimators!r}.")
    if all(_is_unnamed(item) for item in estimators):
        estimators = _named(list(estimators))
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
    return {name: _check_one(name, estimator, kind, prefit, task) for name, estimator in members.items()}


def _check_one(name: str, estimator: Any, kind: str, prefit: bool, task: Task) -> Any:
    if isinstance(estimator, type):
        raise InvalidOptionError(f"estimators must be objects; {name!r} is the class {estimator.__name__}. Call it.")
    if is_model(estimator) and not prefit:
        return (KerasClassifier if kind == "classifier" else KerasRegressor)(estimator)
    found = _kind(estimator)
    if found == "classifier" and kind == "regressor":
        raise InvalidOptionError(f"estimator {name!r} must be a {kind}; received {estimator!r}, a {found}.")
    if found is None and hasattr(estimator, "__sklearn_tags__") and get_tags(estimator).target_tags.required:
        raise InvalidOptionError(
            f"estimator {name!r} must be a {kind}, or learn without labels; received {estimator!r}, which learns its "
            f"columns from labels. Put it before a {kind} in a Pipeline."
        )
    if not prefit:
        if not hasattr(estimator, "__sklearn_tags__") or not callable(getattr(estimator, "fit", None)):
            raise InvalidOptionError(
                f"estimator {name!r} must be a scikit-learn {kind} or a compiled Keras model; received "
                f"{estimator!r}. A member that cannot be fitted goes with cv='prefit'."
            )
        return estimator
    if not hasattr(estimator, "__sklearn_tags__"):
        # Not a scikit-learn estimator, but a Keras model, a callable, saved predictions, a Member.
        member = as_member(estimator, name=name, task=None if isinstance(estimator, Member) else task)
        if kind_of(member.task) != task:
            raise InvalidOptionError(
                f"estimator {name!r} must be a {kind} for the task {task!r}; its task is {member.task!r}."
            )
        return member
    check_is_fitted(estimator, msg=f"cv='prefit' needs fitted estimators; {name!r} is not fitted. Call its fit first.")
    return estimator


def _kind(estimator: Any) -> str | None:
    return get_tags(estimator).estimator_type if hasattr(estimator, "__sklearn_tags__") else None


def is_member(estimator: Any) -> bool:
    """Tell whether an object is asked by id. Whether an estimator has all methods of a `Member` takes long to find."""
    return not isinstance(estimator, BaseEstimator) and isinstance(estimator, Member)


def classes_of(name: str, member: Any) -> list[Any]:
    """List the labels of a fitted classifier in the order of its columns."""
    if not is_member(member) and not hasattr(member, "classes_"):
        raise InvalidOptionError(
            f"member {name!r} ({type(member).__name__}) must have classes_ when it is fitted, the label of each "
            "column: predictions are matched by name. Let its fit set classes_."
        )
    return list(member.classes) if is_member(member) else np.asarray(member.classes_).tolist()


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
    known = {name: classes_of(name, member) for name, member in members.items() if _knows_classes(member)}
    if not known:
        raise InvalidOptionError(
            f"with cv='prefit' one member at least must know the classes; {shown(list(members))} know none. Add a "
            "classifier, or give cv a whole number."
        )
    text = {name: isinstance(labels[0], str) for name, labels in known.items() if labels}
    if len(set(text.values())) > 1:
        one, other = (next(name for name, is_text in text.items() if is_text is wanted) for wanted in (True, False))
        raise AlignmentError(
            f"classes must be named in one way by every member; member {one!r} knows {few(known[one])} and member "
            f"{other!r} knows {few(known[other])}. Fit them on the same labels."
        )
    return np.unique(np.concatenate([np.asarray(labels) for labels in known.values()]))


def _knows_classes(member: Any) -> bool:
    return isinstance(member, Member) or _kind(member) in (None, "classifier")


def last_step(estimator: Any) -> Any:
    """Find the last step of a pipeline, in pipelines too; any other estimator is its own last step."""
    steps = getattr(estimator, "steps", None)
    return last_step(steps[-1][1]) if steps else estimator


def ids_for(members: Mapping[str, Any], X: Any) -> Any:
    """Name the rows of X for members that are asked by id; number them if there are none."""
    asked = {name: member for name, member in members.items() if is_member(member)}
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
    response_method : str
        Method of members that ``asking`` does not name; ``predict`` gives probability 1 to the predicted class.
    complete : bool, default=True
        Whether a class that a member does not know has a column of zeros.
    asking : Asking, optional
        How each member is asked, and which of them answer with columns.
    """

    def __init__(
        self,
        names: Mapping[Any, Hashable] | None,
        response_method: str,
        *,
        complete: bool = True,
        asking: Asking | None = None,
    ) -> None:
        self.names, self.response_method, self.complete = names, response_method, complete
        self.asking = Asking({}, {}) if asking is None else asking

    def method_of(self, name: str) -> str:
        """Name the method that a member is asked by."""
        return self.asking.methods.get(name, self.response_method)

    def fit(self, estimator: Any, X: Any, y: np.ndarray, params: Mapping[str, Any]) -> Any:
        """Fit a regressor on one value a row."""
        estimator.fit(X, y, **params)
        return estimator

    def fit_named(self, name: str, estimator: Any, X: Any, y: np.ndarray, params: Mapping[str, Any]) -> Any:
        """Fit a member: on the labels, their numbers, or without them; see `Asking`."""
        given = self.asking.labels_for(name, y, self.names)
        if given is None:
            estimator.fit(X, None, **params)
            return estimator
        return self.fit(estimator, X, given, params)

    @property
    def task(self) -> Task:
        """Task of the predictions."""
        return "regression" if self.names is None else "multiclass"

    def check(self, name: str, member: Any) -> None:
        """Refuse a fitted member without the method or the labels that predictions need."""
        if self.names is None or is_member(member) or self.asking.columns.get(name) in ("numbers", "features"):
            return
        if not hasattr(member, self.method_of(name)):
            raise method_missing(name, member, self.method_of(name))
        classes_of(name, member)

    def check_unfitted(self, name: str, member: Any) -> None:
        """Refuse a Keras model that does not fit, before any is fitted."""
        last = last_step(member)
        if isinstance(last, KerasEstimator):
            try:
                last.check_model(None if self.names is None else list(self.names))
            except EnsembleKitError as error:
                error.add_note(f"This came from member {name}.")
                raise

    def labels_of(self, name: str, member: Any) -> list[Any]:
        """List the labels of a member in the order of its columns; refuse a label that the ensemble does not have."""
        labels = classes_of(name, member)
        unknown = [label for label in labels if label not in (self.names or {})]
        if unknown:
            raise AlignmentError(
                f"member {name!r} knows {few(unknown)}, which no label of y is called. Fit it on the labels of y."
            )
        return labels

    def answer(
        self, name: str, member: Any, X: Any, ids: Any, columns: dict[str, np.ndarray] | None = None
    ) -> tuple[Any, list[Any]]:
        """Predict the rows of X: the values, and the names of their columns. The values are not checked.

        A member that answers with columns adds them to ``columns``.
        """
        outputs: list[Any] = ["value"] if self.names is None else list(self.names.values())
        if name in self.asking.columns:
            given = self.columns(name, member, X)
            if columns is not None:
                columns[name] = given
            return self.of_columns(name, given), outputs
        if self.names is None:
            return self._probas(name, member, [], X, ids), outputs
        labels = self.labels_of(name, member)
        classes = [self.names[label] for label in labels]
        probas = self._probas(name, member, labels, X, ids)
        if self.complete or len(classes) == 1:
            probas, classes = self._completed(probas, classes), outputs
        return probas, classes

    def predict(
        self, name: str, member: Any, X: Any, ids: Any, columns: dict[str, np.ndarray] | None = None
    ) -> Predictions:
        """Predict the rows of X, with every check; ``columns`` as in `answer`."""
        return self.named(name, member, self.answer(name, member, X, ids, columns), ids)

    def named(self, name: str, member: Any, answer: tuple[Any, list[Any]], ids: Any) -> Predictions:
        """Name what `answer` returned."""
        probas, classes = answer
        fit_ids = getattr(member, "fit_ids", None)
        fit_ids = getattr(member, "fit_ids_", None) if fit_ids is None else fit_ids
        return Predictions(probas, ids=ids, classes=classes, task=self.task, member=name, fit_ids=fit_ids)

    def columns(self, name: str, member: Any, X: Any) -> np.ndarray:
        """Ask a member that answers with columns."""
        known = self.labels_of(name, member) if self.asking.columns[name] == "decisions" else []
        return self.asking.answer(name, member, X, list(self.names or ()), known)

    def of_columns(self, name: str, columns: np.ndarray) -> np.ndarray:
        """Turn decisions into probabilities; other columns say nothing, and become a constant."""
        if not self.names:
            return np.zeros((len(columns), 1))
        return as_probas(columns, self.asking.columns[name], len(self.names))

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
        if is_member(member):
            ids = np.asarray(ids)
            batches = [slice(i, i + BATCH) for i in range(0, max(len(ids), 1), BATCH)]
            answers = [member.predict(ids[rows], slice_rows(X, rows.start, rows.stop)) for rows in batches]
            return np.concatenate([np.asarray(answer) for answer in answers])
        if self.names is None:
            return one_a_row(member.predict(X), X, f"predict of member {name!r}")[:, np.newaxis]
        if self.method_of(name) == "predict_proba":
            return in_order(member.predict_proba(X), labels, X, f"predict_proba of member {name!r}")
        if self.method_of(name) == "decision_function":
            decisions = Asking(self.asking.methods, {name: "decisions"})
            wanted = list(self.names) if self.complete else labels
            columns = decisions.answer(name, member, X, wanted, labels)
            return as_probas(columns, "decisions", len(wanted))
        predicted = one_a_row(member.predict(X), X, f"predict of member {name!r}")
        return votes_for(predicted, labels, name)
