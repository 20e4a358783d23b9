"""The costs of a model by member, and how well it predicts without some of them."""

from ._profile import Profile, profile_model

__all__ = ["Profile", "profile_model"]
