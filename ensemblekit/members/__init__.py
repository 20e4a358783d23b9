"""Anything that predicts, as a member; and one pass over the data for all members."""

from ._collect import collect
from ._sources import Source
from ._wrap import as_member

__all__ = ["Source", "as_member", "collect"]
