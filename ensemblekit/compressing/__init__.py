"""Model compression, one network of several: the average of their weights, or a student of their predictions."""

from ._distil import distil
from ._soup import Soup, soup

__all__ = ["Soup", "distil", "soup"]
