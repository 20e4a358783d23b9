"""ensemblekit: combine the predictions of several models, aligned by name or refused.

Examples
--------
>>> from ensemblekit import Predictions, combine
>>> cnn = Predictions([[0.75, 0.25], [0.5, 0.5]], ids=["a", "b"], classes=["cat", "dog"], member="cnn")
>>> svm = Predictions([[1.0, 0.0], [0.25, 0.75]], ids=["b", "a"], classes=["cat", "dog"], member="svm")
>>> combine([cnn, svm], "mean").predicted
array(['cat', 'cat'], dtype='<U3')
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from .assembly import build_classifier
    from .combining import combine, fit_combiner
    from .compatibility import Answer, check_compatible
    from .data import Audit, ImageFolder, audit_images, image_folder, image_splits
    from .ensemble import EnsembleClassifier, EnsembleRegressor, KerasClassifier, KerasRegressor
    from .errors import (
        AlignmentError,
        CheckFailedError,
        CompatibilityError,
        DataError,
        DuplicateNameError,
        EnsembleKitError,
        FeatureBankWarning,
        FolderNotFoundError,
        InvalidOptionError,
        InvalidPredictionsError,
        LeakageError,
        MissingClassWarning,
        MissingDependencyError,
        NotAFileError,
        NotFittedError,
        NotStorableError,
        OutputExistsError,
        PluginLoadError,
        PluginWarning,
        ProfileWarning,
        RandomWeightsWarning,
        StoreError,
        UnknownMemberError,
        UnknownPluginError,
        UnreadableImageError,
        WeightsUnavailableError,
    )
    from .features import AffineViews, FeatureBank, extract_features
    from .fusion import class_names, export_fused, fuse, member_names, with_members
    from .hookspecs import hookimpl
    from .interfaces import Backbone, Chainer, Combiner, Head, Member
    from .members import as_member, collect
    from .predicting import open_model, predict_images
    from .predictions import Predictions, PredictionSet, align
    from .profiling import profile_model
    from .registry import Registry, load_plugins

# Name -> the room that defines it. Looked up when first used, so that importing ensemblekit stays light.
_ROOMS = {
    "build_classifier": "assembly",
    **dict.fromkeys(("combine", "fit_combiner"), "combining"),
    **dict.fromkeys(("Answer", "check_compatible"), "compatibility"),
    **dict.fromkeys(("Audit", "ImageFolder", "audit_images", "image_folder", "image_splits"), "data"),
    **dict.fromkeys(("EnsembleClassifier", "EnsembleRegressor", "KerasClassifier", "KerasRegressor"), "ensemble"),
    **dict.fromkeys(
        (
            "AlignmentError",
            "CheckFailedError",
            "CompatibilityError",
            "DataError",
            "DuplicateNameError",
            "EnsembleKitError",
            "FeatureBankWarning",
            "FolderNotFoundError",
            "InvalidOptionError",
            "InvalidPredictionsError",
            "LeakageError",
            "MissingClassWarning",
            "MissingDependencyError",
            "NotAFileError",
            "NotFittedError",
            "NotStorableError",
            "OutputExistsError",
            "PluginLoadError",
            "PluginWarning",
            "ProfileWarning",
            "RandomWeightsWarning",
            "StoreError",
            "UnknownMemberError",
            "UnknownPluginError",
            "UnreadableImageError",
            "WeightsUnavailableError",
        ),
        "errors",
    ),
    **dict.fromkeys(("AffineViews", "FeatureBank", "extract_features"), "features"),
    **dict.fromkeys(("class_names", "export_fused", "fuse", "member_names", "with_members"), "fusion"),
    "hookimpl": "hookspecs",
    **dict.fromkeys(("Backbone", "Chainer", "Combiner", "Head", "Member"), "interfaces"),
    **dict.fromkeys(("as_member", "collect"), "members"),
    **dict.fromkeys(("open_model", "predict_images"), "predicting"),
    **dict.fromkeys(("PredictionSet", "Predictions", "align"), "predictions"),
    "profile_model": "profiling",
    **dict.fromkeys(("Registry", "load_plugins"), "registry"),
}

__all__ = [
    "AffineViews",
    "AlignmentError",
    "Answer",
    "Audit",
    "Backbone",
    "Chainer",
    "CheckFailedError",
    "Combiner",
    "CompatibilityError",
    "DataError",
    "DuplicateNameError",
    "EnsembleClassifier",
    "EnsembleKitError",
    "EnsembleRegressor",
    "FeatureBank",
    "FeatureBankWarning",
    "FolderNotFoundError",
    "Head",
    "ImageFolder",
    "InvalidOptionError",
    "InvalidPredictionsError",
    "KerasClassifier",
    "KerasRegressor",
    "LeakageError",
    "Member",
    "MissingClassWarning",
    "MissingDependencyError",
    "NotAFileError",
    "NotFittedError",
    "NotStorableError",
    "OutputExistsError",
    "PluginLoadError",
    "PluginWarning",
    "PredictionSet",
    "Predictions",
    "ProfileWarning",
    "RandomWeightsWarning",
    "Registry",
    "StoreError",
    "UnknownMemberError",
    "UnknownPluginError",
    "UnreadableImageError",
    "WeightsUnavailableError",
    "align",
    "as_member",
    "audit_images",
    "build_classifier",
    "check_compatible",
    "class_names",
    "collect",
    "combine",
    "export_fused",
    "extract_features",
    "fit_combiner",
    "fuse",
    "hookimpl",
    "image_folder",
    "image_splits",
    "load_plugins",
    "member_names",
    "open_model",
    "predict_images",
    "profile_model",
    "with_members",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        value = getattr(import_module(f".{_ROOMS[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
