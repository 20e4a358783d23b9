"""Plugins, loaded into an immutable registry."""

from ._loading import default_registry, load_plugins
from ._registry import Failure, PluginMapping, Registration, Registry

__all__ = ["Failure", "PluginMapping", "Registration", "Registry", "default_registry", "load_plugins"]
