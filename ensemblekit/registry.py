"""Loading plugins into an immutable registry: nothing renamed, overwritten or skipped in silence."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import pluggy

from . import hookspecs
from .errors import DuplicateNameError, InvalidOptionError, PluginLoadError, PluginWarning, UnknownPluginError
from .hookspecs import HOOKS, PROJECT
from .interfaces import Factory

__all__ = ["Failure", "PluginMapping", "Registration", "Registry", "default_registry", "load_plugins"]

THIS_PROGRAM = "this program"
"""The distribution of a plugin that is not installed but given."""

REMEDY = 'Install the checkout or the package: pip install -e ".[all]" or pip install ensemblekit.'


@dataclass(frozen=True)
class Registration:
    """One registered name: what it is and whose."""

    kind: str
    name: str
    factory: Factory = field(repr=False)
    plugin: str
    distribution: str
    version: str

    @property
    def summary(self) -> str:
        """First line of the factory's docstring."""
        return (inspect.getdoc(self.factory) or "").partition("\n")[0]

    @property
    def owner(self) -> str:
        """The plugin and its distribution, as an error names them."""
        return f"plugin {self.plugin!r} of {self.distribution} {self.version}".rstrip()


@dataclass(frozen=True)
class Failure:
    """One plugin, or one name of it, that was refused or is broken, and why.

    ``refused`` says what of it, such as ``combiner 'mean'``; it is empty where nothing of the plugin is loaded.
    """

    plugin: str
    distribution: str
    version: str
    refused: str
    reason: str

    def __str__(self) -> str:
        owner = f"plugin {self.plugin!r} of {self.distribution} {self.version}".rstrip()
        lost = f"is loaded without its {self.refused}" if self.refused else "is not loaded"
        return f"{owner} {lost}: {self.reason}"


class PluginMapping(Mapping[str, Factory]):
    """Names of one kind -> factories; an unknown name answers with the near matches."""

    def __init__(
        self,
        kind: str,
        registrations: Sequence[Registration],
        contested: Mapping[str, str],
        failures: Sequence[Failure],
    ) -> None:
        self._kind = kind
        self._factories = {r.name: r.factory for r in sorted(registrations, key=lambda r: r.name)}
        self._contested = dict(contested)
        self._failures = tuple(failures)

    def __getitem__(self, name: str) -> Factory:
        if name in self._factories:
            return self._factories[name]
        if name in self._contested:
            raise DuplicateNameError(self._contested[name])
        near = difflib.get_close_matches(str(name), self._factories, n=3)
        message = f"No {self._kind} is registered as {name!r}."
        if near:
            message += f" Did you mean {' or '.join(map(repr, near))}?"
        message += f" There are: {', '.join(self._factories) or 'none'}."
        for failure in self._failures:
            message += f" The {failure}"
        raise UnknownPluginError(message)

    def __contains__(self, name: object) -> bool:
        return name in self._factories

    def __iter__(self) -> Iterator[str]:
        return iter(self._factories)

    def __len__(self) -> int:
        return len(self._factories)

    def __repr__(self) -> str:
        return f"<{self._kind}s: {', '.join(self._factories) or 'none'}>"


