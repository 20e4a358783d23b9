"""Votes: the sparse table of who said what of which item, and how it is read."""

from ._labels import ABSTAINED, FAILED
from ._votes import Votes

__all__ = ["ABSTAINED", "FAILED", "Votes"]
