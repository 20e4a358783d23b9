"""Loading plugins: one at a time, nothing renamed, overwritten or skipped in silence."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import pluggy

from .. import hookspecs
from ..errors import DuplicateNameError, InvalidOptionError, PluginLoadError, PluginWarning
from ..hookspecs import HOOKS, PROJECT
from ..interfaces import Factory
from ._registry import Failure, Registration, Registry

__all__ = ["default_registry", "load_plugins"]

THIS_PROGRAM = "this program"
"""The distribution of a plugin that is not installed but given."""

REMEDY = 'Install the checkout or the package: pip install -e ".[all]" or pip install ensemblekit.'


@dataclass(frozen=True)
class _Source:
    plugin: str
    distribution: str
    version: str
    load: Any

    @property
    def builtin(self) -> bool:
        return self.distribution == PROJECT

    @property
    def title(self) -> str:
        return f"plugin {self.plugin!r} of {self.distribution} {self.version}".rstrip()


def load_plugins(*, plugins: Sequence[Any] = ()) -> Registry:
    """Load every installed plugin.

    Nothing heavy is imported: plugins register factories.

    Parameters
    ----------
    plugins : sequence of objects or modules, optional
        Plugins of your own that are not installed, such as a module under development.

    Returns
    -------
    Registry
        Immutable; call again after installing something.

    Raises
    ------
    PluginLoadError
        If ensemblekit itself is not installed, or one of its own plugins or of ``plugins`` is broken.

    Warns
    -----
    PluginWarning
        For each plugin of others that is broken, or that claims a name that is taken.

    Examples
    --------
    >>> from ensemblekit import load_plugins
    >>> "mean" in load_plugins().combiners
    True
    """
    sources = _entry_points()
    if not any(source.builtin for source in sources):
        raise PluginLoadError(f"The entry points of ensemblekit must be installed; none were found. {REMEDY}")
    if isinstance(plugins, str) or not isinstance(plugins, Sequence):
        raise InvalidOptionError(f"plugins must be a sequence of modules or objects; received {plugins!r}.")
    sources += [_Source(_plugin_name(p), THIS_PROGRAM, "", lambda p=p: p) for p in plugins]
    failures: list[Failure] = []
    claims: dict[tuple[str, str], list[Registration]] = {}
    builtin_plugins = {source.plugin: source for source in sources if source.builtin}
    for source in sources:
        own = builtin_plugins.get(source.plugin)
        if own and source.distribution not in (PROJECT, THIS_PROGRAM):
            failures.append(
                _failure(source, f"its entry point {source.plugin!r} is the name of the built-in {own.title}.")
            )
            continue
        try:
            registrations = _register(source)
        except (Exception, SystemExit) as error:  # a script without a main guard may exit when it is imported
            if source.builtin or source.distribution == THIS_PROGRAM:
                kind = "built-in " if source.builtin else ""
                raise PluginLoadError(f"The {kind}{source.title} cannot be loaded: {error}") from error
            failures.append(_failure(source, f"{type(error).__name__}: {error}"))
            continue
        for registration in registrations:
            claims.setdefault((registration.kind, registration.name), []).append(registration)
    registered, contested = _settle(claims, failures)
    for failure in failures:
        warnings.warn(f"The {failure}", PluginWarning, stacklevel=2)
    return Registry(registered, contested, failures)


@functools.cache
def default_registry() -> Registry:
    """Load the installed plugins once a process, for calls that name a plugin."""
    return load_plugins()


def _plugin_name(plugin: Any) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__name__))


def fields_of(distribution: metadata.Distribution | None) -> Any:
    """Read the metadata of a distribution; of one that is half uninstalled there are none."""
    try:
        return (distribution.metadata if distribution else None) or {}
    except FileNotFoundError:  # as importlib_metadata says it, the backport, where something has imported that
        return {}


def _entry_points() -> list[_Source]:
    sources: dict[tuple[str, str], _Source] = {}
    for point in metadata.entry_points(group=PROJECT):
        fields = fields_of(point.dist)
        distribution = re.sub(r"[-_.]+", "-", fields.get("Name") or "an unknown distribution").lower()
        version = fields.get("Version") or ""
        # The same distribution can be on sys.path twice; the first is the one that imports.
        sources.setdefault((distribution, point.name), _Source(point.name, distribution, version, point.load))
    return sorted(sources.values(), key=lambda s: (not s.builtin, s.distribution, s.plugin))


def _register(source: _Source) -> list[Registration]:
    plugin = source.load()
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name=f"{source.distribution}:{source.plugin}")
    manager.check_pending()
    if not manager.get_hookcallers(plugin):
        raise PluginLoadError(
            f"a plugin must have at least one of the hooks {', '.join(HOOKS.values())}, marked with "
            "@ensemblekit.hookimpl; it has none."
        )
    made: dict[tuple[str, str], Registration] = {}
    for kind, hook in HOOKS.items():

        def register(name: str, factory: Factory, kind: str = kind) -> None:
            if not isinstance(name, str) or not name.isidentifier() or not callable(factory):
                raise PluginLoadError(
                    f"register takes a name that is an identifier and a class or function; received {name!r} and "
                    f"{factory!r}."
                )
            if (kind, name) in made:
                raise DuplicateNameError(f"it registers the {kind} {name!r} twice.")
            made[kind, name] = Registration(kind, name, factory, source.plugin, source.distribution, source.version)

        getattr(manager.hook, hook)(register=register)
    return list(made.values())


def _settle(
    claims: dict[tuple[str, str], list[Registration]], failures: list[Failure]
) -> tuple[list[Registration], dict[tuple[str, str], str]]:
    registered: list[Registration] = []
    contested: dict[tuple[str, str], str] = {}
    for (kind, name), owners in claims.items():
        own = [r for r in owners if r.distribution == PROJECT]
        if len(own) > 1:
            raise PluginLoadError(
                f"The built-in plugins claim the {kind} {name!r} twice: {own[0].owner}, {own[1].owner}."
            )
        if len(owners) == 1:
            registered += owners
            continue
        registered += own
        titles = " and ".join(r.owner for r in owners)
        if not own:
            contested[kind, name] = (
                f"The {kind} {name!r} is claimed by {titles}; neither is registered. Uninstall one, or ask its "
                "authors for another name."
            )
        for claimant in owners:
            if claimant not in own:
                by = f"the built-in {own[0].owner}" if own else titles
                failures.append(_failure(claimant, f"the name is claimed by {by}.", refused=f"{kind} {name!r}"))
    return registered, contested


def _failure(source: _Source | Registration, reason: str, refused: str = "") -> Failure:
    return Failure(source.plugin, source.distribution, source.version, refused, reason)
