"""ensemblekit: combine the predictions of several models, aligned by name or refused.

Examples
--------
>>> from ensemblekit import Predictions, combine
>>> cnn = Predictions([[0.75, 0.25], [0.5, 0.5]], ids=["a", "b"], classes=["cat", "dog"], member="cnn")
>>> svm = Predictions([[1.0, 0.0], [0.25, 0.75]], ids=["b", "a"], classes=["cat", "dog"], member="svm")
>>> combine([cnn, svm], "mean").predicted
array(['cat', 'cat'], dtype='<U3')
"""

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__
from .provided import combine_slices_with
from .deprecation import warn_deprecated
from .kinds import FoundTask, find_tasks_with

if TYPE_CHECKING:  # for type checkers and editors: the names of `_ROOMS`
    from . import cascading as cascading, compressing as compressing, evaluation as evaluation, files as files
    from . import folds as folds, implicit as implicit, limits as limits, matching as matching, plots as plots
    from . import printed as printed, quantiles as quantiles, ranking as ranking, report as report
    from . import scaling as scaling, store as store, testing as testing
    from .assembly import build_classifier as build_classifier
    from .choosing import choose as choose
    from .combining import combine as combine, fit_combiner as fit_combiner
    from .compatibility import check_compatible as check_compatible
    from .crowd import Votes as Votes, aggregate_votes as aggregate_votes
    from .data import audit_images as audit_images, image_folder as image_folder, image_splits as image_splits
    from .ensemble import EnsembleClassifier as EnsembleClassifier, EnsembleRegressor as EnsembleRegressor
    from .ensemble import KerasClassifier as KerasClassifier, KerasRegressor as KerasRegressor
    from .ensemble import LayeredClassifier as LayeredClassifier, LayeredRegressor as LayeredRegressor
    from .errors import AlignmentError as AlignmentError, EnsembleKitError as EnsembleKitError
    from .errors import InvalidOptionError as InvalidOptionError, LeakageError as LeakageError
    from .features import AffineViews as AffineViews, FeatureBank as FeatureBank, extract_features as extract_features
    from .fusion import export_fused as export_fused, fuse as fuse
    from .hookspecs import hookimpl as hookimpl
    from .interfaces import Backbone as Backbone, Chainer as Chainer, Combiner as Combiner
    from .interfaces import Head as Head, Member as Member, Metric as Metric, Task as Task
    from .members import as_member as as_member, collect as collect
    from .predicting import open_model as open_model, predict_images as predict_images
    from .predictions import Predictions as Predictions, PredictionSet as PredictionSet, align as align
    from .profiling import profile_model as profile_model
    from .registry import load_plugins as load_plugins

# Room -> its names that are also names of the package. Rooms are imported when first used: importing this stays light.
_ROOMS = {
    "assembly": ("build_classifier",),
    "choosing": ("choose",),
    "combining": ("combine", "fit_combiner"),
    "compatibility": ("check_compatible",),
    "crowd": ("Votes", "aggregate_votes"),
    "data": ("audit_images", "image_folder", "image_splits"),
    "ensemble": (
        "EnsembleClassifier",
        "EnsembleRegressor",
        "KerasClassifier",
        "KerasRegressor",
        "LayeredClassifier",
        "LayeredRegressor",
    ),
    "errors": ("AlignmentError", "EnsembleKitError", "InvalidOptionError", "LeakageError"),
    "features": ("AffineViews", "FeatureBank", "extract_features"),
    "fusion": ("export_fused", "fuse"),
    "hookspecs": ("hookimpl",),
    "interfaces": ("Backbone", "Chainer", "Combiner", "Head", "Member", "Metric", "Task"),
    "members": ("as_member", "collect"),
    "predicting": ("open_model", "predict_images"),
    "predictions": ("PredictionSet", "Predictions", "align"),
    "profiling": ("profile_model",),
    "registry": ("load_plugins",),
    **dict.fromkeys(("cascading", "compressing", "evaluation", "files", "folds", "implicit", "limits"), ()),
    **dict.fromkeys(("matching", "plots", "printed", "quantiles", "ranking", "report", "scaling", "store"), ()),
    "testing": (),
}

# Room -> names that were also names of the package in version 0.1. Type checkers know them only in their rooms.
_MOVED = {
    "compatibility": "Answer",
    "data": "Audit ImageFolder",
    "errors": "CheckFailedError CompatibilityError DataError DuplicateNameError FeatureBankWarning FolderNotFoundError "
    "InvalidPredictionsError MissingClassWarning MissingDependencyError NotAFileError NotFittedError NotStorableError "
    "OutputExistsError PluginLoadError PluginWarning ProfileWarning RandomWeightsWarning StoreError UnknownMemberError "
    "UnknownPluginError UnreadableImageError WeightsUnavailableError",
    "fusion": "class_names member_names with_members",
    "registry": "Registry",
}


def _registered_task(name: str) -> FoundTask:
    from .registry import default_registry

    registry = default_registry()
    task = registry.create_task(name)
    return FoundTask(task, next(r.distribution for r in registry.registrations if (r.kind, r.name) == ("task", name)))


find_tasks_with(_registered_task)  # `predictions` stands below the registry, and cannot ask it


def _slice_combiner(rule: Any, task: str, options: Mapping[str, Any]) -> Callable[..., Any]:
    from .combining.slices import slice_combiner

    return slice_combiner(rule, task, options)


combine_slices_with(_slice_combiner)

_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}
_MOVED_TO = {name: room for room, names in _MOVED.items() for name in names.split()}

if not TYPE_CHECKING:  # because of __getattr__, a type checker would accept any name of this module
    __all__ = sorted(_ROOM_OF)

    def __getattr__(name):
        if name in _ROOMS:
            return importlib.import_module(f".{name}", __name__)
        if name in _ROOM_OF:
            value = globals()[name] = getattr(importlib.import_module(f".{_ROOM_OF[name]}", __name__), name)
            return value
        if name in _MOVED_TO:
            place = f"{__name__}.{_MOVED_TO[name]}"
            warn_deprecated(f"{__name__}.{name}", f"{place}.{name}")
            return getattr(importlib.import_module(place), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():  # the modules that `help` imports; not `testing`, which needs packages that may be missing
        return sorted({*__all__, *_ROOMS, "__version__"} - {"testing"})
