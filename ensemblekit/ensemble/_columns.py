"""How each member is asked; and members whose answers are no probabilities: decisions, numbers, features.

Their answers are columns, which go to a combiner that learns from columns; see `Stacking.with_columns`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.utils import get_tags

from ..combining import AskedCombiner
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..interfaces import Member
from ..predictions import PredictionSet
from ..predictions.choices import check_choice
from ..predictions.named import read_named
from ..predictions.names import shown
from ._answers import one_a_row
from ._keras import is_model
from ._rows import n_rows

__all__ = [
    "METHODS",
    "AnsweredSet",
    "Asking",
    "as_probas",
    "check_methods",
    "columns_in",
    "has_method",
    "method_missing",
    "plan_members",
]

METHODS = ("auto", "predict_proba", "decision_function", "predict", "transform")
"""What ``response_method`` may be."""
_ORDER = ("predict_proba", "decision_function", "predict")
_UNSUPERVISED = ("predict_proba", "decision_function", "transform", "predict")


@dataclass(frozen=True)
class Asking:
    """By which method each member is asked, and which members answer with columns.

    Attributes
    ----------
    methods : dict
        Member -> method.
    columns : dict
        Member whose answers are columns -> ``decisions`` of a classifier, ``numbers`` of a regressor, or ``features``
        of a member that learns without labels.
    """

    methods: Mapping[str, str]
    columns: Mapping[str, str]

    def labels_for(self, name: str, y: np.ndarray, names: Mapping[Any, Hashable] | None) -> np.ndarray | None:
        """Give what a member is fitted on: labels, their numbers, or nothing."""
        kind = self.columns.get(name)
        if kind == "features":
            return None
        if kind != "numbers" or names is None:
            return y
        place = {label: k for k, label in enumerate(names)}
        return np.array([place[label] for label in y.tolist()], dtype=np.float64)

    def answer(self, name: str, member: Any, X: Any, labels: Sequence[Any], known: Sequence[Any]) -> np.ndarray:
        """Ask a member for its columns.

        Parameters
        ----------
        name : str
            The member.
        member : estimator
            Fitted.
        X : object
            Rows.
        labels : sequence
            Labels of all classes, in order; empty for regression.
        known : sequence
            Labels that the member knows, in the order of its decisions.

        Returns
        -------
        ndarray of shape (n_samples, n_columns), float64
        """
        method, kind = self.methods[name], self.columns[name]
        what = f"{method} of member {name!r}"
        given = getattr(member, method)(X)
        if kind == "numbers" and labels:
            columns = one_a_row(given, X, what)[:, np.newaxis]
        else:
            given = given.toarray() if hasattr(given, "toarray") else given
            columns = np.asarray(given if type(given) is np.ndarray else read_named(given, what).values)
            columns = columns[:, np.newaxis] if columns.ndim == 1 else columns
        if columns.ndim != 2 or len(columns) != n_rows(X):
            raise InvalidPredictionsError(
                f"{what} must have one row of columns a sample, shape ({n_rows(X)}, n_columns); received shape "
                f"{columns.shape}."
            )
        if kind == "decisions":
            columns = _complete(columns, labels, known, what)
        elif kind == "features" and method == "predict" and hasattr(member, "labels_"):
            columns = columns == np.unique(member.labels_)  # numbers of clusters have no order
        try:
            columns = columns.astype(np.float64)
        except (TypeError, ValueError):
            raise InvalidPredictionsError(f"{what} must be numbers; received dtype {columns.dtype}.") from None
        if not np.isfinite(columns).all():
            row = int(np.flatnonzero(~np.isfinite(columns).all(axis=1))[0])
            raise InvalidPredictionsError(f"{what} must be finite; row {row} has {columns[row].tolist()}.")
        return columns

    def certain(self, label: Any, labels: Sequence[Any], n_samples: int) -> np.ndarray:
        """Give decisions for rows of a fold that knows one class alone: 1 for it, -1 for others."""
        decisions = np.where(np.array([one == label for one in labels]), 1.0, -1.0)
        return np.tile(decisions[1:] if len(labels) == 2 else decisions, (n_samples, 1))

    def names_of(self, name: str, member: Any, n_columns: int, labels: Sequence[Any]) -> list[str]:
        """Name the columns of a member."""
        if self.columns[name] == "decisions" and n_columns in (1, len(labels)):
            return [f"{name}_{label}" for label in (labels[1:] if n_columns == 1 else labels)]
        if n_columns == 1:
            return [name]
        try:
            own = [str(one) for one in member.get_feature_names_out()] if self.methods[name] == "transform" else []
        except (AttributeError, ValueError):
            own = []
        parts = own if len(own) == n_columns else [str(k) for k in range(n_columns)]
        return [one if one.startswith(name) and one[len(name) :].isdigit() else f"{name}_{one}" for one in parts]


def as_probas(columns: np.ndarray, kind: str, n_classes: int) -> np.ndarray:
    """Turn decisions into probabilities by the logistic function; other columns say nothing of the classes."""
    if kind != "decisions" or columns.shape[1] not in (1, n_classes):
        return np.full((len(columns), n_classes), 1 / n_classes)
    logits = np.concatenate([np.zeros_like(columns), columns], axis=1) if columns.shape[1] == 1 else columns
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


class AnsweredSet(PredictionSet):
    """Predictions of all members, and the columns of those that answer with columns; in another order without them."""

    columns: Mapping[str, np.ndarray] = MappingProxyType({})

    @classmethod
    def of(cls, predictions: PredictionSet, columns: Mapping[str, np.ndarray]) -> PredictionSet:
        """Add columns to predictions, if there are some."""
        if not columns:
            return predictions
        answered = cls(**{field: getattr(predictions, field) for field in PredictionSet.__slots__})
        object.__setattr__(answered, "columns", dict(columns))
        return answered


def columns_in(predictions: PredictionSet) -> Mapping[str, np.ndarray]:
    """Take the columns of members that came with predictions."""
    return predictions.columns if isinstance(predictions, AnsweredSet) else {}


def check_methods(response_method: Any, members: Sequence[str] | None = None) -> None:
    """Check the parameter ``response_method``: one method for all, or member -> method."""
    if not isinstance(response_method, Mapping):
        check_choice("response_method", response_method, METHODS)
        return
    unknown = [name for name in response_method if members is not None and name not in members]
    if unknown:
        raise InvalidOptionError(
            f"response_method must be by the names of members, {shown(list(members or ()))}; received {shown(unknown)}."
        )
    for name, method in response_method.items():
        check_choice(f"response_method of member {name!r}", method, METHODS)


def plan_members(
    members: Mapping[str, Any], response_method: Any, asked: AskedCombiner, *, kind: str
) -> tuple[Asking, AskedCombiner]:
    """Decide how each member is asked, and let the combiner learn from columns if some answer with columns.

    Parameters
    ----------
    members : dict
        Name -> estimator, fitted or not.
    response_method : str or mapping of member to str
        As given by the user.
    asked : AskedCombiner
        The combiner.
    kind : {"classifier", "regressor"}
        Kind of the ensemble.

    Returns
    -------
    asking : Asking
    asked : AskedCombiner
        The combiner as it is, or a copy that learns from columns.

    Raises
    ------
    InvalidOptionError
        If a member lacks the method, or answers with columns of which the combiner makes no use.
    """
    takes = callable(getattr(asked.combiner, "with_columns", None))
    methods: dict[str, str] = {}
    columns: dict[str, str] = {}
    for name, member in members.items():
        wanted = response_method if isinstance(response_method, str) else response_method.get(name, "auto")
        of_kind = isinstance(member, Member) or is_model(member) or get_tags(member).estimator_type
        if of_kind is True or of_kind == kind:
            votes = bool(getattr(asked.combiner, "takes_votes", False))
            methods[name] = _method_of(name, member, wanted, kind, takes, votes)
            if methods[name] == "decision_function" and takes:
                columns[name] = "decisions"
            continue
        columns[name] = "numbers" if of_kind == "regressor" else "features"
        order = ("predict",) if of_kind == "regressor" else _UNSUPERVISED
        methods[name] = next((one for one in order if has_method(member, one)), "") if wanted == "auto" else wanted
        if not methods[name] or not has_method(member, methods[name]):
            raise method_missing(name, member, methods[name] or "transform or predict")
        if not takes:
            raise InvalidOptionError(
                f"member {name!r} ({type(member).__name__}) is no {kind}: its answers are no "
                f"{'probabilities of classes' if kind == 'classifier' else 'values of y'}, and combiner {asked.name!r} "
                "combines nothing else. Give combiner='stacking', which learns from them, or leave it out."
            )
    if columns:
        asked = replace(asked, combiner=asked.combiner.with_columns(tuple(columns)))
    return Asking(methods, columns), asked


def _method_of(name: str, member: Any, wanted: str, kind: str, takes: bool, votes: bool) -> str:
    if kind == "regressor":
        return "predict"
    if isinstance(member, Member) or is_model(member):
        return "predict_proba" if wanted == "auto" else wanted
    order = _ORDER if takes else ("predict_proba", "predict") if votes else _ORDER[:1]
    method = next((one for one in order if has_method(member, one)), "predict_proba") if wanted == "auto" else wanted
    if method == "transform" or not has_method(member, method):
        raise method_missing(name, member, method)
    return method


def method_missing(name: str, member: Any, method: str) -> InvalidOptionError:
    """Say that a member lacks a method, and what to do."""
    remedy = (
        f"Wrap it, for instance in scikit-learn's CalibratedClassifierCV; or give response_method={{{name!r}: "
        f"'predict'}} to let its predicted class have the whole probability, or 'decision_function' to turn its "
        "decisions into probabilities that are not calibrated; or combiner='stacking', which takes decisions."
        if method == "predict_proba"
        else "Give response_method='auto', or another member."
    )
    return InvalidOptionError(f"member {name!r} ({type(member).__name__}) has no {method}. {remedy}")


def has_method(member: Any, method: str) -> bool:
    """Tell whether a member, fitted or not, has a method; one that may get it in its ``fit`` counts too."""
    if hasattr(type(member), "__getattr__"):  # it may hand on the methods of a part that fit makes
        return method != "decision_function" or hasattr(member, method)
    try:
        getattr(member, method)  # `available_if` raises
    except AttributeError as error:
        cause: BaseException | None = error
        while cause is not None:
            # A part that is chosen in fit, as StackingClassifier's final_estimator, is still None.
            if isinstance(cause, AttributeError) and cause.name == method and cause.obj is None:
                return True
            cause = cause.__cause__ or cause.__context__
        return False
    return True


def _complete(decisions: np.ndarray, labels: Sequence[Any], known: Sequence[Any], what: str) -> np.ndarray:
    """Put decisions in the order of all classes; one that the member does not know gets the smallest of the row."""
    if list(known) == list(labels):  # also those of pairs of classes, as of SVC(decision_function_shape="ovo")
        return decisions
    if decisions.shape[1] == 1 and len(known) == 2:
        decisions = np.concatenate([-decisions, decisions], axis=1)
    if decisions.shape[1] != len(known):
        raise InvalidPredictionsError(
            f"{what} must have one column a class where rows lack a class; received {decisions.shape[1]} columns for "
            f"{shown(list(known))} of {shown(list(labels))}. Give decision_function_shape='ovr', or stratified folds."
        )
    place = {label: k for k, label in enumerate(labels)}
    completed = np.repeat(decisions.min(axis=1, keepdims=True), len(labels), axis=1)
    completed[:, [place[label] for label in known]] = decisions
    return completed[:, 1:] - completed[:, :1] if len(labels) == 2 else completed
