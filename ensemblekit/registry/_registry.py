"""The immutable registry of plugins, by kind and name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..arguments import typed
from ..errors import DuplicateNameError, InvalidOptionError, PluginLoadError, UnknownPluginError
from ..hookspecs import HOOKS
from ..interfaces import Backbone, Chainer, Combiner, Factory, Head, Metric, Task
from ..printed import printable
from ._documented import PluginOption, options_of, sections_of

__all__ = ["Failure", "PluginMapping", "Registration", "Registry", "title"]


def title(plugin: str, distribution: str, version: str) -> str:
    """Name a plugin and its distribution, in the form that every message uses."""
    return f"plugin {plugin!r} of {distribution} {version}".rstrip()


@dataclass(frozen=True)
class Registration:
    """One registered name, its factory and the plugin that registered it."""

    kind: str
    name: str
    factory: Factory = field(repr=False)
    plugin: str
    distribution: str
    version: str

    @property
    def summary(self) -> str:
        """First line of the factory's docstring."""
        return self.sections.get("Summary", "")

    @property
    def sections(self) -> dict[str, str]:
        """Sections of the factory's numpydoc docstring: title -> text; the first line is called ``Summary``."""
        return sections_of(self.factory)

    @property
    def options(self) -> tuple[PluginOption, ...]:
        """Options of the plugin in the order of its signature, as the docstring explains them."""
        return options_of(self.factory)

    @property
    def owner(self) -> str:
        """The plugin and its distribution, as an error names them."""
        return title(self.plugin, self.distribution, self.version)


@dataclass(frozen=True)
class Failure:
    """Why a plugin, or one name that it registers, is not available.

    ``refused`` is that name with its kind, such as ``combiner 'mean'``; it is empty if nothing of the plugin is loaded.
    """

    plugin: str
    distribution: str
    version: str
    refused: str
    reason: str

    def __str__(self) -> str:
        outcome = f"is loaded without its {self.refused}" if self.refused else "is not loaded"
        return f"{title(self.plugin, self.distribution, self.version)} {outcome}: {self.reason}"


class PluginMapping(Mapping[str, Factory]):
    """Mapping of the registered names of one kind to factories. The error for an unknown name lists similar names."""

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
        return printable(f"<{self._kind}s: {', '.join(self._factories) or 'none'}>")


class Registry:
    """All installed plugins, by kind and name; made by `load_plugins`, immutable.

    Attributes
    ----------
    backbones, heads, combiners, chainers, tasks, metrics : PluginMapping
        Name -> factory.
    registrations : tuple of Registration
        Every registered name, with its owner.
    failures : tuple of Failure
        Plugins, and registered names, that were refused or failed to load.
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
        self._names = {(r.kind, r.factory): r.name for r in self.registrations if isinstance(r.factory, type)}

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

    @property
    def tasks(self) -> PluginMapping:
        """Task factories by name."""
        return self._by_kind["task"]

    @property
    def metrics(self) -> PluginMapping:
        """Metric factories by name."""
        return self._by_kind["metric"]

    def create_backbone(self, name: str, /, **options: Any) -> Backbone:
        """Make the backbone registered under ``name``; see `create_combiner`."""
        return self._create("backbone", name, "build", options)

    def create_head(self, name: str, /, **options: Any) -> Head:
        """Make the head registered under ``name``; see `create_combiner`."""
        return self._create("head", name, "build", options)

    def create_combiner(self, name: str, /, **options: Any) -> Combiner:
        """Make the combiner registered under ``name``.

        Parameters
        ----------
        name : str
            A name in `combiners`.
        **options
            Options that are passed to its factory.

        Returns
        -------
        Combiner
            A new combiner with these options.

        Raises
        ------
        UnknownPluginError
            If no plugin registered that name.
        DuplicateNameError
            If two plugins claim the name.
        InvalidOptionError
            If the combiner has no such option.
        """
        return self._create("combiner", name, "combine", options)

    def create_chainer(self, name: str, /, **options: Any) -> Chainer:
        """Make the chainer registered under ``name``; see `create_combiner`."""
        return self._create("chainer", name, "chain", options)

    def create_task(self, name: str, /, **options: Any) -> Task:
        """Make the task registered under ``name``; see `create_combiner`."""
        return self._named(name, self._create("task", name, "baseline", options))

    def create_metric(self, name: str, /, **options: Any) -> Metric:
        """Make the metric registered under ``name``; see `create_combiner`."""
        return self._named(name, self._create("metric", name, "score", options))

    def name_of(self, kind: str, created: object) -> str:
        """Find the name under which the class of a combiner or other part is registered.

        Parameters
        ----------
        kind : str
            ``combiner``, ``head`` or another kind of plugin.
        created : object
            The part.

        Returns
        -------
        str
            The name of its class, if that is not registered.
        """
        return self._names.get((kind, type(created)), type(created).__name__)

    @staticmethod
    def _named(name: str, made: Any) -> Any:
        if not made.name:
            made.name = name
        return made

    @typed(but=("kind", "method", "options"))
    def _create(self, kind: str, name: str, method: str, options: dict[str, Any]) -> Any:
        factory = self._by_kind[kind][name]
        try:
            created = factory(**options)
        except TypeError:  # reading a signature before each call would take longer than combining a few rows
            _check_accepted(kind, name, factory, options)
            raise
        if not callable(getattr(created, method, None)):
            owner = next(r.owner for r in self.registrations if (r.kind, r.name) == (kind, name))
            raise PluginLoadError(
                f"A {kind} must have a method {method}; {name!r} of {owner} made a {type(created).__name__} "
                "that has none. Report it to its authors."
            )
        return created

    def __repr__(self) -> str:
        return f"Registry({', '.join(repr(mapping) for mapping in self._by_kind.values())})"


def _check_accepted(kind: str, name: str, factory: Factory, options: dict[str, Any]) -> None:
    """Refuse options that a factory does not take."""
    try:
        accepted = inspect.signature(factory)
    except ValueError:  # some functions of extension modules have none
        return
    try:
        accepted.bind(**options)
    except TypeError as error:
        raise InvalidOptionError(
            f"{kind} {name!r} takes the options {accepted}; received {options!r}: {error}."
        ) from None
