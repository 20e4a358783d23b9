"""The bank of frozen-backbone features, the views that it is filled with, and training on both."""

from typing import TYPE_CHECKING, Any

from ._bank import FeatureBank, ShelfInfo
from ._extract import extract_features
from ._keys import image_keys
from ._views import AffineViews

if TYPE_CHECKING:
    from ._training import ViewCycle

__all__ = ["AffineViews", "FeatureBank", "ShelfInfo", "ViewCycle", "extract_features", "image_keys"]


def __getattr__(name: str) -> Any:
    if name == "ViewCycle":  # its base class is Keras's
        from ._training import ViewCycle

        return ViewCycle
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
