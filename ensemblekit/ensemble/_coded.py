"""A classifier for members that cannot be fitted on the labels as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.metaestimators import available_if

from ..errors import EnsembleKitError
from ._answers import in_order, one_a_row

__all__ = ["CodedClassifier", "fit_classifier"]


def _has_probas(coded: Any) -> bool:
    return hasattr(coded.estimator_, "predict_proba")


class CodedClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that is fitted on the numbers 0, 1, ... of the labels, and answers with the labels.

    Other attributes are those of the fitted classifier.

    Parameters
    ----------
    estimator : estimator
        A classifier that takes only such labels, as XGBoost's. Each `fit` clones it.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone. Its own ``classes_`` are the numbers.
    classes_ : ndarray of shape (n_classes,)
        Label of each column.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: np.ndarray, **params: Any) -> Self:
        """Fit a clone on the numbers of the labels that these rows have."""
        labels, codes = np.unique(y, return_inverse=True)
        fitted: Any = clone(self.estimator)
        fitted.fit(X, codes, **params)
        known = getattr(fitted, "classes_", None)
        self.classes_ = labels if known is None else labels[np.asarray(known).astype(np.int64)]
        self.labels_ = labels
        self.estimator_ = fitted
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels."""
        codes = one_a_row(self.estimator_.predict(X), X, f"predict of {type(self.estimator_).__name__}")
        return self.labels_[codes.astype(np.int64)]

    @available_if(_has_probas)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities, columns in the order of ``classes_``."""
        codes = getattr(self.estimator_, "classes_", np.arange(len(self.labels_)))
        what = f"predict_proba of {type(self.estimator_).__name__}"
        return in_order(self.estimator_.predict_proba(X), np.asarray(codes).tolist(), X, what)

    def __getattr__(self, name: str) -> Any:
        # While a copy is unpickled it has no attributes yet.
        if name.startswith("__") or "estimator_" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.estimator_, name)

    def __sklearn_is_fitted__(self) -> bool:
        return "estimator_" in vars(self)


def fit_classifier(estimator: Any, X: Any, y: np.ndarray, params: Mapping[str, Any]) -> Any:
    """Fit a classifier on the labels as they are, or on their numbers if it refuses them.

    Parameters
    ----------
    estimator : estimator
        Not fitted; it is fitted in place.
    X, y : array-like
        The rows.
    params : dict
        Further arguments of ``fit``.

    Returns
    -------
    estimator
        The estimator itself, or a `CodedClassifier`.

    Raises
    ------
    Exception
        What the estimator says of the labels as they are, if it cannot be fitted on their numbers either.
    """
    try:
        return estimator.fit(X, y, **params)
    except (EnsembleKitError, MemoryError):
        raise
    except Exception:
        labels = np.unique(y)
        if y.dtype.kind in "iu" and np.array_equal(labels, np.arange(len(labels))):
            raise
        coded = _fit_coded(estimator, X, y, params)
        if coded is None:
            raise
        return coded


def _fit_coded(estimator: Any, X: Any, y: np.ndarray, params: Mapping[str, Any]) -> CodedClassifier | None:
    try:
        return CodedClassifier(estimator).fit(X, y, **params)
    except Exception:
        return None  # the first error is of the labels that the caller knows
