"""The pluggy hooks, and how to write a plugin.

A plugin is a module (or any object) with one or more of the hooks below, marked with `hookimpl`, and named in the
``ensemblekit`` entry-point group of its distribution::

    # my_package/plugin.py
    from ensemblekit import Combiner, hookimpl

    @hookimpl
    def ensemblekit_register_combiners(register):
        register("midrange", Midrange)

    # pyproject.toml
    [project.entry-points.ensemblekit]
    midrange = "my_package.plugin"

``register(name, factory)`` takes a class or function, never an instance: loading a plugin must import nothing heavy.
The factory is called with the user's options when the name is asked for.

A plugin may state which version of these hooks and of `ensemblekit.interfaces` it needs: ``ensemblekit_api = "1.2"``.
"""

from __future__ import annotations

from typing import Protocol

import pluggy

from .interfaces import Factory

__all__ = ["API_ATTRIBUTE", "API_VERSION", "HOOKS", "PROJECT", "Register", "hookimpl", "hookspec"]

PROJECT = "ensemblekit"

API_VERSION = "1.3"
"""Version of the hooks and contracts. The second number rises with an addition, the first where plugins must change."""
API_ATTRIBUTE = "ensemblekit_api"
"""Name under which a plugin states the version that it needs. It is loaded where the first number is the same and the
second is not above that of `API_VERSION`; one that states nothing is not checked."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of its name."""

HOOKS = {
    "backbone": "ensemblekit_register_backbones",
    "head": "ensemblekit_register_heads",
    "combiner": "ensemblekit_register_combiners",
    "chainer": "ensemblekit_register_chainers",
    "task": "ensemblekit_register_tasks",
    "metric": "ensemblekit_register_metrics",
}
"""Kind of plugin -> name of its hook."""


class Register(Protocol):
    """The argument of every hook; call it once for each name."""

    def __call__(self, name: str, factory: Factory, /) -> None:
        """Register ``factory`` under ``name``."""


@hookspec
def ensemblekit_register_backbones(register: Register) -> None:
    """Called once by `load_plugins` to register backbones: factories of `Backbone`."""


@hookspec
def ensemblekit_register_heads(register: Register) -> None:
    """Called once by `load_plugins` to register heads: factories of `Head`."""


@hookspec
def ensemblekit_register_combiners(register: Register) -> None:
    """Called once by `load_plugins` to register combiners: factories of `Combiner`."""


@hookspec
def ensemblekit_register_chainers(register: Register) -> None:
    """Called once by `load_plugins` to register chainers: factories of `Chainer`."""


@hookspec
def ensemblekit_register_tasks(register: Register) -> None:
    """Called once by `load_plugins` to register tasks: factories of `Task`."""


@hookspec
def ensemblekit_register_metrics(register: Register) -> None:
    """Called once by `load_plugins` to register metrics: factories of `Metric`."""
