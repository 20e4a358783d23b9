"""Features of frozen backbones, cached on disk; views of images; and training on features and views."""

from typing import TYPE_CHECKING, Any

from ..deprecation import warn_deprecated
from ._bank import CollectionInfo, FeatureBank
from ._extract import extract_features
from ._keys import image_keys
from ._views import AffineViews, Augmentation

if TYPE_CHECKING:
    from ._view_cycle import ViewCycle

__all__ = [
    "AffineViews",
    "Augmentation",
    "CollectionInfo",
    "FeatureBank",
    "ViewCycle",
    "extract_features",
    "image_keys",
]


def __getattr__(name: str) -> Any:
    if name == "ViewCycle":  # its base class is a class of Keras
        from ._view_cycle import ViewCycle

        return ViewCycle
    if name == "ShelfInfo":
        warn_deprecated("ensemblekit.features.ShelfInfo", "ensemblekit.features.CollectionInfo")
        return CollectionInfo
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
