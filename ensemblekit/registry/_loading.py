"""Load plugins one at a time; never rename, overwrite or skip a plugin without a message."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import pluggy

from .. import hookspecs
from .._version import __version__
from ..errors import DuplicateNameError, EnsembleKitError, InvalidOptionError, PluginLoadError, PluginWarning
from ..hookspecs import API_ATTRIBUTE, API_VERSION, HOOKS, PROJECT
from ..interfaces import Factory
from ._registry import Failure, Registration, Registry, title

__all__ = ["default_registry", "entry_points", "load_plugins"]

THIS_PROGRAM = "this program"
"""The distribution of a plugin that is not installed but given."""

REMEDY = 'Install the checkout or the package: pip install -e ".[all]" or pip install ensemblekit.'


@dataclass(frozen=True)
class _Source:
    """A plugin that is not loaded yet."""

    plugin: str
    distribution: str
    version: str
    load: Callable[[], Any]

    @property
    def builtin(self) -> bool:
        return self.distribution == PROJECT

    @property
    def title(self) -> str:
        return title(self.plugin, self.distribution, self.version)


def load_plugins(*, plugins: Sequence[Any] = ()) -> Registry:
    """Load every installed plugin.

    Nothing heavy is imported: plugins register factories.

    Parameters
    ----------
    plugins : sequence of objects or modules, optional
        Your own plugins that are not installed, such as a module under development.

    Returns
    -------
    Registry
        The immutable registry. Call this function again after you install a plugin.

    Raises
    ------
    PluginLoadError
        If ensemblekit itself is not installed, or one of its own plugins or of ``plugins`` is broken.

    Warns
    -----
    PluginWarning
        For each third-party plugin that is broken, needs another version of the plugin API, or claims a name that is
        taken.

    Examples
    --------
    >>> from ensemblekit import load_plugins
    >>> "mean" in load_plugins().combiners
    True
    """
    sources = [
        _Source(p.name, owner or "an unknown distribution", version, p.load) for owner, version, p in entry_points()
    ]
    if not any(source.builtin for source in sources):
        raise PluginLoadError(f"The entry points of ensemblekit must be installed; none were found. {REMEDY}")
    if isinstance(plugins, str) or not isinstance(plugins, Sequence):
        raise InvalidOptionError(f"plugins must be a sequence of modules or objects; received {plugins!r}.")
    sources += [_Source(_plugin_name(p), THIS_PROGRAM, "", lambda p=p: p) for p in plugins]
    failures: list[Failure] = []
    claims: dict[tuple[str, str], list[Registration]] = {}
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    builtin_plugins = {source.plugin: source for source in sources if source.builtin}
    for source in sources:
        builtin = builtin_plugins.get(source.plugin)
        if builtin and source.distribution not in (PROJECT, THIS_PROGRAM):
            reason = f"its entry point {source.plugin!r} is the name of the built-in {builtin.title}."
            failures.append(_failure(source, reason))
            continue
        try:
            registrations = _register(source, manager)
        except (Exception, SystemExit) as error:  # a script without a main guard may exit when it is imported
            if source.builtin or source.distribution == THIS_PROGRAM:
                kind = "built-in " if source.builtin else ""
                raise PluginLoadError(f"The {kind}{source.title} cannot be loaded: {error}") from error
            reason = f"{error}" if isinstance(error, EnsembleKitError) else f"{type(error).__name__}: {error}"
            failures.append(_failure(source, reason))
            continue
        for registration in registrations:
            claims.setdefault((registration.kind, registration.name), []).append(registration)
    registered, contested = _settle(claims, failures)
    for failure in failures:
        warnings.warn(f"The {failure}", PluginWarning, stacklevel=2)
    return Registry(registered, contested, failures)


@functools.cache
def default_registry() -> Registry:
    """Load the installed plugins once per process, for calls that name a plugin."""
    return load_plugins()


def _plugin_name(plugin: Any) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__name__))


def entry_points() -> list[tuple[str, str, metadata.EntryPoint]]:
    """List the entry points of installed plugins, those of ensemblekit first.

    Returns
    -------
    list of tuple
        Normalised name of the distribution; its version; the entry point. Name and version are empty if a distribution
        has no metadata.
    """
    found: dict[tuple[str, str], tuple[str, str, metadata.EntryPoint]] = {}
    known: dict[int, Any] = {}  # of each distribution, as reading it takes longer than importing a plugin
    for point in metadata.entry_points(group=PROJECT):
        if (fields := known.get(id(point.dist))) is None:
            fields = known[id(point.dist)] = _metadata_of(point.dist)
        distribution = re.sub(r"[-_.]+", "-", fields.get("Name") or "").lower()
        # The same distribution can be on sys.path twice; the first is the one that imports.
        found.setdefault((distribution, point.name), (distribution, fields.get("Version") or "", point))
    return sorted(found.values(), key=lambda one: (one[0] != PROJECT, one[0], one[2].name))


def _metadata_of(distribution: metadata.Distribution | None) -> Any:
    # A partly uninstalled distribution has no metadata. The backport importlib_metadata, if some package has imported
    # it, raises an error instead of returning None.
    try:
        return (distribution.metadata if distribution else None) or {}
    except FileNotFoundError:
        return {}


def _register(source: _Source, manager: pluggy.PluginManager) -> list[Registration]:
    plugin = source.load()
    _check_api(getattr(plugin, API_ATTRIBUTE, API_VERSION), source)
    # One after the other, so that it is known which plugin registers what.
    manager.register(plugin, name=f"{source.distribution}:{source.plugin}")
    try:
        return _registered_by(plugin, source, manager)
    finally:
        manager.unregister(plugin)


def _registered_by(plugin: Any, source: _Source, manager: pluggy.PluginManager) -> list[Registration]:
    manager.check_pending()
    if not manager.get_hookcallers(plugin):
        raise PluginLoadError(
            f"a plugin must have at least one of the hooks {', '.join(HOOKS.values())}, marked with "
            "@ensemblekit.hookimpl; it has none."
        )
    registrations: dict[tuple[str, str], Registration] = {}
    for kind, hook in HOOKS.items():

        def register(name: str, factory: Factory, kind: str = kind) -> None:
            if not isinstance(name, str) or not name.isidentifier() or not callable(factory):
                raise PluginLoadError(
                    f"register takes a name that is an identifier and a class or function; received {name!r} and "
                    f"{factory!r}."
                )
            if (kind, name) in registrations:
                raise DuplicateNameError(f"it registers the {kind} {name!r} twice.")
            registrations[kind, name] = Registration(
                kind, name, factory, source.plugin, source.distribution, source.version
            )

        getattr(manager.hook, hook)(register=register)
    return list(registrations.values())


def _check_api(needed: Any, source: _Source) -> None:
    if not isinstance(needed, str) or not re.fullmatch(r"[0-9]{1,6}\.[0-9]{1,6}", needed):
        raise PluginLoadError(
            f"{API_ATTRIBUTE} must be the version of the plugin API that it needs, such as {API_VERSION!r}; received "
            f"{needed!r}."
        )
    (major, minor), (our_major, our_minor) = (map(int, version.split(".")) for version in (needed, API_VERSION))
    if major != our_major or minor > our_minor:
        newer = (major, minor) > (our_major, our_minor)
        remedy = "ensemblekit" if newer else f"{source.distribution}, or install an older ensemblekit"
        raise PluginLoadError(
            f"it needs version {needed} of the plugin API, and ensemblekit {__version__} has version {API_VERSION}. "
            f"Upgrade {remedy}."
        )


def _settle(
    claims: dict[tuple[str, str], list[Registration]], failures: list[Failure]
) -> tuple[list[Registration], dict[tuple[str, str], str]]:
    registered: list[Registration] = []
    contested: dict[tuple[str, str], str] = {}
    for (kind, name), owners in claims.items():
        builtin = [r for r in owners if r.distribution == PROJECT]
        if len(builtin) > 1:
            raise PluginLoadError(
                f"The built-in plugins claim the {kind} {name!r} twice: {builtin[0].owner}, {builtin[1].owner}."
            )
        if len(owners) == 1:
            registered += owners
            continue
        registered += builtin
        titles = " and ".join(r.owner for r in owners)
        if not builtin:
            contested[kind, name] = (
                f"The {kind} {name!r} is claimed by {titles}; neither is registered. Uninstall one, or ask its "
                "authors for another name."
            )
        by = f"the built-in {builtin[0].owner}" if builtin else titles
        refused = [owner for owner in owners if owner not in builtin]
        failures += [_failure(r, f"the name is claimed by {by}.", refused=f"{kind} {name!r}") for r in refused]
    return registered, contested


def _failure(source: _Source | Registration, reason: str, refused: str = "") -> Failure:
    return Failure(source.plugin, source.distribution, source.version, refused, reason)
