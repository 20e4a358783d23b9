"""Several readers: regions that mark one object become one row, masks become one mask, by the rules that are there."""

from ._match import match_regions
from ._matched import Matched
from ._regions import Regions
from .fusing import Fused, fuse_boxes
from .masks import Consensus, LabelImage, LabelImages, compare_masks, judge_readers, staple, vote_labels

__all__ = [
    "Consensus",
    "Fused",
    "LabelImage",
    "LabelImages",
    "Matched",
    "Regions",
    "compare_masks",
    "fuse_boxes",
    "judge_readers",
    "match_regions",
    "staple",
    "vote_labels",
]
