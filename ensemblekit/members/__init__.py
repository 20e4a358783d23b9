"""Wrap models as members; `collect` reads the data once for all members."""

from ._collect import collect
from ._sources import Source
from ._wrap import as_member

__all__ = ["Source", "as_member", "collect"]
