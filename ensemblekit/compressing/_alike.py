"""Whether networks are of one architecture, so that their weights can be averaged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import CompatibilityError

__all__ = ["check_alike", "leaves"]

NO_PART = {"name", "seed", "trainable", "build_config", "compile_config", "registered_name"}
"""Keys of a description that do not tell what a layer computes once it has its weights."""


def check_alike(models: Mapping[str, Any]) -> None:
    """Refuse networks that differ in a layer, an option, a shape, or a weight that is neither trained nor measured."""
    (first, model), *others = models.items()
    own, own_shapes = _description(model), [tuple(v.shape) for v in model.weights]
    for name, other in others:
        shapes = [tuple(v.shape) for v in other.weights]
        if shapes != own_shapes:
            where = next((k for k, (a, b) in enumerate(zip(own_shapes, shapes, strict=False)) if a != b), None)
            what = (
                f"{len(own_shapes)} and {len(shapes)} weights"
                if where is None
                else f"the shapes {own_shapes[where]} and {shapes[where]} of {model.weights[where].path}"
            )
            raise CompatibilityError(f"weights of one architecture are averaged; {first!r} and {name!r} have {what}.")
        if (difference := _difference(own, _description(other))) is not None:
            raise CompatibilityError(
                f"weights of one architecture are averaged; {first!r} and {name!r} differ in {difference}."
            )
    _check_fixed(models)


def _check_fixed(models: Mapping[str, Any]) -> None:
    """Refuse networks whose layers were adapted to different data."""
    (first, model), *others = models.items()
    measured = {id(v) for layer in leaves(model) for v in _measured(layer)}
    for place, variable in enumerate(model.weights):
        if id(variable) in measured or variable.trainable or "float" not in str(variable.dtype):
            continue
        if any(variable is trained for trained in _trained(model)):
            continue  # a layer that is frozen: the mean of equal weights, or of what was trained before
        for name, other in others:
            if not np.array_equal(np.asarray(variable), np.asarray(other.weights[place]), equal_nan=True):
                raise CompatibilityError(
                    f"weights that are not trained must be equal to be averaged; {variable.path} of {first!r} and "
                    f"{name!r} are not. Adapt each to the same data."
                )


def _measured(layer: Any) -> list[Any]:
    """List the moving statistics of a layer, which training measures."""
    return [v for v in layer.weights if v.path.rpartition("/")[2] in ("moving_mean", "moving_variance")]


def _trained(model: Any) -> list[Any]:
    return [v for layer in leaves(model) for v in getattr(layer, "_trainable_variables", ())]


def leaves(model: Any) -> list[Any]:
    """List the layers of a network and of the networks nested in it."""
    return [leaf for layer in model.layers for leaf in (leaves(layer) if hasattr(layer, "layers") else [layer])]


def _description(model: Any) -> Any:
    """Describe a network without the names of its layers, which Keras counts through a process."""
    places: dict[str, str] = {}

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("config"), dict) and isinstance(value["config"].get("name"), str):
                places.setdefault(value["config"]["name"], f"layer {len(places)}")
            for one in value.values():
                walk(one)
        elif isinstance(value, (list, tuple)):
            for one in value:
                walk(one)

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k not in NO_PART and not str(k).endswith("initializer")}
        if isinstance(value, (list, tuple)):
            return [plain(one) for one in value]
        return places.get(value, value) if isinstance(value, str) else value

    config = model.get_config()
    walk(config)
    return plain(config)


def _difference(one: Any, other: Any, where: str = "") -> str | None:
    if isinstance(one, dict) and isinstance(other, dict):
        kind = f" of {one['class_name']}" if "class_name" in one and where else ""
        for key in (*one, *(k for k in other if k not in one)):
            found = _difference(one.get(key), other.get(key), f"{key}{kind or (' in ' + where if where else '')}")
            if found is not None:
                return found
        return None
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return f"{where}: {len(one)} and {len(other)} entries"
        return next((d for a, b in zip(one, other, strict=True) if (d := _difference(a, b, where)) is not None), None)
    same = one is other or np.array_equal(np.asarray(one, dtype=object), np.asarray(other, dtype=object))
    return None if same else f"{where}: {one!r} and {other!r}"
