"""Which layers of a fused model each member needs: what members share, and sub-models of some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..assembly import import_keras
from ..errors import InvalidOptionError
from ..fusion import member_names, with_members

__all__ = ["FusedGraph"]


class FusedGraph:
    """A fused model, looked at member by member.

    Parameters
    ----------
    model : keras.Model
        Made by `fuse`.

    Attributes
    ----------
    members : tuple of str
        Their names.
    groups : dict of frozenset of str to int
        Members that share layers -> parameters of the layers that these, and no others, need.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.members = member_names(model)
        if not self.members:
            raise InvalidOptionError(
                f"costs of members are those of a fused model; {model.name!r} knows no members. Make it with fuse."
            )
        outputs = with_members(model).output
        self._outputs: dict[str, Any] = {name: outputs[name] for name in self.members}
        needed = {name: _layers_behind(output) for name, output in self._outputs.items()}
        self.groups: dict[frozenset[str], int] = {}
        for layer in {id(layer): layer for layers in needed.values() for layer in layers.values()}.values():
            owners = frozenset(name for name in self.members if id(layer) in needed[name])
            n_parameters = sum(int(np.prod(w.shape)) for w in getattr(layer, "weights", ()))
            self.groups[owners] = self.groups.get(owners, 0) + n_parameters

    def parameters(self, members: Iterable[str]) -> int:
        """Count the parameters that some members need."""
        wanted = set(members)
        return sum(n for owners, n in self.groups.items() if owners & wanted)

    def call_of(self, members: Iterable[str], x: np.ndarray) -> Callable[[], object]:
        """Make a compiled call of some members alone, on these images."""
        import tensorflow as tf

        keras = import_keras("profile_model")
        part = keras.Model(self.model.input, [self._outputs[name] for name in members])
        given = tf.constant(x)
        call = tf.function(lambda images: part(images, training=False)).get_concrete_function(given)
        return lambda: [np.asarray(said) for said in keras.tree.flatten(call(given))]


def _layers_behind(output: Any) -> dict[int, Any]:
    found: dict[int, Any] = {}
    waiting, seen = [output], set[int]()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, index, _ = tensor._keras_history
        found[id(operation)] = operation
        waiting += operation._inbound_nodes[index].input_tensors
    return found
