"""Predict any number of images with a saved model, as a stream; an interrupted run can be resumed."""

from ._model import Predictor, open_model
from ._run import Predicted, predict_images

__all__ = ["Predicted", "Predictor", "open_model", "predict_images"]
