"""Ensembles and Keras models as scikit-learn estimators.

Importing this package imports scikit-learn. The package is only imported when one of its names is used.
"""

from ._classifier import EnsembleClassifier
from ._keras_classifier import KerasClassifier
from ._keras_regressor import KerasRegressor
from ._layers import LayeredClassifier, LayeredRegressor
from ._regressor import EnsembleRegressor

__all__ = [
    "EnsembleClassifier",
    "EnsembleRegressor",
    "KerasClassifier",
    "KerasRegressor",
    "LayeredClassifier",
    "LayeredRegressor",
]
