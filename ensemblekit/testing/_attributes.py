"""Compare the attributes of objects before and after a call."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np

__all__ = ["difference", "parameters", "snapshot"]

DEEPEST = 6
"""Depth to which nested objects are compared."""


def snapshot(thing: Any) -> dict[str, Any]:
    """Copy the attributes of an object, except those that cannot be copied."""
    copied: dict[str, Any] = {}
    for name, value in attributes(thing).items():
        try:
            copied[name] = copy.deepcopy(value)
        except Exception:  # noqa: S112 - a model that cannot be copied is not compared
            continue
    return copied


def attributes(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object, including slots."""
    slots = [name for kind in type(thing).__mro__ for name in vars(kind).get("__slots__", ())]
    in_slots = {name: getattr(thing, name) for name in slots if hasattr(thing, name)}
    return in_slots | getattr(thing, "__dict__", {})


def parameters(thing: Any) -> list[str]:
    """List the names of the constructor's parameters."""
    if type(thing).__init__ is object.__init__:
        return []
    named = inspect.signature(type(thing).__init__).parameters.values()
    return [p.name for p in named if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name != "self"]


def difference(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """Return the name of the first attribute that has changed, or None."""
    for name in before:
        if name not in after or not _equal(before[name], after[name], 0):
            return name
    return None


def _equal(a: Any, b: Any, depth: int) -> bool:
    if a is b or depth > DEEPEST:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        if a.dtype.hasobject:
            return all(_equal(x, y, depth + 1) for x, y in zip(a.ravel(), b.ravel(), strict=True))
        return a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(_equal(a[k], b[k], depth + 1) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(_equal(x, y, depth + 1) for x, y in zip(a, b, strict=True))
    if isinstance(a, (str, bytes, int, float, complex, set, frozenset, type(None))):
        return bool(a == b) or a != a  # NaN is NaN
    if callable(a):
        return True
    return _equal(dict(sorted(attributes(a).items())), dict(sorted(attributes(b).items())), depth)
