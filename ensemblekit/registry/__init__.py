"""Load plugins into an immutable registry."""

from ._documented import PluginOption
from ._loading import default_registry, entry_points, load_plugins
from ._registry import Failure, PluginMapping, Registration, Registry

__all__ = [
    "Failure",
    "PluginMapping",
    "PluginOption",
    "Registration",
    "Registry",
    "default_registry",
    "entry_points",
    "load_plugins",
]
