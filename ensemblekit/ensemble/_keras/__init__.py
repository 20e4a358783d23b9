"""Keras models as scikit-learn estimators."""

from ._classifier import KerasClassifier
from ._estimator import KerasEstimator
from ._model import is_model
from ._regressor import KerasRegressor

__all__ = ["KerasClassifier", "KerasEstimator", "KerasRegressor", "is_model"]
