"""Measure the cost of each member of a model, and the scores of the model without some members."""

from ._profile import Profile, profile_model
from ._prune import Pruned, prune

__all__ = ["Profile", "Pruned", "profile_model", "prune"]
