"""Make the layers of a Keras model anew, and compile the new model as the old one is."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from typing import Any

from ..errors import CompatibilityError
from ._copy_state import copy_assets, first_line, pair_layers

__all__ = ["compile_like", "new_layers"]


def new_layers(keras: Any, model: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """Make the same model of new layers, and list each old layer beside its new one, outer ones first."""
    cloner = _Cloner(keras)
    if not isinstance(model, (cloner.functional, keras.Sequential)):
        raise CompatibilityError(
            f"a model must be Functional or Sequential to be copied; {type(model).__name__} cannot. Give a function "
            "that makes it, or build it from layers called on a keras.Input."
        )
    try:
        copied = cloner.clone(model)
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        raise CompatibilityError(
            f"each layer of a model must be made again by its get_config to be copied; {model.name!r} has one that "
            f"cannot: {first_line(error)} Give a function that makes the model."
        ) from error
    return copied, pair_layers(model, copied)


class _Cloner:
    """Make the layers of a model anew, each once."""

    def __init__(self, keras: Any) -> None:
        from keras.src.models import Functional  # pyright: ignore[reportPrivateImportUsage]

        self.keras, self.functional = keras, Functional
        self._copies: dict[int, Any] = {}

    def clone(self, model: Any) -> Any:
        # `clone_model` would compile the copy from a description, in which losses of the user's own are names alone.
        twin = object.__new__(type(model))
        vars(twin).update(vars(model))
        vars(twin)["compiled"] = False
        return self.keras.models.clone_model(twin, clone_function=self._layer)

    def _layer(self, layer: Any) -> Any:
        if id(layer) not in self._copies:
            if isinstance(layer, (self.functional, self.keras.Sequential)):
                copied = self.clone(layer)
            elif type(layer) is self.keras.layers.Lambda:
                copied = _new_lambda(layer)
            else:
                with self.keras.saving.custom_object_scope(_own_objects(layer)):
                    copied = type(layer).from_config(layer.get_config())
            if not hasattr(copied, "operations") and hasattr(copied, "_layers"):
                copy_assets(layer, copied)
            self._copies[id(layer)] = copied
        return self._copies[id(layer)]


def _new_lambda(layer: Any) -> Any:
    # Its description holds code that Keras does not read again, as it may come from a file; this one does not.
    shape = layer._output_shape
    return type(layer)(
        layer.function, output_shape=shape, mask=layer.mask, arguments=layer.arguments, name=layer.name,
        trainable=layer.trainable, dtype=layer.dtype_policy,
    )  # fmt: skip


def _own_objects(*roots: Any) -> dict[str, Any]:
    """Find the classes and functions, not of Keras, that are needed to make these objects again from their options."""
    found: dict[str, Any] = {}
    for value in _reachable(roots):
        named = value if isinstance(value, types.FunctionType) else type(value)
        if not named.__module__.startswith(("keras.", "builtins", "numpy")):
            found[named.__name__] = named
    return found


def _reachable(roots: tuple[Any, ...]) -> Iterator[Any]:
    seen: dict[int, Any] = {}
    left = list(roots)
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, (list, tuple)):
            left += value
        elif isinstance(value, types.FunctionType):
            yield value
        elif callable(getattr(value, "get_config", None)) and not isinstance(value, type):
            yield value
            left += [v for key, v in vars(value).items() if not key.startswith(("_metrics", "_inbound", "_outbound"))]


def compile_like(keras: Any, model: Any, copied: Any, *, bare: bool = False) -> None:
    if not model.compiled:
        return
    if type(model).compile is not keras.Model.compile:
        copied.compile_from_config(model.get_compile_config())
        return
    options = dict(model._compile_config.config)
    with keras.saving.custom_object_scope(_own_objects(options)):
        options["optimizer"] = _anew(options["optimizer"])
        for kind in ("metrics", "weighted_metrics"):
            options[kind] = keras.tree.map_structure(_anew, options[kind])
    options["loss"] = model.loss
    if bare:
        options |= {kind: _of_bare_output(value) for kind, value in options.items() if kind in _BY_OUTPUT}
    copied.compile(**options)
    if copied.optimizer is not None and copied.built:
        copied.optimizer.build(copied.trainable_variables)


_BY_OUTPUT = ("loss", "loss_weights", "metrics", "weighted_metrics")


def _of_bare_output(value: Any) -> Any:
    """Take what a dict or list of one output says of it."""
    return next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else value


def _anew(value: Any) -> Any:
    """Make an optimizer or a metric again, which have states; text and functions have none."""
    if inspect.isclass(value) or not hasattr(value, "from_config"):
        return value
    return type(value).from_config(value.get_config())
