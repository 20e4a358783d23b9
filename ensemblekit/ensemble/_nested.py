"""Parameters of a combiner as nested parameters of the ensemble: ``combiner__final_estimator__C``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Self

from sklearn.base import clone
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from ..errors import EnsembleKitError, InvalidOptionError
from ..interfaces import CombinerLike
from ..predictions.names import shown
from ..registry import default_registry
from ._auto import AUTO, OPTIONS
from ._composition import Composition

__all__ = ["NestedParameters"]

PREFIX = "combiner__"


class NestedParameters(Composition):
    """An ensemble whose combiner has parameters that scikit-learn's searches can set."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters, with those of members as ``member__parameter`` and of the combiner as ``combiner__...``.

        Parameters
        ----------
        deep : bool, default=True
            Include the members, and the parameters of members and combiner.

        Returns
        -------
        dict
            Name -> value.
        """
        params = super().get_params(deep=deep)
        if deep and not hasattr(self.combiner, "get_params"):  # of others scikit-learn asks itself
            params |= {PREFIX + name: value for name, value in _deep(self._combiner_params()).items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters: ``cv=3``, ``svm__C=3``, ``svm="drop"``, ``combiner__final_estimator__C=3``.

        Parameters
        ----------
        **params : dict
            Name -> value. The name of a member stands for the whole member, which is left out if it is None or
            ``"drop"``. A combiner may be given by name or as an object, which is made anew and not changed.

        Returns
        -------
        Ensemble
            Itself.

        Raises
        ------
        InvalidOptionError
            If the combiner has no such parameter, or refuses its value.
        """
        nested = {name.removeprefix(PREFIX): params[name] for name in params if name.startswith(PREFIX)}
        others = {name: value for name, value in params.items() if not name.startswith(PREFIX)}
        super().set_params(**others)
        if nested and hasattr(self.combiner, "get_params"):
            super().set_params(**{PREFIX + name: value for name, value in nested.items()})
        elif nested and isinstance(self.combiner, str):
            changed = _changed(self.combiner, self._combiner_params(), _names_of(self.combiner), nested)
            given = {*(self.combiner_options or {}), *(name.partition("__")[0] for name in nested)}
            self.combiner_options = {name: value for name, value in changed.items() if name in given}
        elif nested:
            self.combiner = _rebuilt(self.combiner, nested)
        return self

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell scikit-learn's metadata routing which parameters go where.

        Returns
        -------
        MetadataRouter
            The ensemble itself takes ``sample_weight`` and ``groups``; members, splitter and the final estimator of the
            combiner, called ``combiner`` here, get what they request.
        """
        router = super().get_metadata_routing()
        head = self._combiner_params().get("final_estimator")
        if hasattr(head, "get_metadata_routing") and not isinstance(head, type):
            router.add(combiner=head, method_mapping=MethodMapping().add(caller="fit", callee="fit"))
        return router

    def _combiner_params(self) -> dict[str, Any]:
        combiner: Any = self.combiner
        if not isinstance(combiner, str):
            return _params_of(combiner)
        given = self.combiner_options if isinstance(self.combiner_options, Mapping) else {}
        if combiner == AUTO:
            return dict(given)
        return _defaults(_factory(combiner)) | dict(given)


def _factory(name: str) -> Any:
    try:
        return default_registry().combiners[name]
    except EnsembleKitError:  # `fit` refuses it, with the near matches
        return None


def _parameters(factory: Any) -> list[inspect.Parameter]:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _defaults(factory: Any) -> dict[str, Any]:
    return {p.name: p.default for p in _parameters(factory) if p.default is not p.empty}


def _names_of(name: str) -> tuple[str, ...]:
    return OPTIONS if name == AUTO else tuple(p.name for p in _parameters(_factory(name)))


def _is_combiner(value: Any) -> bool:
    return isinstance(value, CombinerLike) and not isinstance(value, type) and not hasattr(value, "get_params")


def _params_of(combiner: Any) -> dict[str, Any]:
    if not _is_combiner(combiner):
        return {}
    return {p.name: getattr(combiner, p.name) for p in _parameters(type(combiner)) if hasattr(combiner, p.name)}


def _deep(params: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(params)
    for name, value in params.items():
        inner: dict[str, Any] = {}
        if hasattr(value, "get_params") and not isinstance(value, type):
            inner = value.get_params(deep=True)
        elif _is_combiner(value):
            inner = _deep(_params_of(value))
        found |= {f"{name}__{key}": of_inner for key, of_inner in inner.items()}
    return found


def _changed(
    owner: str, params: Mapping[str, Any], names: tuple[str, ...], nested: Mapping[str, Any]
) -> dict[str, Any]:
    changed, below = dict(params), dict[str, dict[str, Any]]()
    for key, value in nested.items():
        name, _, rest = key.partition("__")
        if name not in names:
            raise InvalidOptionError(
                f"parameters of combiner {owner!r} are {', '.join(names) or 'none'}; received {name!r}."
            )
        if rest:
            below.setdefault(name, {})[rest] = value
        else:
            changed[name] = value
    for name, values in below.items():
        part: Any = changed.get(name)
        if _is_combiner(part):
            changed[name] = _rebuilt(part, values)
        elif hasattr(part, "get_params") and not isinstance(part, type):
            made: Any = clone(part)
            changed[name] = made.set_params(**values)
        else:
            raise InvalidOptionError(
                f"parameter {name!r} of combiner {owner!r} must be an estimator to have the parameters "
                f"{shown(sorted(values))}; it is {shown(part)}. Set it first: combiner__{name}=..."
            )
    return changed


def _rebuilt(combiner: Any, nested: Mapping[str, Any]) -> Any:
    # What a constructor derives from its parameters, as traits, would not follow an attribute that is set.
    kind, params = type(combiner), _params_of(combiner)
    if not params and not _is_combiner(combiner):
        raise InvalidOptionError(
            f"parameters of a combiner are set of a name or an object; received {shown(sorted(nested))} for "
            f"combiner={shown(combiner)}."
        )
    return kind(**_changed(kind.__name__, params, tuple(params), nested))
