"""Predictions with their ids, classes, labels, split and fit ids, and their alignment by name."""

from ._align import Alignable, align
from ._predictions import Predictions
from ._set import PredictionSet
from .choices import Aliases, Missing, MissingPolicy, Task

__all__ = ["Aliases", "Alignable", "Missing", "MissingPolicy", "PredictionSet", "Predictions", "Task", "align"]
