"""Labelled images with ids, decoded once."""

from ._audit import audit_images
from ._audited import Audit
from ._folders import image_folder, image_splits
from ._images import ImageFolder
from ._read import read_image, resize_image

__all__ = ["Audit", "ImageFolder", "audit_images", "image_folder", "image_splits", "read_image", "resize_image"]
