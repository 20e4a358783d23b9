"""Boxes of several detectors as one set of boxes: weighted box fusion, and suppression of non-maximal ones."""

from ._fuse_boxes import fuse_boxes
from ._fused import Fused

__all__ = ["Fused", "fuse_boxes"]
