"""The inputs of a fused model: one for all members, or several that the members share by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import CompatibilityError, InvalidOptionError
from ..members.networks import has_no_name, input_names
from ._graph import Graph
from .layer_names import escape
from .members import MemberModel

__all__ = ["Inputs", "Pixels", "make_inputs", "name_inputs", "read_pixels"]


class Inputs(NamedTuple):
    """The inputs of a fused model.

    Attributes
    ----------
    of_model : KerasTensor, or dict of str to KerasTensor
        Inputs of the fused model.
    of_member : dict of str to list of KerasTensor
        Member -> its inputs.
    names : dict of str to tuple of str
        Member -> names of its inputs in the fused model, in the order of its own; empty if all take the only one.
    """

    of_model: Any
    of_member: dict[str, list[Any]]
    names: dict[str, tuple[str, ...]]


def make_inputs(graph: Graph, members: Sequence[MemberModel], pixels: Pixels) -> Inputs:
    """Add the inputs of all members to a graph.

    Parameters
    ----------
    graph : Graph
        Graph to which the inputs are added.
    members : sequence of MemberModel
        The members.
    pixels : Pixels
        How members get the images.

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
        shape = pixels.shape or _common_shape("an input", own)
        images = graph.add_input(shape, _common_dtype(own), names.pop() if len(names) == 1 else "inputs")
        of_member: dict[str, list[Any]] = {}
        for member in members:
            first = pixels.model_of(graph.keras, member)
            prepared = [images] if first is None else graph.add_model(first, [images], escape(member.name))
            of_member[member.name] = prepared
        return Inputs(images, of_member, {})
    names = name_inputs(members)
    by_name: dict[str, dict[str, Any]] = {}
    for member in members:
        for name, tensor in zip(names[member.name], member.model.inputs, strict=True):
            by_name.setdefault(name, {})[member.name] = tensor
    inputs = {
        name: graph.add_input(_common_shape(f"the input {name!r}", taken), _common_dtype(taken), name)
        for name, taken in by_name.items()
    }
    of_member = {member.name: [inputs[name] for name in names[member.name]] for member in members}
    return Inputs(inputs, of_member, names)


def name_inputs(members: Sequence[MemberModel]) -> dict[str, tuple[str, ...]]:
    """Name the inputs of members with several; inputs without names are ``input_1``, ... in their order.

    Parameters
    ----------
    members : sequence of MemberModel
        The members.

    Returns
    -------
    dict of str to tuple of str
        Member -> names of its inputs in the fused model, in the order of its own.

    Raises
    ------
    CompatibilityError
        If only some inputs have names, or members without names take different numbers of inputs.
    """
    own = {member.name: input_names(member.model) or () for member in members}
    unnamed = {name: [one for one in names if has_no_name(one)] for name, names in own.items()}
    if not any(unnamed.values()):
        return own
    if any(len(unnamed[name]) != len(names) for name, names in own.items()) or len({*map(len, own.values())}) > 1:
        first = next(name for name, names in unnamed.items() if names)
        raise CompatibilityError(
            "inputs without names must be as many for each member, and none may have a name, as only their order says "
            f"which is which; member {first!r} takes {', '.join(map(repr, own[first]))}. Name the inputs of each: "
            "keras.Input(shape, name=name), or keras.Model({name: input}, ...)."
        )
    return {name: tuple(f"input_{k}" for k in range(1, len(names) + 1)) for name, names in own.items()}


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


class Pixels(NamedTuple):
    """How members of one input each get the images that the fused model takes.

    Attributes
    ----------
    shape : tuple of int or None
        ``(height, width, channels)`` of these images, if members take others.
    scale, offset : mapping of str to float
        Member -> it takes ``pixels * scale + offset``.
    """

    shape: tuple[int, int, int] | None
    scale: Mapping[str, float]
    offset: Mapping[str, float]

    def is_changed(self, member: str) -> bool:
        """Tell whether a member takes other numbers than the fused model."""
        return member in self.scale or member in self.offset

    def model_of(self, keras: Any, member: MemberModel) -> Any:
        """Make a model of what a member does with the images first; None if it takes them as they are."""
        wanted = tuple(member.model.inputs[0].shape[1:])
        shape = wanted if self.shape is None else tuple(self.shape)
        given = images = keras.Input(shape)
        if wanted != shape:
            if len(wanted) != 3 or None in wanted[:2] or (wanted[2], shape[2]) not in ((1, 3), (3, 1), (shape[2],) * 2):
                raise CompatibilityError(
                    f"member {member.name!r} takes inputs of shape {wanted}, to which images of shape {shape} cannot "
                    "be resized."
                )
            if wanted[2] == 1 and shape[2] == 3:
                images = keras.ops.image.rgb_to_grayscale(images)
            if wanted[:2] != shape[:2]:
                images = keras.layers.Resizing(*wanted[:2], name=f"resize_to_{wanted[0]}_{wanted[1]}")(images)
            if wanted[2] == 3 and shape[2] == 1:
                images = keras.layers.Concatenate()([images] * 3)
        if self.is_changed(member.name):
            scale, offset = self.scale.get(member.name, 1.0), self.offset.get(member.name, 0.0)
            images = keras.layers.Rescaling(scale, offset, name=f"rescale_{escape(member.name)}")(images)
        return None if images is given else keras.Model(given, images)


def read_pixels(
    members: Sequence[MemberModel],
    shape: tuple[int, int, int] | None,
    scale: Mapping[str, float] | None,
    offset: Mapping[str, float] | None,
) -> Pixels:
    """Check what is said of the images.

    Parameters
    ----------
    members : sequence of MemberModel
        The members.
    shape, scale, offset
        As in `fuse`.

    Returns
    -------
    Pixels
        The same.

    Raises
    ------
    InvalidOptionError
        If a member is not known, or a number is not finite.
    CompatibilityError
        If members have several inputs.
    """
    names = [member.name for member in members]
    for option, given in (("scale", scale), ("offset", offset)):
        unknown = [name for name in given or {} if name not in names]
        if unknown:
            raise InvalidOptionError(f"{option} must be by the names of members, {names}; received {unknown}.")
        for name, number in (given or {}).items():
            if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
                raise InvalidOptionError(f"{option}[{name!r}] must be a finite number; received {number!r}.")
    if (shape or scale or offset) and any(len(member.model.inputs) != 1 for member in members):
        raise CompatibilityError(
            "input_shape, scale and offset are for members with one input each; some here have several."
        )
    return Pixels(shape, scale or {}, offset or {})
