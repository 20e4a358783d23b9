"""The manifest of a saved folder: its format, its digest, and the packages whose classes it may name."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import Any

from ..errors import MissingDependencyError
from ..hookspecs import PROJECT
from ..registry import default_registry, entry_points

__all__ = [
    "ARRAYS", "FILE_NAME", "FORMAT", "LATE", "MANIFEST", "SPLITTERS", "Owner", "import_skops", "is_sealed",
    "owners", "path_of", "seal", "versions",
]  # fmt: skip

FORMAT = 1
MANIFEST = "manifest.json"
ARRAYS = "arrays.npz"
FILE_NAME = re.compile(r"\w+\.(npz|skops|keras)", re.ASCII)

SPLITTERS = "sklearn.model_selection._split"
"""The module of scikit-learn's splitters, ``cv=``: plain objects, which skops cannot save."""


@dataclass(frozen=True)
class Owner:
    """The distribution that installed a package of plugins."""

    distribution: str
    version: str
    late: tuple[str, ...] = ()
    """Modules of saved classes that loading the plugins does not import."""
    former: Mapping[str, str] = field(default_factory=dict[str, str])
    """Former path of a module or class -> its present path."""

    def path_now(self, path: str) -> str:
        """Translate the path ``module:qualname`` that a class had when it was saved."""
        module, _, name = path.partition(":")
        return self.former.get(path, f"{self.former.get(module, module)}:{name}")


LATE = "ensemblekit_stored_modules"
"""Attribute of a plugin that lists the modules of fitted objects which it imports late."""

FORMER = "ensemblekit_former_paths"
"""Attribute of a plugin's top-level package that maps former paths of modules and classes to the present ones."""

FORMER_OF_CORE: dict[str, str] = {
    "ensemblekit.ensemble._keras_classifier": "ensemblekit.ensemble._keras._classifier",
    "ensemblekit.ensemble._keras_regressor": "ensemblekit.ensemble._keras._regressor",
    "ensemblekit.evaluation._conformal_results": "ensemblekit.evaluation.conformal._sets",
    "ensemblekit.evaluation._conformal_results:ConformalIntervals": (
        "ensemblekit.evaluation.conformal._intervals:ConformalIntervals"
    ),
}
"""Former paths of ensemblekit itself: ``"ensemblekit.room._module"`` or ``"ensemblekit.room._module:Class"``."""


@functools.cache
def owners() -> dict[str, Owner]:
    """Map each top-level package whose classes can be saved and loaded to its distribution."""
    registered = {
        (r.distribution, r.plugin): Owner(r.distribution, r.version) for r in default_registry().registrations
    }
    packages: dict[str, Owner] = {}
    for distribution, _, point in entry_points():
        owner = registered.get((distribution, point.name))
        if owner is None:
            continue
        package = point.module.partition(".")[0]
        known = packages.get(package, owner)
        listed = getattr(point.load(), LATE, ())
        late = [name for name in listed if isinstance(name, str) and name.startswith(f"{package}.")]
        packages[package] = replace(known, late=(*known.late, *late), former=_former_paths(package))
        if distribution == PROJECT:
            packages[PROJECT] = replace(
                owner,
                late=(f"{PROJECT}.cascading", f"{PROJECT}.ensemble", f"{PROJECT}.features", f"{PROJECT}.members"),
                former=FORMER_OF_CORE,
            )
    return packages


def _former_paths(package: str) -> dict[str, str]:
    listed = getattr(sys.modules.get(package), FORMER, {})
    moved = listed.items() if isinstance(listed, Mapping) else ()
    return {old: new for old, new in moved if all(str(path).startswith(f"{package}.") for path in (old, new))}


def versions() -> dict[str, str]:
    """List the versions of Python and of the installed packages that saved objects depend on."""
    found = {"python": platform.python_version()}
    for name in ("numpy", "scikit-learn", "skops", "keras", "tensorflow"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def path_of(cls: type) -> str:
    """Name a class as ``module:qualname``."""
    return f"{cls.__module__}:{cls.__qualname__}"


def seal(manifest: dict[str, Any]) -> str:
    """Write a manifest as text, with a digest of itself, so that every change is noticed."""
    return _text({**manifest, "sha256": hashlib.sha256(_text(manifest).encode()).hexdigest()})


def is_sealed(manifest: dict[str, Any], text: str) -> bool:
    """Tell whether a manifest is unchanged since `seal` wrote it."""
    return seal({name: value for name, value in manifest.items() if name != "sha256"}) == text


def _text(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, indent=1, allow_nan=False) + "\n"


def import_skops() -> Any:
    """Import skops, or say how to install it."""
    try:
        import skops.io
    except ImportError as error:
        raise MissingDependencyError(
            "Saving and loading scikit-learn estimators needs skops, which is not installed: pip install "
            '"ensemblekit[store]".'
        ) from error
    return skops.io
