"""scikit-learn's face: ensembles, and Keras models, as estimators.

Importing this room imports scikit-learn; nothing imports the room before one of its names is used.
"""

from ._classifier import EnsembleClassifier
from ._keras_classifier import KerasClassifier
from ._keras_regressor import KerasRegressor
from ._regressor import EnsembleRegressor

__all__ = ["EnsembleClassifier", "EnsembleRegressor", "KerasClassifier", "KerasRegressor"]
