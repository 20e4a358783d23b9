"""The inputs of a fused model: one for all members, or several that are shared by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import CompatibilityError
from ._graph import Graph
from ._parts import Part

__all__ = ["Inputs", "make_inputs"]


class Inputs(dict[str, list[Any]]):
    """Member -> its inputs; ``all`` is what the model takes: one tensor, or a dict by name."""

    all: Any


def make_inputs(graph: Graph, parts: Sequence[Part], input_shape: tuple[int, int, int] | None) -> Inputs:
    """Lay out the inputs.

    Parameters
    ----------
    graph : Graph
        To put them in.
    parts : sequence of Part
        The members.
    input_shape : tuple of int or None
        ``(height, width, channels)``, where each member resizes images to its own size.

    Returns
    -------
    Inputs
        For each member.

    Raises
    ------
    CompatibilityError
        If members take inputs of different shapes.
    """
    inputs = Inputs()
    if all(len(part.model.inputs) == 1 for part in parts):
        shape = input_shape or _common("an input", {p.name: tuple(p.model.inputs[0].shape[1:]) for p in parts})
        name = parts[0].model.inputs[0].name if len({p.model.inputs[0].name for p in parts}) == 1 else "inputs"
        inputs.all = graph.add_input(shape, _dtype([p.model.inputs[0] for p in parts]), name)
        for part in parts:
            inputs[part.name] = [_resized(graph, inputs.all, part, input_shape)]
        return inputs
    if input_shape is not None:
        raise CompatibilityError("input_shape is for members with one input each; some here have several.")
    by_name: dict[str, dict[str, Any]] = {}
    for part in parts:
        for tensor in part.model.inputs:
            by_name.setdefault(tensor.name, {})[part.name] = tensor
    inputs.all = {
        name: graph.add_input(
            _common(f"the input {name!r}", {m: tuple(t.shape[1:]) for m, t in taken.items()}),
            _dtype(list(taken.values())),
            name,
        )
        for name, taken in by_name.items()
    }
    for part in parts:
        inputs[part.name] = [inputs.all[tensor.name] for tensor in part.model.inputs]
    return inputs


def _common(what: str, shapes: dict[str, tuple[int | None, ...]]) -> tuple[int | None, ...]:
    (first, shape), *others = shapes.items()
    for member, other in others:
        if len(other) != len(shape) or any(None not in (a, b) and a != b for a, b in zip(shape, other, strict=False)):
            raise CompatibilityError(
                f"members must take {what} of one shape; member {first!r} takes {shape}, member {member!r} {other}. "
                "For images: fuse(..., input_shape=(height, width, channels)) resizes them for each."
            )
        shape = tuple(b if a is None else a for a, b in zip(shape, other, strict=True))
    return shape


def _dtype(tensors: Sequence[Any]) -> str:
    kinds = {tensor.dtype for tensor in tensors}
    return kinds.pop() if len(kinds) == 1 else "float32"


def _resized(graph: Graph, images: Any, part: Part, input_shape: tuple[int, int, int] | None) -> Any:
    wanted = tuple(part.model.inputs[0].shape[1:])
    if input_shape is None or wanted == tuple(input_shape):
        return images
    if len(wanted) != 3 or None in wanted[:2] or wanted[2] != input_shape[2]:
        raise CompatibilityError(
            f"member {part.name!r} takes inputs of shape {wanted}, to which images of shape {tuple(input_shape)} "
            "cannot be resized."
        )
    resizing = graph.keras.layers.Resizing(*wanted[:2], name=f"resize_to_{wanted[0]}_{wanted[1]}")
    return graph.call(resizing, images)
