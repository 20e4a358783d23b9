"""Find the classes that a manifest names. A module is never imported only because a manifest names it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ..errors import StoreError
from ._manifest import SPLITTERS, Owner, path_of
from ._sklearn_types import public_class

__all__ = ["find_class"]

DISTRIBUTION = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


def find_class(node: dict[str, Any], owners: Mapping[str, Owner]) -> type:
    """Find the class of an object in a manifest.

    An import runs code. So the class must be in a module that the plugins or the program have already imported, be in a
    module that its plugin lists, or be a known estimator of scikit-learn.

    Parameters
    ----------
    node : dict
        The object in the manifest.
    owners : mapping of str to Owner
        Top-level package -> its owner.

    Returns
    -------
    type
        The class that has this name, or had it in an earlier version of its plugin.

    Raises
    ------
    StoreError
        If there is no such class, or it does not belong to an installed plugin.
    """
    path = node["class"]
    module, _, name = path.partition(":")
    package = module.partition(".")[0]
    if package == "sklearn":
        found = _splitter(name) if module == SPLITTERS else public_class(module, name)
        if found is None:
            raise StoreError(
                f"only estimators of scikit-learn that are known to be safe, and splitters, are loaded; {path!r} is "
                f"neither. If you know who saved it: load(folder, trusted=[{name}])."
            )
        return found
    if package not in owners:
        raise StoreError(_not_installed(node))
    path = owners[package].path_now(path)
    module, _, name = path.partition(":")
    for late in owners[package].late:
        if module == late or module.startswith(f"{late}."):
            import_module(late)
    if module not in sys.modules:
        raise StoreError(
            f"{_title(node)} must be of a module that loading the plugins imports; {module!r} is not. If you trust it, "
            f"import it first: import {module}."
            if re.fullmatch(r"[\w.]+", module)
            else f"{module!r} is the name of no module."
        )
    # Not by getattr, which may run a module's __getattr__.
    found: Any = sys.modules[module]
    for part in name.split("."):
        try:
            found = vars(found)[part]
        except (KeyError, TypeError):
            raise StoreError(
                f"{_title(node)} was saved with {node.get('distribution')} {node.get('version', '')}, and the "
                f"installed version lacks it: {module!r} has no attribute {name!r}."
            ) from None
    # The class must be defined there, not imported from elsewhere.
    if not isinstance(found, type) or path_of(found) != path:
        raise StoreError(f"{path!r} must be the class of that name; it is {found!r}.")
    return found


def _splitter(name: str) -> type | None:
    found = vars(import_module(SPLITTERS)).get(name)
    return found if isinstance(found, type) and path_of(found) == f"{SPLITTERS}:{name}" else None


def _title(node: dict[str, Any]) -> str:
    return f"the combiner {node['combiner']!r}" if "combiner" in node else f"the class {node['class']!r}"


def _not_installed(node: dict[str, Any]) -> str:
    distribution = node.get("distribution")
    if distribution is None:
        return (
            f"{_title(node)} is of no installed plugin. If it is yours: load(folder, "
            f"trusted=[{node['class'].rpartition(':')[2].rpartition('.')[2]}])."
        )
    if not DISTRIBUTION.fullmatch(distribution):
        return f"{_title(node)} is of {distribution!r}, which is the name of no distribution."
    return (
        f"{_title(node)} is of {distribution} {node.get('version', '')}, which is not installed: pip install "
        f"{distribution}."
    )
