"""The layers that each member of a fused model needs, and models of some of the members."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..assembly import import_keras
from ..errors import InvalidOptionError
from ..fusion import member_names, with_members

__all__ = ["FusedGraph", "compile_call"]


class Cost(NamedTuple):
    """Number of parameters of layers, and their size."""

    n_parameters: int
    n_bytes: int


class FusedGraph:
    """The layers of a fused model, by member.

    Parameters
    ----------
    model : keras.Model
        Made by `fuse`.

    Attributes
    ----------
    members : tuple of str
        Their names.
    groups : dict of frozenset of str to Cost
        Set of members -> cost of the layers that exactly these members need.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.members = member_names(model)
        if not self.members:
            raise InvalidOptionError(
                f"costs of members are those of a fused model; {model.name!r} knows no members. Make it with fuse."
            )
        with_outputs: Any = with_members(model)
        outputs = with_outputs.output
        self._outputs: dict[str, Any] = {name: outputs[name] for name in self.members}
        needed = {name: _layers_behind(output) for name, output in self._outputs.items()}
        self.groups: dict[frozenset[str], Cost] = {}
        for layer in {id(layer): layer for layers in needed.values() for layer in layers.values()}.values():
            owners = frozenset(name for name in self.members if id(layer) in needed[name])
            cost = self.groups.get(owners, Cost(0, 0))
            weights = [(int(np.prod(w.shape)), w.dtype) for w in getattr(layer, "weights", ())]
            self.groups[owners] = Cost(
                cost.n_parameters + sum(n for n, _ in weights),
                cost.n_bytes + sum(n * dtype_size(dtype) for n, dtype in weights),
            )

    def cost(self, members: Iterable[str]) -> Cost:
        """Count the parameters that some members need together."""
        wanted = set(members)
        needed = [cost for owners, cost in self.groups.items() if owners & wanted]
        return Cost(sum(cost.n_parameters for cost in needed), sum(cost.n_bytes for cost in needed))

    def call_of(self, members: Iterable[str], x: np.ndarray) -> Callable[[], object]:
        """Compile a function that calls only some members, on these images."""
        keras = import_keras("profile_model")
        return compile_call(keras.Model(self.model.input, [self._outputs[name] for name in members]), x)


def compile_call(model: Any, x: np.ndarray) -> Callable[[], object]:
    """Compile a function that calls a Keras model on these images and returns NumPy arrays."""
    keras = import_keras("profile_model")
    if keras.backend.backend() != "tensorflow":
        return lambda: keras.tree.flatten(model.predict_on_batch(x))
    import tensorflow as tf

    call = tf.function(lambda images: model(images, training=False)).get_concrete_function(tf.constant(x))
    return lambda: [np.asarray(output) for output in keras.tree.flatten(call(tf.constant(x)))]


def dtype_size(dtype: str) -> int:
    """Return the size of one number of this dtype in bytes."""
    bits = re.search(r"\d+", dtype)  # of bool none
    return max(1, int(bits[0]) // 8) if bits else 1


def _layers_behind(output: Any) -> dict[int, Any]:
    layers: dict[int, Any] = {}
    tensors, seen = [output], set[int]()
    while tensors:
        tensor = tensors.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, index, _ = tensor._keras_history
        layers[id(operation)] = operation
        tensors += operation._inbound_nodes[index].input_tensors
    return layers
