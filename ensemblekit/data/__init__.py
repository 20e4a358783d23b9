"""Labelled images with ids, decoded once."""

from ._folders import image_folder, image_splits
from ._images import ImageFolder
from ._read import read_image

__all__ = ["ImageFolder", "image_folder", "image_splits", "read_image"]
