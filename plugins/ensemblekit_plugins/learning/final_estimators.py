"""Final estimators for several outputs: one estimator for all, or a clone for each; on NumPy and in a graph."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ensemblekit.errors import InvalidOptionError

from ..kernels.normalisation import softmax_of_few
from .dense import DenseSoftmax
from .linear import Linear, apply_linear, linear_of

__all__ = [
    "check_estimator",
    "class_probas",
    "fit_classes",
    "fit_outputs",
    "predict_in_graph",
    "predict_outputs",
    "takes_groups",
    "takes_sparse",
]


def check_estimator(estimator: Any, task: str) -> None:
    """Refuse a final estimator that cannot do the task.

    Parameters
    ----------
    estimator : scikit-learn estimator or DenseSoftmax
        Not fitted.
    task : str
        Kind of the task.
    """
    from sklearn.base import is_classifier

    if task != "regression" and not hasattr(estimator, "predict_proba") and not is_classifier(estimator):
        raise InvalidOptionError(
            f"final_estimator must be a classifier, or have predict_proba; received {estimator!r}, which is none."
        )
    if task == "regression" and is_classifier(estimator):
        raise InvalidOptionError(
            f"final_estimator must be a regressor for the task 'regression'; received {estimator!r}."
        )


def fit_outputs(estimator: Any, x: np.ndarray, y: np.ndarray, kwargs: dict[str, Any]) -> Any:
    """Fit an estimator to several outputs.

    Parameters
    ----------
    estimator : scikit-learn estimator
        Not fitted.
    x : ndarray of shape (n_rows, n_columns)
        Inputs of the estimator.
    y : ndarray of shape (n_rows, n_outputs)
        Indicators, or numbers.
    kwargs : dict
        Keyword arguments of its ``fit``.

    Returns
    -------
    estimator or list of estimator
        Fitted; a list has one for each output.
    """
    import sklearn.base

    clone: Any = sklearn.base.clone
    if y.shape[1] > 1 and _takes_several(estimator):
        return estimator.fit(x, y if y.dtype.kind == "f" else y.astype(np.int64), **kwargs)
    if y.dtype.kind == "f":
        return [clone(estimator).fit(x, column, **kwargs) for column in y.T]
    return [fit_classes(clone(estimator), x, column.astype(np.int64), kwargs) for column in y.T]


def predict_outputs(estimator: Any, x: np.ndarray, n_outputs: int, task: str) -> np.ndarray:
    """Predict with the estimators that `fit_outputs` returned.

    Parameters
    ----------
    estimator : estimator or list of estimator
        Fitted.
    x : ndarray of shape (n_rows, n_columns)
        Rows.
    n_outputs : int
        Number of outputs.
    task : {"multilabel", "regression"}
        ``multilabel`` for probabilities, ``regression`` for numbers.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs)
        Probabilities of 1, or numbers.
    """
    if task == "regression":
        if isinstance(estimator, list):
            return np.stack([one.predict(x) for one in estimator], axis=1)
        return np.reshape(estimator.predict(x), (x.shape[0], n_outputs))
    if isinstance(estimator, list):
        return np.stack([_of_one(class_probas(one, x), one.classes_) for one in estimator], axis=1)
    if not hasattr(estimator, "predict_proba"):
        return np.reshape(estimator.predict(x), (x.shape[0], n_outputs))
    probas = estimator.predict_proba(x)
    if isinstance(probas, np.ndarray):
        return probas
    # Forests, trees and neighbours return a list with one array of columns for each label.
    return np.stack([_of_one(p, classes) for p, classes in zip(probas, estimator.classes_, strict=True)], axis=1)


def fit_classes(estimator: Any, x: np.ndarray, y: np.ndarray, kwargs: dict[str, Any]) -> Any:
    """Fit a classifier; if all rows have one class, which few classifiers accept, fit a ``DummyClassifier``."""
    if (y == y[0]).all():
        from sklearn.dummy import DummyClassifier

        return DummyClassifier(strategy="prior").fit(x, y)
    return estimator.fit(x, y, **kwargs)


def takes_groups(estimator: Any) -> bool:
    """Tell whether ``fit`` has a parameter ``groups``, as that of an ensemble has, which makes folds of its own."""
    return "groups" in inspect.signature(estimator.fit).parameters


def class_probas(estimator: Any, x: np.ndarray) -> np.ndarray:
    """Predict probabilities; the decision of a classifier without ``predict_proba`` has probability 1."""
    if _has_softmax(estimator):
        return softmax_of_few(estimator.decision_function(x))
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(x)
    return np.asarray(estimator.predict(x))[:, np.newaxis] == np.asarray(estimator.classes_)


def _has_softmax(estimator: Any) -> bool:
    """Tell whether probabilities are the softmax of three to seven decisions, of which ours has the bits."""
    if type(estimator).__name__ != "LogisticRegression" or not type(estimator).__module__.startswith("sklearn."):
        return False
    of_all = getattr(estimator, "multi_class", "auto") in ("auto", "deprecated", "multinomial")
    return of_all and estimator.solver != "liblinear" and 2 < len(estimator.classes_) < 8


def predict_in_graph(estimator: Any, x: Any, n_outputs: int, task: str, xp: Any) -> Any:
    """Predict with linear estimators as Dense layers.

    Parameters
    ----------
    estimator : estimator or list of estimator
        Fitted; a list has one estimator for each output.
    x : tensor of shape (n_rows, n_features)
        Rows.
    n_outputs : int
        Number of classes, labels or outputs.
    task : {"multiclass", "multilabel", "regression"}
        Task of the predictions.
    xp : array namespace
        ``keras.ops``.

    Returns
    -------
    tensor of shape (n_rows, n_outputs)
        Predictions, in the dtype of ``x``.

    Raises
    ------
    CompatibilityError
        If an estimator is not linear.
    """
    if isinstance(estimator, list):
        return xp.concatenate([_output(one, x, task, xp) for one in estimator], axis=-1)
    if task == "regression":
        return xp.reshape(apply_linear(linear_of(estimator), x, xp), (-1, n_outputs))
    if isinstance(estimator, DenseSoftmax):
        kernel, bias = estimator.model_.layers[-1].get_weights()
        out = apply_linear(Linear(kernel, bias, "softmax"), x, xp)
    else:
        out = apply_linear(linear_of(estimator), x, xp)
    known = np.asarray(estimator.classes_).tolist()
    return out if known == list(range(n_outputs)) else _spread(out, known, n_outputs, xp)


def _output(estimator: Any, x: Any, task: str, xp: Any) -> Any:
    out = apply_linear(linear_of(estimator), x, xp)
    return out if task == "regression" else _spread(out, np.asarray(estimator.classes_).tolist(), 2, xp, only=1)


def _spread(out: Any, known: list[int], n_outputs: int, xp: Any, only: int | None = None) -> Any:
    """Move each column to its position; classes that the estimator was not fitted on get 0."""
    nothing = xp.zeros_like(xp.take(out, [0], axis=-1))
    wanted = range(n_outputs) if only is None else [only]
    places = [known.index(k) if k in known else len(known) for k in wanted]
    return xp.take(xp.concatenate([out, nothing], axis=-1), places, axis=-1)


def _of_one(probas: np.ndarray, classes: Any) -> np.ndarray:
    where = np.flatnonzero(np.asarray(classes) == 1)
    return probas[:, where[0]] if len(where) else np.zeros(len(probas))


def takes_sparse(estimator: Any) -> bool:
    """Whether an estimator says that its inputs may be a sparse matrix."""
    try:
        from sklearn.utils import get_tags
    except ImportError:  # before scikit-learn 1.6
        return False
    return hasattr(estimator, "fit") and get_tags(estimator).input_tags.sparse


def _takes_several(estimator: Any) -> bool:
    try:
        from sklearn.utils import get_tags
    except ImportError:  # before scikit-learn 1.6
        return False
    tags = get_tags(estimator)
    classifier = tags.classifier_tags
    return bool(tags.target_tags.multi_output or (classifier is not None and classifier.multi_label))
