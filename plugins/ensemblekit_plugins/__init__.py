"""The built-in combiners, heads, backbones and chainers, registered through the same hooks that any plugin uses."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ensemblekit.deprecation import warn_deprecated

_ROOMS = {
    "backbones": ("custom_cnn", "keras_file", "mobilenet_v2", "resnet50"),
    "chainers": ("chained",),
    "combiners": (
        "bayesian_model_averaging", "borda", "calibrated", "dawid_skene", "dempster_shafer", "geometric_mean",
        "greedy_selection", "knora_e", "knora_u", "maximum", "mean", "median", "meta_des", "minimum", "product",
        "rank_average", "stacking", "super_learner", "trimmed_mean", "voting", "weighted", "winsorised_mean",
    ),
    "heads": (
        "classifier_head", "discriminant_head", "logistic_head", "neighbours_head", "svm_head", "trees_head",
    ),
}  # fmt: skip

ensemblekit_former_paths = {
    f"{__name__}._classifiers": f"{__name__}.heads.few_rows",
    f"{__name__}._dense": f"{__name__}.learning.dense",
    **{f"{__name__}.{module}": f"{__name__}.{room}.{module}" for room, modules in _ROOMS.items() for module in modules},
}
"""Maps each module of version 0.1 to the module that contains its classes now, so that saved ensembles still load."""


class _FormerPaths(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import a module by its former path, with a warning."""

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        known = fullname in ensemblekit_former_paths
        return importlib.util.spec_from_loader(fullname, self) if known else None

    def exec_module(self, module: ModuleType) -> None:
        new = ensemblekit_former_paths[module.__name__]
        warn_deprecated(module.__name__, new)
        # The import statement returns the module that is in `sys.modules` when the loader has finished.
        real = sys.modules[module.__name__] = importlib.import_module(new)
        # A thread that waits for this import gets the first module: it has the names, too.
        vars(module).update({name: value for name, value in vars(real).items() if not name.startswith("__")})


sys.meta_path.append(_FormerPaths())
