"""A model over any number of images: streamed, resumable, every id kept."""

from ._model import Predictor, open_model
from ._run import Predicted, predict_images

__all__ = ["Predicted", "Predictor", "open_model", "predict_images"]
