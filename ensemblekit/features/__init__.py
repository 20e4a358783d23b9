"""The bank of frozen-backbone features, and the views that it is filled with."""

from ._bank import FeatureBank, ShelfInfo
from ._extract import extract_features
from ._keys import image_keys
from ._views import AffineViews

__all__ = ["AffineViews", "FeatureBank", "ShelfInfo", "extract_features", "image_keys"]
