"""Folders and tables of labelled images: sources of samples with ids, and audits of the images."""

from ._audit import Audit
from ._audit_images import audit_images
from ._folders import image_folder, image_splits
from ._images import ImageFolder
from ._source import ImageSource
from ._table import ImageTable, image_table
from .reading import ImageReader, read_image, resize_image

__all__ = [
    "Audit",
    "ImageFolder",
    "ImageReader",
    "ImageSource",
    "ImageTable",
    "audit_images",
    "image_folder",
    "image_splits",
    "image_table",
    "read_image",
    "resize_image",
]
