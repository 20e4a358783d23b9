"""How a model is called: by which method, and what it says of its classes and its task."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidOptionError
from ..interfaces import Member
from ..predictions import Predictions, Task
from ._keras import is_keras

__all__ = ["are_of_several_outputs", "knows_classes", "recognise"]


def recognise(model: Any, name: str, task: Task | None, *, named: bool) -> tuple[str, Any, Task | None]:
    """Find how to call a model (a method, or "rows", "member" or "call"), its classes and its task."""
    if isinstance(model, Predictions):
        return "rows", model.classes, model.task
    if isinstance(model, Member):
        return "member", model.classes, model.task
    if is_keras(model):
        return "predict_on_batch", None, None
    kind, classes = _kind(model), _own_classes(model)
    if classes is not None and hasattr(model, "predict_proba"):  # a scikit-learn classifier
        return "predict_proba", classes, "multiclass"
    has_probas = kind is None and callable(getattr(model, "predict_proba", None))
    if has_probas and task != "regression" and (named or not hasattr(model, "fit")):
        return "predict_proba", None, "multiclass"
    if classes is None and (kind == "classifier" or (has_probas and task != "regression")):
        raise InvalidOptionError(
            f"member {name!r} ({type(model).__name__}) must be fitted before it predicts; it has no classes_. "
            "Call its fit first."
        )
    if classes is not None:
        raise InvalidOptionError(
            f"member {name!r} ({type(model).__name__}) has no predict_proba. Give it one, for instance with "
            "scikit-learn's CalibratedClassifierCV."
        )
    if callable(getattr(model, "predict", None)) and kind in ("regressor", None):
        return "predict", None, "regression" if kind else None
    if callable(model):
        return "call", None, None
    raise InvalidOptionError(
        f"member {name!r} must be a Keras model, a scikit-learn classifier or regressor, a callable or Predictions; "
        f"received {type(model).__name__}."
    )


def _kind(model: Any) -> str | None:
    # Like scikit-learn's is_classifier and is_regressor, but without the import. Before 1.6 it was an attribute.
    tags = None if isinstance(model, type) else getattr(model, "__sklearn_tags__", None)
    return tags().estimator_type if tags else getattr(model, "_estimator_type", None)


def knows_classes(model: Any) -> bool:
    """Tell whether a model has the names of its classes."""
    return isinstance(model, (Predictions, Member)) or _own_classes(model) is not None


def _own_classes(model: Any) -> Any:
    # CatBoost's regressors and unfitted classifiers have an empty one. AutoGluon calls it `class_labels`.
    for attribute in ("classes_", "class_labels"):
        classes = getattr(model, attribute, None)
        if classes is not None and len(classes):
            return classes
    return None


def are_of_several_outputs(classes: Any) -> bool:
    """Tell whether classes are those of a scikit-learn classifier of several targets, an array for each."""
    return isinstance(classes, list) and all(isinstance(one, np.ndarray) for one in classes)
