"""What saving and loading share: the manifest, the classes that may stand in it, and what scikit-learn's may hold."""

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
    "ARRAYS", "FILE_NAME", "FORMAT", "LATE", "MANIFEST", "SPLITTERS", "Owner", "import_skops",
    "owners", "path_of", "seal", "sealed", "versions",
]  # fmt: skip

FORMAT = 1
MANIFEST = "manifest.json"
ARRAYS = "arrays.npz"
FILE_NAME = re.compile(r"\w+\.(npz|skops|keras)", re.ASCII)

SPLITTERS = "sklearn.model_selection._split"
"""The module of scikit-learn's splitters, ``cv=``: plain objects, which skops does not know."""


@dataclass(frozen=True)
class Owner:
    """The distribution that a package of plugins came with."""

    distribution: str
    version: str
    late: tuple[str, ...] = ()
    """Modules that loading the plugins does not import, and a saved object may be of."""
    former: Mapping[str, str] = field(default_factory=dict[str, str])
    """Path that a module or a class had in an earlier version -> its path now."""

    def path_now(self, path: str) -> str:
        """Translate the path ``module:qualname`` that a class had when it was saved."""
        module, _, name = path.partition(":")
        return self.former.get(path, f"{self.former.get(module, module)}:{name}")


LATE = "ensemblekit_stored_modules"
"""The name under which a plugin lists modules that it imports late, and fitted objects of it are of."""

FORMER = "ensemblekit_former_paths"
"""The name under which the top-level package of a plugin maps former paths of modules and classes to those of now."""

FORMER_OF_CORE: dict[str, str] = {}
"""The same of ensemblekit itself: ``"ensemblekit.room._module"``, or ``"ensemblekit.room._module:Class"``, and now."""


@functools.cache
def owners() -> dict[str, Owner]:
    """Map each top-level package whose classes may be saved and loaded to its distribution; once a process."""
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
                owner, late=(f"{PROJECT}.ensemble", f"{PROJECT}.features"), former=FORMER_OF_CORE
            )
    return packages


def _former_paths(package: str) -> dict[str, str]:
    listed = getattr(sys.modules.get(package), FORMER, {})
    moved = listed.items() if isinstance(listed, Mapping) else ()
    return {old: new for old, new in moved if all(str(path).startswith(f"{package}.") for path in (old, new))}


def versions() -> dict[str, str]:
    """Tell the versions of Python and of what saved parts are made of, where they are installed."""
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
    """Write a manifest as text, with a digest of itself, so that no byte of it can change unnoticed."""
    return _text({**manifest, "sha256": hashlib.sha256(_text(manifest).encode()).hexdigest()})


def sealed(manifest: dict[str, Any], text: str) -> bool:
    """Say whether a manifest is as `seal` wrote it."""
    rest = {name: value for name, value in manifest.items() if name != "sha256"}
    return seal(rest) == text


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
