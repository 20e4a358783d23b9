"""Cascades: the cheap model first, the expensive one only where the cheap one is unsure, with a promise."""

from ._cascade import cascade
from ._result import Cascade, Pending

__all__ = ["Cascade", "Pending", "cascade"]
