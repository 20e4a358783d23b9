"""One model of a fold: made anew, fitted, and asked."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..assembly import import_keras
from ..errors import InvalidOptionError
from ..members.inputs import Inputs
from ..members.networks import is_keras, keras_inputs
from ..members.streamed import StreamedRows, row_dataset

__all__ = ["check_build", "check_weighted", "described", "fitted_model", "is_estimator", "task_of_labels"]


def is_estimator(build: Any) -> bool:
    """Tell whether models are clones of an estimator, and not made by a function or a class."""
    return hasattr(build, "fit") and not isinstance(build, type)


def check_build(build: Any, options: Mapping[str, Any]) -> None:
    """Refuse what makes no new model for each fold."""
    if is_keras(build):
        raise InvalidOptionError(
            "build must make a new model for each fold, as one that was trained on a fold has seen it; received a "
            "Keras model. Give a function that makes and compiles it, or KerasClassifier(model)."
        )
    if not callable(build) and not is_estimator(build):
        raise InvalidOptionError(
            "build must be a scikit-learn estimator, or a function that makes a model; received "
            f"{type(build).__name__}."
        )
    if options and is_estimator(build):
        raise InvalidOptionError(
            f"{', '.join(options)} must be options of the training of Keras models; received beside an estimator. Give "
            "them to it."
        )


def check_weighted(estimator: Any) -> str:
    """Refuse an estimator that takes no weights of rows; say by which name its ``fit`` takes them."""
    from sklearn import get_config
    from sklearn.utils.validation import has_fit_parameter

    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    steps = getattr(estimator, "steps", None)
    if steps:  # a pipeline hands them on
        if get_config().get("enable_metadata_routing"):
            return "sample_weight"
        if has_fit_parameter(steps[-1][1], "sample_weight"):
            return f"{steps[-1][0]}__sample_weight"
    raise InvalidOptionError(
        f"sample_weight is for models whose fit takes it; that of {type(estimator).__name__} does not. Leave it "
        "out, or give another estimator."
    )


def described(build: Any, options: Mapping[str, Any]) -> str:
    """Describe how models are made, to know whether a folder was begun in the same way."""
    name = repr(build) if is_estimator(build) else getattr(build, "__qualname__", type(build).__name__)
    return f"{name} {sorted((key, repr(value)) for key, value in options.items())}"


def task_of_labels(build: Any, y: np.ndarray) -> str:
    """Find the task: as the estimator says, else as the labels are."""
    if is_estimator(build):
        from sklearn.base import is_regressor

        if is_regressor(build):
            return "regression"
    if y.ndim > 1 and y.dtype.kind in "biuf" and bool(np.isin(y, (0, 1)).all()):
        return "multilabel"
    return "regression" if y.dtype.kind == "f" else "multiclass"


def fitted_model(
    build: Any,
    x: Inputs | StreamedRows,
    y: np.ndarray,
    *,
    task: str,
    classes: tuple[Any, ...] | None,
    options: Mapping[str, Any],
    weight: np.ndarray | None = None,
) -> Any:
    """Make a new model and fit it, with the weights of the rows if there are any.

    Returns
    -------
    object
        A fitted estimator, or a Keras model for the task multilabel.
    """
    if is_estimator(build):
        from sklearn.base import clone

        return _storable(_fitted(clone(build), x, y, weight))
    made = build()
    if not is_keras(made):
        if not hasattr(made, "fit"):
            raise InvalidOptionError(f"build must make a model with a method fit; it made {type(made).__name__}.")
        if options:
            raise InvalidOptionError(f"{', '.join(options)} must be options of Keras models; build made an estimator.")
        return _storable(_fitted(made, x, y, weight))
    if getattr(made, "optimizer", None) is None:
        raise InvalidOptionError("build must make a compiled Keras model; received one without optimizer and loss.")
    if task == "multilabel":
        _fit_labels(made, x, y.astype(np.float32), None if weight is None else weight.astype(np.float32), options)
        return made
    from ..ensemble import KerasClassifier, KerasRegressor

    kwargs: dict[str, Any] = {"initial_weights": "given", **options}
    if task == "multiclass":
        return _storable(_fitted(KerasClassifier(made, classes=classes, **kwargs), x, y, weight))
    return _storable(_fitted(KerasRegressor(made, **kwargs), x, y, weight))


def _fitted(estimator: Any, x: Inputs | StreamedRows, y: np.ndarray, weight: np.ndarray | None) -> Any:
    given = x
    if isinstance(x, StreamedRows):  # only networks are trained in batches
        from ..ensemble import KerasClassifier, KerasRegressor

        given = x if isinstance(estimator, (KerasClassifier, KerasRegressor)) else x.read()
    rows: Any = given.x if isinstance(given, Inputs) else given
    return estimator.fit(rows, y, **({} if weight is None else {check_weighted(estimator): weight}))


def _fit_labels(
    model: Any, x: Inputs | StreamedRows, y: np.ndarray, weight: np.ndarray | None, options: Mapping[str, Any]
) -> None:
    options = {"verbose": 0, **options}
    if isinstance(x, Inputs):
        model.fit(x.x, y, sample_weight=weight, **options)
        return
    if options.get("validation_split"):
        raise InvalidOptionError(
            "validation_split is for rows in memory; these are read in batches. Give in_memory=True, or leave it out."
        )
    size, seed = options.pop("batch_size", None) or 32, options.pop("seed", None)
    rows = row_dataset(
        import_keras("fit_folds"),
        x,
        y,
        weight,
        feed=lambda inputs: keras_inputs(model, inputs, "model"),
        batch_size=size,
        seed=seed,
    )
    model.fit(rows, **{**options, "shuffle": False})


def _storable(fitted: Any) -> Any:
    """Let an estimator of a Keras model refer to what it has trained, as its builder is code, and cannot be kept."""
    if hasattr(fitted, "model_") and hasattr(fitted, "model") and callable(getattr(fitted, "model", None)):
        fitted = copy.copy(fitted)
        fitted.model, fitted.callbacks = fitted.model_, None
    return fitted
