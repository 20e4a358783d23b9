"""Linear scikit-learn estimators as a matrix, an offset and an activation, for use in a graph."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ensemblekit.assembly import import_keras
from ensemblekit.errors import CompatibilityError

__all__ = ["Linear", "apply_linear", "is_linear", "linear_of"]

SOFTMAX = ("LinearDiscriminantAnalysis", "LogisticRegression", "LogisticRegressionCV")
SIGMOIDS = ("SGDClassifier",)
REGRESSORS = (
    "ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "GammaRegressor", "HuberRegressor", "Lars",
    "LarsCV", "Lasso", "LassoCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "LinearRegression", "LinearSVR",
    "MultiTaskElasticNet", "MultiTaskElasticNetCV", "MultiTaskLasso", "MultiTaskLassoCV", "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV", "PoissonRegressor", "QuantileRegressor", "Ridge", "RidgeCV", "SGDRegressor",
    "TheilSenRegressor", "TweedieRegressor",
)  # fmt: skip
LOG_LINKS = ("GammaRegressor", "PoissonRegressor")


class Linear(NamedTuple):
    """``activation(x @ kernel + bias)``.

    Attributes
    ----------
    kernel : ndarray of shape (n_features, n_outputs)
        Matrix.
    bias : ndarray of shape (n_outputs,)
        Offset.
    activation : {"softmax", "sigmoid", "shares", "exponential", "linear"}
        ``shares`` are sigmoids divided by their sum. A single ``sigmoid`` is the probability of the second class.
    """

    kernel: np.ndarray
    bias: np.ndarray
    activation: str


def is_linear(estimator: Any) -> bool:
    """Return whether `linear_of` supports an estimator, fitted or not."""
    if not _of_sklearn(estimator):
        return False
    name = type(estimator).__name__
    if name == "Pipeline":
        return all(_scales(step) for _, step in estimator.steps[:-1]) and is_linear(estimator.steps[-1][1])
    if name in SIGMOIDS:
        return estimator.loss == "log_loss"
    if name == "TweedieRegressor":
        return estimator.link in ("auto", "identity", "log")
    return name in (*SOFTMAX, *REGRESSORS, "DummyClassifier")


def linear_of(estimator: Any) -> Linear:
    """Return the matrix, offset and activation of a fitted estimator.

    Parameters
    ----------
    estimator : scikit-learn estimator
        A linear classifier or regressor, or a pipeline that ends with one and has only scalers before it.

    Returns
    -------
    Linear
        The function that the estimator computes.

    Raises
    ------
    CompatibilityError
        If it is not linear.
    """
    if not is_linear(estimator):
        raise CompatibilityError(
            f"final_estimator must be linear to stand in a graph, as LogisticRegression, Ridge or 'dense' are; "
            f"{type(estimator).__name__} is not. Save the ensemble with ensemblekit.store.save instead, or fit another."
        )
    name = type(estimator).__name__
    if name == "Pipeline":
        return _scaled(linear_of(estimator.steps[-1][1]), estimator.steps[:-1])
    if name == "DummyClassifier":
        prior = np.asarray(estimator.class_prior_, dtype=np.float64)
        with np.errstate(divide="ignore"):
            return Linear(np.zeros((estimator.n_features_in_, len(prior))), np.log(prior), "softmax")
    kernel = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64)).T
    bias = np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64), kernel.shape[1:]).copy()
    return Linear(kernel, bias, _activation(estimator, name, kernel.shape[1]))


def apply_linear(linear: Linear, x: Any, xp: Any) -> Any:
    """Compute a linear function as a Dense layer of Keras.

    Parameters
    ----------
    linear : Linear
        The function.
    x : tensor of shape (n_rows, n_features)
        Rows.
    xp : array namespace
        ``keras.ops``.

    Returns
    -------
    tensor of shape (n_rows, n_outputs)
        In the dtype of ``x``; a single ``sigmoid`` gives two columns.
    """
    keras = import_keras("A final estimator in a graph")
    activation = "sigmoid" if linear.activation == "shares" else linear.activation
    dense = keras.layers.Dense(len(linear.bias), activation, dtype=x.dtype)
    dense.build((None, len(linear.kernel)))
    dense.set_weights([linear.kernel, linear.bias])
    out = dense(x)
    if linear.activation == "shares":
        return xp.divide(out, xp.sum(out, axis=-1, keepdims=True))
    if linear.activation == "sigmoid":
        return xp.concatenate([xp.subtract(xp.ones_like(out), out), out], axis=-1)
    return out


def _activation(estimator: Any, name: str, n_outputs: int) -> str:
    if name in REGRESSORS:
        tweedie = name == "TweedieRegressor"
        link = estimator.link if tweedie else "log" if name in LOG_LINKS else "identity"
        if link == "auto":
            link = "identity" if estimator.power <= 0 else "log"
        return "exponential" if link == "log" else "linear"
    if n_outputs == 1:
        return "sigmoid"
    one_against_rest = name in SIGMOIDS or getattr(estimator, "solver", None) == "liblinear"
    one_against_rest |= getattr(estimator, "multi_class", None) == "ovr"
    return "shares" if one_against_rest else "softmax"


def _scales(step: Any) -> bool:
    return step == "passthrough" or (
        _of_sklearn(step) and type(step).__name__ in ("MaxAbsScaler", "MinMaxScaler", "RobustScaler", "StandardScaler")
        and not getattr(step, "clip", False)
    )  # fmt: skip


def _scaled(linear: Linear, steps: Any) -> Linear:
    kernel, bias, activation = linear
    for _, step in reversed(steps):
        if step == "passthrough":
            continue
        # A scaler is an affine function, so its values at 0 and 1 determine it.
        width = len(kernel)
        offset = np.asarray(step.transform(np.zeros((1, width)))[0], dtype=np.float64)
        scale = np.asarray(step.transform(np.ones((1, width)))[0], dtype=np.float64) - offset
        kernel, bias = kernel * scale[:, np.newaxis], bias + offset @ kernel
    return Linear(kernel, bias, activation)


def _of_sklearn(estimator: Any) -> bool:
    return type(estimator).__module__.partition(".")[0] == "sklearn"
