"""Predict any number of images with a shipped model, as a stream that can be resumed."""

from ._model import Predictor, open_model
from ._run import Predicted, predict_images

__all__ = ["Predicted", "Predictor", "open_model", "predict_images"]
