"""What a model costs, member by member, and what each member is worth."""

from ._profile import Profile, profile_model

__all__ = ["Profile", "profile_model"]
