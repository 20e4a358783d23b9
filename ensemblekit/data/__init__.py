"""Folders of labelled images: sources of samples with ids, and audits of the images."""

from ._audit import Audit
from ._audit_images import audit_images
from ._folders import image_folder, image_splits
from ._images import ImageFolder
from .reading import read_image, resize_image

__all__ = ["Audit", "ImageFolder", "audit_images", "image_folder", "image_splits", "read_image", "resize_image"]
