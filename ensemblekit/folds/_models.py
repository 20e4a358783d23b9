"""One model of a fold: made anew, fitted, and asked."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InvalidOptionError
from ..members.inputs import Inputs
from ..members.networks import is_keras

__all__ = ["check_build", "described", "fitted_model", "task_of_labels"]


def check_build(build: Any, options: Mapping[str, Any]) -> None:
    """Refuse what makes no new model for each fold."""
    if is_keras(build):
        raise InvalidOptionError(
            "build must make a new model for each fold, as one that was trained on a fold has seen it; received a "
            "Keras model. Give a function that makes and compiles it, or KerasClassifier(model)."
        )
    if not callable(build) and not hasattr(build, "fit"):
        raise InvalidOptionError(
            "build must be a scikit-learn estimator, or a function that makes a model; received "
            f"{type(build).__name__}."
        )
    if options and hasattr(build, "fit"):
        raise InvalidOptionError(
            f"{', '.join(options)} must be options of the training of Keras models; received beside an estimator. Give "
            "them to it."
        )


def described(build: Any, options: Mapping[str, Any]) -> str:
    """Describe how models are made, to know whether a folder was begun in the same way."""
    name = repr(build) if hasattr(build, "fit") else getattr(build, "__qualname__", type(build).__name__)
    return f"{name} {sorted((key, repr(value)) for key, value in options.items())}"


def task_of_labels(build: Any, y: np.ndarray) -> str:
    """Find the task: as the estimator says, else as the labels are."""
    if hasattr(build, "fit") and not isinstance(build, type):
        from sklearn.base import is_regressor

        if is_regressor(build):
            return "regression"
    if y.ndim > 1 and y.dtype.kind in "biuf" and bool(np.isin(y, (0, 1)).all()):
        return "multilabel"
    return "regression" if y.dtype.kind == "f" else "multiclass"


def fitted_model(
    build: Any, x: Inputs, y: np.ndarray, *, task: str, classes: tuple[Any, ...] | None, options: Mapping[str, Any]
) -> Any:
    """Make a new model and fit it.

    Returns
    -------
    object
        A fitted estimator, or a Keras model for the task multilabel.
    """
    if hasattr(build, "fit"):
        from sklearn.base import clone

        new: Any = clone(build)
        return _storable(new.fit(x.x, y))
    made = build()
    if not is_keras(made):
        if not hasattr(made, "fit"):
            raise InvalidOptionError(f"build must make a model with a method fit; it made {type(made).__name__}.")
        if options:
            raise InvalidOptionError(f"{', '.join(options)} must be options of Keras models; build made an estimator.")
        return _storable(made.fit(x.x, y))
    if getattr(made, "optimizer", None) is None:
        raise InvalidOptionError("build must make a compiled Keras model; received one without optimizer and loss.")
    if task == "multilabel":
        made.fit(x.x, y.astype(np.float32), **{"verbose": 0, **options})
        return made
    from ..ensemble import KerasClassifier, KerasRegressor

    kwargs: dict[str, Any] = {"initial_weights": "given", **options}
    if task == "multiclass":
        return _storable(KerasClassifier(made, classes=classes, **kwargs).fit(x.x, y))
    return _storable(KerasRegressor(made, **kwargs).fit(x.x, y))


def _storable(fitted: Any) -> Any:
    """Let an estimator of a Keras model refer to what it has trained, as its builder is code, and cannot be kept."""
    if hasattr(fitted, "model_") and hasattr(fitted, "model") and callable(getattr(fitted, "model", None)):
        fitted = copy.copy(fitted)
        fitted.model, fitted.callbacks = fitted.model_, None
    return fitted
