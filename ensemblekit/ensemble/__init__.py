"""Ensembles and Keras models as scikit-learn estimators.

Importing this package imports scikit-learn. The package is only imported when one of its names is used.
"""

import sys

from . import _keras
from ._classifier import EnsembleClassifier
from ._keras import KerasClassifier, KerasRegressor
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

for _former in ("_keras_classifier", "_keras_regressor"):
    sys.modules[f"{__name__}.{_former}"] = _keras  # where pickles of earlier versions look for the two classes
