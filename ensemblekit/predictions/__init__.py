"""Predictions that carry their names: ids, classes, labels, split, and what they were fitted on."""

from ._align import align
from ._predictions import Predictions
from ._set import PredictionSet
from .choices import Missing, Task

__all__ = ["Missing", "PredictionSet", "Predictions", "Task", "align"]
