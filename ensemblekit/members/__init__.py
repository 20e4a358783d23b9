"""Wrap models as members; `collect` reads the data once for all members."""

from ._collect import as_source, collect
from ._sources import Source
from ._wrap import as_member
from .columns import column_source

__all__ = ["Source", "as_member", "as_source", "collect", "column_source"]
