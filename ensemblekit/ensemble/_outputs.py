"""Several outputs a row: labels that may hold together, or several numbers; read, fitted and predicted."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.utils import get_tags

from ..errors import AlignmentError, InvalidPredictionsError
from ..interfaces import Member
from ..predictions import Task
from ..predictions.named import read_named
from ..predictions.names import as_classes, few, shown
from ._answers import in_order
from ._columns import Asking, method_missing
from ._members import MemberPredictor, last_step
from ._rows import n_rows, one_name_a_row

__all__ = ["OutputsPredictor", "label_log_loss", "parts_of", "read_outputs"]


def read_outputs(y: Any, X: Any, known: tuple[Hashable, ...] | None = None) -> tuple[Any, tuple[Hashable, ...] | None]:
    """Read ``y``: one value a row, or a table of outputs whose columns may have names.

    Parameters
    ----------
    y : object
        As given by the user; a sparse matrix becomes an array.
    X : object
        Result of `as_rows`; a mapping ``y`` is looked up by its index.
    known : tuple of str or int, optional
        Names of the outputs of the fit. Named columns are put in this order.

    Returns
    -------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    names : tuple of str or int, or None
        Names of several columns; None if there is one column, or they have no names.

    Raises
    ------
    AlignmentError
        If the columns have other names than ``known``.
    """
    if hasattr(y, "toarray"):
        y = y.toarray()
    if type(y) is np.ndarray or isinstance(y, (list, tuple, Mapping)) or len(getattr(y, "shape", ())) != 2:
        return one_name_a_row("y", y, X), None
    found = read_named(y, "y")
    values = one_name_a_row("y", found.values, X)
    if found.columns is None or values.ndim != 2 or values.shape[1] < 2:
        return values, None
    names = as_classes(found.columns)
    if known is None or names == known or known == tuple(range(len(known))):
        return values, names
    if {*names} != {*known}:
        lacks, more = shown([n for n in known if n not in names]), shown([n for n in names if n not in known])
        raise AlignmentError(
            f"y must have the columns of the fit, {shown(known)}; it lacks {lacks} and has besides {more}."
        )
    return values[:, [names.index(name) for name in known]], known


def label_log_loss(y: np.ndarray, probas: np.ndarray, sample_weight: Any = None) -> float:
    """Mean of the log losses of all labels, each a question of its own; for the scorers of scikit-learn."""
    from ..evaluation import LOG_LOSS_CLIP

    truth = np.maximum(np.where(np.asarray(y) == 1, probas, 1 - probas), LOG_LOSS_CLIP)
    return float(np.average(-np.log(truth).mean(axis=1), weights=sample_weight))


def parts_of(fitted: Any, given: Any) -> list[Any]:
    """List the estimators that hold the parameters of a member as it was given.

    Parameters
    ----------
    fitted : estimator
        Result of `OutputsPredictor.fit`.
    given : estimator
        The member that was fitted.
    """
    if fitted is given or not isinstance(fitted, (MultiOutputClassifier, MultiOutputRegressor)):
        return [fitted]
    return [fitted.estimator, *(part for part in fitted.estimators_ if type(part) is type(given))]


class OutputsPredictor(MemberPredictor):
    """Fit members on several outputs, and predict with them.

    Parameters
    ----------
    outputs : tuple of str or int
        Names of the outputs, in the order of the columns of ``y``.
    task : {"multilabel", "regression"}
        Probabilities of labels that may hold together, or numbers.
    response_method, asking
        As in `MemberPredictor`.
    """

    def __init__(
        self, outputs: tuple[Hashable, ...], task: Task, response_method: str, *, asking: Asking | None = None
    ) -> None:
        super().__init__(None, response_method, asking=asking)
        self.outputs, self._task = outputs, task

    @property
    def task(self) -> Task:
        """Task of the predictions."""
        return self._task

    def fit(self, estimator: Any, X: Any, y: np.ndarray, params: Mapping[str, Any]) -> Any:
        """Fit a member on all outputs, or a clone of it on each if its tags say that it takes one alone."""
        tags = get_tags(estimator)
        of_labels = tags.classifier_tags is not None and tags.classifier_tags.multi_label
        if tags.target_tags.multi_output or (of_labels and self.task == "multilabel"):
            estimator.fit(X, self._named(estimator, y), **params)
            return estimator
        of_numbers = self.task != "multilabel" or is_regressor(estimator)
        each: Any = (MultiOutputRegressor if of_numbers else MultiOutputClassifier)(estimator)
        # Their own fit refuses a label that holds in no row, as the rows of a fold may have it.
        each.estimators_ = [self._fit_one(clone(estimator), X, column, params) for column in y.T]
        if not of_numbers:
            each.classes_ = [one.classes_ for one in each.estimators_]
        return each

    def _named(self, estimator: Any, y: np.ndarray) -> Any:
        """Name the columns for a model whose outputs may stand in another order."""
        if getattr(last_step(estimator), "classes", None) is None or self.outputs == tuple(range(len(self.outputs))):
            return y
        import pandas as pd

        return pd.DataFrame(y, columns=pd.Index(self.outputs))

    def _fit_one(self, estimator: Any, X: Any, column: np.ndarray, params: Mapping[str, Any]) -> Any:
        if self.task == "multilabel" and not is_regressor(estimator) and (column == column[0]).all():
            from sklearn.dummy import DummyClassifier

            return DummyClassifier(strategy="prior").fit(np.zeros((len(column), 1)), column)
        estimator.fit(X, column, **params)
        return estimator

    def check(self, name: str, member: Any) -> None:
        """Refuse a fitted member without the method that predictions need."""
        needs = self.task == "multilabel" and self.method_of(name) == "predict_proba" and not isinstance(member, Member)
        if needs and not hasattr(member, "predict_proba"):
            raise method_missing(name, member, "predict_proba")

    def check_unfitted(self, name: str, member: Any) -> None:
        """Refuse a Keras model that does not fit, before any is fitted."""
        tags = get_tags(member).classifier_tags if hasattr(member, "fit") else None
        each = {0: 0, 1: 1} if self.task == "multilabel" and not (tags is not None and tags.multi_label) else None
        MemberPredictor(each, self.response_method).check_unfitted(name, member)

    def columns_of(self, name: str, member: Any) -> list[Hashable]:
        """Name the columns that a member answers: by its own names, if it has any, else as ``y`` has them."""
        own: Any = getattr(member, "classes" if isinstance(member, Member) else "output_names_", None)
        if own is None or len(own) < 2 or tuple(own) == tuple(range(len(own))):
            return list(self.outputs)
        if {*own} != {*self.outputs}:
            raise AlignmentError(
                f"outputs must have one name everywhere; member {name!r} knows {few(list(own))}, and y "
                f"{few(list(self.outputs))}. Give y as a table with these columns."
            )
        return list(own)

    def answer(
        self, name: str, member: Any, X: Any, ids: Any, columns: dict[str, np.ndarray] | None = None
    ) -> tuple[Any, list[Any]]:
        """Predict the rows of X: the values, and the names of their columns, as `MemberPredictor` does."""
        if name in self.asking.columns:
            given = self.columns(name, member, X)
            if columns is not None:
                columns[name] = given
            return self.of_columns(name, given), list(self.outputs)
        outputs = self.columns_of(name, member)
        values = self._values(name, member, outputs, X, ids)
        if values.shape != (n_rows(X), len(outputs)):
            raise InvalidPredictionsError(
                f"member {name!r} must answer one value of each output a row, shape {(n_rows(X), len(outputs))} for "
                f"the outputs {shown(outputs)}; received shape {values.shape}."
            )
        return values, outputs

    def columns(self, name: str, member: Any, X: Any) -> np.ndarray:
        """Ask a member that answers with columns; decisions and numbers have one an output."""
        return self.asking.answer(name, DecidesEach(member), X, (), ())

    def of_columns(self, name: str, columns: np.ndarray) -> np.ndarray:
        """Turn decisions into probabilities of each label; other columns say nothing, and become a constant."""
        if self.asking.columns[name] != "decisions":
            return np.full((len(columns), len(self.outputs)), 0.5 if self.task == "multilabel" else 0.0)
        return np.exp(-np.logaddexp(0, -columns))

    def _values(self, name: str, member: Any, columns: list[Hashable], X: Any, ids: Any) -> np.ndarray:
        if isinstance(member, Member):
            return self._probas(name, member, [], X, ids)
        method = "predict"
        if self.task == "multilabel" and self.method_of(name) != "predict" and hasattr(member, "predict_proba"):
            method = "predict_proba"
        if self.task == "multilabel" and self.method_of(name) == "decision_function":
            decisions = Asking(self.asking.methods, {name: "decisions"})
            given = decisions.answer(name, DecidesEach(member), X, (), ())
            return np.exp(-np.logaddexp(0, -given))
        what = f"{method} of member {name!r}"
        answer = getattr(member, method)(X)
        if isinstance(answer, list) and method == "predict_proba":
            # Forests, trees and neighbours answer a list, with the columns of 0 and 1 for each label.
            return np.stack([_of_one(p, known) for p, known in zip(answer, member.classes_, strict=True)], axis=1)
        return np.asarray(in_order(answer, columns, X, what), dtype=None if method == "predict_proba" else np.float64)


class DecidesEach:
    """A fitted member whose decisions are those of its clones, one fitted on each label.

    Parameters
    ----------
    member : estimator
        Its other attributes are those of this object.
    """

    def __init__(self, member: Any) -> None:
        self.member = member

    def __getattr__(self, name: str) -> Any:
        return getattr(self.member, name)

    def decision_function(self, X: Any) -> np.ndarray:
        """Decide of each label; one that holds in all rows, or in none, is decided by 1 or -1."""
        if not isinstance(self.member, MultiOutputClassifier):
            return self.member.decision_function(X)
        return np.stack([_decide(one, X) for one in self.member.estimators_], axis=1)


def _decide(one: Any, X: Any) -> np.ndarray:
    if len(one.classes_) == 1:  # a DummyClassifier
        return np.full(n_rows(X), 2.0 * one.classes_[0] - 1)
    return one.decision_function(X)


def _of_one(probas: Any, classes: Any) -> np.ndarray:
    where = np.flatnonzero(np.asarray(classes) == 1)
    return np.asarray(probas)[:, where[0]] if len(where) else np.zeros(len(probas))
