"""The inputs of a fused model: one for all members, or several that the members share by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import CompatibilityError
from ._graph import Graph
from .members import MemberModel

__all__ = ["Inputs", "make_inputs"]


class Inputs(NamedTuple):
    """The inputs of a fused model.

    Attributes
    ----------
    of_model : KerasTensor, or dict of str to KerasTensor
        Inputs of the fused model.
    of_member : dict of str to list of KerasTensor
        Member -> its inputs.
    """

    of_model: Any
    of_member: dict[str, list[Any]]


def make_inputs(graph: Graph, members: Sequence[MemberModel], input_shape: tuple[int, int, int] | None) -> Inputs:
    """Add the inputs of all members to a graph.

    Parameters
    ----------
    graph : Graph
        Graph to which the inputs are added.
    members : sequence of MemberModel
        The members.
    input_shape : tuple of int or None
        ``(height, width, channels)``, if each member resizes images to its own size; otherwise None.

    Returns
    -------
    Inputs
        Inputs of the graph.

    Raises
    ------
    CompatibilityError
        If members take inputs of different shapes.
    """
    if all(len(member.model.inputs) == 1 for member in members):
        own = {member.name: member.model.inputs[0] for member in members}
        names = {tensor.name for tensor in own.values()}
        shape = input_shape or _common_shape("an input", own)
        images = graph.add_input(shape, _common_dtype(own), names.pop() if len(names) == 1 else "inputs")
        return Inputs(images, {member.name: [_resize(graph, images, member, input_shape)] for member in members})
    if input_shape is not None:
        raise CompatibilityError("input_shape is for members with one input each; some here have several.")
    by_name: dict[str, dict[str, Any]] = {}
    for member in members:
        for tensor in member.model.inputs:
            by_name.setdefault(tensor.name, {})[member.name] = tensor
    inputs = {
        name: graph.add_input(_common_shape(f"the input {name!r}", taken), _common_dtype(taken), name)
        for name, taken in by_name.items()
    }
    return Inputs(inputs, {member.name: [inputs[tensor.name] for tensor in member.model.inputs] for member in members})


def _common_shape(what: str, tensors: dict[str, Any]) -> tuple[int | None, ...]:
    (first, shape), *others = ((member, tuple(tensor.shape[1:])) for member, tensor in tensors.items())
    for member, other in others:
        if len(other) != len(shape) or any(None not in (a, b) and a != b for a, b in zip(shape, other, strict=False)):
            raise CompatibilityError(
                f"members must take {what} of one shape; member {first!r} takes {shape}, member {member!r} {other}. "
                "For images: fuse(..., input_shape=(height, width, channels)) resizes them for each."
            )
        shape = tuple(b if a is None else a for a, b in zip(shape, other, strict=True))
    return shape


def _common_dtype(tensors: dict[str, Any]) -> str:
    dtypes = {tensor.dtype for tensor in tensors.values()}
    return dtypes.pop() if len(dtypes) == 1 else "float32"


def _resize(graph: Graph, images: Any, member: MemberModel, input_shape: tuple[int, int, int] | None) -> Any:
    wanted = tuple(member.model.inputs[0].shape[1:])
    if input_shape is None or wanted == tuple(input_shape):
        return images
    if len(wanted) != 3 or None in wanted[:2] or wanted[2] != input_shape[2]:
        raise CompatibilityError(
            f"member {member.name!r} takes inputs of shape {wanted}, to which images of shape {tuple(input_shape)} "
            "cannot be resized."
        )
    resizing = graph.keras.layers.Resizing(*wanted[:2], name=f"resize_to_{wanted[0]}_{wanted[1]}")
    return graph.call(resizing, images)