class Registry:
    """All plugins that are installed, by kind and name; made by `load_plugins` and never changed.

    Attributes
    ----------
    backbones, heads, combiners, chainers : PluginMapping
        Name -> factory.
    registrations : tuple of Registration
        Every registered name, with its owner.
    failures : tuple of Failure
        What was refused or broke while loading.
    """

    def __init__(
        self,
        registrations: Sequence[Registration],
        contested: Mapping[tuple[str, str], str],
        failures: Sequence[Failure],
    ) -> None:
        self.registrations = tuple(sorted(registrations, key=lambda r: (list(HOOKS).index(r.kind), r.name)))
        self.failures = tuple(failures)
        self._by_kind = {
            kind: PluginMapping(
                kind,
                [r for r in registrations if r.kind == kind],
                {name: why for (k, name), why in contested.items() if k == kind},
                failures,
            )
            for kind in HOOKS
        }

    @property
    def backbones(self) -> PluginMapping:
        """Backbone factories by name."""
        return self._by_kind["backbone"]

    @property
    def heads(self) -> PluginMapping:
        """Head factories by name."""
        return self._by_kind["head"]

    @property
    def combiners(self) -> PluginMapping:
        """Combiner factories by name."""
        return self._by_kind["combiner"]

    @property
    def chainers(self) -> PluginMapping:
        """Chainer factories by name."""
        return self._by_kind["chainer"]

    def create_backbone(self, name: str, /, **options: Any) -> Any:
        """Make the backbone registered under ``name``; see `create_combiner`."""
        return self._create("backbone", name, ("build",), options)

    def create_head(self, name: str, /, **options: Any) -> Any:
        """Make the head registered under ``name``; see `create_combiner`."""
        return self._create("head", name, ("build",), options)

    def create_combiner(self, name: str, /, **options: Any) -> Any:
        """Make the combiner registered under ``name``.

        Parameters
        ----------
        name : str
            A name in `combiners`.
        **options
            Passed to its factory.

        Returns
        -------
        Combiner
            New, with these options.

        Raises
        ------
        UnknownPluginError
            If no plugin registered that name.
        DuplicateNameError
            If two plugins claim it.
        InvalidOptionError
            If it has no such option.
        """
        return self._create("combiner", name, ("combine",), options)

    def create_chainer(self, name: str, /, **options: Any) -> Any:
        """Make the chainer registered under ``name``; see `create_combiner`."""
        return self._create("chainer", name, ("chain",), options)

    def _create(self, kind: str, name: str, methods: tuple[str, ...], options: dict[str, Any]) -> Any:
        factory = self._by_kind[kind][name]
        try:
            accepted = inspect.signature(factory)
        except ValueError:
            accepted = None
        if accepted is not None:
            try:
                accepted.bind(**options)
            except TypeError as error:
                raise InvalidOptionError(
                    f"{kind} {name!r} takes the options {accepted}; received {options!r}: {error}."
                ) from None
        made = factory(**options)
        for method in methods:
            if not callable(getattr(made, method, None)):
                owner = next(r.owner for r in self.registrations if (r.kind, r.name) == (kind, name))
                raise PluginLoadError(
                    f"A {kind} must have a method {method}; {name!r} of {owner} made a {type(made).__name__} "
                    "that has none. Report it to its authors."
                )
        return made

    def __repr__(self) -> str:
        return f"Registry({', '.join(repr(mapping) for mapping in self._by_kind.values())})"


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
        If ensemblekit itself is not installed, or one of its own plugins is broken.

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
    sources += [_Source(_plugin_name(p), THIS_PROGRAM, "", lambda p=p: p) for p in plugins]
    failures: list[Failure] = []
    claims: dict[tuple[str, str], list[Registration]] = {}
    builtin_plugins = {source.plugin: source for source in sources if source.builtin}
    for source in sources:
        own = builtin_plugins.get(source.plugin)
        if own and source.distribution not in (PROJECT, THIS_PROGRAM):
            _warn(failures, source, f"its entry point {source.plugin!r} is the name of the built-in {own.title}.")
            continue
        try:
            registrations = _register(source)
        except (Exception, SystemExit) as error:  # a script without a main guard may exit when it is imported
            if source.builtin:
                raise PluginLoadError(f"The built-in {source.title} cannot be loaded: {error}") from error
            _warn(failures, source, f"{type(error).__name__}: {error}")
            continue
        for registration in registrations:
            claims.setdefault((registration.kind, registration.name), []).append(registration)
    registered, contested = _settle(claims, failures)
    return Registry(registered, contested, failures)


@functools.cache
def default_registry() -> Registry:
    """Load the installed plugins once a process, for calls that name a plugin."""
    return load_plugins()


def _plugin_name(plugin: Any) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__name__))


def _entry_points() -> list[_Source]:
    sources: dict[tuple[str, str], _Source] = {}
    for point in metadata.entry_points(group=PROJECT):
        # What is half uninstalled has entry points, and no metadata.
        fields: Any = point.dist.metadata if point.dist else {}
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
                _warn(failures, claimant, f"the name is claimed by {by}.", refused=f"{kind} {name!r}")
    return registered, contested


def _warn(failures: list[Failure], source: _Source | Registration, reason: str, refused: str = "") -> None:
    failures.append(Failure(source.plugin, source.distribution, source.version, refused, reason))
    warnings.warn(f"The {failures[-1]}", PluginWarning, stacklevel=4)
