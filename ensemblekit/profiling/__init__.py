"""Measure the cost of each member of a model, and the scores of the model without some members."""

from ._profile import Profile, profile_model

__all__ = ["Profile", "profile_model"]
