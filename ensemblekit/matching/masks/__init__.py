"""Masks with several labels: votes and STAPLE by pattern of voxels; Dice and surface distances by reader."""

from ._consensus import Consensus
from ._judge import compare_masks, judge_readers
from ._label_images import LabelImage, LabelImages
from ._staple import staple
from ._vote import vote_labels

__all__ = ["Consensus", "LabelImage", "LabelImages", "compare_masks", "judge_readers", "staple", "vote_labels"]
