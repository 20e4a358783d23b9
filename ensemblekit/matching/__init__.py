"""Several readers: regions that mark one object become one row, masks one mask; the rules that are there combine them."""

from .fusing import Fused, fuse_boxes
from ._match import match_regions
from ._matched import Matched
from ._regions import Regions

__all__ = ["Fused", "Matched", "Regions", "fuse_boxes", "match_regions"]
